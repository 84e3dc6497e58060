package conformance

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// The failure table, second part: the application. After every failure the next invocation must succeed.

// badReplies are replies that no client can use. They are followed by FIN unless they say otherwise.
var badReplies = map[string]string{
	"nothing":                      "",
	"not HTTP":                     "hello world\r\n\r\n",
	"another protocol":             "SSH-2.0-OpenSSH_9.6\r\n",
	"binary":                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"half a status line":           "HTTP/1.1 20",
	"half a head":                  "HTTP/1.1 200 OK\r\nContent-Type: text/pl",
	"head without end":             "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
	"status of two digits":         "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
	"status of letters":            "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
	"status below 100":             "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
	"HTTP/2":                       "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
	"half a body":                  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
	"no body":                      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
	"content-length of letters":    "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nhello",
	"negative content-length":      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	"endless content-length":       "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
	"contradicting content-length": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello",
	"half a chunk":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
	"chunks without end":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"chunk size of letters":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
	"endless chunk size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
	"chunk longer than its size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
	"switching protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
		"Connection: upgrade\r\n\r\n",
	"header line without colon": "HTTP/1.1 200 OK\r\nthis is no header\r\nContent-Length: 0\r\n\r\n",
	"endless head": "HTTP/1.1 200 OK\r\n" + strings.Repeat("x-filler: "+strings.Repeat("a", 1000)+
		"\r\n", 300) + "Content-Length: 0\r\n\r\n",
	"endless line": "HTTP/1.1 200 OK\r\nx-filler: " + strings.Repeat("a", 300<<10) +
		"\r\nContent-Length: 0\r\n\r\n",
	"endless interim replies": strings.Repeat("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", 20000),
}

func TestBadReplies(t *testing.T) {
	t.Parallel()
	for name, raw := range badReplies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.OnRequest(func(x *lambda.Exchange) {
				if x.Path() == "/good" {
					x.Reply(200, []string{"Content-Type: text/plain"}, []byte("good"))
					return
				}
				_ = x.Write(raw)
				x.Close()
			})
			e.startReady()
			for range 2 { // on a kept and on a new connection
				e.invoke(HTTPEvent("POST", "/bad", "x")).failed("Function.AppBadResponse", e.appAddress())
				if reply := e.invoke(HTTPEvent("GET", "/good", "")).status(200); reply.Body != "good" {
					t.Errorf("the next reply is %q", reply.Body)
				}
			}
			if n := countPath(e.app, "/bad"); n != 2 {
				t.Errorf("two POSTs reached the application %d times", n)
			}
		})
	}
}

func countPath(app *WebApp, path string) int {
	count := 0
	for _, request := range app.Served() {
		if request.Path() == path {
			count++
		}
	}
	return count
}

func TestConnectionResets(t *testing.T) {
	t.Parallel()
	t.Run("before the request is read", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.app.OnHead(func(x *lambda.Exchange) { x.Reset() })
		e.startReady()
		e.invoke(HTTPEvent("POST", "/", strings.Repeat("x", 300000))).failed("Function.AppBadResponse", e.appAddress())
		if n := len(e.app.Served()); n != 1 {
			t.Errorf("a POST was sent %d times", n)
		}
	})
	t.Run("in the middle of the reply", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.app.OnRequest(func(x *lambda.Exchange) { _ = x.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"); x.Reset() })
		e.startReady()
		for _, method := range []string{"GET", "POST"} { // some bytes have come, so no method is sent again
			e.invoke(HTTPEvent(method, "/", "")).failed("Function.AppBadResponse", e.appAddress())
		}
		if n := len(e.app.Served()); n != 2 {
			t.Errorf("two requests were sent %d times", n)
		}
	})
	t.Run("at accept", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		var resetting atomic.Bool
		e.app.Refuse()
		e.app.Accepted = func(int) bool { return !resetting.Load() }
		e.must(e.app.Resume())
		e.startReady()
		resetting.Store(true)
		e.app.CloseIdle()
		errorType := "Function.AppBadResponse"
		got := e.invoke(HTTPEvent("POST", "/", "x"))
		if strings.Contains(string(got.Body),
			"Function.AppConnectError") { // the reset may come before or after connect returns
			errorType = "Function.AppConnectError"
		}
		got.failed(errorType, e.appAddress())
		resetting.Store(false)
		e.invoke(HTTPEvent("POST", "/", "x")).status(200)
	})
}

