package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// runSettings runs a vector of section 4.5. What a setting means is observed from outside: where the adapter
// connects, what it takes for healthy, when it asks for the first invocation, how it exits.
func (v vector) runSettings(t *testing.T) {
	var exit int
	var async bool
	var address string
	switch {
	case v.Want.get(t, "exit", &exit):
		v.runMistakes(t, exit)
	case v.Want.has("healthy"):
		v.runHealthy(t)
	case v.Want.get(t, "async_init", &async):
		v.runAsyncInit(t, async)
	case v.Want.get(t, "readiness", &address) && strings.HasPrefix(address, "tcp "):
		v.runTCPReadiness(t, strings.TrimPrefix(address, "tcp "))
	default:
		v.runAddresses(t)
	}
}

// settings prepares an environment that has nothing but the vector's variables and those of Lambda.
func (v vector) settings(t testing.TB) *environment {
	e := v.environment(t)
	if v.Env["PORT"] != nil || v.Env["AWS_LWA_PORT"] == nil && v.Want.has("app") {
		delete(e.variables, "AWS_LWA_PORT")
	}
	return e
}

func (v vector) runMistakes(t *testing.T, exit int) {
	var names []string
	v.Want.get(t, "error_names", &names)
	e := v.settings(t)
	e.start()
	e.exits(exit)
	reports := e.api.Calls(lambda.PathExtensionInitError)
	if len(reports) != 1 {
		t.Fatalf("%d calls of extension/init/error", len(reports))
	}
	checkFailure(t, reports[0], "Extension.ConfigInvalid", names...)
	for _, name := range names {
		e.logs(name)
	}
}

// runHealthy asks with statuses in and around the list: the unhealthy ones first, one after the other, then a healthy
// one.
func (v vector) runHealthy(t *testing.T) {
	healthy := map[int]bool{}
	if list := []int(nil); json.Unmarshal(v.Want.all["healthy"], &list) == nil {
		v.Want.get(t, "healthy", &list)
		for _, status := range list {
			healthy[status] = true
		}
	} else {
		var span string
		v.Want.get(t, "healthy", &span)
		var from, to int
		if _, err := fmt.Sscanf(span, "%d-%d", &from, &to); err != nil || span != fmt.Sprintf("%d-%d", from, to) {
			t.Fatalf("the test does not understand the list %q", span)
		}
		for status := from; status <= to; status++ {
			healthy[status] = true
		}
	}
	var good, bad []int
	for _, status := range []int{200, 201, 204, 205, 302, 399, 400, 403, 404, 405, 499, 500, 503, 599} {
		if healthy[status] {
			good = append(good, status)
		} else {
			bad = append(bad, status)
		}
	}
	var log string
	v.Want.get(t, "log", &log)
	for _, status := range good {
		e := v.settings(t)
		answers := append(append([]int(nil), bad...), status)
		e.app.OnReadiness(func(x *lambda.Exchange) {
			x.Reply(answers[min(len(e.app.Probes()), len(answers))-1], nil,
				nil)
		})
		e.startReady()
		if n := len(e.app.Probes()); n != len(answers) {
			t.Errorf("ready after the answers %v, want %v", answers[:n], answers)
		}
		if log != "" {
			e.logs(v.logParts(t, log)...)
		}
	}
}

// runAsyncInit has an application that is not ready within the budget of the initialisation.
func (v vector) runAsyncInit(t *testing.T, async bool) {
	e := v.settings(t)
	e.app.OnReadiness(func(x *lambda.Exchange) { x.Reply(503, nil, nil) })
	e.start()
	err := e.api.Await(asyncInitBudget+patience, "invocation/next",
		func() bool { return len(e.api.Calls(lambda.PathNext)) > 0 })
	if async != (err == nil) {
		t.Fatalf("async init %v: %v", async, err)
	}
	checkAsyncInitBudget(e)
}

// asyncInitBudget is how long the adapter waits for the application before it asks for the first invocation regardless.
const asyncInitBudget = 9800 * time.Millisecond

func checkAsyncInitBudget(e *environment) {
	e.Helper()
	if waited := e.api.Calls(lambda.PathNext)[0].At.Sub(e.adapter.Started); waited < asyncInitBudget-100*time.Millisecond || waited > asyncInitBudget+late(1500*time.Millisecond) {
		e.Errorf("asked for the first invocation after %v, want %v", waited, asyncInitBudget)
	}
}

func (v vector) runTCPReadiness(t *testing.T, address string) {
	e := v.settings(t)
	app := NewWebApp()
	t.Cleanup(app.Close)
	err := app.Listen("tcp", address)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRINUSE) {
		t.Skipf("this machine does not let the test listen on %s", address)
	}
	e.must(err)
	e.startReady()
	e.must(app.Await(patience, "a connection", func() bool { return app.Connections() > 0 }))
	if len(app.Requests()) != 0 {
		t.Errorf("%d requests, want TCP alone", len(app.Requests()))
	}
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	if len(app.Served()) != 1 {
		t.Errorf("the application on %s was called %d times", address, len(app.Served()))
	}
}

// runAddresses moves the ports that the vector names to ports of this test, starts an application on each, and looks
// who is asked.
func (v vector) runAddresses(t *testing.T) {
	e := v.settings(t)
	e.app.Refuse()
	apps := map[string]*WebApp{}
	for name, value := range e.variables {
		if port, err := strconv.Atoi(value); err == nil && strings.HasSuffix(name, "PORT") && v.Env[name] != nil {
			moved := e.freePort()
			e.variables[name] = strconv.Itoa(moved)
			apps["127.0.0.1:"+strconv.Itoa(port)] = v.listen(e, moved)
		}
	}
	atPort := v.listen(e, 0)
	if v.Env["PORT"] == nil && v.Env["AWS_LWA_PORT"] == nil {
		e.must(atPort.Listen("tcp", e.appAddress()))
	}
	e.startReady()
	e.invoke(HTTPEvent("GET", "/served", "")).status(200)

	var app, readiness, path string
	if v.Want.get(t, "app", &app) && (apps[app] == nil || len(apps[app].Served()) != 1) {
		t.Errorf("the request did not go to %s", app)
	}
	if v.Want.get(t, "readiness", &readiness) && (apps[readiness] == nil || len(apps[readiness].Probes()) != 1) {
		t.Errorf("the probe did not go to %s", readiness)
	}
	if v.Want.get(t, "readiness_path", &path) && (len(atPort.Probes()) != 1 || atPort.Probes()[0].Target != path) {
		t.Errorf("the probe did not ask for %s", path)
	}
	for name := range v.Env {
		if !strings.HasPrefix(name, "AWS_") && name != "PORT" && v.Env["AWS_LWA_"+name] == nil {
			e.logs("WARN", name)
			if lines := e.adapter.Log().Lines("WARN", name); len(lines) != 1 {
				t.Errorf("%d warnings about %s", len(lines), name)
			}
		}
	}
}

// listen returns an application that listens on port, or does not listen yet when port is 0.
func (v vector) listen(e *environment, port int) *WebApp {
	app := NewWebApp()
	e.Cleanup(app.Close)
	if port != 0 {
		e.must(app.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)))
	}
	return app
}
