package conformance

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// The failure table, first part: registration, the extension's poll, and settings.

func TestRegisterIsTriedAgain(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*lambda.Exchange){
		"reset":        func(x *lambda.Exchange) { x.Reset() },
		"closed":       func(x *lambda.Exchange) { x.Close() },
		"500":          func(x *lambda.Exchange) { x.Reply(500, nil, []byte("internal")) },
		"503":          func(x *lambda.Exchange) { x.Reply(503, nil, nil) },
		"half a head":  func(x *lambda.Exchange) { _ = x.Write("HTTP/1.1 200 OK\r\nLambda-Ext"); x.Close() },
		"half a body":  func(x *lambda.Exchange) { _ = x.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"); x.Close() },
		"not HTTP":     func(x *lambda.Exchange) { _ = x.Write("hello\r\n\r\n"); x.Close() },
		"empty answer": func(x *lambda.Exchange) { _ = x.Write("\r\n"); x.Close() },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			var tries atomic.Int32
			e.api.Intercept(func(x *lambda.Exchange) bool {
				failing := x.Path() == lambda.PathRegister && tries.Add(1) <= 3
				if failing && x.ReadBody() == nil {
					fault(x)
				}
				return failing
			})
			e.start()
			e.invoke(HTTPEvent("GET", "/", "")).status(200)
			calls := e.api.Calls(lambda.PathRegister)
			if len(calls) != 4 {
				t.Fatalf("registered %d times, want 3 failures and a success", len(calls))
			}
			for n, least := range []time.Duration{20, 40, 80} {
				if gap := calls[n+1].At.Sub(calls[n].At); gap < least*time.Millisecond*9/10 {
					t.Errorf("try %d came %v after the one before, want %v", n+2, gap, least*time.Millisecond)
				}
			}
		})
	}
}

func TestRegisterRefusedThenAccepted(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.api.Refuse()
	e.variables["AWS_LWA_EXTENSION_REGISTER_BASE_MS"] = "100" // tries for 3 s
	e.start()
	time.AfterFunc(250*time.Millisecond, func() { _ = e.api.Resume() })
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

func TestRegisterGivesUp(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.api.Refuse()
		e.start()
		e.exits(1)
		e.logs(e.api.Address())
		if took := time.Since(e.adapter.Started); took < 300*time.Millisecond {
			t.Errorf("gave up after %v, want five tries after 20, 40, 80, 160 and 320 ms", took)
		}
	})
	t.Run("500", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.api.Intercept(func(x *lambda.Exchange) bool {
			_ = x.ReadBody()
			x.Reply(500, nil, []byte("out of order"))
			return true
		})
		e.start()
		e.exits(1)
		e.logs(e.api.Address())
		e.logs("500")
		if n := len(e.api.Calls(lambda.PathRegister)); n != 5 && n != 6 {
			t.Errorf("registered %d times, want one call and five more", n)
		}
	})
}

func TestRegisterForbidden(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403} {
		e := newEnvironment(t)
		e.api.Intercept(func(x *lambda.Exchange) bool {
			_ = x.ReadBody()
			x.Reply(status, nil,
				[]byte(`{"errorMessage":"registration is closed","errorType":"Extension.RegistrationClosed"}`))
			return true
		})
		e.start()
		e.exits(1)
		e.logs("Extension.RegistrationClosed")
		e.logs("/opt/extensions", "lambda-adapter")
		if n := len(e.api.Calls(lambda.PathRegister)); n != 1 {
			t.Errorf("status %d: registered %d times, want no second try", status, n)
		}
	}
}

func TestRegisterWithoutIdentifier(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.api.Intercept(func(x *lambda.Exchange) bool {
		_ = x.ReadBody()
		x.Reply(200, nil, []byte(`{}`))
		return true
	})
	e.start()
	e.exits(1)
	e.logs("Lambda-Extension-Identifier")
}

