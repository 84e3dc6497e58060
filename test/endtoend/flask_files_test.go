package endtoend

import "testing"

func TestFlaskFiles(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{Name: "flask-files", Environment: map[string]string{"FLASK_UPLOAD_FOLDER": t.TempDir()}})
	flaskFiles.check(t, b.stage.String())
}

// With the prefix in the path, gunicorn takes it off again and tells the app, when its environment names it.
func TestFlaskFilesPrefixInPath(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{
		Name: "flask-files", Environment: map[string]string{"FLASK_UPLOAD_FOLDER": t.TempDir(), "SCRIPT_NAME": "/v1"},
		Settings: map[string]string{"forwardedPrefix": "path", "readinessPath": "/v1/"},
	})
	flaskFiles.check(t, b.stage.String())
}

var flaskFiles = expectations{
	page:     "/",
	missing:  "/nowhere",
	broken:   "/broken",
	file:     "/static/style.css",
	unicode:  "/about/größe/日本",
	absolute: "/about/me",
	client:   "/about/me",
	upload:   &uploadForm{path: "/", field: "file", download: "/uploads/"},
}
