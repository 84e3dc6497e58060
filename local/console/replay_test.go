package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// ask sends a request to the console as its own page does.
func ask(t *testing.T, c *Console, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:3000"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.Front(http.NotFoundHandler()).ServeHTTP(w, r)
	return w
}

// gatewayStub is a server that tells the console of its requests, as the gateway does.
func gatewayStub(t *testing.T) (*Console, chan *http.Request, chan string) {
	t.Helper()
	requests, bodies := make(chan *http.Request, 10), make(chan string, 10)
	var c *Console
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := gateway.ID{RequestID: newID()}
		c.Gateway(gateway.Request{ID: id, Method: r.Method, Target: r.RequestURI, RemoteAddr: r.RemoteAddr,
			Header: r.Header, Body: sandbox.BodyOf(body)})
		requests <- r
		bodies <- string(body)
	}))
	t.Cleanup(server.Close)
	c = New(Config{Address: server.Listener.Addr().(*net.TCPAddr).String()})
	return c, requests, bodies
}

func TestReplay(t *testing.T) {
	original := gateway.Request{
		ID: gateway.ID{RequestID: "one"}, Method: "POST", Target: "/v1//a%2Fb?x=1&x=2", Host: "127.0.0.1:3000",
		Header: http.Header{"Cookie": {"session=secret"}, "X-Many": {"a", "b"}, "Connection": {"keep-alive"},
			"Content-Length": {"4"}},
		Body: sandbox.BodyOf([]byte("body")),
	}
	for name, c := range map[string]struct {
		edit   string
		method string
		target string
		body   string
		header http.Header
	}{
		"as it was": {"", "POST", "/v1//a%2Fb?x=1&x=2", "body", http.Header{"Cookie": {"session=secret"},
			"X-Many": {"a", "b"}}},
		"edited": {`{"method":"PUT","target":"/v1/c","headers":[{"name":"Cookie","value":"` + hidden +
			`"},{"name":"X-New","value":"1"}],"text":"other"}`,
			"PUT", "/v1/c", "other", http.Header{"Cookie": {"session=secret"}, "X-New": {"1"}}},
		"another body": {`{"base64":"AAEC"}`, "POST", "/v1//a%2Fb?x=1&x=2", "\x00\x01\x02",
			http.Header{"Cookie": {"session=secret"}, "X-Many": {"a", "b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			console, requests, bodies := gatewayStub(t)
			console.Gateway(original)
			w := ask(t, console, "POST", "/@/api/invocations/one/replay", c.edit, ownHeader, "1")
			if w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			r, body := <-requests, <-bodies
			if r.Method != c.method || r.RequestURI != c.target || body != c.body || r.Host != "127.0.0.1:3000" {
				t.Errorf("sent %s %s with %q to %s", r.Method, r.RequestURI, body, r.Host)
			}
			for name, values := range c.header {
				if got := r.Header[name]; strings.Join(got, "|") != strings.Join(values, "|") {
					t.Errorf("%s is %q, want %q", name, got, values)
				}
			}
			var answer struct{ ID string }
			json.Unmarshal(w.Body.Bytes(), &answer)
			if i := console.store.find(answer.ID); i == nil || i.replayOf != "one" {
				t.Errorf("the new invocation %q is %+v", answer.ID, i)
			}
		})
	}
}

func TestReplayIsRefused(t *testing.T) {
	clipped := sandbox.BodyOf(make([]byte, sandbox.ObservedBytes+1))
	for name, c := range map[string]struct {
		body      sandbox.Body
		edit, own string
		status    int
		why       string
	}{
		"not from the page":     {sandbox.Body{}, "", "", 403, "own page"},
		"clipped":               {clipped, "", "1", 422, "262144 of the 262145 bytes"},
		"a method with a space": {sandbox.Body{}, `{"method":"GET /"}`, "1", 422, "no HTTP method"},
		"a path with a line":    {sandbox.Body{}, `{"target":"/x\r\nA: b"}`, "1", 422, "no spaces"},
		"a header with a line": {sandbox.Body{}, `{"headers":[{"name":"A","value":"b\r\nC: d"}]}`, "1", 422,
			"no line for"},
		"no JSON":   {sandbox.Body{}, `{`, "1", 400, "no JSON"},
		"no base64": {sandbox.Body{}, `{"base64":"!"}`, "1", 422, "no base64"},
	} {
		t.Run(name, func(t *testing.T) {
			console, requests, _ := gatewayStub(t)
			console.Gateway(gateway.Request{ID: gateway.ID{RequestID: "one"}, Method: "GET", Target: "/", Body: c.body})
			w := ask(t, console, "POST", "/@/api/invocations/one/replay", c.edit, ownHeader, c.own)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.why) {
				t.Errorf("status %d: %s; want %d with %q", w.Code, w.Body, c.status, c.why)
			}
			if len(requests) > 0 {
				t.Error("it was sent")
			}
		})
	}
}

