package endtoend

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

func TestNginx(t *testing.T) {
	imageOnly(t, "nginx", "the Dockerfile has neither ENTRYPOINT nor CMD")
	_, b := start(t, Example{Name: "nginx"})
	expectations{
		page:     "/",
		missing:  "/no/where",
		broken:   "/broken",
		file:     "/assets/style.css",
		redirect: "/old",
		unicode:  "/größe/日本.html",
	}.check(t, b.stage.String())
	t.Run("links of every page stay below the stage", func(t *testing.T) {
		for _, path := range []string{"/about/", "/größe/日本.html", "/no/where", "/broken"} {
			if len(b.get(path).links()) == 0 {
				t.Errorf("%s has no links", path)
			}
		}
	})
	t.Run("a folder without its slash", func(t *testing.T) {
		b.get("/about").follow().want(200, "About this site")
		if where := b.get("/gr%C3%B6%C3%9Fe").location(); where != b.stage.String()+"/gr%C3%B6%C3%9Fe/" {
			t.Errorf("it is sent to %s", where)
		}
	})
	t.Run("compressed", func(t *testing.T) {
		plain := b.get("/", "Accept-Encoding", "identity").want(200)
		packed := b.get("/", "Accept-Encoding", "gzip").want(200)
		if packed.header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("headers %v", packed.header)
		}
		r, err := gzip.NewReader(bytes.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, plain.body) {
			t.Errorf("%q, %v, want %q", text, err, plain.body)
		}
	})
}
