package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Several invocations at once in one sandbox [D]: Lambda Managed Instances.

func atOnce(n, sandboxes int) func(*Config) {
	return func(c *Config) {
		c.Concurrency, c.MaxConcurrency, c.Limits.QueueWait = n, sandboxes, patience
	}
}

// startAt begins invocations that stop at gates, and returns their results and the ways out.
func (f *fixture) startAt(t *testing.T, gates ...string) (results []<-chan Result, leave []chan struct{}) {
	t.Helper()
	for _, gate := range gates {
		results = append(results, f.start(t, `{"do":"stepAndRespond","arg":"gate `+gate+`"}`))
		leave = append(leave, f.gates.arrived(t, gate))
	}
	return results, leave
}

func TestOneSandboxServesSeveralAtOnce(t *testing.T) {
	f := newFixture(t, atOnce(3, 1), extensionScripts{"watcher": "register INVOKE SHUTDOWN;events"}, "pid", "env", "workers 3")
	results, leave := f.startAt(t, "a", "b", "c")
	f.log.await(t, `env AWS_LAMBDA_MAX_CONCURRENCY=3$`)
	f.log.await(t, `env AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances$`)
	if s := f.Stats(); s.Sandboxes != 1 || s.Idle != 0 || s.Invocations != 3 {
		t.Errorf("stats %+v, want one sandbox with three invocations", s)
	}
	fourth := f.start(t, `{"n":4}`)
	close(leave[1]) // the second first: each gets its own answer
	expect(t, receive(t, results[1]), "done", "")
	expect(t, receive(t, fourth), `{"n":4}`, "")
	close(leave[0])
	close(leave[2])
	expect(t, receive(t, results[0]), "done", "")
	expect(t, receive(t, results[2]), "done", "")
	if err := f.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"START", "END", "REPORT"} {
		f.log.awaitN(t, line+` RequestId: `+anyID, 4)
	}
	if n := strings.Count(f.log.String(), "Init Duration: "); n != 1 {
		t.Errorf("%d invocations report the init, want the first alone", n)
	}
	if strings.Contains(f.log.String(), `"eventType":"INVOKE"`) {
		t.Error("the extension was told of an invocation")
	}
	f.Close(context.Background())
	f.log.await(t, `"eventType":"SHUTDOWN"`)
}

func TestOneAtATimeHasNoConcurrencyVariable(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Env["AWS_LAMBDA_MAX_CONCURRENCY"] = "8" }, nil, "env", "serve")
	f.invoke(t, `{}`)
	if strings.Contains(f.log.String(), "AWS_LAMBDA_MAX_CONCURRENCY") {
		t.Error("the variable of the environment, which Lambda reserves, has reached the app")
	}
}

func TestFurtherSandboxWhenAllWorkersAreBusy(t *testing.T) {
	f := newFixture(t, atOnce(2, 2), nil, "pid", "workers 2")
	results, leave := f.startAt(t, "a", "b", "c", "d")
	if s := f.Stats(); s.Sandboxes != 2 || s.ColdStarts != 2 {
		t.Errorf("stats %+v, want two sandboxes", s)
	}
	for i := range results {
		close(leave[i])
		expect(t, receive(t, results[i]), "done", "")
	}
}

func TestThrottledWhenAllWorkersOfAllSandboxesAreBusy(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		atOnce(2, 1)(c)
		c.ProvisionedConcurrency, c.Limits.QueueWait = 1, time.Millisecond
	}, nil, "pid", "workers 2")
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.eventually(t, "two workers that poll", func(Stats) bool {
		f.pool.mu.Lock()
		defer f.pool.mu.Unlock()
		return f.pool.sandboxes[1].place.room == 2
	})
	results, leave := f.startAt(t, "a", "b")
	if _, err := f.Invoke(t.Context(), Invocation{Event: []byte(`{}`)}); !errors.Is(err, ErrThrottled) {
		t.Errorf("the third invocation got %v, want ErrThrottled", err)
	}
	for i := range results {
		close(leave[i])
		expect(t, receive(t, results[i]), "done", "")
	}
}

// TestRoomIsWhatPolls: a runtime with fewer workers than allowed gets fewer invocations, one with more no more.
func TestRoomIsWhatPolls(t *testing.T) {
	for _, c := range []struct {
		rule             string
		allowed, workers int
	}{{"fewer", 4, 1}, {"more", 2, 6}} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, atOnce(c.allowed, 1), nil, "pid", fmt.Sprintf("workers %d", c.workers))
			var gates []string
			for i := range min(c.allowed, c.workers) {
				gates = append(gates, fmt.Sprint("g", i))
			}
			results, leave := f.startAt(t, gates...)
			next := f.start(t, `{"n":1}`)
			f.eventually(t, "one that waits", func(Stats) bool {
				f.pool.mu.Lock()
				defer f.pool.mu.Unlock()
				return len(f.pool.waiters) == 1
			})
			for i := range results {
				close(leave[i])
				expect(t, receive(t, results[i]), "done", "")
			}
			expect(t, receive(t, next), `{"n":1}`, "")
		})
	}
}

