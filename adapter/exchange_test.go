package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/settings"
)

const restEvent = `{"resource":"/{proxy+}","path":"/api/hello","httpMethod":"GET","headers":{"Accept":"application/json","Host":"abc123.execute-api.us-east-1.amazonaws.com","User-Agent":"curl/8.5.0","X-Forwarded-For":"192.0.2.1","X-Forwarded-Port":"443","X-Forwarded-Proto":"https"},"multiValueHeaders":{"Accept":["application/json"],"Host":["abc123.execute-api.us-east-1.amazonaws.com"],"User-Agent":["curl/8.5.0"],"X-Forwarded-For":["192.0.2.1"],"X-Forwarded-Port":["443"],"X-Forwarded-Proto":["https"]},"queryStringParameters":{"name":"World"},"multiValueQueryStringParameters":{"name":["World"]},"pathParameters":{"proxy":"api/hello"},"stageVariables":null,"requestContext":{"accountId":"111122223333","apiId":"abc123","resourceId":"z1","resourcePath":"/{proxy+}","path":"/v1/api/hello","stage":"v1","httpMethod":"GET","protocol":"HTTP/1.1","requestId":"r1","identity":{"sourceIp":"192.0.2.1","userAgent":"curl/8.5.0"}},"body":null,"isBase64Encoded":false}`

// peer is a server on a real socket that answers each request with the same bytes. It reads and
// writes without allocating, so that allocations measured here are the adapter's.
type peer struct {
	net.Listener
	answers  func(request []byte) []byte
	accepted atomic.Int32
	requests atomic.Int64
	instead  atomic.Pointer[[]byte] // what every request is answered with, if it is set
}

func newPeer(t testing.TB, answers func(request []byte) []byte) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: listener, answers: answers}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			go p.serve(conn)
		}
	}()
	return p
}

func (p *peer) port() int { return p.Addr().(*net.TCPAddr).Port }

func (p *peer) serve(conn net.Conn) {
	defer conn.Close()
	buffer, held := make([]byte, 4<<20), 0 // holds the largest request of these tests
	for {
		n, err := conn.Read(buffer[held:])
		if err != nil {
			return
		}
		held += n
		for {
			size := requestSize(buffer[:held])
			if size == 0 {
				break
			}
			p.requests.Add(1)
			answer := p.answers(buffer[:size])
			if instead := p.instead.Load(); instead != nil {
				answer = *instead
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
			held = copy(buffer, buffer[size:held])
		}
	}
}

// requestSize is the length of the first whole request, 0 if there is none.
func requestSize(data []byte) int {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	size := end + 4
	if bytes.Contains(data[:end], []byte("transfer-encoding: chunked")) {
		last := bytes.Index(data[size:], []byte("\r\n0\r\n\r\n"))
		if last < 0 {
			return 0
		}
		return size + last + 7
	}
	const name = "content-length: "
	if i := bytes.Index(data[:end], []byte(name)); i >= 0 {
		for _, digit := range data[i+len(name) : end+1] {
			if digit < '0' || digit > '9' {
				break
			}
			size = size - (size - end - 4) + 10*(size-end-4) + int(digit-'0')
		}
	}
	if size > len(data) {
		return 0
	}
	return size
}

// newRuntimeAPI returns a Runtime API that always has the same event, and shows what is posted to
// it.
func newRuntimeAPI(t testing.TB, event string, posted func(request []byte)) *peer {
	t.Helper()
	next := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
		"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n" +
		"Lambda-Runtime-Deadline-Ms: 99999999999999\r\n" +
		"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111122223333:function:f\r\n" +
		"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\nContent-Length: " +
		strconv.Itoa(len(event)) + "\r\n\r\n" + event)
	accepted := []byte("HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n")
	return newPeer(t, func(request []byte) []byte {
		if request[0] == 'G' {
			return next
		}
		posted(request)
		return accepted
	})
}

// newExchange returns a worker between a Runtime API that always has the same event and an app that
// always answers the same.
func newExchange(t testing.TB, event, appAnswer string, change func(*settings.Settings)) (w *worker, runtimeAPI,
	app *peer) {
	t.Helper()
	runtimeAPI = newRuntimeAPI(t, event, func([]byte) {})
	answer := []byte(appAnswer)
	app = newPeer(t, func([]byte) []byte { return answer })
	config, _, err := settings.Read([]string{"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI.Addr().String(), "AWS_LWA_PORT=" +
		strconv.Itoa(app.port()),
		"AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS=60"})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&config)
	}
	a := newAdapter(config, logging.New(io.Discard, logging.Info, false), new(termination), time.Now())
	if err := a.awaitApp(); err != nil {
		t.Fatal(err)
	}
	return a.workers[0], runtimeAPI, app
}

