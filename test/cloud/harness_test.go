package cloud

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/launch"
)

var bin string // folder of the built programs

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	if err := os.Chdir("../.."); err != nil { // the project's folder, where make runs
		return 0, err
	}
	dir, err := os.MkdirTemp("", "lambda-web")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	bin = dir
	for name, pkg := range map[string]string{"lambda-adapter": "./adapter", "infra": "./infra", "local": "./local"} {
		args := []string{"build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, name), pkg}
		if name == "local" && raceEnabled {
			args = append([]string{"build", "-race"}, args[1:]...)
		}
		command := exec.Command("go", args...)
		if name == "lambda-adapter" {
			command.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if out, err := command.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	return m.Run(), nil
}

// cloud is a running local cloud.
type cloud struct {
	*launch.Cloud
	URL string // where it is called; Ready sets it
	t   *testing.T
}

// Ready waits until the local cloud serves requests, at the stage's URL.
func (c *cloud) Ready(patience time.Duration) error {
	err := c.Cloud.Ready(patience)
	c.URL = c.Cloud.URL
	return err
}

// onDemand is for tests about the init: it comes with the first request, within its limits.
const onDemand = "provisionedConcurrency=0"

// start runs the local cloud on a free port with further arguments and waits until it is ready or ends. The app is
// ready before the first request: a machine that takes long to start it has the time.
func start(t *testing.T, args ...string) *cloud {
	t.Helper()
	return startAs(t, append([]string{"-mode", "process"}, args...)...)
}

// startAs is start in the mode that the arguments say.
func startAs(t *testing.T, args ...string) *cloud {
	t.Helper()
	// A port of its own for the app: whatever else runs on this machine does not matter.
	app := fmt.Sprintf("port=%d", freePort(t))
	c := begin(t, append([]string{"-port", "0", "-watch=false", "-c", app, "-c", "provisionedConcurrency=1"},
		args...)...)
	if err := c.Ready(patience); err != nil {
		t.Fatal(err)
	}
	return c
}

// begin starts the local cloud with arguments and does not wait.
func begin(t *testing.T, args ...string) *cloud {
	t.Helper()
	command := exec.Command(filepath.Join(bin, "local"), append([]string{"-bin", bin}, args...)...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started, err := launch.Launch(command, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Cloud: started, t: t}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the local cloud printed:\n%s", c.Log())
		}
	})
	return c
}

const patience = 2 * time.Minute

// waitFor waits for a line with a text; it fails when the program ends without it.
func (c *cloud) waitFor(text string) string {
	c.t.Helper()
	return c.waitAfter(0, text)
}

// waitAfter waits for a line behind the first n.
func (c *cloud) waitAfter(n int, text string) string {
	c.t.Helper()
	line, err := c.Await(n, patience, text)
	if err != nil {
		c.t.Fatal(err)
	}
	return line
}

func (c *cloud) do(method, path string, body []byte, headers ...string) (*http.Response, []byte) {
	c.t.Helper()
	request, err := http.NewRequest(method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("%s %s: read body: %v", method, path, err)
	}
	return response, got
}
