package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// function is the scripted function behind an API under test.
type function func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error)

func (f function) Invoke(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
	return f(ctx, in)
}

// echo returns the event as text.
func echo(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
	payload, err := json.Marshal(map[string]any{"statusCode": 200, "body": string(in.Event)})
	return sandbox.Result{Payload: payload}, err
}

// returns answers every event with the same payload.
func returns(payload string) function {
	return func(context.Context, sandbox.Invocation) (sandbox.Result, error) {
		return sandbox.Result{Payload: []byte(payload)}, nil
	}
}

const (
	testAccount  = "123456789012"
	testRegion   = "eu-central-1"
	testFunction = "arn:aws:lambda:eu-central-1:123456789012:function:web:live"
	testURI      = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/" + testFunction + "/invocations"
	testStream   = "arn:aws:apigateway:eu-central-1:lambda:path/2021-11-15/functions/" + testFunction +
		"/response-streaming-invocations"
)

// methodText is a method of a document with its integration.
func methodText(extra string) string {
	return fmt.Sprintf(`{%s"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST","uri":%q,`+
		`"passthroughBehavior":"when_no_match","timeoutInMillis":29000}}`, extra, testURI)
}

// documentText is a document with paths and with further members at its top.
func documentText(paths, extra string) []byte {
	return []byte(`{"openapi":"3.0.1","info":{"title":"web","version":"1"},"paths":{` + paths + `}` + extra + `}`)
}

// proxyPaths are ANY / and ANY /{proxy+}.
func proxyPaths() string {
	return `"/":{"x-amazon-apigateway-any-method":` + methodText("") +
		`},"/{proxy+}":{"x-amazon-apigateway-any-method":` +
		methodText(`"parameters":[{"name":"proxy","in":"path","required":true,"schema":{"type":"string"}}],`) + `}`
}

const anyBinary = `,"x-amazon-apigateway-binary-media-types":["*/*"]`

// testConfig is an API with the program's own document in front of a function.
func testConfig(f function) Config {
	return Config{
		Document: documentText(proxyPaths(), anyBinary),
		APIID:    "a1b2c3d4e5", AccountID: testAccount, Region: testRegion, Stage: "v1",
		Integration: func(uri string) (sandbox.Invoker, error) {
			if uri != testURI && uri != testStream {
				return nil, fmt.Errorf("no function for %s", uri)
			}
			return f, nil
		},
	}
}

// serve starts an API on a real socket.
func serve(t testing.TB, config Config) *httptest.Server {
	t.Helper()
	api, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server
}

// reply is a response as it came over the wire.
type reply struct {
	status int
	header http.Header
	body   string
	// head is the status line and the header lines, byte for byte.
	head string
}

// lines are the header lines with a name, spelled as on the wire.
func (r reply) lines(name string) []string {
	var found []string
	for line := range strings.SplitSeq(r.head, "\r\n") {
		if key, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(key, name) {
			found = append(found, key+": "+value)
		}
	}
	return found
}

// exchangeRaw sends bytes over a new connection and reads one response.
func exchangeRaw(t testing.TB, server *httptest.Server, request string) reply {
	t.Helper()
	conn := dial(t, server)
	go io.WriteString(conn, request)
	method, _, _ := strings.Cut(request, " ")
	return readReply(t, bufio.NewReader(conn), method)
}

// readReply reads one response from a connection.
func readReply(t testing.TB, from *bufio.Reader, method string) reply {
	t.Helper()
	var head bytes.Buffer
	for {
		line, err := from.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			t.Fatalf("read the response head: %v after %q", err, head.String())
		}
		if line == "\r\n" {
			break
		}
	}
	parsed, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head.Bytes())), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	got := reply{status: parsed.StatusCode, header: parsed.Header, head: head.String()}
	switch {
	case method == http.MethodHead || got.status == 204 || got.status == 304:
	case parsed.ContentLength >= 0: // exactly the body, what follows is the next response
		body := make([]byte, parsed.ContentLength)
		if _, err := io.ReadFull(from, body); err != nil {
			t.Fatalf("read the body: %v", err)
		}
		got.body = string(body)
	default:
		t.Fatalf("the response has no length: %q", got.head)
	}
	return got
}

// dial opens a connection that cannot wait for ever.
func dial(t testing.TB, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

// get sends a request with the target as it is written.
func get(t testing.TB, server *httptest.Server, target string, headers ...string) reply {
	t.Helper()
	return exchangeRaw(t, server, requestText("GET", target, "", headers...))
}

// requestText writes a request; a body gets its Content-Length.
func requestText(method, target, body string, headers ...string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: api.example.com\r\n"
	for _, header := range headers {
		text += header + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

// event is the echoed event with its context.
type event struct {
	raw     map[string]any
	context map[string]any
}

func (r reply) event(t testing.TB) event {
	t.Helper()
	if r.status != 200 {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	var e event
	if err := json.Unmarshal([]byte(r.body), &e.raw); err != nil {
		t.Fatalf("the event is not JSON: %v: %s", err, r.body)
	}
	e.context = e.raw["requestContext"].(map[string]any)
	return e
}

// at walks into the event; keys are divided by slashes.
func (e event) at(path string) any {
	var value any = e.raw
	for key := range strings.SplitSeq(path, "/") {
		m, ok := value.(map[string]any)
		if !ok {
			return errors.New("nothing at " + path)
		}
		if value, ok = m[key]; !ok {
			return errors.New("nothing at " + path)
		}
	}
	return value
}

// expect compares members of the event with what JSON says they are.
func (e event) expect(t testing.TB, want map[string]string) {
	t.Helper()
	for path, text := range want {
		got, err := json.Marshal(e.at(path))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text {
			t.Errorf("%s is %s, want %s", path, got, text)
		}
	}
}

// counter counts invocations of a function.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) of(f function) function {
	return func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		c.mu.Lock()
		c.n++
		c.mu.Unlock()
		return f(ctx, in)
	}
}

func (c *counter) value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
