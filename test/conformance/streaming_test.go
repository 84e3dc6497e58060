package conformance

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// streamWatch collects the body of an answer that is still under way.
type streamWatch struct {
	mu   sync.Mutex
	body bytes.Buffer
	more chan struct{}
}

func (w *streamWatch) add(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body.Write(p)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *streamWatch) await(t testing.TB, part string) {
	t.Helper()
	expired := time.After(patience)
	for {
		w.mu.Lock()
		found := bytes.Contains(w.body.Bytes(), []byte(part))
		w.mu.Unlock()
		if found {
			return
		}
		select {
		case <-w.more:
		case <-expired:
			t.Fatalf("%q was not streamed within %v", part, patience)
		}
	}
}

// Each piece that the application sends is on its way before the next is there: the first byte does not wait for the
// last, nor the head for a byte of the body, whatever came with it.
func TestStreamingDoesNotWait(t *testing.T) {
	t.Parallel()
	for name, beside := range map[string]int{"head alone": 0, "head with a size line": len("9\r\n"),
		"head with a part of it": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_INVOKE_MODE"] = "Response_Stream"
			watch := &streamWatch{more: make(chan struct{}, 1)}
			e.api.Intercept(watch.take)
			e.app.OnRequest(func(x *lambda.Exchange) {
				head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
				chunks := lambda.Chunked([]byte("data: 0\n\n"), 9)
				_ = x.Write(head + chunks[:beside])
				watch.await(t, nuls) // the prelude comes before any byte of the body
				_ = x.Write(chunks[beside : len(chunks)-len("0\r\n\r\n")])
				watch.await(t, "data: 0\n\n")
				for n := 1; n < 5; n++ {
					event := fmt.Sprintf("data: %d\n\n", n)
					_ = x.Write(fmt.Sprintf("%x\r\n%s\r\n", len(event), event))
					watch.await(t, event)
				}
				_ = x.Write("0\r\n\r\n")
			})
			e.startReady()
			e.api.Push(e.invocation(URLEvent("GET", "/", "")))
			e.awaitNext(2)
			watch.await(t, "0\r\n\r\n")
		})
	}
}

// take reads the body of a posted response while it comes.
func (w *streamWatch) take(x *lambda.Exchange) bool {
	if !strings.HasSuffix(x.Path(), "/response") {
		return false
	}
	piece := make([]byte, 4096)
	for !bytes.HasSuffix(w.body.Bytes(), []byte("0\r\n\r\n")) {
		n, err := x.Reader().Read(piece)
		if err != nil {
			break
		}
		w.add(piece[:n])
	}
	x.Accept()
	return true
}

func TestStreamedBodiesAreExact(t *testing.T) {
	t.Parallel()
	body := randomBytes(8 << 20) // above the limit of buffered replies
	for name, reply := range map[string]func(x *lambda.Exchange){
		"length": func(x *lambda.Exchange) { x.Reply(200, []string{"Content-Type: image/png"}, body) },
		"chunks": func(x *lambda.Exchange) {
			_ = x.Write("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n" +
				lambda.Chunked(body, 100_001))
		},
		"close": func(x *lambda.Exchange) {
			_ = x.Write("HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n" + string(body))
			x.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
			e.app.OnRequest(reply)
			e.startReady()
			for range 2 {
				got := e.invoke(URLEvent("GET", "/", ""))
				_, content, _ := bytes.Cut(got.Body, []byte(nuls))
				if !bytes.Equal(content, body) {
					t.Errorf("%d bytes were streamed, want %d", len(content), len(body))
				}
				if len(got.Trailer) != 0 {
					t.Errorf("trailers %v on a complete reply", got.Trailer)
				}
			}
		})
	}
}

func TestStreamingEdges(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
	e.variables["AWS_LWA_ERROR_STATUS_CODES"] = "500-599"
	replies := map[string]string{
		"/204":  "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
		"/head": "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1234\r\n\r\n",
		"/500":  "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\noops",
		"/bad":  "nonsense\r\n\r\n",
		"/json": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
	}
	e.app.OnRequest(func(x *lambda.Exchange) {
		_ = x.Write(replies[x.Path()])
		if x.Path() == "/bad" {
			x.Close()
		}
	})
	e.startReady()
	prelude := func(method, path, want string) {
		t.Helper()
		got := e.invoke(URLEvent(method, path, ""))
		head, body, found := strings.Cut(string(got.Body), nuls)
		if !found || body != "" {
			t.Errorf("%s %s was streamed as %q", method, path, got.Body)
		}
		checkEnvelope(t, []byte(head), []byte(want))
	}
	prelude("GET", "/204", `{"statusCode":204,"headers":{"x-a":"1","content-type":"application/octet-stream"}}`)
	prelude("HEAD", "/head", `{"statusCode":200,"headers":{"content-type":"text/html","content-length":"1234"}}`)
	e.invoke(URLEvent("GET", "/500", "")).failed("Function.HttpStatusError", `{"statusCode":500,"body":"oops"}`)
	e.invoke(URLEvent("POST", "/bad", "")).failed("Function.AppBadResponse", e.appAddress())
	if got := e.invoke(URLEvent("GET", "/json", "")); !strings.HasSuffix(string(got.Body), nuls+`{"a":1}`) {
		t.Errorf("streamed %q", got.Body)
	}
}

func TestPassThroughUnderStreaming(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
	e.app.OnRequest(func(x *lambda.Exchange) {
		x.Reply(200, []string{"Content-Type: application/json"}, []byte(`{"ok": true}`))
	})
	e.startReady()
	got := e.invoke(`{"Records":[]}`)
	if got.Chunked || string(got.Body) != `{"ok": true}` || got.Header.Has("Lambda-Runtime-Function-Response-Mode") {
		t.Errorf("JSON for a pass-through event was posted as %q %q", got.Head, got.Body)
	}
}
