package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
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

// Each piece that the application sends is on its way before the next is there: the first byte does not wait for the last.
func TestStreamingDoesNotWait(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LWA_INVOKE_MODE"] = "Response_Stream"
	watch := &streamWatch{more: make(chan struct{}, 1)}
	e.api.Intercept(func(x *Exchange) bool {
		if !strings.HasSuffix(x.Path(), "/response") {
			return false
		}
		piece := make([]byte, 4096)
		for !bytes.HasSuffix(watch.body.Bytes(), []byte("0\r\n\r\n")) {
			n, err := x.conn.in.Read(piece)
			if err != nil {
				break
			}
			watch.add(piece[:n])
		}
		x.bodyRead = true
		x.accepted()
		return true
	})
	e.app.OnRequest(func(x *Exchange) {
		_ = x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		watch.await(t, nuls) // the prelude comes before any byte of the body
		for n := range 5 {
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
}

func TestStreamedBodiesAreExact(t *testing.T) {
	t.Parallel()
	body := randomBytes(8 << 20) // above the limit of buffered replies
	for name, reply := range map[string]func(x *Exchange){
		"length": func(x *Exchange) { x.Reply(200, []string{"Content-Type: image/png"}, body) },
		"chunks": func(x *Exchange) {
			_ = x.Write("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n" + Chunked(body, 100_001))
		},
		"close": func(x *Exchange) {
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
	e.app.OnRequest(func(x *Exchange) {
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
	e.app.OnRequest(func(x *Exchange) { x.Reply(200, []string{"Content-Type: application/json"}, []byte(`{"ok": true}`)) })
	e.startReady()
	got := e.invoke(`{"Records":[]}`)
	if got.Chunked || string(got.Body) != `{"ok": true}` || got.Header.Has("Lambda-Runtime-Function-Response-Mode") {
		t.Errorf("JSON for a pass-through event was posted as %q %q", got.Head, got.Body)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("compress me ", 1000)
	cases := map[string]struct {
		accept, header, body string
		method               string
		compressed           bool
	}{
		"text":                     {accept: "gzip", header: "Content-Type: text/html", body: long, compressed: true},
		"text, several codings":    {accept: "deflate, gzip;q=0.5, br;q=0", header: "Content-Type: application/json", body: long, compressed: true},
		"any coding":               {accept: "*", header: "Content-Type: text/html", body: long, compressed: true},
		"svg":                      {accept: "gzip", header: "Content-Type: image/svg+xml", body: long, compressed: true},
		"upper case":               {accept: "GZIP", header: "Content-Type: Text/HTML", body: long, compressed: true},
		"32 bytes":                 {accept: "gzip", header: "Content-Type: text/html", body: long[:32], compressed: true},
		"31 bytes":                 {accept: "gzip", header: "Content-Type: text/html", body: long[:31]},
		"not asked for":            {header: "Content-Type: text/html", body: long},
		"identity":                 {accept: "identity", header: "Content-Type: text/html", body: long},
		"refused":                  {accept: "gzip;q=0", header: "Content-Type: text/html", body: long},
		"refused with decimals":    {accept: "gzip; q=0.000, identity", header: "Content-Type: text/html", body: long},
		"image":                    {accept: "gzip", header: "Content-Type: image/png", body: long},
		"grpc":                     {accept: "gzip", header: "Content-Type: application/grpc-web", body: long},
		"event stream":             {accept: "gzip", header: "Content-Type: text/event-stream", body: long},
		"encoded already":          {accept: "gzip", header: "Content-Type: text/html\r\nContent-Encoding: br", body: long},
		"range":                    {accept: "gzip", header: "Content-Type: text/html\r\nContent-Range: bytes 0-99/100", body: long},
		"empty":                    {accept: "gzip", header: "Content-Type: text/html"},
		"HEAD":                     {accept: "gzip", header: "Content-Type: text/html", method: "HEAD", body: long},
		"accept-ranges is dropped": {accept: "gzip", header: "Content-Type: text/html\r\nAccept-Ranges: bytes\r\nVary: Origin", body: long, compressed: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_ENABLE_COMPRESSION"] = "true"
			e.app.OnRequest(func(x *Exchange) {
				raw := fmt.Sprintf("HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n", c.header, len(c.body))
				if c.method != "HEAD" {
					raw += c.body
				}
				_ = x.Write(raw)
			})
			e.startReady()
			method := c.method
			if method == "" {
				method = "GET"
			}
			event := HTTPEvent(method, "/", "")
			if c.accept != "" {
				event = strings.Replace(event, `"headers":{`, `"headers":{"accept-encoding":"`+c.accept+`",`, 1)
			}
			reply := e.invoke(event).status(200)
			if compressed := reply.Headers["content-encoding"] == "gzip"; compressed != c.compressed {
				t.Fatalf("compressed %v: %v", compressed, reply.Headers)
			}
			if c.compressed {
				checkCompressed(t, reply, c.body)
			}
			if c.header != "" && strings.Contains(c.header, "Origin") && !strings.Contains(reply.Headers["vary"], "Origin") {
				t.Errorf("vary %q", reply.Headers["vary"])
			}
		})
	}
	t.Run("off under streaming", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_ENABLE_COMPRESSION"] = "true"
		e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
		e.app.OnRequest(func(x *Exchange) { x.Reply(200, []string{"Content-Type: text/html"}, []byte(long)) })
		e.startReady()
		e.logs("WARN", "AWS_LWA_ENABLE_COMPRESSION")
		event := strings.Replace(URLEvent("GET", "/", ""), `"headers":{`, `"headers":{"accept-encoding":"gzip",`, 1)
		if got := e.invoke(event); !strings.HasSuffix(string(got.Body), nuls+long) {
			t.Errorf("streamed %.100q", got.Body)
		}
	})
}

func checkCompressed(t *testing.T, reply envelope, want string) {
	t.Helper()
	unpack, err := gzip.NewReader(bytes.NewReader(reply.content(t)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(unpack)
	if err != nil || string(body) != want {
		t.Errorf("unpacked %d bytes, want %d: %v", len(body), len(want), err)
	}
	if !reply.IsBase64Encoded || !strings.Contains(strings.ToLower(reply.Headers["vary"]), "accept-encoding") {
		t.Errorf("base64 %v, vary %q", reply.IsBase64Encoded, reply.Headers["vary"])
	}
	for _, name := range []string{"content-length", "accept-ranges"} {
		if value, ok := reply.Headers[name]; ok {
			t.Errorf("%s %q is left", name, value)
		}
	}
}

// Eight workers, each with a poll, a Runtime API connection and an application connection of its own.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	const workers, invocations = 8, 400
	e := newEnvironment(t)
	e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = fmt.Sprint(workers)
	var arrived sync.WaitGroup
	arrived.Add(workers)
	e.app.OnRequest(func(x *Exchange) {
		if x.Path() == "/together" {
			arrived.Done()
			arrived.Wait()
		}
		x.Reply(200, []string{"Content-Type: text/plain", "X-Trace: " + x.Header.Get("x-amzn-trace-id")}, x.Body)
	})
	e.start()
	e.awaitNext(workers)
	polls := map[int]bool{}
	for _, call := range e.api.Calls(PathNext) {
		polls[call.Conn] = true
	}
	if len(polls) != workers {
		t.Errorf("%d polls on %d connections", workers, len(polls))
	}
	var pushed []*Invocation
	for n := range workers + invocations {
		path := "/"
		if n < workers {
			path = "/together" // answered only when all eight are there
		}
		body := fmt.Sprintf("body of %d", n)
		i := e.invocation(strings.Replace(HTTPEvent("POST", path, body), `"headers":{`, `"headers":{"x-amzn-trace-id":"Root=1-old",`, 1))
		i.Header[2].Value = fmt.Sprintf("Root=1-%d", n)
		pushed = append(pushed, i)
		e.api.Push(i)
	}
	for n, i := range pushed {
		reply := e.answered(i).status(200)
		if want := fmt.Sprintf("body of %d", n); reply.Body != want || reply.Headers["x-trace"] != fmt.Sprintf("Root=1-%d", n) {
			t.Errorf("invocation %d got the reply %q with trace %q", n, reply.Body, reply.Headers["x-trace"])
		}
	}
	e.awaitNext(2*workers + invocations)
	if len(e.app.Served()) != len(pushed) {
		t.Errorf("%d invocations were sent %d times", len(pushed), len(e.app.Served()))
	}
	if open := e.app.Open(); open > workers {
		t.Errorf("%d connections to the application, want at most %d", open, workers)
	}
}

// A worker whose poll fails comes back, and the others do not wait for it.
func TestConcurrentWorkersComeBack(t *testing.T) {
	t.Parallel()
	const workers = 4
	e := newEnvironment(t)
	e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = fmt.Sprint(workers)
	var mu sync.Mutex
	failed := map[int]bool{}
	e.api.Intercept(func(x *Exchange) bool {
		mu.Lock()
		defer mu.Unlock()
		if x.Path() != PathNext || failed[x.Conn] || len(failed) >= 12 {
			return false
		}
		failed[x.Conn] = true
		x.Reset()
		return true
	})
	e.start()
	e.awaitNext(12 + workers)
	for range 20 {
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
	}
}

func TestConcurrencySettingIsForgiving(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"0", "-3", "many", "1.5"} {
		e := newEnvironment(t)
		e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = value
		e.startReady()
		e.logs("WARN", "AWS_LAMBDA_MAX_CONCURRENCY", value)
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		e.awaitNext(2)
	}
}

// snapStart prepares an environment that will be snapshotted and restored.
func snapStart(t *testing.T) (e *environment, restored chan struct{}) {
	e, restored = newEnvironment(t), make(chan struct{})
	e.api.HoldRestore(restored)
	e.variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
	e.variables["AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH"] = "/hooks/before"
	e.variables["AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH"] = "hooks/after"
	return e, restored
}

func TestSnapStart(t *testing.T) {
	t.Parallel()
	e, restored := snapStart(t)
	e.app.OnReadiness(emptyOK) // hooks carry no Lambda context, so they count as probes here
	e.start()
	e.must(e.api.Await(patience, "restore/next", func() bool { return len(e.api.Calls(PathRestoreNext)) > 0 }))
	calls := e.app.Requests()
	if len(calls) != 2 || calls[0].Target != "/" || calls[1].Method+" "+calls[1].Target != "POST /hooks/before" || len(calls[1].Body) != 0 {
		t.Fatalf("before the snapshot the application saw %d requests", len(calls))
	}
	if length := calls[1].Header.Get("content-length"); length != "0" {
		t.Errorf("content-length %q", length)
	}
	e.must(e.adapter.Freeze())
	e.must(e.adapter.Thaw())
	close(restored)
	e.awaitNext(1)
	calls = e.app.Requests()
	if len(calls) != 3 || calls[2].Method+" "+calls[2].Target != "POST /hooks/after" {
		t.Fatalf("after the restore the application saw %d requests", len(calls))
	}
	if calls[2].Conn == calls[1].Conn || calls[2].Conn == calls[0].Conn {
		t.Error("a connection from before the snapshot was used after it")
	}
	for _, path := range []string{"/hooks/before", "/hooks/after", "/hooks/%61fter", "/x/../hooks/after", "/hooks/./before", "//hooks//after", "/hooks/after/", "/hooks/before?x=1", "/hooks/%2e%2e/hooks/before"} {
		event := strings.Replace(HTTPEvent("POST", path, ""), `"rawQueryString":""`, `"rawQueryString":"a=1"`, 1)
		if got := e.invoke(event); !strings.Contains(string(got.Body), `"statusCode":403`) {
			t.Errorf("%s was answered with %s", path, got.Body)
		}
	}
	if len(e.app.Served()) != 0 {
		t.Errorf("a hook was called from outside: %q", e.app.Served()[0].Head)
	}
	e.invoke(HTTPEvent("POST", "/hooks/aftermath", "")).status(200)
	e.invoke(HTTPEvent("POST", "/", "")).status(200)
	if calls := e.app.Served(); len(calls) != 2 || calls[0].Conn != calls[1].Conn {
		t.Error("connections are not reused after the restore")
	}
}

func TestSnapStartHookFails(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ hook, path, errorType string }{
		"before": {"/hooks/before", PathInitError, "Runtime.InitError"},
		"after":  {"/hooks/after", PathRestoreError, "Runtime.AfterRestoreError"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, restored := snapStart(t)
			close(restored)
			e.app.OnReadiness(func(x *Exchange) {
				status := 200
				if x.Path() == c.hook {
					status = 503
				}
				x.Reply(status, nil, nil)
			})
			e.start()
			e.exits(1)
			reports := e.api.Calls(c.path)
			if len(reports) != 1 || len(e.api.Calls(PathNext)) != 0 {
				t.Fatalf("%d reports and %d polls", len(reports), len(e.api.Calls(PathNext)))
			}
			checkFailure(t, reports[0], c.errorType, c.hook, "503")
		})
	}
}