// TestTimeoutOfOneOfSeveral [D]: it fails alone, its code runs on, and what it answers later is refused.
func TestTimeoutOfOneOfSeveral(t *testing.T) {
	f := newFixture(t, func(c *Config) { atOnce(2, 1)(c); c.Timeout = 2 * time.Second }, nil, "pid", "workers 2")
	results, leave := f.startAt(t, "late")
	for {
		expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
		if len(results[0]) > 0 {
			break
		}
	}
	expectMatch(t, receive(t, results[0]), `^\{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: `+anyID+` Error: Task timed out after 2.00 seconds"\}$`)
	f.log.await(t, `REPORT .*\tStatus: timeout$`)
	expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
	close(leave[0])
	f.log.await(t, `response -> 400 \{"errorMessage":"Invalid request ID"`)
	results, leave = f.startAt(t, "a", "b") // the worker is back
	for i := range results {
		close(leave[i])
		expect(t, receive(t, results[i]), "done", "")
	}
	if n := f.Stats().ColdStarts; n != 1 {
		t.Errorf("%d cold starts, want the same sandbox throughout", n)
	}
}

// TestCrashOfSeveral: the end of the app's process fails every invocation in progress; the next one starts it again.
func TestCrashOfSeveral(t *testing.T) {
	f := newFixture(t, atOnce(3, 1), extensionScripts{"lambda-adapter": "pid;register;events"}, "pid", "workers 3")
	results, _ := f.startAt(t, "a", "b")
	const crash = `"Runtime.ExitError","errorMessage":"RequestId: ` + anyID + ` Error: Runtime exited with error: exit status 3"`
	expectMatch(t, f.invoke(t, `{"do":"step","arg":"exit 3"}`), crash)
	for _, r := range results {
		expectMatch(t, receive(t, r), crash)
	}
	f.log.awaitN(t, `REPORT .*\tStatus: error\tError Type: Runtime.ExitError$`, 3)
	results, leave := f.startAt(t, "c", "d", "e")
	for i := range results {
		close(leave[i])
		expect(t, receive(t, results[i]), "done", "")
	}
}

// TestWorkerThatLeaves: the event that was meant for a closed connection goes to the next poll.
func TestWorkerThatLeaves(t *testing.T) {
	f := newFixture(t, func(c *Config) { atOnce(2, 1)(c); c.ProvisionedConcurrency = 1 }, nil, "pid", "deserter away", "gate closed", "workers 1")
	started := make(chan error, 1)
	go func() { started <- f.Start(context.Background()) }()
	leave := f.gates.arrived(t, "away")
	if err := receive(t, started); err != nil {
		t.Fatal(err)
	}
	close(leave)
	leave = f.gates.arrived(t, "closed")
	f.eventually(t, "no parked poll", func(Stats) bool {
		sb := f.pool.sandboxes[1]
		sb.mu.Lock()
		defer sb.mu.Unlock()
		return len(sb.polls) == 0
	})
	result := f.start(t, `{"n":1}`)
	f.log.await(t, "START RequestId")
	close(leave)
	expect(t, receive(t, result), `{"n":1}`, "")
}

func TestManyAtOnceInFewSandboxes(t *testing.T) {
	f := newFixture(t, func(c *Config) { atOnce(4, 2)(c); c.IdleExpiry = time.Millisecond },
		extensionScripts{"lambda-adapter": "register;events background;workers 4"}, "block")
	f.invokeFromMany(t)
	if s := f.Stats(); s.Invocations != 400 || s.Throttles != 0 {
		t.Errorf("stats %+v", s)
	}
	f.eventually(t, "no sandbox: all expired", func(s Stats) bool { return s.Sandboxes == 0 })
}

// TestAdapterWithSeveralWorkers: the adapter of this project, as it runs on Managed Instances.
func TestAdapterWithSeveralWorkers(t *testing.T) {
	adapter := filepath.Join(t.TempDir(), "lambda-adapter")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", adapter, "../../adapter").CombinedOutput(); err != nil {
		t.Fatalf("build the adapter: %v\n%s", err, out)
	}
	f := newFixture(t, func(c *Config) { atOnce(3, 1)(c); c.Extensions = []string{adapter} }, nil, "pid", "listen", "block")
	event := func(gate string) string {
		return `{"resource":"/","path":"/","httpMethod":"GET","headers":{},"multiValueHeaders":{},"queryStringParameters":{"gate":"` + gate +
			`"},"multiValueQueryStringParameters":{"gate":["` + gate + `"]},"requestContext":{"httpMethod":"GET","path":"/","stage":"v1"},"body":null,"isBase64Encoded":false}`
	}
	var results []<-chan Result
	var leave []chan struct{}
	for _, gate := range []string{"a", "b", "c"} {
		results = append(results, f.start(t, event(gate)))
		leave = append(leave, f.gates.arrived(t, gate))
	}
	for i := range results {
		close(leave[i])
		if r := receive(t, results[i]); r.FunctionError != "" || !strings.Contains(string(r.Payload), "from port ") {
			t.Errorf("answer %s, function error %q", r.Payload, r.FunctionError)
		}
	}
	if s := f.Stats(); s.Sandboxes != 1 || s.ColdStarts != 1 {
		t.Errorf("stats %+v, want one sandbox", s)
	}
}