// FuzzCompose: whatever is edited, one request comes out, with the lines that were asked for.
func FuzzCompose(f *testing.F) {
	f.Add("GET", "/v1/x", "X-A", "b", []byte("body"))
	f.Add("POST", "/v1/x y", "X A", "b\r\nc", []byte{})
	f.Fuzz(func(t *testing.T, method, target, name, value string, body []byte) {
		message, err := compose(gateway.Request{Host: "127.0.0.1"}, resend{Method: &method, Target: &target,
			Headers: &[]header{{Name: name, Value: value}}}, body)
		if err != nil {
			return
		}
		head, rest, _ := bytes.Cut(message, []byte("\r\n\r\n"))
		if !bytes.Equal(rest, body) {
			t.Errorf("the body is %q", rest)
		}
		lines := strings.Split(string(head), "\r\n")
		if lines[0] != method+" "+target+" HTTP/1.1" || len(lines) > 5 {
			t.Errorf("the lines are %q", lines)
		}
	})
}

func TestInvoke(t *testing.T) {
	for name, c := range map[string]struct {
		body, function string
		result         sandbox.Result
		err            error
		status         int
		answer, kind   string
	}{
		"an event": {`{"a":1}`, "web", sandbox.Result{Payload: []byte(`{"ok":true}`), Version: "3"}, nil, 200,
			`{"ok":true}`, ""},
		"no event": {"", "-", sandbox.Result{Payload: []byte("null")}, nil, 200, "null", ""},
		"function error": {`{}`, "web", sandbox.Result{Payload: []byte(`{"errorType":"X"}`),
			FunctionError: "Unhandled"}, nil, 200, `{"errorType":"X"}`, ""},
		"no JSON": {`{`, "web", sandbox.Result{}, nil, 400, "Could not parse", "InvalidRequestContentException"},
		"no function": {`{}`, "other", sandbox.Result{}, sandbox.ErrNotFound, 404, "no such function",
			"ResourceNotFoundException"},
		"throttled": {`{}`, "web", sandbox.Result{}, sandbox.ErrThrottled, 429, "every sandbox",
			"TooManyRequestsException"},
		"too large": {`{}`, "web", sandbox.Result{}, sandbox.ErrTooLarge, 413, "6291556",
			"RequestTooLargeException"},
		"closing": {`{}`, "web", sandbox.Result{}, errors.New("it ends"), 500, "It ends", "ServiceException"},
	} {
		t.Run(name, func(t *testing.T) {
			var in sandbox.Invocation
			var called string
			console := New(Config{Invoke: func(_ context.Context, function string,
				i sandbox.Invocation) (sandbox.Result, error) {
				called, in = function, i
				return c.result, c.err
			}})
			w := ask(t, console, "POST", "/@/2015-03-31/functions/"+c.function+"/invocations", c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) ||
				w.Header().Get("X-Amzn-Errortype") != c.kind {
				t.Errorf("status %d, %s, %s", w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body)
			}
			if w.Code == 200 && (w.Header().Get("X-Amz-Function-Error") != c.result.FunctionError ||
				w.Header().Get("X-Amzn-Requestid") != in.RequestID ||
				called != strings.TrimPrefix(c.function, "-") || c.body != "" && string(in.Event) != c.body) {
				t.Errorf("called %q with %s; the headers are %v", called, in.Event, w.Header())
			}
		})
	}
}
