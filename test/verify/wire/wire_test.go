package wire

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// serve answers one connection with a text, once the request's head has come; it returns what the client sent before
// that, as the other channel's text.
func serve(t *testing.T, answer string) (*url.URL, chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	got := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var head strings.Builder
		in := bufio.NewReader(conn)
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := in.ReadString('\n')
			if head.WriteString(line); err != nil {
				break
			}
		}
		io.WriteString(conn, answer)
		conn.(*net.TCPConn).CloseWrite()
		rest, _ := io.ReadAll(in)
		got <- head.String() + string(rest)
	}()
	u, err := url.Parse("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return u, got
}

// What is asked for is what goes out, to the byte.
func TestRequest(t *testing.T) {
	for _, test := range []struct {
		name string
		q    Request
		want string
	}{
		{"a path that others clean", Request{Method: "GET", Target: "//v1/a//../b%2F"},
			"GET //v1/a//../b%2F HTTP/1.1\r\nHost: HOST\r\n\r\n"},
		{"headers as they are spelled, twice", Request{Method: "GET", Target: "/"}.With("x-T", "1").With("x-T", "\xe9"),
			"GET / HTTP/1.1\r\nHost: HOST\r\nx-T: 1\r\nx-T: \xe9\r\n\r\n"},
		{"another host", Request{Method: "GET", Target: "/"}.With("host", "example.com"),
			"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"},
		{"a body", Request{Method: "POST", Target: "/", Body: []byte("abc")},
			"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc"},
		{"an empty body", Request{Method: "POST", Target: "/", Body: []byte{}},
			"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"},
		{"a length that is none", Request{Method: "POST", Target: "/", Body: []byte("abc")}.With("Content-Length", "9"),
			"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9\r\n\r\nabc"},
		{"chunks", Request{Method: "POST", Target: "/", Body: []byte("abcde"), Chunks: 3},
			"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
		{"what is no body", Request{Method: "POST", Target: "/", Raw: []byte("zz\r\n")}.With("Transfer-Encoding",
			"chunked"), "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, got := serve(t, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			if answer := Do(u, test.q, time.Minute); answer.Status != http.StatusNoContent {
				t.Errorf("%+v", answer)
			}
			if text := strings.ReplaceAll(<-got, u.Host, "HOST"); text != test.want {
				t.Errorf("sent %q, want %q", text, test.want)
			}
		})
	}
}

// What came back, and whether it was whole.
func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		status       int
		body         string
		whole        bool
	}{
		{"whole", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true},
		{"behind 100 Continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
			200, "abc", true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", true},
		{"too short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 200, "abc", false},
		{"chunks without their end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
			200, "abc", false},
		{"no HTTP", "hello\r\n\r\n", 0, "", false},
		{"nothing", "", 0, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, _ := serve(t, test.answer)
			a := Do(u, Request{Method: "GET", Target: "/"}, time.Minute)
			if a.Status != test.status || string(a.Body) != test.body || a.Whole != test.whole ||
				a.Whole != (a.Fault == "") {
				t.Errorf("%+v", a)
			}
		})
	}
	nobody := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	if a := Do(nobody, Request{Method: "GET", Target: "/"}, time.Minute); a.Status != 0 || a.Fault == "" {
		t.Errorf("where nobody listens: %+v", a)
	}
	// The server answers and takes no more: the rest of a large body goes nowhere.
	u, _ := serve(t, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
	if a := Do(u, Request{Method: "POST", Target: "/", Body: make([]byte, 1<<20)}, time.Minute); a.Status != 413 {
		t.Errorf("an answer before the end of the request: %+v", a)
	}
	// A client that leaves does so behind the first bytes.
	u, _ = serve(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
	if a := Do(u, Request{Method: "GET", Target: "/", Leave: true}, time.Minute); string(a.Body) != "abc" || a.Whole {
		t.Errorf("one that leaves: %+v", a)
	}
}
