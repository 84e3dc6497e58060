package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// webServer is a real web server with an application that echoes bodies and notes the mark of every request it was
// given.
type webServer struct {
	name     string
	start    func(t *testing.T, port int) (seen func() map[string]int)
	keeps    bool // keeps connections, and closes idle ones after a second or two
	failures bool // answers /fail with 500
}

var webServers = []webServer{
	{name: "gunicorn sync", start: gunicorn("sync"), failures: true},
	{name: "gunicorn gthread", start: gunicorn("gthread", "--threads", "4", "--keep-alive", "2"), keeps: true,
		failures: true},
	{name: "uvicorn", start: uvicorn, keeps: true, failures: true},
	{name: "Node http", start: node, keeps: true, failures: true},
	{name: "Go net/http", start: goServer(time.Second), keeps: true, failures: true},
	{name: "Python http.server, HTTP/1.0", start: http10, failures: true},
}

func gunicorn(class string, extra ...string) func(*testing.T, int) func() map[string]int {
	return func(t *testing.T, port int) func() map[string]int {
		command := append([]string{filepath.Join(python(t), "gunicorn"), "--bind", fmt.Sprintf("127.0.0.1:%d", port),
			"--worker-class", class, "--workers", "1", "--log-level", "error", "--no-control-socket"}, extra...)
		return external(t, append(command, "wsgi:app"))
	}
}

func uvicorn(t *testing.T, port int) func() map[string]int {
	return external(t, []string{filepath.Join(python(t), "uvicorn"), "--port", strconv.Itoa(port),
		"--timeout-keep-alive", "1", "--log-level", "error", "asgi:app"})
}

func http10(t *testing.T, port int) func() map[string]int {
	return external(t, []string{filepath.Join(python(t), "python"), "http10.py", strconv.Itoa(port)})
}

func node(t *testing.T, port int) func() map[string]int {
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing, so Node's http server was not tested")
	}
	return external(t, []string{path, "server.js", strconv.Itoa(port), "1500"})
}

// external runs a server as a process of its own.
func external(t *testing.T, command []string) func() map[string]int {
	seen := filepath.Join(t.TempDir(), "seen")
	process, err := StartProcess(command, "testdata/servers", append(os.Environ(), "SEEN="+seen,
		"PYTHONDONTWRITEBYTECODE=1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Logf("the server wrote:\n%s", process.Log().Text())
		}
	})
	return func() map[string]int {
		counts := map[string]int{}
		content, _ := os.ReadFile(seen)
		for mark := range strings.FieldsSeq(string(content)) {
			counts[mark]++
		}
		return counts
	}
}

// goServer is net/http with idle connections closed after a while.
func goServer(idle time.Duration) func(*testing.T, int) func() map[string]int {
	return func(t *testing.T, port int) func() map[string]int {
		var mu sync.Mutex
		counts := map[string]int{}
		server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), IdleTimeout: idle,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if mark := r.Header.Get("x-mark"); mark != "" {
					mu.Lock()
					counts[mark]++
					mu.Unlock()
				}
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Type", "application/octet-stream")
				if r.URL.Path == "/fail" {
					w.WriteHeader(http.StatusInternalServerError)
				}
				_, _ = w.Write(body)
			})}
		go func() { _ = server.ListenAndServe() }()
		t.Cleanup(func() { _ = server.Close() })
		return func() map[string]int {
			mu.Lock()
			defer mu.Unlock()
			copied := map[string]int{}
			for mark, n := range counts {
				copied[mark] = n
			}
			return copied
		}
	}
}

// marked is an event whose request carries a mark.
func marked(method, path, mark string, body []byte) string {
	return strings.Replace(binaryEvent(method, path, body), `"headers":{`, `"headers":{"x-mark":"`+mark+`",`, 1)
}

func TestRealServers(t *testing.T) {
	t.Parallel()
	for _, server := range webServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.Refuse()
			seen := server.start(t, e.port)
			e.startReady()
			sent := 0
			send := func(method string, body []byte) {
				t.Helper()
				sent++
				reply := e.invoke(marked(method, "/echo", fmt.Sprintf("m%d", sent), body)).status(200)
				if !bytes.Equal(reply.content(t), body) {
					t.Errorf("%s with %d bytes came back as %d bytes", method, len(body), len(reply.content(t)))
				}
			}
			for _, size := range []int{0, 1, 1000, 100_000, 2 << 20} {
				send("POST", randomBytes(size))
			}
			for n := range 100 {
				send([]string{"GET", "POST", "PUT"}[n%3], []byte("quick"))
			}
			for range 2 {
				e.awaitServerClose()
				send("POST", []byte("after the idle time"))
			}
			e.thawAfterServerClose(func() { send("POST", []byte("after a freeze")) })
			if server.failures {
				e.invoke(marked("POST", "/fail", "fail", nil)).status(500)
				send("POST", []byte("after a failure"))
			}
			counts := seen()
			for n := 1; n <= sent; n++ {
				if mark := fmt.Sprintf("m%d", n); counts[mark] != 1 {
					t.Errorf("request %s was sent %d times", mark, counts[mark])
				}
			}
		})
	}
}

// awaitServerClose waits until the adapter has no connection to the application that the application still holds
// open: the server's FIN is there, or the adapter has closed by itself.
func (e *environment) awaitServerClose() {
	e.Helper()
	for give := time.Now().Add(patience); e.established() > 0; {
		if time.Now().After(give) {
			e.Fatalf("the server has not closed the idle connection within %v", patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// thawAfterServerClose hands out an invocation to a frozen adapter whose application has closed the connection
// meanwhile.
func (e *environment) thawAfterServerClose(invoke func()) {
	e.Helper()
	e.awaitNext(e.count + 1)
	e.must(e.adapter.Freeze())
	e.awaitServerClose()
	thawed := time.AfterFunc(50*time.Millisecond, func() { _ = e.adapter.Thaw() })
	defer thawed.Stop()
	invoke()
}

// established counts the established connections to the application's port, from /proc/net/tcp.
func (e *environment) established() int {
	e.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	e.must(err)
	remote, count := fmt.Sprintf("0100007F:%04X", e.port), 0
	for line := range strings.SplitSeq(string(table), "\n") {
		if fields := strings.Fields(line); len(fields) > 3 && fields[2] == remote && fields[3] == "01" {
			count++
		}
	}
	return count
}

// A server that closes idle connections at the very moment of the next request: whoever wins, the caller gets the
// reply.
func TestRaceWithTheIdleClose(t *testing.T) {
	t.Parallel()
	const idle = 150 * time.Millisecond
	e := newEnvironment(t)
	e.app.Refuse()
	seen := goServer(idle)(t, e.port)
	e.startReady()
	for n := range 60 {
		e.invoke(marked("GET", "/echo", fmt.Sprintf("m%d", n), nil)).status(200)
		time.Sleep(idle - 1500*time.Microsecond + time.Duration(n)*50*time.Microsecond) // around the server's own timer
	}
	for mark, n := range seen() {
		if n > 2 {
			t.Errorf("%s was sent %d times", mark, n)
		}
	}
}
