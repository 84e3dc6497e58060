package cloud

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A change is deployed beside what serves, without losing a request; a broken one changes nothing.
func TestWatchApp(t *testing.T) {
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(wsgiApp)); err != nil {
		t.Fatal(err)
	}
	c := start(t, "-watch=true", "-app", app)
	source := filepath.Join(app, "lib", "application.py")
	calls := c.keepCalling("/empty")
	now := func() string {
		response, _ := c.do("GET", "/empty", nil)
		return response.Header.Get("X-Empty")
	}
	c.edit(source, `("X-Empty", "yes")`, `("X-Empty", "changed")`, "Deployed Image, Function version 2")
	if now() != "changed" {
		t.Errorf("after the deployment the app answers %q", now())
	}
	for _, broken := range []struct{ name, line, why string }{
		{"a module that is missing", "import no_such_module_anywhere", "no_such_module_anywhere"},
		{"a syntax error", "import (", "SyntaxError"},
		{"an app that ends at once", "import os; os._exit(3)", "Runtime exited with error: exit status 3"},
	} {
		printed := c.Printed()
		c.edit(source, "import json\n", "import json\n"+broken.line+"\n",
			"Not deployed; what served before goes on serving.")
		c.waitAfter(printed, broken.why)
		if now() != "changed" {
			t.Errorf("after %s the app answers %q", broken.name, now())
		}
		c.edit(source, "import json\n"+broken.line+"\n", "import json\n", "Nothing to deploy")
	}
	calls.expect("204 yes", "204 changed")
}

// The same for the settings, the folder of another app, the Pulumi program and the adapter.
func TestWatchProject(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the Pulumi program")
	}
	root := t.TempDir()
	for _, folder := range []string{"adapter", "infra", "local/build", "dockerfile", "secrets"} {
		if err := os.CopyFS(filepath.Join(root, folder), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(root, "bin")
	if err := os.CopyFS(own, os.DirFS(bin)); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"first", "second"} {
		if err := os.CopyFS(filepath.Join(root, app), os.DirFS(wsgiApp)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "Pulumi.yaml", "Pulumi.dev.yaml"} {
		text, err := os.ReadFile(name)
		if name == "Pulumi.dev.yaml" {
			text = append(text, "\n  lambda-web:app: first\n"...)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, "-watch=true", "-root", root, "-bin", own)
	calls := c.keepCalling("/empty")
	for _, change := range []struct {
		file, old, new string
		says           string // the line that ends it
		why            string // a line before that
	}{
		{"Pulumi.dev.yaml", "memory: 512", "memory: 768", "Deployed Function version 2, ", "Changed: Pulumi.dev.yaml"},
		{"Pulumi.dev.yaml", "memory: 768", "memory: 64", "Not deployed; what served before goes on serving.",
			`  - memory: "64" is not allowed`},
		{"Pulumi.dev.yaml", "memory: 64", "memory: [", "Not deployed; what served before goes on serving.",
			"parse Pulumi.dev.yaml"},
		{"Pulumi.dev.yaml", "memory: [", "memory: 768", "Nothing to deploy", "Changed: Pulumi.dev.yaml"},
		{"Pulumi.dev.yaml", "app: first", "app: second", "Nothing to deploy",
			"Changed: Pulumi.dev.yaml"}, // but what is watched
		{"second/lib/application.py", `("X-Empty", "yes")`, `("X-Empty", "changed")`,
			"Deployed Image, Function version 3", "Changed: second/lib/application.py"},
		{"infra/main.go", "func main() {", "func main() { nonsense",
			"Not deployed; what served before goes on serving.", "infra/main.go:"},
		{"infra/main.go", "func main() { nonsense", "func main() {", "Nothing to deploy", "Changed: infra/main.go"},
		{"secrets/reference/reference.go", "package reference", "package nonsense",
			"Not deployed; what served before goes on serving.", "secrets/reference"},
		{"secrets/reference/reference.go", "package nonsense", "package reference", "Nothing to deploy",
			"Changed: secrets/reference/reference.go"},
		{"infra/webapp/function.go", `"The web app "`, `"The site "`, "Deployed Function version 4",
			"Changed: infra/webapp/function.go"},
		{"adapter/main.go", "func main() {", "func main() { nonsense",
			"Not deployed; what served before goes on serving.", "adapter/main.go:"},
		{"adapter/main.go", "func main() { nonsense", "func main() { println(`another adapter`)",
			"Deployed Image, Function version 5", "another adapter"},
	} {
		printed := c.Printed()
		t.Log(c.edit(filepath.Join(root, filepath.FromSlash(change.file)), change.old, change.new, change.says))
		c.waitAfter(printed, change.why)
	}
	calls.expect("204 yes", "204 changed")
}

// edit changes a file and waits for the line that tells what became of it.
func (c *cloud) edit(file, old, new, says string) string {
	c.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		c.t.Fatalf("%s does not hold %q", file, old)
	}
	printed := c.Printed()
	c.replace(file, bytes.Replace(text, []byte(old), []byte(new), 1))
	return c.waitAfter(printed, says)
}

// replace writes the file anew, as an editor does that saves beside it and renames, with a time of change in a second
// of its own: Python takes its compiled module for current where size and second are the same as before.
func (c *cloud) replace(file string, text []byte) {
	c.t.Helper()
	before, err := os.Stat(file)
	if err != nil {
		c.t.Fatal(err)
	}
	beside := filepath.Join(c.t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(beside, text, before.Mode().Perm()); err != nil {
		c.t.Fatal(err)
	}
	changed := time.Now()
	if next := before.ModTime().Truncate(time.Second).Add(time.Second); changed.Before(next) {
		changed = next
	}
	if err := os.Chtimes(beside, changed, changed); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(beside, file); err != nil {
		c.t.Fatal(err)
	}
}

// calls are requests that go on in the background.
type calls struct {
	t       *testing.T
	stop    chan struct{}
	answers chan string
}

// keepCalling sends one request after the other.
func (c *cloud) keepCalling(path string) *calls {
	k := &calls{t: c.t, stop: make(chan struct{}), answers: make(chan string, 1_000_000)}
	go func() {
		defer close(k.answers)
		for {
			select {
			case <-k.stop:
				return
			default:
			}
			response, err := http.Get(c.URL + path)
			if err != nil {
				k.answers <- err.Error()
				continue
			}
			response.Body.Close()
			k.answers <- fmt.Sprint(response.StatusCode, " ", response.Header.Get("X-Empty"))
		}
	}()
	return k
}

// expect ends the requests. Each was answered, and in one of the ways given.
func (k *calls) expect(allowed ...string) {
	k.t.Helper()
	close(k.stop)
	count := 0
	for answer := range k.answers {
		count++
		if !slices.Contains(allowed, answer) {
			k.t.Errorf("a request during the updates: %s", answer)
		}
	}
	if count < 10 {
		k.t.Errorf("only %d requests during the updates", count)
	}
}
