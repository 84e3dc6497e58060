package conformance

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"lambda-web/test/lambda"
)

// Eight workers, each with a poll, a Runtime API connection and an application connection of its own.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	const workers, invocations = 8, 400
	e := newEnvironment(t)
	e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = fmt.Sprint(workers)
	var arrived sync.WaitGroup
	arrived.Add(workers)
	e.app.OnRequest(func(x *lambda.Exchange) {
		if x.Path() == "/together" {
			arrived.Done()
			arrived.Wait()
		}
		x.Reply(200, []string{"Content-Type: text/plain", "X-Trace: " + x.Header.Get("x-amzn-trace-id")}, x.Body)
	})
	e.start()
	e.awaitNext(workers)
	polls := map[int]bool{}
	for _, call := range e.api.Calls(lambda.PathNext) {
		polls[call.Conn] = true
	}
	if len(polls) != workers {
		t.Errorf("%d polls on %d connections", workers, len(polls))
	}
	var pushed []*lambda.Invocation
	for n := range workers + invocations {
		path := "/"
		if n < workers {
			path = "/together" // answered only when all eight are there
		}
		body := fmt.Sprintf("body of %d", n)
		i := e.invocation(strings.Replace(HTTPEvent("POST", path, body), `"headers":{`,
			`"headers":{"x-amzn-trace-id":"Root=1-old",`, 1))
		i.Header[2].Value = fmt.Sprintf("Root=1-%d", n)
		pushed = append(pushed, i)
		e.api.Push(i)
	}
	for n, i := range pushed {
		reply := e.answered(i).status(200)
		if want := fmt.Sprintf("body of %d", n); reply.Body != want ||
			reply.Headers["x-trace"] != fmt.Sprintf("Root=1-%d", n) {
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
	e.api.Intercept(func(x *lambda.Exchange) bool {
		mu.Lock()
		defer mu.Unlock()
		if x.Path() != lambda.PathNext || failed[x.Conn] || len(failed) >= 12 {
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