// The extension's poll may fail in any way: it is repeated with pauses, and invocations go on.
func TestEventNextBreaks(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*lambda.Exchange){
		"reset":    func(x *lambda.Exchange) { x.Reset() },
		"closed":   func(x *lambda.Exchange) { x.Close() },
		"answered": func(x *lambda.Exchange) { x.Reply(200, nil, []byte(`{"eventType":"INVOKE"}`)) },
		"403": func(x *lambda.Exchange) {
			x.Reply(403, nil, []byte(`{"errorType":"Extension.UnknownExtensionIdentifier"}`))
		},
		"500":     func(x *lambda.Exchange) { x.Reply(500, nil, nil) },
		"garbage": func(x *lambda.Exchange) { _ = x.Write("\x00\x01\x02\r\n\r\n"); x.Close() },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.api.Intercept(func(x *lambda.Exchange) bool {
				if x.Path() == lambda.PathEventNext {
					fault(x)
				}
				return x.Path() == lambda.PathEventNext
			})
			e.startReady()
			begin := time.Now()
			e.must(e.api.Await(patience, "a fourth poll",
				func() bool { return len(e.api.Calls(lambda.PathEventNext)) >= 4 }))
			if took := time.Since(begin); took < 10*time.Millisecond {
				t.Errorf("polled four times within %v, want pauses", took)
			}
			for range 20 {
				e.invoke(HTTPEvent("GET", "/", "")).status(200)
			}
			polls, lasted := len(e.api.Calls(lambda.PathEventNext)), time.Since(e.adapter.Started)
			if most := 8 + int(lasted/(20*time.Millisecond)); polls > most {
				t.Errorf("polled %d times within %v", polls, lasted)
			}
		})
	}
}

func TestInvalidSettingsEndTheInitialisation(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LWA_PORT"] = "eighty"
	e.variables["AWS_LWA_ASYNC_INIT"] = "maybe"
	e.variables["AWS_LWA_ERROR_STATUS_CODES"] = "500,6xx"
	e.start()
	e.exits(1)
	report := e.api.Calls(lambda.PathExtensionInitError)
	if len(report) != 1 {
		t.Fatalf("%d calls of extension/init/error", len(report))
	}
	checkFailure(t, report[0], "Extension.ConfigInvalid", "AWS_LWA_PORT", "eighty", "AWS_LWA_ASYNC_INIT", "maybe",
		"AWS_LWA_ERROR_STATUS_CODES", "6xx")
	if id := report[0].Header.Get("Lambda-Extension-Identifier"); id != lambda.ExtensionIdentifier {
		t.Errorf("identifier %q", id)
	}
	if len(e.api.Calls(lambda.PathRegister)) != 1 || len(e.api.Calls(lambda.PathEventNext)) != 0 ||
		len(e.api.Calls(lambda.PathNext)) != 0 {
		t.Errorf("calls other than register and init/error: %d polls", len(e.api.Calls(lambda.PathEventNext)))
	}
	if e.app.Connections() != 0 {
		t.Errorf("the application was probed with invalid settings")
	}
}

func TestOutsideLambda(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"unset", ""} {
		e := newEnvironment(t)
		e.variables["AWS_LAMBDA_RUNTIME_API"] = value
		if value == "unset" {
			delete(e.variables, "AWS_LAMBDA_RUNTIME_API")
		}
		e.start()
		e.exits(1)
		if lines := e.adapter.Log().Lines(); len(lines) != 1 || !containsAll(lines[0].Text,
			[]string{"AWS_LAMBDA_RUNTIME_API", "Lambda"}) {
			t.Errorf("want one line that says that this is not Lambda, got:\n%s", e.adapter.Log().Text())
		}
	}
}

// Registration comes first: the application starts only when every extension has registered.
func TestRegistersBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	release := make(chan struct{})
	e.api.Intercept(func(x *lambda.Exchange) bool {
		if x.Path() == lambda.PathRegister {
			<-release
		}
		return false
	})
	e.start()
	e.must(e.api.Await(patience, "register", func() bool { return len(e.api.Calls(lambda.PathRegister)) == 1 }))
	if first := e.api.Requests()[0]; !strings.HasPrefix(string(first.Head), "POST "+lambda.PathRegister+
		" HTTP/1.1\r\n") {
		t.Errorf("the first request is %q", first.Head)
	}
	close(release)
	e.awaitNext(1)
}

// The proxy of another extension may start late, as its own init takes time; it is waited for, and named in the log.
func TestLateRuntimeAPIProxy(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	proxy := lambda.NewRuntimeAPI()
	t.Cleanup(proxy.Close)
	e.must(proxy.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", e.freePort())))
	proxy.Refuse()
	e.variables["AWS_LWA_LAMBDA_RUNTIME_API_PROXY"] = proxy.Address()
	e.start()
	e.logs("WARN", proxy.Address(), "refused")
	select {
	case <-e.adapter.Exited():
		t.Fatal("the adapter did not wait")
	case <-time.After(6 * time.Second): // longer than a Runtime API may be away later
	}
	e.must(proxy.Resume())
	i := e.invocation(HTTPEvent("GET", "/", ""))
	proxy.Push(i)
	e.answered(i).status(200)
	if lines := e.adapter.Log().Lines("WARN"); len(lines) > 5 {
		t.Errorf("%d lines about it", len(lines))
	}
}
