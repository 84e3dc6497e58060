package conformance

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// snapStart prepares an environment that will be snapshotted and restored.
func snapStart(t *testing.T) (e *environment, restored chan struct{}) {
	e, restored = newEnvironment(t), make(chan struct{})
	e.api.HoldRestore(restored)
	e.variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
	e.variables["AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH"] = "/hooks/before"
	e.variables["AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH"] = "hooks/after"
	e.variables["AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS"] = "600"
	return e, restored
}

func TestSnapStart(t *testing.T) {
	t.Parallel()
	e, restored := snapStart(t)
	e.app.OnReadiness(emptyOK) // hooks carry no Lambda context, so they count as probes here
	e.start()
	e.must(e.api.Await(patience, "restore/next", func() bool { return len(e.api.Calls(lambda.PathRestoreNext)) > 0 }))
	calls := e.app.Requests()
	if len(calls) != 2 || calls[0].Target != "/" || calls[1].Method+" "+calls[1].Target != "POST /hooks/before" ||
		len(calls[1].Body) != 0 {
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
	if len(calls) != 4 || calls[2].Method+" "+calls[2].Target != "POST /hooks/after" || calls[3].Method+" "+
		calls[3].Target != "GET /" {
		t.Fatalf("after the restore the application saw %d requests", len(calls))
	}
	e.logs("snapshot: the app is ready", "its hook answered in")
	e.logs("restored", "its hook answered in", "the app was ready within")
	if calls[2].Conn == calls[1].Conn || calls[2].Conn == calls[0].Conn || calls[3].Conn == calls[0].Conn {
		t.Error("a connection from before the snapshot was used after it")
	}
	for _, path := range []string{"/hooks/before", "/hooks/after", "/hooks/%61fter", "/x/../hooks/after",
		"/hooks/./before", "//hooks//after", "/hooks/after/", "/hooks/before?x=1", "/hooks/%2e%2e/hooks/before",
		"/hooks/after;x", "/hooks;x/after", "/hooks/after%3Bx", "/x/..;/hooks/after", "/hooks/after.json",
		"//h/hooks/after"} {
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
		"before": {"/hooks/before", lambda.PathInitError, "Runtime.BeforeSnapshotError"},
		"after":  {"/hooks/after", lambda.PathRestoreError, "Runtime.AfterRestoreError"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, restored := snapStart(t)
			close(restored)
			e.app.OnReadiness(func(x *lambda.Exchange) {
				status := 200
				if x.Path() == c.hook {
					status = 503
				}
				x.Reply(status, nil, nil)
			})
			e.start()
			e.exits(1)
			reports := e.api.Calls(c.path)
			if len(reports) != 1 || len(e.api.Calls(lambda.PathNext)) != 0 {
				t.Fatalf("%d reports and %d polls", len(reports), len(e.api.Calls(lambda.PathNext)))
			}
			checkFailure(t, reports[0], c.errorType, c.hook, "503")
		})
	}
}

// Without hooks there is the readiness check after each restore all the same, and priming asks for
// what it is told to.
func TestSnapStartPriming(t *testing.T) {
	t.Parallel()
	e, restored := snapStart(t)
	delete(e.variables, "AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH")
	delete(e.variables, "AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH")
	e.variables["AWS_LWA_SNAPSTART_PRIME"] = "/, api/hello?n=1 ,/broken,/rude,"
	e.app.OnReadiness(func(x *lambda.Exchange) {
		switch x.Path() {
		case "/broken":
			x.Reply(500, nil, []byte("no"))
		case "/rude":
			x.Close()
		default:
			x.Reply(200, nil, []byte("hello"))
		}
	})
	close(restored)
	e.startReady()
	var asked []string
	for _, call := range e.app.Requests() {
		asked = append(asked, call.Method+" "+call.Target)
	}
	if got, want := strings.Join(asked, ", "),
		"GET /, GET /, GET /api/hello?n=1, GET /broken, GET /rude, GET /rude, GET /"; got != want {
		t.Errorf("the application was asked for %s, want %s", got, want)
	}
	if proto := e.app.Requests()[1].Header.Get("x-forwarded-proto"); proto != "https" {
		t.Errorf("X-Forwarded-Proto %q", proto)
	}
	e.logs("WARN", "GET /broken", "500")
	e.logs("WARN", "GET /rude")
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// Before the snapshot a hook has the time that Lambda gives; after the restore it has 9 s, so that
// a report still counts.
func TestSnapStartHookLimits(t *testing.T) {
	t.Parallel()
	slow := func(path string, d time.Duration) func(*lambda.Exchange) {
		return func(x *lambda.Exchange) {
			if x.Path() == path {
				select {
				case <-time.After(d):
				case <-x.Gone():
				}
			}
			x.Reply(200, nil, nil)
		}
	}
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		e, restored := snapStart(t)
		close(restored)
		e.app.OnReadiness(slow("/hooks/before", 11*time.Second))
		e.startReady()
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
	})
	t.Run("after", func(t *testing.T) {
		t.Parallel()
		e, restored := snapStart(t)
		close(restored)
		e.app.OnReadiness(slow("/hooks/after", time.Hour))
		e.start()
		e.exits(1)
		reports := e.api.Calls(lambda.PathRestoreError)
		if len(reports) != 1 {
			t.Fatalf("%d reports", len(reports))
		}
		checkFailure(t, reports[0], "Runtime.AfterRestoreError", "/hooks/after", "9 s", "10 s")
		took := reports[0].At.Sub(e.api.Calls(lambda.PathRestoreNext)[0].At)
		if took < 8900*time.Millisecond || took > 9900*time.Millisecond {
			t.Errorf("reported after %v, want 9 s", took)
		}
	})
}

