package conformance

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// The failure table, third part: the Runtime API, signals, and clients that leave.

func TestNextFailsForGood(t *testing.T) {
	t.Parallel()
	for _, status := range []int{403, 500} {
		e := newEnvironment(t)
		e.api.Intercept(func(x *lambda.Exchange) bool {
			if x.Path() == lambda.PathNext {
				x.Reply(status, nil, []byte(`{"errorMessage":"the state is wrong","errorType":"Some.Reason"}`))
			}
			return x.Path() == lambda.PathNext
		})
		e.startReady()
		e.exits(1)
		e.logs(fmt.Sprint(status), "the state is wrong")
	}
}

func TestNextFailsForAWhile(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*lambda.Exchange){
		"reset":       func(x *lambda.Exchange) { x.Reset() },
		"closed":      func(x *lambda.Exchange) { x.Close() },
		"503":         func(x *lambda.Exchange) { x.Reply(503, nil, nil) },
		"404":         func(x *lambda.Exchange) { x.Reply(404, nil, []byte("not found")) },
		"half a head": func(x *lambda.Exchange) { _ = x.Write("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Req"); x.Close() },
		"half an event": func(x *lambda.Exchange) {
			_ = x.Write(halfEvent("Content-Length: 9000") +
				`{"version"`)
			x.Close()
		},
		"half a chunk": func(x *lambda.Exchange) {
			_ = x.Write(halfEvent("Transfer-Encoding: chunked") + "a\r\n{\"v")
			x.Reset()
		},
		"garbage":   func(x *lambda.Exchange) { _ = x.Write("garbage\r\n\r\n"); x.Close() },
		"no length": func(x *lambda.Exchange) { _ = x.Write("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"); x.Close() },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			var polls atomic.Int32
			e.api.Intercept(func(x *lambda.Exchange) bool {
				failing := x.Path() == lambda.PathNext && polls.Add(1)%4 != 0
				if failing {
					fault(x)
				}
				return failing
			})
			e.start()
			for range 3 {
				e.invoke(HTTPEvent("GET", "/", "")).status(200)
			}
			if n := len(e.app.Served()); n != 3 {
				t.Errorf("the application was called %d times", n)
			}
		})
	}
}

func halfEvent(framing string) string {
	return "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: broken\r\nLambda-Runtime-Deadline-Ms: 1\r\n" + framing +
		"\r\n\r\n"
}

func TestNextWithoutRequestID(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	lost := e.invocation(HTTPEvent("GET", "/lost", ""))
	lost.Omit = true
	e.api.Push(lost)
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	e.logs("Lambda-Runtime-Aws-Request-Id")
	if countPath(e.app, "/lost") != 0 {
		t.Error("an event that cannot be answered was handed to the application")
	}
}

// A Runtime API connection that ends between event and answer costs no invocation: the answer goes out once, on a new
// connection.
func TestRuntimeConnectionEndsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*lambda.Exchange, *lambda.Invocation){
		"announced": func(x *lambda.Exchange, i *lambda.Invocation) {
			i.Header = append(i.Header, lambda.Field{Name: "Connection", Value: "close"})
		},
		"FIN": func(*lambda.Exchange, *lambda.Invocation) {},
	}
	for name, prepare := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			closed := make(chan struct{}, 1)
			e.app.OnRequest(func(x *lambda.Exchange) {
				<-closed // an answer that crosses the FIN may be lost, and that is another story
				x.Reply(200, nil, nil)
			})
			e.api.Intercept(func(x *lambda.Exchange) bool {
				if x.Path() != lambda.PathNext {
					return false
				}
				if i := e.api.Take(x); i != nil {
					prepare(x, i)
					e.api.Deliver(x, i)
					x.Close()
					closed <- struct{}{}
				}
				return true
			})
			e.startReady()
			for range 3 {
				i := e.invocation(HTTPEvent("POST", "/", "x"))
				e.run(i).status(200)
				e.awaitNext(e.count + 1)
				if len(i.Answers) != 0 {
					t.Error("the answer was posted twice")
				}
			}
		})
	}
}

// An upload that breaks is not repeated, because the API may have taken it; the adapter asks for the next event.
func TestAnswerUploadBreaks(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*lambda.Exchange){
		"before the body":    func(x *lambda.Exchange) { x.Reset() },
		"after the body":     func(x *lambda.Exchange) { _ = x.ReadBody(); x.Reset() },
		"instead of a reply": func(x *lambda.Exchange) { _ = x.ReadBody(); x.Close() },
		"half a reply":       func(x *lambda.Exchange) { _ = x.ReadBody(); _ = x.Write("HTTP/1.1 202 Acc"); x.Close() },
		"500":                func(x *lambda.Exchange) { _ = x.ReadBody(); x.Reply(500, nil, nil) },
		"400": func(x *lambda.Exchange) {
			_ = x.ReadBody()
			x.Reply(400, nil, []byte(`{"errorType":"InvalidRequestID"}`))
		},
		"413": func(x *lambda.Exchange) { _ = x.ReadBody(); x.Reply(413, nil, nil) },
	}
	for name, fault := range faults {
		for _, size := range []int{10, 3 << 20} {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				t.Parallel()
				e := newEnvironment(t)
				e.api.Intercept(func(x *lambda.Exchange) bool {
					broken := strings.HasPrefix(x.Path(), lambda.PathInvocation+"broken/")
					if broken {
						fault(x)
					}
					return broken
				})
				e.app.OnRequest(func(x *lambda.Exchange) { x.Reply(200, nil, []byte(strings.Repeat("a", size))) })
				e.startReady()
				i := e.invocation(HTTPEvent("GET", "/", ""))
				i.ID = "broken"
				e.api.Push(i)
				if name == "500" { // fatal: to go on and to let the environment be rebuilt are both right
					e.must(e.api.Await(patience, "the answer",
						func() bool { return len(e.api.Calls(lambda.PathInvocation+"broken/response")) > 0 }))
					e.awaitNextOrExit(2)
				} else {
					e.invoke(HTTPEvent("GET", "/", "")).status(200)
				}
				if n := len(e.api.Calls(lambda.PathInvocation + "broken/response")); n != 1 {
					t.Errorf("the answer was posted %d times", n)
				}
			})
		}
	}
}

