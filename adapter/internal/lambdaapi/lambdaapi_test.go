package lambdaapi

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/adapter/internal/failure"
)

// calls records requests and answers them with what answer writes.
type calls struct {
	mu   sync.Mutex
	list []string
}

func (c *calls) serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.list = append(c.list, r.Method+" "+r.URL.Path+" "+string(body)+trailers(r))
		n := len(c.list)
		c.mu.Unlock()
		answer(w, r, n)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func trailers(r *http.Request) (text string) {
	for name, values := range r.Trailer {
		text += " " + name + "=" + strings.Join(values, ",")
	}
	return text
}

func (c *calls) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.list...)
}

func TestRegister(t *testing.T) {
	good := func(w http.ResponseWriter) {
		w.Header().Set("Lambda-Extension-Identifier", "x")
		_, _ = io.WriteString(w, "{}")
	}
	rows := []struct {
		rule   string
		answer func(w http.ResponseWriter, n int)
		want   string // part of the error
		tries  int
	}{
		{"accepted", func(w http.ResponseWriter, _ int) { good(w) }, "", 1},
		{"accepted late", func(w http.ResponseWriter, n int) {
			if n < 4 {
				w.WriteHeader(503)
				return
			}
			good(w)
		}, "", 4},
		{"5xx for good", func(w http.ResponseWriter, _ int) { w.WriteHeader(500) }, "status 500", 6},
		{"forbidden", func(w http.ResponseWriter, _ int) { w.WriteHeader(403) }, "/opt/extensions/lambda-adapter", 1},
		{"no identifier", func(w http.ResponseWriter, _ int) {}, "Lambda-Extension-Identifier", 1},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			var c calls
			address := c.serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
				if r.Header.Get("Lambda-Extension-Name") != ExtensionName {
					t.Error("wrong name")
				}
				row.answer(w, n)
			})
			err := Begin(address).Finish(time.Millisecond)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(),
				row.want) || !strings.Contains(err.Error(), address)) {
				t.Errorf("%v", err)
			}
			if got := c.all(); len(got) != row.tries || got[0] != `POST /2020-01-01/extension/register {"events":[]}` {
				t.Errorf("calls %q", got)
			}
		})
	}
}

func TestNext(t *testing.T) {
	rows := []struct {
		rule   string
		status int
		header map[string]string
		fatal  bool
		ok     bool
	}{
		{"an invocation", 200, map[string]string{"Lambda-Runtime-Aws-Request-Id": "id1",
			"Lambda-Runtime-Deadline-Ms": "12"}, false, true},
		{"no deadline", 200, map[string]string{"Lambda-Runtime-Aws-Request-Id": "id1"}, false, true},
		{"odd deadline", 200, map[string]string{"Lambda-Runtime-Aws-Request-Id": "id1",
			"Lambda-Runtime-Deadline-Ms": "soon"}, false, true},
		{"no id", 200, nil, false, false},
		{"forbidden", 403, nil, true, false},
		{"container error", 500, nil, true, false},
		{"something else", 429, nil, false, false},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			var c calls
			address := c.serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				for name, value := range row.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, "{}")
			})
			r := NewRuntime(address, func([]byte, string) {})
			defer r.Drop()
			var inv Invocation
			err := r.Next(&inv)
			if (err == nil) != row.ok || errors.Is(err, ErrFatal) != row.fatal {
				t.Fatalf("%v", err)
			}
			if row.ok && (string(inv.ID) != "id1" || string(inv.Payload) != "{}") {
				t.Errorf("%+v", inv)
			}
		})
	}
}

func TestPollGivesUp(t *testing.T) {
	var c calls
	var warnings int
	address := c.serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(429) })
	r := NewRuntime(address, func([]byte, string) { warnings++ })
	if err := r.Poll(&Invocation{}, 100*time.Millisecond); !errors.Is(err, ErrFatal) || !strings.Contains(err.Error(),
		"429") {
		t.Errorf("%v", err)
	}
	if n := len(c.all()); n < 3 || warnings != n-1 {
		t.Errorf("%d polls, %d warnings", n, warnings)
	}
}