// An application that does not serve again after the restore fails the restore, not the first user.
func TestSnapStartNotReadyAfterRestore(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"", "1.5"} {
		t.Run("limit "+limit, func(t *testing.T) {
			t.Parallel()
			e, restored := snapStart(t)
			e.variables["AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS"] = limit
			var probes atomic.Int32
			e.app.OnReadiness(func(x *lambda.Exchange) {
				status := 200
				if x.Path() == "/" && probes.Add(1) > 1 {
					status = 503
				}
				x.Reply(status, nil, nil)
			})
			close(restored)
			e.start()
			e.exits(1)
			reports := e.api.Calls(lambda.PathRestoreError)
			if len(reports) != 1 || len(e.api.Calls(lambda.PathNext)) != 0 {
				t.Fatalf("%d reports, %d polls", len(reports), len(e.api.Calls(lambda.PathNext)))
			}
			checkFailure(t, reports[0], "Function.AppNotReady", "after the restore", "503")
			if took := reports[0].At.Sub(e.adapter.Started); limit != "" && took > 8*time.Second {
				t.Errorf("reported after %v, want %s s", took, limit)
			}
		})
	}
}

func TestSnapStartHookPathsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "//", "/a/..", "/%2f", "/healthz", "/events/", "/hooks;x=1", "/hooks?x",
		"/hooks/%25", "/hooks/%z"} {
		for _, name := range []string{"AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH",
			"AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH"} {
			e, _ := snapStart(t)
			e.variables["AWS_LWA_READINESS_CHECK_PATH"] = "/healthz"
			e.variables[name] = path
			e.start()
			e.exits(1)
			reports := e.api.Calls(lambda.PathExtensionInitError)
			if len(reports) != 1 {
				t.Fatalf("%s=%s was not refused", name, path)
			}
			checkFailure(t, reports[0], "Extension.ConfigInvalid", name, path)
		}
	}
}

// An API without restores, such as an emulator that only sets the variable, is worked with all the
// same; a proxy without them has Lambda behind it.
func TestSnapStartWithoutRestoreNext(t *testing.T) {
	t.Parallel()
	missing := func(x *lambda.Exchange) bool {
		if x.Path() == lambda.PathRestoreNext {
			x.Reply(404, nil, []byte("404 page not found"))
		}
		return x.Path() == lambda.PathRestoreNext
	}
	t.Run("nowhere", func(t *testing.T) {
		t.Parallel()
		e, _ := snapStart(t)
		e.api.Intercept(missing)
		e.startReady()
		e.logs("WARN", "restore/next", "404")
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
	})
	t.Run("behind a proxy", func(t *testing.T) {
		t.Parallel()
		e, restored := snapStart(t)
		proxy := lambda.NewRuntimeAPI()
		t.Cleanup(proxy.Close)
		e.must(proxy.Listen("tcp", "127.0.0.1:0"))
		proxy.Intercept(missing)
		e.variables["AWS_LWA_LAMBDA_RUNTIME_API_PROXY"] = proxy.Address()
		e.start()
		e.must(e.api.Await(patience, "restore/next at Lambda itself",
			func() bool { return len(e.api.Calls(lambda.PathRestoreNext)) > 0 }))
		if len(proxy.Calls(lambda.PathNext)) != 0 {
			t.Error("went on before the restore")
		}
		close(restored)
		i := e.invocation(HTTPEvent("GET", "/", ""))
		proxy.Push(i)
		e.answered(i).status(200)
	})
}

// A restore/next that breaks is named in the log and in the report.
func TestSnapStartRestoreNextBreaks(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		fault func(*lambda.Exchange)
		part  string
	}{
		"closed": {func(x *lambda.Exchange) { x.Close() }, "connection closed"},
		"reset":  {func(x *lambda.Exchange) { x.Reset() }, "reset"},
		"403": {func(x *lambda.Exchange) { x.Reply(403, nil, []byte(`{"errorType":"InvalidStateTransition"}`)) },
			"InvalidStateTransition"},
		"junk": {func(x *lambda.Exchange) { _ = x.Write("junk\r\n\r\n"); x.Close() }, "malformed"},
	}
	for name, row := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := snapStart(t)
			e.api.Intercept(func(x *lambda.Exchange) bool {
				if x.Path() == lambda.PathRestoreNext {
					row.fault(x)
				}
				return x.Path() == lambda.PathRestoreNext
			})
			e.start()
			e.exits(1)
			e.logs("FATAL", "restore/next", e.api.Address(), row.part)
			reports := e.api.Calls(lambda.PathInitError)
			if len(reports) != 1 {
				t.Fatalf("%d reports", len(reports))
			}
			checkFailure(t, reports[0], "Runtime.BeforeSnapshotError", "restore/next", row.part)
		})
	}
}
