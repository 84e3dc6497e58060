// Command smoke starts the local cloud on a free port, calls the sample app's routes through it, stops
// it, and fails when anything differs from what the sample app promises.
//
//	smoke COMMAND [ARGUMENT...]
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"time"
)

// route is one call and its answer. Bodies are compared as JSON; an empty want accepts any JSON object.
type route struct {
	method, path, body string
	status             int
	want               string
}

var routes = []route{
	{"GET", "", "", 200, `{"status":"healthy"}`},
	{"GET", "/", "", 200, `{"status":"healthy"}`},
	{"GET", "/api/hello", "", 200, `{"message":"Hello, World!"}`},
	{"GET", "/api/hello?name=Ada", "", 200, `{"message":"Hello, Ada!"}`},
	{"GET", "/api/hello?name=Zo%C3%AB+%26+co", "", 200, `{"message":"Hello, Zoë & co!"}`},
	{"POST", "/api/echo", `{"a":[1,2.5,null],"б":"🙂"}`, 200, `{"received":{"a":[1,2.5,null],"б":"🙂"}}`},
	{"POST", "/api/echo", `{not json`, 400, ``},
	{"GET", "/nowhere", "", 404, ``},
}

const patience = 3 * time.Minute // the first start installs the app's packages

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: smoke COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func run(command []string) error {
	started := time.Now()
	c, err := start(command)
	if err != nil {
		return err
	}
	fmt.Printf("%s is up after %s\n\n", c.url, time.Since(started).Round(10*time.Millisecond))
	failures := 0
	for _, r := range routes {
		took, err := r.call(c.url)
		verdict := "ok"
		if err != nil {
			failures++
			verdict = "FAILED: " + err.Error()
		}
		fmt.Printf("  %-4s  %-34s %4d  %7.1f ms  %s\n", r.method, "/v1"+r.path, r.status, float64(took.Microseconds())/1000, verdict)
	}
	fmt.Println()
	if err := c.stop(); err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d of %d answers differ; the log was:\n%s", failures, len(routes), c.output.String())
	}
	fmt.Printf("All %d answers are right, and it stopped cleanly.\n", len(routes))
	return nil
}

func (r route) call(base string) (time.Duration, error) {
	request, err := http.NewRequest(r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	if r.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	started := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	took := time.Since(started)
	if err != nil {
		return took, err
	}
	if response.StatusCode != r.status {
		return took, fmt.Errorf("status %d: %s", response.StatusCode, bytes.TrimSpace(body))
	}
	var got, want any
	if err := json.Unmarshal(body, &got); err != nil {
		return took, fmt.Errorf("the body is not JSON: %q", body)
	}
	if r.want == "" {
		return took, nil
	}
	if err := json.Unmarshal([]byte(r.want), &want); err != nil {
		return took, err
	}
	if !reflect.DeepEqual(got, want) {
		return took, fmt.Errorf("body %s, want %s", bytes.TrimSpace(body), r.want)
	}
	return took, nil
}

// cloud is the local cloud under test.
type cloud struct {
	command *exec.Cmd
	url     string
	output  transcript
	ended   chan error
}

// start runs the command and waits until it prints the invoke URL and then that it is ready.
func start(command []string) (*cloud, error) {
	c := &cloud{command: exec.Command(command[0], command[1:]...), ended: make(chan error, 1)}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.command.Stderr = &c.output
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	ready := make(chan string, 1)
	go func() {
		c.follow(stdout, ready)
		c.ended <- c.command.Wait()
	}()
	select {
	case c.url = <-ready:
		return c, nil
	case err := <-c.ended:
		return nil, fmt.Errorf("it ended before it was ready (%v):\n%s", err, c.output.String())
	case <-time.After(patience):
		c.command.Process.Kill()
		return nil, fmt.Errorf("it was not ready after %s:\n%s", patience, c.output.String())
	}
}

func (c *cloud) follow(stdout io.Reader, ready chan<- string) {
	url := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		line := lines.Text()
		fmt.Fprintln(&c.output, line)
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.TrimSpace(name) == "url" {
			url = strings.TrimSpace(value)
		}
		if strings.HasPrefix(line, "Ready ") {
			ready <- url
		}
	}
}

// stop asks for an orderly end, as Ctrl-C does, and wants exit code 0.
func (c *cloud) stop() error {
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	select {
	case err := <-c.ended:
		if err != nil {
			return fmt.Errorf("it did not stop cleanly: %w\n%s", err, c.output.String())
		}
		return nil
	case <-time.After(15 * time.Second):
		c.command.Process.Kill()
		return errors.New("it did not stop within 15 s of SIGTERM")
	}
}

// transcript keeps what the command prints, for the case that something fails.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