// An application may reply without reading the body and close: what it said counts, not the broken pipe.
func TestReplyBeforeTheBodyWasRead(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnHead(func(x *lambda.Exchange) {
		if x.Path() == "/large" {
			x.Reply(413, []string{"Connection: close", "Content-Type: text/plain"}, []byte("too large"))
			x.Close()
			return
		}
		x.Reply(200, nil, nil)
	})
	e.startReady()
	for range 5 {
		if reply := e.invoke(HTTPEvent("POST", "/large", strings.Repeat("x",
			2<<20))).status(413); reply.Body != "too large" {
			t.Errorf("body %q", reply.Body)
		}
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
	}
	if n := countPath(e.app, "/large"); n != 5 {
		t.Errorf("5 POSTs were sent %d times", n)
	}
}

// A connection on which something is left over from the last exchange must not be used for the next.
func TestLeftOverBytesAreNeverTheNextReply(t *testing.T) {
	t.Parallel()
	poison := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	first := map[string]string{
		"content-length":   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison,
		"chunked":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + poison,
		"204":              "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok" + poison,
		"HEAD with a body": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison,
		"length and coding": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2\r\nok\r\n0\r\n\r\n" + poison,
		"connection: close":    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" + poison,
		"HTTP/1.0 with length": "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison,
	}
	for name, raw := range first {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.OnRequest(func(x *lambda.Exchange) {
				if x.Path() == "/first" {
					_ = x.Write(raw)
					return
				}
				x.Reply(200, nil, []byte("second"))
			})
			e.startReady()
			method := "GET"
			if strings.HasPrefix(name, "HEAD") {
				method = "HEAD"
			}
			e.invoke(HTTPEvent(method, "/first", ""))
			if reply := e.invoke(HTTPEvent("POST", "/second", "x")).status(200); reply.Body != "second" {
				t.Errorf("the second reply is %q", reply.Body)
			}
			if calls := e.app.Served(); len(calls) != 2 || calls[0].Conn == calls[1].Conn {
				t.Errorf("want two requests on two connections")
			}
		})
	}
	t.Run("unasked bytes while idle", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.startReady()
		e.invoke(HTTPEvent("GET", "/first", "")).status(200)
		e.must(e.app.Await(patience, "the idle connection", func() bool { return e.app.WriteIdle(poison) > 0 }))
		if reply := e.invoke(HTTPEvent("POST", "/second", "x")).status(200); reply.Body != "" {
			t.Errorf("the second reply is %q", reply.Body)
		}
		if calls := e.app.Served(); len(calls) != 2 || calls[0].Conn == calls[1].Conn {
			t.Errorf("want two requests on two connections")
		}
	})
}

func TestInterimRepliesAreSkipped(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnRequest(func(x *lambda.Exchange) {
		_ = x.Write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
		x.Reply(200, []string{"Content-Type: text/plain"}, []byte("final"))
	})
	e.startReady()
	if reply := e.invoke(HTTPEvent("GET", "/", "")).status(200); reply.Body != "final" || reply.Headers["link"] != "" {
		t.Errorf("reply %+v", reply)
	}
}

