package container_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/local/container"
	"lambda-web/local/sandbox"
)

// testWritable: an image without a shell, for another user, has folders that can be written, with what the image has in
// them, and each environment has its own.
func (d *testDaemon) testWritable(t *testing.T, e *container.Engine) {
	app := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(app, "writer"), "./writer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"Dockerfile":    "FROM scratch\nWORKDIR /srv\nCOPY . .\nUSER 1234\nENV PORT=8080\nCMD [\"/srv/writer\"]\n",
		"data/seed.txt": "from the image", "data/a/keep": "",
	} {
		path := filepath.Join(app, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	staged, err := buildcontext.Stage(context.Background(), buildcontext.Source{
		App: app, Dockerfile: "Dockerfile", Architecture: runtime.GOARCH, Output: filepath.Join(d.root, ".lambda-web"),
		Compile: buildcontext.Compile, Writable: []string{"data", "/var/cache/writer"},
	}, filepath.Join(t.TempDir(), "context"))
	if err != nil {
		t.Fatal(err)
	}
	image, err := e.Build(context.Background(), source(staged, "test-writer", staged.Tag(runtime.GOARCH), nil))
	if err != nil {
		t.Fatal(err)
	}
	config := settingsOf(t, "lambda-web/test-writer:"+staged.Tag(runtime.GOARCH))
	if config.User != "1234" || config.WorkingDir != "/srv" || !reflect.DeepEqual(config.Cmd, []string{"/srv/writer"}) {
		t.Errorf("the image became another one: %+v", config)
	}
	for range 2 { // the second environment knows nothing of the first
		f, _ := newFunction(t, image.Launcher, func(c *sandbox.Config) {
			c.Command, c.Dir, c.Env, c.AppPort = image.Command, image.Dir, image.Env, 8080
		})
		facts, r := get(t, f, "/facts")
		want := map[string]any{"seed": "from the image", "change the seed": "done", "data": "done", "deep": "done",
			"cache":     "done",
			"elsewhere": "open x: read-only file system"}
		if !reflect.DeepEqual(facts, want) {
			t.Errorf("got  %v\nwant %v\n%s", facts, want, r.Payload)
		}
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	none(t)
}
