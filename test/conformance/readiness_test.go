package conformance

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

func TestReadyAppIsProbedOnce(t *testing.T) {
	t.Parallel()
	replies := map[string]string{
		"empty": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"body":  "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("a", 200000),
		"chunked": "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n" +
			lambda.Chunked([]byte("nobody here"), 4),
		"interim": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	}
	for name, raw := range replies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS"] = "600"
			e.app.OnReadiness(func(x *lambda.Exchange) { _ = x.Write(raw) })
			e.start()
			e.invoke(HTTPEvent("POST", "/", "x")).status(200)
			probes, calls := e.app.Probes(), e.app.Served()
			if len(probes) != 1 || len(calls) != 1 {
				t.Fatalf("%d probes and %d requests", len(probes), len(calls))
			}
			// A machine so busy that the page took half a second leaves the adapter free to give its connection up.
			if took := e.api.Calls(lambda.PathNext)[0].At.Sub(probes[0].At); took > 450*time.Millisecond {
				t.Skipf("this machine is too busy for this test: the probe and its page took %v, and the "+
					"adapter waits 500 ms for a page", took)
			}
			if e.app.Connections() != 1 || probes[0].Conn != calls[0].Conn {
				t.Errorf("the first invocation came on connection %d of %d, the probe on %d", calls[0].Conn,
					e.app.Connections(), probes[0].Conn)
			}
			if probe := probes[0]; probe.Method+" "+probe.Target != "GET /" ||
				probe.Header.Get("host") != e.appAddress() {
				t.Errorf("probe %q", probe.Head)
			}
		})
	}
}

// The head of an answer says whether the application is ready. A page behind it that is long, slow or without end is
// left alone.
func TestReadinessPageWithoutEnd(t *testing.T) {
	t.Parallel()
	pages := map[string]struct {
		head string
		body func(*lambda.Exchange)
	}{
		"events": {"Transfer-Encoding: chunked",
			func(x *lambda.Exchange) { _ = x.Write("9\r\ndata: 1\n\n\r\n"); <-x.Gone() }},
		"download":   {"Content-Length: 900000000", func(x *lambda.Exchange) { writeUntilGone(x) }},
		"slow":       {"Content-Length: 9", func(x *lambda.Exchange) { _ = x.Write("half"); <-x.Gone() }},
		"cut off":    {"Content-Length: 9", func(x *lambda.Exchange) { _ = x.Write("half") }},
		"until done": {"Connection: close", func(x *lambda.Exchange) { writeUntilGone(x) }},
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.OnReadiness(func(x *lambda.Exchange) {
				_ = x.Write("HTTP/1.1 200 OK\r\n" + page.head + "\r\n\r\n")
				page.body(x)
				x.Close()
			})
			e.startReady()
			if took := time.Since(e.adapter.Started); took > late(2*time.Second) {
				t.Errorf("ready after %v", took)
			}
			e.invoke(HTTPEvent("POST", "/", "x")).status(200)
			if probes, calls := e.app.Probes(), e.app.Served(); len(probes) != 1 || len(calls) != 1 ||
				probes[0].Conn == calls[0].Conn {
				t.Errorf("%d probes and %d requests, want one each on connections of their own", len(probes),
					len(calls))
			}
		})
	}
}

func writeUntilGone(x *lambda.Exchange) {
	for piece := strings.Repeat("a", 1<<16); x.Write(piece) == nil; {
	}
}

func TestProbeConnectionThatMustNotBeKept(t *testing.T) {
	t.Parallel()
	replies := map[string]string{
		"connection: close": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.0":          "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"until close":       "HTTP/1.1 200 OK\r\n\r\nhello",
	}
	for name, raw := range replies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.OnReadiness(func(x *lambda.Exchange) {
				_ = x.Write(raw)
				x.Close()
			})
			e.start()
			e.invoke(HTTPEvent("POST", "/", "x")).status(200)
			if calls := e.app.Served(); len(calls) != 1 || calls[0].Conn != 2 {
				t.Errorf("want one request on the second connection, got %d", len(calls))
			}
		})
	}
}

func TestReadinessSettings(t *testing.T) {
	t.Parallel()
	t.Run("path gets its slash and keeps its query", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_READINESS_CHECK_PATH"] = " healthz?deep=1 "
		e.startReady()
		if target := e.app.Probes()[0].Target; target != "/healthz?deep=1" {
			t.Errorf("asked for %s", target)
		}
	})
	t.Run("another port, and the connection is not mistaken for the application's", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		health := NewWebApp()
		t.Cleanup(health.Close)
		port := e.freePort()
		e.must(health.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)))
		e.variables["AWS_LWA_READINESS_CHECK_PORT"] = fmt.Sprint(port)
		e.start()
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		if len(health.Requests()) != 1 || len(e.app.Served()) != 1 || len(e.app.Probes()) != 0 {
			t.Errorf("%d requests on the health port, %d on the application's", len(health.Requests()),
				len(e.app.Requests()))
		}
	})
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_READINESS_CHECK_PROTOCOL"] = "tcp"
		e.startReady()
		e.must(e.app.Await(patience, "a connection", func() bool { return e.app.Connections() > 0 }))
		if len(e.app.Requests()) != 0 {
			t.Errorf("%d requests", len(e.app.Requests()))
		}
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
	})
}