// The deadline margin, when set, ends a hanging exchange before Lambda ends the whole environment.
func TestDeadlineMargin(t *testing.T) {
	t.Parallel()
	hangs := map[string]string{
		"before the head":    "",
		"within the head":    "HTTP/1.1 200 OK\r\nContent-",
		"before the body":    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
		"within the body":    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal",
		"within the chunks":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
		"after interim only": "HTTP/1.1 100 Continue\r\n\r\n",
	}
	for name, raw := range hangs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_DEADLINE_MARGIN_MS"] = "300"
			closed := make(chan struct{})
			e.app.OnRequest(func(x *lambda.Exchange) {
				if x.Path() != "/slow/report" {
					x.Reply(200, nil, nil)
					return
				}
				_ = x.Write(raw)
				<-x.Gone()
				close(closed)
				x.Close()
			})
			e.startReady()
			i := e.invocation(HTTPEvent("PUT", "/slow/report", ""))
			// So far away that a busy machine has called the application by then.
			deadline := time.Now().Add(2500 * time.Millisecond)
			i.Header[0].Value = fmt.Sprint(deadline.UnixMilli())
			e.run(i).failed("Function.AppTimeout", e.appAddress())
			checkBeforeDeadline(t, deadline, 300*time.Millisecond)
			<-closed // the application must learn of it
			e.logs("PUT", "/slow/report")
			e.invoke(HTTPEvent("GET", "/", "")).status(200)
		})
	}
}

// checkBeforeDeadline asserts that an answer came by margin before the deadline: hardly earlier, and later only by
// what a busy machine takes from the adapter.
func checkBeforeDeadline(t testing.TB, deadline time.Time, margin time.Duration) {
	t.Helper()
	if left := time.Until(deadline); left > margin+50*time.Millisecond || left < margin-late(time.Second) {
		t.Errorf("answered %v before the deadline, want %v", left, margin)
	}
}

// Without the margin the deadline is Lambda's business: a late reply is posted, and a 410 for it is no reason to stop.
func TestLateReply(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	i := e.invocation(HTTPEvent("GET", "/", ""))
	i.Header[0].Value = fmt.Sprint(time.Now().Add(-time.Minute).UnixMilli())
	i.Refuse = 410
	e.run(i).status(200)
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// An application that restarts under a supervisor is waited for. No byte was sent, so this is safe for every method.
func TestAppRestarts(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	for range 3 {
		e.app.Refuse()
		e.app.CloseIdle()
		i := e.invocation(HTTPEvent("POST", "/", "x"))
		e.api.Push(i)
		time.AfterFunc(150*time.Millisecond, func() { _ = e.app.Resume() })
		e.answered(i).status(200)
	}
	if n := len(e.app.Served()); n != 3 {
		t.Errorf("three POSTs were sent %d times", n)
	}
}

// An application that is away for 3 s ends no environment, however many invocations find nobody meanwhile.
func TestManyInvocationsDuringARestart(t *testing.T) {
	t.Parallel()
	const workers = 64
	e := newEnvironment(t)
	e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = fmt.Sprint(workers)
	e.start()
	e.awaitNext(workers)
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	e.app.Refuse()
	e.app.CloseIdle()
	for range 3 { // each invocation is tried for 2 s, or until its deadline
		var failing []*lambda.Invocation
		for range workers {
			i := e.invocation(HTTPEvent("GET", "/", ""))
			i.Header[0].Value = fmt.Sprint(time.Now().Add(time.Second).UnixMilli())
			e.api.Push(i)
			failing = append(failing, i)
		}
		for _, i := range failing {
			e.answered(i).failed("Function.AppConnectError", e.appAddress())
		}
	}
	e.must(e.app.Resume())
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// An application that stays away ends the environment after 20 s of invocations that found nobody; one answer between
// them starts the count anew.
func TestConnectErrorsEndTheEnvironment(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	refused := func(times int) {
		for range times {
			e.invoke(HTTPEvent("GET", "/", "")).failed("Function.AppConnectError", e.appAddress())
		}
	}
	e.app.Refuse()
	e.app.CloseIdle()
	refused(2)
	e.must(e.app.Resume())
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	e.app.Refuse()
	e.app.CloseIdle()
	refused(9)
	for range 5 { // each one tried for 2 s and a little more
		if _, err := e.adapter.AwaitExit(time.Second); err == nil {
			break
		}
		refused(1)
	}
	e.exits(1)
	e.logs("FATAL", e.appAddress())
}