func TestAnswers(t *testing.T) {
	inv := &Invocation{ID: []byte("id1"), Echo: []byte("inv-7")}
	f := failure.New(failure.AppTimeout, "too \"late\"")
	const report = `{"errorType":"Function.AppTimeout","errorMessage":"too \"late\"","stackTrace":[]}`
	large := strings.Repeat("x", smallBody+1)
	rows := []struct {
		rule string
		call func(r *Runtime) error
		want string
	}{
		{"response", func(r *Runtime) error { return r.Respond(inv, []byte("{}")) },
			"POST /2018-06-01/runtime/invocation/id1/response {}"},
		{"large response", func(r *Runtime) error { return r.Respond(inv, []byte(large)) },
			"POST /2018-06-01/runtime/invocation/id1/response " + large},
		{"error", func(r *Runtime) error { return r.Fail(inv, f) }, "POST /2018-06-01/runtime/invocation/id1/error " +
			report},
		{"init error", func(r *Runtime) error { return r.FailInit(f) }, "POST /2018-06-01/runtime/init/error " +
			report},
		{"restore error", func(r *Runtime) error { return r.FailRestore(f) },
			"POST /2018-06-01/runtime/restore/error " + report},
		{"stream", func(r *Runtime) error {
			s, err := r.OpenStream(inv, "a/b", []byte("P"), []byte("1"), false)
			if err != nil {
				return err
			}
			return errors.Join(s.Write([]byte("2")), s.Write([]byte(large)), s.Close(false))
		}, "POST /2018-06-01/runtime/invocation/id1/response P12" + large +
			" Lambda-Runtime-Function-Error-Type= Lambda-Runtime-Function-Error-Body="},
		{"stream in one write", func(r *Runtime) error {
			s, err := r.OpenStream(inv, "a/b", []byte("P"), nil, true)
			return errors.Join(err, s.Close(true))
		}, "POST /2018-06-01/runtime/invocation/id1/response P"},
		{"stream that fails", func(r *Runtime) error {
			s, err := r.OpenStream(inv, "a/b", nil, []byte("1"), false)
			return errors.Join(err, s.Fail(f))
		}, "POST /2018-06-01/runtime/invocation/id1/response 1 Lambda-Runtime-Function-Error-Type=Function.AppTimeout"},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			var c calls
			address := c.serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(202) })
			r := NewRuntime(address, func([]byte, string) {})
			defer r.Drop()
			if err := row.call(r); err != nil {
				t.Fatal(err)
			}
			got := c.all()
			if len(got) != 1 || !sameCall(got[0], row.want) {
				t.Errorf("calls %.200q, want %.200q", got, row.want)
			}
			if row.rule == "stream that fails" && !strings.Contains(got[0], "Function-Error-Body=eyJlcnJvclR5cGUi") {
				t.Errorf("no error body in %q", got[0])
			}
		})
	}
}

// sameCall compares without the trailers, which come in no order.
func sameCall(got, want string) bool {
	const trailers = " Lambda-Runtime-Function-Error"
	got, _, _ = strings.Cut(got, trailers)
	want, _, _ = strings.Cut(want, trailers)
	return got == want
}

func TestRefusedAnswers(t *testing.T) {
	for status, row := range map[int]struct{ fatal, failed, warned bool }{
		202: {}, 400: {failed: true}, 403: {failed: true}, 410: {warned: true}, 413: {failed: true},
		500: {fatal: true, failed: true},
	} {
		var c calls
		warned := false
		address := c.serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) })
		r := NewRuntime(address, func([]byte, string) { warned = true })
		err := r.Respond(&Invocation{ID: []byte("id1")}, []byte("{}"))
		if (err != nil) != row.failed || errors.Is(err, ErrFatal) != row.fatal || warned != row.warned {
			t.Errorf("status %d: %v, warned %v", status, err, warned)
		}
		r.Drop()
	}
}

// When the client of a streamed response has left, Lambda stops reading; that is seen before the
// next piece is written, although the system would take it.
func TestStreamWhoseReaderHasLeft(t *testing.T) {
	ends := map[string]func(conn *net.TCPConn) error{
		"closed": func(conn *net.TCPConn) error { return conn.CloseWrite() },
		"answered": func(conn *net.TCPConn) error {
			_, err := io.WriteString(conn,
				"HTTP/1.1 202 OK\r\n\r\n")
			return err
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			left := make(chan error, 1)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					left <- err
					return
				}
				t.Cleanup(func() { _ = conn.Close() })
				_, err = conn.Read(make([]byte, 4096))
				left <- errors.Join(err, end(conn.(*net.TCPConn)))
			}()
			r := NewRuntime(listener.Addr().String(), func([]byte, string) {})
			defer r.Drop()
			out, err := r.OpenStream(&Invocation{ID: []byte("id1")}, "text/plain", nil, []byte("first"), false)
			if err := errors.Join(err, <-left); err != nil {
				t.Fatal(err)
			}
			for r.conn.Silent() { // what came from the other side is on its way
				time.Sleep(time.Millisecond)
			}
			if err := out.Write([]byte("second")); err == nil || !strings.Contains(err.Error(), "stopped reading") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A response of which a part was sent is not sent again: Lambda may have taken it.
func TestResponseBrokenOffIsNotRepeated(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}()
	r := NewRuntime(listener.Addr().String(), func([]byte, string) {})
	defer r.Drop()
	large := make([]byte, 64<<20) // more than the system holds
	if err := r.Respond(&Invocation{ID: []byte("id1")}, large); err == nil {
		t.Error("no error")
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("sent on %d connections", n)
	}
}
