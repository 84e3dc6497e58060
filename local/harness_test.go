package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
	if err := os.Chdir(".."); err != nil { // the project's folder, where make runs
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
	t       *testing.T
	command *exec.Cmd
	url     string
	ended   chan struct{}
	err     error

	mu    sync.Mutex
	lines []string
	heard *sync.Cond
}

// onDemand is for tests about the init: it comes with the first request, within its limits.
const onDemand = "provisionedConcurrency=0"

// start runs the local cloud on a free port with further arguments and waits until it is ready or ends. The app is ready
// before the first request: a machine that takes long to start it has the time.
func start(t *testing.T, args ...string) *cloud {
	t.Helper()
	// A port of its own for the app: whatever else runs on this machine does not matter.
	app := fmt.Sprintf("port=%d", freePort(t))
	c := launch(t, append([]string{"-port", "0", "-watch=false", "-c", app, "-c", "provisionedConcurrency=1"}, args...)...)
	c.waitFor("Ready in ")
	_, address, ok := strings.Cut(c.line("url"), ": ")
	if !ok {
		t.Fatalf("no url among the outputs:\n%s", c.log())
	}
	c.url = strings.TrimSpace(address)
	return c
}

func launch(t *testing.T, args ...string) *cloud {
	t.Helper()
	c := &cloud{t: t, ended: make(chan struct{})}
	c.heard = sync.NewCond(&c.mu)
	c.command = exec.Command(filepath.Join(bin, "local"), append([]string{"-bin", bin}, args...)...)
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.command.Stdout, c.command.Stderr = in, in
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	go c.follow(out)
	t.Cleanup(func() {
		c.command.Process.Kill()
		<-c.ended
		if t.Failed() {
			t.Logf("the local cloud printed:\n%s", c.log())
		}
	})
	return c
}

func (c *cloud) follow(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		c.mu.Lock()
		c.lines = append(c.lines, lines.Text())
		c.heard.Broadcast()
		c.mu.Unlock()
	}
	c.err = c.command.Wait()
	c.mu.Lock()
	close(c.ended)
	c.heard.Broadcast()
	c.mu.Unlock()
}

// waitFor waits for a line with a text; it fails when the program ends without it.
func (c *cloud) waitFor(text string) string {
	c.t.Helper()
	return c.waitAfter(0, text)
}

// printed is the number of lines until now.
func (c *cloud) printed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// waitAfter waits for a line behind the first n.
func (c *cloud) waitAfter(n int, text string) string {
	c.t.Helper()
	alarm := time.AfterFunc(2*time.Minute, func() { c.command.Process.Kill() })
	defer alarm.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, line := range c.lines[n:] {
			if strings.Contains(line, text) {
				return line
			}
		}
		select {
		case <-c.ended:
			c.t.Fatalf("ended without a line that says %q:\n%s", text, strings.Join(c.lines, "\n"))
		default:
		}
		c.heard.Wait()
	}
}

// line is the output line of one name.
func (c *cloud) line(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.lines {
		if before, _, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(before) == name {
			return line
		}
	}
	return ""
}

func (c *cloud) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

// stop sends a signal and returns the exit code.
func (c *cloud) stop(signal syscall.Signal) int {
	c.t.Helper()
	c.command.Process.Signal(signal)
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		c.t.Fatalf("did not end within 20 s of %v", signal)
	}
	return c.command.ProcessState.ExitCode()
}

func (c *cloud) do(method, path string, body []byte, headers ...string) (*http.Response, []byte) {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
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
