package endtoend

import (
	"net/url"
	"testing"
)

func TestGo(t *testing.T) {
	needsPackage(t, "Go module proxy", "go", "mod", "download", "github.com/gorilla/securecookie@v1.1.2")
	_, b := start(t, Example{Name: "go", Environment: map[string]string{"UPLOAD_FOLDER": files(t)}})
	guestbook.check(t, b.stage.String())
	t.Run("a folder without its slash", func(t *testing.T) { b.get("/static").follow().want(200) })
}

// guestbook is the site that Express and Go have.
var guestbook = expectations{
	page:     "/",
	missing:  "/no/where",
	broken:   "/broken",
	file:     "/static/style.css",
	redirect: "/account",
	unicode:  "/greet/größe/日本",
	absolute: "/me",
	client:   "/me",
	events:   "/clock",
	upload:   &uploadForm{path: "/uploads", field: "file", download: "/uploads/"},
	login: &loginForm{path: "/login", fields: url.Values{"name": {"Zoë"}}, account: "/account",
		welcome: "Your account, Zoë"},
}
