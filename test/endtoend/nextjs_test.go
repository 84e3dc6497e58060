package endtoend

import (
	"bytes"
	"mime/multipart"
	"regexp"
	"strings"
	"testing"
)

func TestNextJS(t *testing.T) {
	needsNode(t)
	imageOnly(t, "nextjs", "server.js, which the Dockerfile starts, is not in the app's folder")
	_, b := start(t, Example{Name: "nextjs", Environment: map[string]string{"UPLOAD_FOLDER": files(t)}})
	expectations{
		page:     "/greet/Ada", // the first page is at /v1, and /v1/ is sent there
		missing:  "/no/where",
		broken:   "/broken",
		file:     "/logo.svg",
		redirect: "/old",
		unicode:  "/greet/größe/日本",
		absolute: "/me",
		client:   "/me",
		events:   "/ticks",
		upload:   &uploadForm{path: "/upload", field: "file", download: "/uploads/"},
	}.check(t, b.stage.String())
	t.Run("a login by a server action lasts, and other sites are refused", func(t *testing.T) {
		b := newBrowser(t, b.stage.String())
		b.get("/account").follow().want(200, "Log in")
		if p := b.act("/login", map[string]string{"name": "Zoë"}, "Origin", "https://evil.example"); p.status < 400 {
			t.Errorf("another site's form: status %d", p.status)
		}
		answer := b.act("/login", map[string]string{"name": "Zoë"})
		if cookie := answer.header.Get("Set-Cookie"); !strings.Contains(cookie, "HttpOnly") ||
			!strings.Contains(cookie, "Secure") {
			t.Errorf("the login's cookie is %q", cookie)
		}
		answer.follow().want(200, "Your account, Zoë")
		newBrowser(t, b.stage.String()).get("/account").location() // nobody else is logged in
	})
	t.Run("the first page", func(t *testing.T) { b.get("/").follow().want(200, "Guestbook") })
	t.Run("scripts are below the stage and there", func(t *testing.T) {
		scripts := regexp.MustCompile(`src="([^"]+\.js)"`).FindAllSubmatch(b.get("/login").body, -1)
		if len(scripts) == 0 {
			t.Fatal("the page has no scripts")
		}
		for _, match := range scripts {
			b.get(b.page.below(string(match[1]))).want(200)
		}
	})
}

var actionField = regexp.MustCompile(`<input type="hidden" name="(\$ACTION[^"]*)"(?: value="([^"]*)")?`)

// act submits a page's form as a browser without scripts does: the form names the server action.
func (b *browser) act(path string, fields map[string]string, headers ...string) *page {
	b.t.Helper()
	hidden := actionField.FindAllSubmatch(b.get(path).want(200).body, -1)
	if len(hidden) == 0 {
		b.t.Fatalf("%s has no server action: %s", path, b.page.body)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, match := range hidden {
		form.WriteField(string(match[1]), string(match[2]))
	}
	for name, value := range fields {
		form.WriteField(name, value)
	}
	form.Close()
	return b.send("POST", path, body.Bytes(), append([]string{"Content-Type", form.FormDataContentType()},
		headers...)...)
}