// After a truncated upload Lambda answers every poll with 403: only a new environment helps.
func TestForbiddenAfterABrokenUpload(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	var wedged atomic.Bool
	e.api.Intercept(func(x *lambda.Exchange) bool {
		switch {
		case strings.HasSuffix(x.Path(), "/response"):
			wedged.Store(true)
			x.Reset()
			return true
		case wedged.Load():
			x.Reply(403, nil, []byte(`{"errorType":"InvalidStateTransition"}`))
			return true
		}
		return false
	})
	e.startReady()
	e.api.Push(e.invocation(HTTPEvent("GET", "/", "")))
	e.exits(1)
	e.logs("403", "InvalidStateTransition")
}

func TestSIGTERM(t *testing.T) {
	t.Parallel()
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.startReady()
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		e.awaitNext(2)
		e.must(e.adapter.Signal(syscall.SIGTERM))
		e.exits(0)
	})
	t.Run("before the application is ready", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.app.Refuse()
		e.start()
		e.must(e.api.Await(patience, "event/next", func() bool { return len(e.api.Calls(lambda.PathEventNext)) > 0 }))
		e.must(e.adapter.Signal(syscall.SIGTERM))
		e.exits(0)
	})
	t.Run("with an invocation in flight", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		called, finish := make(chan struct{}), make(chan struct{})
		e.app.OnRequest(func(x *lambda.Exchange) {
			close(called)
			<-finish
			x.Reply(200, nil, []byte("done"))
		})
		e.startReady()
		i := e.invocation(HTTPEvent("POST", "/", "x"))
		e.api.Push(i)
		<-called
		e.must(e.adapter.Signal(syscall.SIGTERM))
		e.logs("SIGTERM")
		close(finish)
		if reply := e.answered(i).status(200); reply.Body != "done" {
			t.Errorf("body %q", reply.Body)
		}
		e.exits(0)
		if polls := len(e.api.Calls(lambda.PathNext)); polls != 1 {
			t.Errorf("asked %d times for an invocation, want once", polls)
		}
	})
	t.Run("with several in flight", func(t *testing.T) {
		t.Parallel()
		const workers = 3
		e := newEnvironment(t)
		e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = fmt.Sprint(workers)
		var called sync.WaitGroup
		called.Add(workers)
		finish := make(chan struct{})
		e.app.OnRequest(func(x *lambda.Exchange) {
			called.Done()
			<-finish
			x.Reply(200, nil, nil)
		})
		e.start()
		e.awaitNext(workers)
		var running []*lambda.Invocation
		for range workers {
			i := e.invocation(HTTPEvent("GET", "/", ""))
			e.api.Push(i)
			running = append(running, i)
		}
		called.Wait()
		e.must(e.adapter.Signal(syscall.SIGTERM))
		e.logs("SIGTERM")
		close(finish)
		for _, i := range running {
			e.answered(i).status(200)
		}
		e.exits(0)
		if polls := len(e.api.Calls(lambda.PathNext)); polls != workers {
			t.Errorf("asked %d times for an invocation, want %d", polls, workers)
		}
	})
}

// A client that leaves while a reply streams: Lambda stops reading, so the application's connection is closed and the
// next event asked for.
func TestClientLeavesWhileStreaming(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"FIN", "RST"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
			appStopped := make(chan struct{})
			e.app.OnRequest(func(x *lambda.Exchange) {
				if x.Path() != "/endless" {
					x.Reply(200, nil, []byte("short"))
					return
				}
				_ = x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
				chunk := "10000\r\n" + strings.Repeat("a", 0x10000) + "\r\n"
				for x.Write(chunk) == nil {
				}
				close(appStopped)
				x.Close()
			})
			e.api.Intercept(func(x *lambda.Exchange) bool {
				left := strings.HasPrefix(x.Path(), lambda.PathInvocation+"left/")
				if left {
					_, _ = x.Reader().Discard(200000)
					if how == "RST" {
						x.Reset()
					}
					x.Close()
				}
				return left
			})
			e.startReady()
			i := e.invocation(URLEvent("GET", "/endless", ""))
			i.ID = "left"
			e.api.Push(i)
			select {
			case <-appStopped:
			case <-time.After(patience):
				t.Fatal("the application streams on")
			}
			got := e.invoke(URLEvent("GET", "/short", ""))
			if _, body, _ := strings.Cut(string(got.Body), nuls); body != "short" {
				t.Errorf("the next reply is %q", got.Body)
			}
		})
	}
}