func TestLateApp(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.Refuse()
	e.start()
	url := "http://" + e.appAddress() + "/"
	e.logs("refused", url)
	if line := e.adapter.Log().Lines("refused", url)[0]; line.At.Sub(e.adapter.Started) < 900*time.Millisecond {
		t.Errorf("the first line came after %v, want 1 s", line.At.Sub(e.adapter.Started))
	}
	if len(e.api.Calls(lambda.PathNext)) != 0 {
		t.Error("asked for an invocation before the application was ready")
	}
	e.must(e.app.Resume())
	listening := time.Now()
	e.awaitNext(1)
	if took := time.Since(listening); took > late(time.Second) {
		t.Errorf("noticed the application after %v", took)
	}
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	if len(e.app.Probes()) != 1 {
		t.Errorf("%d probes reached the application", len(e.app.Probes()))
	}
}

func TestProgressLines(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.Refuse()
	e.start()
	deadline := time.After(5*time.Second + patience)
	for len(e.adapter.Log().Lines("refused", e.appAddress())) < 3 {
		select {
		case <-deadline:
			t.Fatal("no three lines about the wait")
		case <-time.After(50 * time.Millisecond):
		}
	}
	for n, want := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second} {
		at := e.adapter.Log().Lines("refused", e.appAddress())[n].At.Sub(e.adapter.Started)
		if at < want-100*time.Millisecond || at > want+late(time.Second) {
			t.Errorf("line %d came after %v, want %v", n+1, at, want)
		}
	}
}

// While nobody answers where the application should be, the log says where somebody listens.
func TestListenersAreNamed(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"another port": "127.0.0.1", "IPv6 alone": "::1",
		"another address": "127.0.0.77"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.Refuse()
			port := e.port
			if name == "another port" {
				port = e.freePort()
			}
			other, err := net.Listen("tcp", net.JoinHostPort(address, fmt.Sprint(port)))
			if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
				t.Skipf("this machine has no address %s", address)
			}
			e.must(err)
			t.Cleanup(func() { _ = other.Close() })
			e.start()
			if line := e.logs("listen", e.appAddress()); !strings.Contains(line.Text, other.Addr().String()) {
				if strings.Contains(line.Text, "more") {
					t.Skipf("too much listens on this machine for one line: %s", line.Text)
				}
				t.Errorf("%s is not named in %s", other.Addr(), line.Text)
			}
		})
	}
}

