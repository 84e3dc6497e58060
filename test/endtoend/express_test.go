package endtoend

import "testing"

func TestExpress(t *testing.T) {
	needsNode(t)
	_, b := start(t, Example{Name: "express", Environment: map[string]string{"UPLOAD_FOLDER": files(t)}})
	e := guestbook
	upload, login := *e.upload, *e.login
	upload.csrf, login.csrf = "token", "token"
	upload.page = upload.path
	e.upload, e.login = &upload, &login
	e.check(t, b.stage.String())
	t.Run("a folder without its slash", func(t *testing.T) {
		if where := b.get("/static").location(); where != b.stage.String()+"/static/" {
			t.Errorf("it is sent to %s", where)
		}
	})
}