func (w *worker) serveNext(t testing.TB) {
	if err := w.runtime.Poll(&w.invocation, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := w.serveOne(); err != nil {
		t.Fatal(err)
	}
	if w.state != answered {
		t.Fatal("the invocation has no answer")
	}
}

const helloAnswer = "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Mon, 23 Nov 2026 01:28:16 GMT\r\n" +
	"Connection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"message\":\"Hello, World!\"}"

func withFront(s *settings.Settings) {
	s.PrefixHeader, s.PrefixAuto = true, true
	s.FrontDigests = [][sha256.Size]byte{sha256.Sum256([]byte("another")), sha256.Sum256([]byte("secret"))}
}

// Once everything is warm, an exchange with a small body allocates nothing.
func TestExchangeAllocatesNothing(t *testing.T) {
	kilobyte := strings.Repeat("0123456789abcdef", 64)
	rows := []struct {
		rule, event, answer string
		change              func(*settings.Settings)
	}{
		{"REST, GET", restEvent, helloAnswer, nil},
		{"REST, GET, prefix in the header", restEvent, helloAnswer,
			func(s *settings.Settings) { s.PrefixHeader = true }},
		{"REST, GET, prefix and redirects", restEvent, strings.Replace(helloAnswer, "\r\n\r\n",
			"\r\nLocation: /login\r\nSet-Cookie: a=1; Path=/a\r\n\r\n", 1),
			func(s *settings.Settings) { s.PrefixHeader, s.PrefixAuto = true, true }},
		{"REST, GET, prefix in the path", restEvent, helloAnswer, func(s *settings.Settings) { s.PrefixInPath = true }},
		{"REST, GET, from the distribution in front", strings.ReplaceAll(strings.ReplaceAll(restEvent,
			`"Accept":"application/json"`, `"Accept":"application/json","X-Lambda-Web-Front":"secret","X-Forwarded-Host":"shop.example.com"`),
			`"Accept":["application/json"]`, `"Accept":["application/json"],"X-Lambda-Web-Front":["secret"],"X-Forwarded-Host":["shop.example.com"]`),
			helloAnswer, withFront},
		{"REST, GET, beside the distribution in front", restEvent, helloAnswer, withFront},
		{"HTTP API, POST of 1 KB in base64",
			`{"version":"2.0","rawPath":"/","headers":{"host":"h","cookie":"a=1"},"cookies":["a=1","b=2"],"requestContext":{"http":{"method":"POST"}},"body":"` + kilobyte + `","isBase64Encoded":true}`,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1\r\nVary: a\r\nVary: b\r\n\r\n400\r\n" +
				kilobyte + "\r\n0\r\n\r\n", nil},
		{"ALB, binary reply", `{"httpMethod":"GET","path":"/","headers":{"host":"h"},"requestContext":{"elb":{}}}`,
			"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\nKeep-Alive: timeout=900\r\n" +
				"\r\n\xff\x00\x01\x02", nil},
		{"pass-through", `{"Records":[]}`, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", nil},
		{"streaming", `{"rawPath":"/","headers":{"host":"h"},"requestContext":{"http":{"method":"GET"}}}`,
			helloAnswer, func(s *settings.Settings) { s.Stream = true }},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			w, _, app := newExchange(t, row.event, row.answer, row.change)
			for range 20 {
				w.serveNext(t)
			}
			// Two of a hundred runs may see an allocation of the test's own machinery.
			if n := testing.AllocsPerRun(100, func() { w.serveNext(t) }); n > 0.02 && !raceDetector {
				t.Errorf("%v allocations per exchange", n)
			}
			if n := app.accepted.Load(); n != 1 {
				t.Errorf("the app saw %d connections, want the probe's only", n)
			}
		})
	}
}

// What a large answer needed is given up after a small one, however large the buffers are that it came in.
func TestLargeAnswersLeaveNothing(t *testing.T) {
	for _, stream := range []bool{false, true} {
		body := strings.Repeat("0123456789abcdef", 1<<16)
		large := []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + body + "\r\n0\r\n\r\n")
		w, _, app := newExchange(t, restEvent, helloAnswer, func(s *settings.Settings) { s.Stream = stream })
		heap := func() uint64 {
			for range 3 {
				w.serveNext(t)
				w.shrink()
			}
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		before := heap()
		app.instead.Store(&large)
		w.serveNext(t)
		w.shrink()
		app.instead.Store(nil)
		if after := heap(); after > before+100<<10 && !raceDetector {
			t.Errorf("streamed: %v: %d bytes in use before, %d after", stream, before, after)
		}
		runtime.KeepAlive(w)
		runtime.KeepAlive(large)
	}
}

// A panic, which no event is known to bring about, fails the one invocation that it happens in.
func TestPanicFailsOneInvocation(t *testing.T) {
	w, _, _ := newExchange(t, restEvent, helloAnswer, nil)
	posted := make(chan string, 1)
	api := newRuntimeAPI(t, restEvent, func(request []byte) { posted <- string(request) })
	w.runtime = lambdaapi.NewRuntime(api.Addr().String(), func([]byte, string) {})
	var log bytes.Buffer
	w.log = logging.New(&log, logging.Info, false)

	composer := w.composer
	w.composer = nil
	w.serveNext(t)
	if report := <-posted; !strings.Contains(report, "/error HTTP/1.1\r\n") || !strings.Contains(report,
		"lambda-runtime-function-error-type: Runtime.AdapterError\r\n") {
		t.Errorf("posted %q", report)
	}
	if !strings.Contains(log.String(), "panic: ") || !strings.Contains(log.String(), "goroutine ") {
		t.Errorf("no stack in the log %q", log.String())
	}
	w.composer = composer
	w.serveNext(t)
	if report := <-posted; !strings.Contains(report, "/response HTTP/1.1\r\n") {
		t.Errorf("the next invocation was answered with %q", report)
	}
}

func BenchmarkExchange(b *testing.B) {
	w, _, _ := newExchange(b, restEvent, helloAnswer, nil)
	w.serveNext(b)
	b.ReportAllocs()
	for b.Loop() {
		w.serveNext(b)
	}
}

func BenchmarkExchange1MB(b *testing.B) {
	text := strings.Repeat("<a href=\"/x\">Gruesse</a>\n", 40000)
	w, _, _ := newExchange(b, restEvent, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "+
		strconv.Itoa(len(text))+"\r\n\r\n"+text, nil)
	w.serveNext(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		w.serveNext(b)
	}
}