func TestUnhealthyStatus(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	var healthy atomic.Bool
	e.app.OnReadiness(func(x *lambda.Exchange) {
		if healthy.Load() {
			x.Reply(200, nil, nil)
			return
		}
		x.Reply(503, nil, []byte("warming up"))
	})
	e.start()
	line := e.logs("503", e.appAddress())
	waited, probes := line.At.Sub(e.adapter.Started), len(e.app.Probes())
	if most := int(waited/(10*time.Millisecond)) + 10; probes < 3 || probes > most {
		t.Errorf("%d probes in %v, want one every 10 ms at most", probes, waited)
	}
	if e.app.Connections() != 1 {
		t.Errorf("the probes came on %d connections, want one", e.app.Connections())
	}
	healthy.Store(true)
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

func TestBadHTTPWhileProbing(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	var healthy atomic.Bool
	e.app.OnReadiness(func(x *lambda.Exchange) {
		if healthy.Load() {
			x.Reply(200, nil, nil)
			return
		}
		_ = x.Write("220 mail.example.com ESMTP\r\n")
		x.Close()
	})
	e.start()
	e.logs("bad HTTP", e.appAddress())
	healthy.Store(true)
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// A pre-fork server accepts long before a worker can answer: the probe waits for the answer, and no second one piles
// up behind it.
func TestProbeWaitsForItsAnswer(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	release := make(chan struct{})
	e.app.OnReadiness(func(x *lambda.Exchange) {
		<-release
		x.Reply(200, nil, nil)
	})
	e.start()
	e.logs(e.appAddress())
	if len(e.api.Calls(lambda.PathNext)) != 0 {
		t.Error("asked for an invocation before the application had answered")
	}
	close(release)
	e.awaitNext(1)
	if e.app.Connections() != 1 || len(e.app.Probes()) != 1 {
		t.Errorf("%d probes on %d connections", len(e.app.Probes()), e.app.Connections())
	}
}

// A probe that gets no answer for 10 s is given up and made anew, because the worker that has it may have died.
func TestProbeIsGivenUp(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnReadiness(func(x *lambda.Exchange) {
		if x.Conn > 1 {
			x.Reply(200, nil, nil)
			return
		}
		<-x.Gone()
		x.Close()
	})
	e.startReady()
	probes := e.app.Probes()
	if len(probes) != 2 {
		t.Fatalf("%d probes, want two", len(probes))
	}
	if gap := probes[1].At.Sub(probes[0].At); gap < 9*time.Second || gap > late(13*time.Second) {
		t.Errorf("the second probe came %v after the first, want 10 s", gap)
	}
}

func TestReadinessTimeout(t *testing.T) {
	t.Parallel()
	causes := map[string]struct {
		prepare func(*environment)
		part    string
	}{
		"refused": {func(e *environment) { e.app.Refuse() }, "refused"},
		"status": {func(e *environment) { e.app.OnReadiness(func(x *lambda.Exchange) { x.Reply(500, nil, nil) }) },
			"500"},
		"bad HTTP": {func(e *environment) {
			e.app.OnReadiness(func(x *lambda.Exchange) { _ = x.Write("?\r\n\r\n"); x.Close() })
		}, "bad HTTP"},
		"timeout": {func(e *environment) { e.app.OnReadiness(func(x *lambda.Exchange) { <-x.Gone(); x.Close() }) },
			"timeout"},
	}
	for name, cause := range causes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS"] = "2" // long enough for an answer on a busy machine
			cause.prepare(e)
			e.start()
			e.exits(1)
			took := time.Since(e.adapter.Started)
			if took < 1950*time.Millisecond || took > late(7*time.Second) {
				t.Errorf("gave up after %v, want 2 s", took)
			}
			reports := e.api.Calls(lambda.PathInitError)
			if len(reports) != 1 || len(e.api.Calls(lambda.PathNext)) != 0 {
				t.Fatalf("%d calls of runtime/init/error and %d polls", len(reports), len(e.api.Calls(lambda.PathNext)))
			}
			checkFailure(t, reports[0], "Function.AppNotReady", e.appAddress(), cause.part)
		})
	}
}

func TestAsyncInit(t *testing.T) {
	t.Parallel()
	t.Run("budget, then the invocation waits", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_ASYNC_INIT"] = "yes"
		e.app.Refuse()
		e.start()
		e.must(e.api.Await(asyncInitBudget+patience, "invocation/next",
			func() bool { return len(e.api.Calls(lambda.PathNext)) > 0 }))
		checkAsyncInitBudget(e)

		i := e.invocation(HTTPEvent("GET", "/", ""))
		deadline := time.Now().Add(700 * time.Millisecond)
		i.Header[0].Value = fmt.Sprint(deadline.UnixMilli())
		e.run(i).failed("Function.AppNotReady", e.appAddress(), "refused")
		checkBeforeDeadline(t, deadline, 200*time.Millisecond)

		i = e.invocation(HTTPEvent("GET", "/", ""))
		e.api.Push(i)
		e.awaitNext(2)
		e.must(e.app.Resume())
		e.answered(i).status(200)
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		if len(e.app.Served()) != 2 {
			t.Errorf("two invocations were sent %d times", len(e.app.Served()))
		}
	})
	t.Run("a ready application ends the wait", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_ASYNC_INIT"] = "on"
		e.startReady()
		if len(e.app.Probes()) != 1 {
			t.Errorf("asked for an invocation after %d probes", len(e.app.Probes()))
		}
	})
	for _, kind := range []string{"provisioned-concurrency", "snap-start"} {
		t.Run("ignored under "+kind, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_ASYNC_INIT"] = "1"
			e.variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = kind
			e.app.Refuse()
			e.start()
			e.logs("AWS_LWA_ASYNC_INIT", kind)
			polled := func() bool {
				return len(e.api.Calls(lambda.PathNext))+
					len(e.api.Calls(lambda.PathRestoreNext)) > 0
			}
			if e.api.Await(asyncInitBudget+700*time.Millisecond, "a poll", polled) == nil {
				t.Error("went on without the application")
			}
			e.must(e.app.Resume())
			e.invoke(HTTPEvent("GET", "/", "")).status(200)
			if lines := e.adapter.Log().Lines("AWS_LWA_ASYNC_INIT"); len(lines) != 1 {
				t.Errorf("%d lines about it, want one", len(lines))
			}
		})
	}
}
