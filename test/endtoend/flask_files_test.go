package endtoend

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFlaskFiles(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{Name: "flask-files", Environment: map[string]string{"FLASK_UPLOAD_FOLDER": files(t)}})
	flaskFiles.check(t, b.stage.String())
}

// A schedule's job runs when its event comes, and for nobody else.
func TestFlaskFilesSchedule(t *testing.T) {
	needsPython(t)
	if mode(t) == "container" {
		t.Skip("no file in a container's /tmp is old enough to be removed: tested in process mode")
	}
	folder := t.TempDir()
	old := filepath.Join(folder, "old.txt")
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.Chtimes(old, time.Time{}, time.Now().Add(-48*time.Hour)),
		os.WriteFile(filepath.Join(folder, "new.txt"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, b := start(t, Example{Name: "flask-files", Environment: map[string]string{"FLASK_UPLOAD_FOLDER": folder}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.stage.Host+b.stage.Path+
		"/tasks/tidy", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Lambda-Web-Schedule", "tidy")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if _, err := os.Stat(old); answer.StatusCode != http.StatusForbidden || err != nil {
		t.Errorf("a client ran the job: %s, %v", answer.Status, err)
	}
	event := exec.Command("go", "run", "lambda-web/local/event", "-address", b.stage.Host, "-schedule", "tidy")
	if output, err := event.CombinedOutput(); err != nil || !strings.Contains(string(output), `"removed": 1`) {
		t.Errorf("%v\n%s", err, output)
	}
	if left, _ := os.ReadDir(folder); len(left) != 1 || left[0].Name() != "new.txt" {
		t.Errorf("%v are left", left)
	}
}

// With the prefix in the path, gunicorn takes it off again and tells the app, when its environment names it.
func TestFlaskFilesPrefixInPath(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{
		Name: "flask-files", Environment: map[string]string{"FLASK_UPLOAD_FOLDER": files(t), "SCRIPT_NAME": "/v1"},
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
