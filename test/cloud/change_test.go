package cloud

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const streamApp = "test/cloud/testdata/stream-app"

// Whatever is open, a change is deployed or refused at once, and what serves goes on.
func TestChangesBesideAnOpenStream(t *testing.T) {
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(streamApp)); err != nil {
		t.Fatal(err)
	}
	c := start(t, "-watch=true", "-app", app, "-c", onDemand, "-c", "invokeMode=response_stream")
	source := filepath.Join(app, "app.py")
	serves := func(version string) {
		t.Helper()
		if response, body := c.do("GET", "/", nil); response.StatusCode != 200 || string(body) != version {
			t.Errorf("status %d, version %q, want %q", response.StatusCode, body, version)
		}
	}
	stream := c.openStream("one")
	c.waitForSpare()
	c.edit(source, `VERSION = "one"`, `VERSION = "one" (`, "Not deployed; what served before goes on serving.")
	serves("one")
	stream.expect("one")
	c.edit(source, `VERSION = "one" (`, `VERSION = "two"`, "Deployed ")
	serves("two")
	stream.expect("one") // the old version goes on with it
	stream.close()
	second := c.openStream("two")
	for _, version := range []string{"three", "four", "five"} {
		was := map[string]string{"three": "two", "four": "three", "five": "four"}[version]
		c.edit(source, `VERSION = "`+was+`"`, `VERSION = "`+version+`"`, "Deployed ")
		serves(version)
	}
	second.close()
}

// waitForSpare waits for the sandbox that is started ahead while a stream keeps the only one busy: the second that the
// adapter's readiness check asks.
func (c *cloud) waitForSpare() {
	c.t.Helper()
	c.waitFor("sandbox-2 | EXTENSION")
}

// stream is an open event stream.
type stream struct {
	c        *cloud
	response *http.Response
	lines    *bufio.Reader
}

func (c *cloud) openStream(version string) *stream {
	c.t.Helper()
	response, err := http.Get(c.URL + "/events")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { response.Body.Close() })
	s := &stream{c, response, bufio.NewReader(response.Body)}
	s.expect(version)
	return s
}

// expect reads an event that the app makes from now on.
func (s *stream) expect(version string) {
	s.c.t.Helper()
	for range 2 {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			s.c.t.Fatalf("the stream ended: %v", err)
		}
		if line = strings.TrimSpace(line); line != "" && line != "data: "+version {
			s.c.t.Errorf("the stream has %q, want version %s", line, version)
		}
	}
}

func (s *stream) close() { s.response.Body.Close() }

// An app that does not start is said to be so, with its reason, and the change that mends it starts it. Without a watch
// the program ends.
func TestAppThatDoesNotStart(t *testing.T) {
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(streamApp)); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(app, "app.py")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(text), "import os\n", "import os\nimport no_such_module\n", 1)
	if err := os.WriteFile(source, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	once := begin(t, "-mode", "process", "-port", "0", "-watch=false", "-app", app)
	if code := once.ExitCode(); code != 1 || !strings.Contains(once.Log(), "No module named 'no_such_module'") ||
		strings.Contains(once.Log(), "Ready in ") {
		t.Errorf("without a watch: exit code %d\n%s", code, once.Log())
	}

	c := begin(t, "-mode", "process", "-port", "0", "-app", app)
	if err := c.Ready(patience); err == nil || !strings.Contains(err.Error(), "the app does not") {
		t.Fatalf("the app is ready: %v", err)
	}
	if line := c.waitFor("Not started; the next change is tried again."); !strings.Contains(line,
		"Runtime exited with error: exit status 1") {
		t.Errorf("the line is %q", line)
	}
	c.waitFor("No module named 'no_such_module'")
	c.edit(source, "import no_such_module\n", "", ". Stop with Ctrl-C.")
	_, url, _ := strings.Cut(c.waitFor(" url"), ": ")
	c.URL = strings.TrimSpace(url)
	if response, body := c.do("GET", "/", nil); response.StatusCode != 200 || string(body) != "one" {
		t.Errorf("status %d, %q", response.StatusCode, body)
	}
}

// Starts at once in one checkout, of one app whose packages are not installed yet, do not get in each other's way:
// what one of them makes is whole for the others.
func TestStartsAtOnceInOneCheckout(t *testing.T) {
	const packages = "test/cloud/testdata/gunicorn-app"
	requirePackages(t, packages+"/requirements.txt")
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(packages)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VIRTUAL_ENV", "")
	for range 2 { // the packages change between the rounds
		var clouds []*cloud
		for range 3 {
			clouds = append(clouds, begin(t, "-mode", "process", "-port", "0", "-watch=false", "-c", onDemand, "-app",
				app))
		}
		for _, c := range clouds {
			if err := c.Ready(patience); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range clouds {
			if response, body := c.do("GET", "/", nil); response.StatusCode != 200 {
				t.Errorf("status %d, %s", response.StatusCode, body)
			}
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
		}
		file, err := os.OpenFile(filepath.Join(app, "requirements.txt"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		file.WriteString("# again\n")
		file.Close()
	}
}
