package conformance

import (
	"strings"
	"testing"

	"lambda-web/test/lambda"
)

// scheduled is an event as the Pulumi program has EventBridge Scheduler send it.
const scheduled = `{"lambda-web-schedule":{"name":"nightly","path":"/tasks/nightly?full=1"},"id":"1","time":"2026-11-29T03:00:00Z","attempt":"1"}`

// TestSchedule: a schedule's event is posted to its path with the header that says so.
func TestSchedule(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnRequest(func(x *lambda.Exchange) {
		if x.Request.Method != "POST" || x.Request.Target != "/tasks/nightly?full=1" ||
			x.Request.Header.Get("X-Lambda-Web-Schedule") != "nightly" ||
			x.Request.Header.Get("Content-Type") != "application/json" || string(x.Request.Body) != scheduled {
			t.Errorf("the app got %s %s %v %q", x.Request.Method, x.Request.Target, x.Request.Header, x.Request.Body)
		}
		x.Reply(200, []string{"Content-Type: application/json"}, []byte(`{"done": 3}`))
	})
	e.startReady()
	if got := e.invoke(scheduled); string(got.Body) != `{"done": 3}` {
		t.Errorf("the result is %q", got.Body)
	}
}

// TestScheduleFails: what the app answers with 400 or more fails the invocation, so that it is tried again.
func TestScheduleFails(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	status := 500
	e.app.OnRequest(func(x *lambda.Exchange) { x.Reply(status, nil, []byte("no database")) })
	e.startReady()
	e.invoke(scheduled).failed("Function.HttpStatusError", "no database")
	status = 399
	if got := e.invoke(scheduled); strings.Contains(string(got.Body), "errorType") {
		t.Errorf("a status of 399 failed the invocation: %q", got.Body)
	}
}

// TestNoSchedule: without a path of the app it is an event as any other, and a client cannot say that it is one.
func TestNoSchedule(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnRequest(func(x *lambda.Exchange) {
		if x.Request.Header.Get("X-Lambda-Web-Schedule") != "" || strings.HasPrefix(x.Request.Target, "/tasks") {
			t.Errorf("the app got %s %v", x.Request.Target, x.Request.Header)
		}
		x.Reply(200, nil, nil)
	})
	e.startReady()
	page := URLEvent("GET", "/page", "")
	for _, event := range []string{
		`{"lambda-web-schedule":{"name":"nightly","path":"tasks"}}`,
		`{"lambda-web-schedule":{"name":"nightly","path":"/"},"x":1`,
		`{"lambda-web-schedule":{"name":"nightly"}}`, `{"lambda-web-schedule":"/tasks/nightly"}`,
		`{"lambda-web-schedule":{"name":1,"path":"/tasks/nightly"}}`,
		strings.Replace(page, `{"version"`,
			`{"lambda-web-schedule":{"name":"nightly","path":"/tasks/nightly"},"version"`, 1),
		strings.Replace(page, `"headers":{`, `"headers":{"x-lambda-web-schedule":"nightly",`, 1),
		strings.Replace(page, `"headers":{`, `"headers":{"X_Lambda_Web_Schedule":"nightly",`, 1),
	} {
		e.invoke(event)
	}
}
