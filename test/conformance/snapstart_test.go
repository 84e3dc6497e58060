package conformance

import (
	"strings"
	"testing"

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
	for _, path := range []string{"/hooks/before", "/hooks/after", "/hooks/%61fter", "/x/../hooks/after", "/hooks/./before", "//hooks//after", "/hooks/after/", "/hooks/before?x=1", "/hooks/%2e%2e/hooks/before",
		"/hooks/after;x", "/hooks;x/after", "/hooks/after%3Bx", "/x/..;/hooks/after", "/hooks/after.json", "//h/hooks/after"} {
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
		"before": {"/hooks/before", lambda.PathInitError, "Runtime.InitError"},
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
