package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestInvokeCarriesTheEventAndItsHeaders(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	expect(t, f.invoke(t, `{"a":1}`), `{"a":1}`, "")

	r, err := f.Invoke(context.Background(), Invocation{
		Event: []byte(`{"do":"headers"}`), RequestID: "8f507cfc-xmpl-4697-b07a-ac58fc914c95",
		TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793", ClientContext: `{"k":1}`, Qualifier: "live",
	})
	if err != nil {
		t.Fatal(err)
	}
	var header map[string][]string
	if err := json.Unmarshal(r.Payload, &header); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type":                        "application/json",
		"Lambda-Runtime-Aws-Request-Id":       "8f507cfc-xmpl-4697-b07a-ac58fc914c95",
		"Lambda-Runtime-Trace-Id":             "Root=1-5759e988-bd862e3fe1be46a994272793",
		"Lambda-Runtime-Client-Context":       `{"k":1}`,
		"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:hello:live",
	} {
		if got := strings.Join(header[name], "|"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var deadline int64
	fmt.Sscan(header["Lambda-Runtime-Deadline-Ms"][0], &deadline)
	if left := time.Until(time.UnixMilli(deadline)); left <= 0 || left > f.cfg.Timeout {
		t.Errorf("the deadline is in %s, want within %s", left, f.cfg.Timeout)
	}
	if r.Version != "3" {
		t.Errorf("executed version %q, want 3", r.Version)
	}
}

func TestOptionalHeadersAreLeftOutAndTraceIsMade(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	text := string(f.invoke(t, `{"do":"headers"}`).Payload)
	if strings.Contains(text, "Client-Context") || strings.Contains(text, "Cognito") {
		t.Errorf("optional headers in %s", text)
	}
	if !strings.Contains(text, `"Lambda-Runtime-Trace-Id":["Root=1-`) {
		t.Errorf("no trace id in %s", text)
	}
}

func TestLogLines(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	ctx := context.Background()
	for _, id := range []string{"first", "second"} {
		if _, err := f.Invoke(ctx, Invocation{RequestID: id,
			Event: []byte(`{"do":"stepAndRespond","arg":"say hello"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	report := ` \| REPORT RequestId: %s\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: [1-9]\d* MB%s$`
	f.log.await(t, fmt.Sprintf(report, "second", ""))
	f.log.inOrder(t, `^sandbox-1 \| START RequestId: first Version: 3$`, `^sandbox-1 \| actor: hello$`,
		`^sandbox-1 \| END RequestId: first$`,
		fmt.Sprintf(report, "first", `\tInit Duration: \d+\.\d\d ms`), `START RequestId: second`, fmt.Sprintf(report,
			"second", ""))
}

// TestBilledDuration [D]: the first invocation is billed its init, too, in whole milliseconds.
func TestBilledDuration(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	f.invoke(t, `{}`)
	f.invoke(t, `{}`)
	reports := f.log.awaitN(t,
		`REPORT .*\tDuration: (\S+) ms\tBilled Duration: (\d+) ms\t[^\n]*? MB(?:\tInit Duration: (\S+) ms)?$`, 2)
	for i, report := range reports {
		var took, init, billed float64
		fmt.Sscan(report[1], &took)
		fmt.Sscan(report[2], &billed)
		fmt.Sscan(report[3], &init)
		if billed != math.Ceil(took+init) || (init > 0) != (i == 0) {
			t.Errorf("invocation %d: %s", i+1, report[0])
		}
	}
}

func TestLogLinesInJSON(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.LogFormat = LogJSON; c.Timeout = 2 * time.Second }, nil, "serve")
	f.invoke(t, `{}`)
	f.log.await(t, `\{"time":"20[^"]*Z","type":"platform.start","record":\{"requestId":"[^"]*","version":"3"\}\}$`)
	f.log.await(t,
		`"type":"platform.report","record":\{"requestId":"[^"]*","metrics":\{"durationMs":[0-9.]+,"billedDurationMs":\d+,"memorySizeMB":512,"maxMemoryUsedMB":\d+,"initDurationMs":[0-9.]+\},"status":"success"\}\}$`)
	f.invoke(t, `{"do":"step","arg":"block"}`)
	f.log.await(t, `"status":"timeout"\}\}$`)
}

// TestCheck61_E_OrderOfInitAndShutdown [E]: extension, registration, app; SIGTERM to the app's group,
// SIGKILL after the grace; an extension without SHUTDOWN is killed without notice.
func TestCheck61_E_OrderOfInitAndShutdown(t *testing.T) {
	f := newFixture(t, nil, extensionScripts{"lambda-adapter": "pid;term ignore;gate registers;register;events"},
		"pid", "term ignore", "spawn same", "spawn own", "serve")
	result := f.start(t, `{}`)
	leave := f.gates.arrived(t, "registers")
	if strings.Contains(f.log.String(), "actor: pid") {
		t.Error("the app started before the extension had registered")
	}
	close(leave)
	expect(t, receive(t, result), `{}`, "")
	f.log.await(t, `EXTENSION\tName: lambda-adapter\tState: Ready\tEvents: \[\]$`)
	f.log.awaitN(t, `child pid \d+`, 2)
	start := time.Now()
	if err := f.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 300*time.Millisecond || took > patience/2 {
		t.Errorf("the shutdown took %s, want 300 ms for the stubborn app and little more", took)
	}
	f.log.inOrder(t, "actor: pid", "actor: got SIGTERM")
	if strings.Contains(f.log.String(), "lambda-adapter: got SIGTERM") {
		t.Error("the extension got SIGTERM")
	}
}

func TestAppWithoutExtensionIsKilledAtOnce(t *testing.T) {
	f := newFixture(t, nil, nil, "pid", "term ignore", "serve")
	f.invoke(t, `{}`)
	f.Close(context.Background())
	if strings.Contains(f.log.String(), "got SIGTERM") {
		t.Error("the app got SIGTERM although no extension is registered")
	}
}

// TestCheck62_D_ShutdownEvent [D]: the reasons spindown and timeout; a hung subscriber is killed.
func TestCheck62_D_ShutdownEvent(t *testing.T) {
	t.Run("spindown on idle expiry", func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.IdleExpiry = 10 * time.Millisecond },
			extensionScripts{"watcher": "pid;register SHUTDOWN;events"}, "pid", "serve")
		f.invoke(t, `{}`)
		f.log.await(t, `watcher: event 200 \{"eventType":"SHUTDOWN","deadlineMs":\d+,"shutdownReason":"spindown"\}`)
		expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
		f.log.awaitN(t, `\tInit Duration: `, 2)
	})
	t.Run("timeout", func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.Timeout = 3 * time.Second }, // the init after it counts, too
			extensionScripts{"watcher": "pid;register SHUTDOWN;events"}, "pid", "serve")
		expectMatch(t, f.invoke(t, `{"do":"step","arg":"block"}`),
			`^\{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: [0-9a-f-]{36} Error: Task timed out after 3.00 seconds"\}$`)
		f.log.await(t, `"shutdownReason":"timeout"`)
		f.log.await(t, ` \| 20\S*Z [0-9a-f-]{36} Task timed out after 3.00 seconds$`)
		f.log.await(t, `REPORT .*\tStatus: timeout$`)
		expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
	})
	t.Run("a hung subscriber is killed", func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.Limits.Shutdown = 400 * time.Millisecond },
			extensionScripts{"watcher": "pid;hang;register SHUTDOWN;events"}, "pid", "serve")
		f.invoke(t, `{}`)
		start := time.Now()
		f.Close(context.Background())
		if took := time.Since(start); took < 400*time.Millisecond || took > patience/2 {
			t.Errorf("the shutdown took %s, want the 400 ms of the limit and little more", took)
		}
		f.log.await(t, `watcher: event 200 \{"eventType":"SHUTDOWN"`)
	})
}

// TestCheck63_D_SuppressedInit [D]: an init over its limit is killed and runs again for the waiting
// invocation, under the function's timeout.
func TestCheck63_D_SuppressedInit(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits.Init = time.Second }, nil)
	marker := filepath.Join(t.TempDir(), "second")
	f.pool.cfg.Command = []string{actor, "pid", "once " + marker + " block", "gate second", "serve"}
	result := f.start(t, `{}`)
	leave := f.gates.arrived(t, "second")
	close(leave)
	expect(t, receive(t, result), `{}`, "")
	f.log.await(t, `REPORT RequestId: \S+\tDuration: .* MB$`)
	f.log.inOrder(t, `nothing has asked for the first invocation$`,
		`INIT_REPORT Init Duration: [1-9]\d{3}\.\d\d ms\tPhase: init\tStatus: timeout$`, `START RequestId`)
}

// TestCheck64_D_ParallelRequests [D]: two requests at once get two sandboxes; at the cap they wait,
// and are throttled when they wait for too long.
func TestCheck64_D_ParallelRequests(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxConcurrency = 2; c.Limits.QueueWait = 50 * time.Millisecond }, nil,
		"pid", "serve")
	first := f.start(t, `{"do":"stepAndRespond","arg":"gate a"}`)
	a := f.gates.arrived(t, "a")
	second := f.start(t, `{"do":"stepAndRespond","arg":"gate b"}`)
	b := f.gates.arrived(t, "b")
	if s := f.Stats(); s.Sandboxes != 2 || s.Idle != 0 {
		t.Errorf("stats %+v, want two busy sandboxes", s)
	}
	if _, err := f.Invoke(context.Background(), Invocation{Event: []byte(`{}`)}); !errors.Is(err, ErrThrottled) {
		t.Errorf("the third request got %v, want ErrThrottled", err)
	}
	close(a)
	close(b)
	expect(t, receive(t, first), "done", "")
	expect(t, receive(t, second), "done", "")
}

func TestSequentialRequestsUseOneSandbox(t *testing.T) {
	f := newFixture(t, nil, extensionScripts{"lambda-adapter": "register;events"}, "serve")
	for range 200 {
		f.invoke(t, `{}`)
	}
	f.log.awaitN(t, `^\S+ \| REPORT `, 200)
	if s := f.Stats(); s.Sandboxes != 1 || f.coldStarts() != 1 {
		t.Errorf("stats %+v, want one sandbox", s)
	}
}

// TestCheck65_D_ExtensionsFinishAfterTheAnswer [D]: the caller is answered at once, the sandbox takes
// the next event when the extension is back.
func TestCheck65_D_ExtensionsFinishAfterTheAnswer(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxConcurrency = 1 },
		extensionScripts{"flusher": "register INVOKE;events flush"}, "serve")
	result := f.start(t, `{"n":1}`)
	flush := f.gates.arrived(t, "flush")
	expect(t, receive(t, result), `{"n":1}`, "")
	f.log.await(t,
		`flusher: event 200 \{"eventType":"INVOKE","deadlineMs":\d+,"requestId":"[0-9a-f-]{36}","invokedFunctionArn":"arn:aws:lambda:eu-central-1:123456789012:function:hello","tracing":\{"type":"X-Amzn-Trace-Id","value":"Root=[^"]*"\}\}`)
	next := f.start(t, `{"n":2}`)
	if strings.Contains(f.log.String(), "END RequestId") {
		t.Error("the invocation ended before the extension did")
	}
	close(flush)
	expect(t, receive(t, next), `{"n":2}`, "")
	close(f.gates.arrived(t, "flush"))
	f.log.inOrder(t, "START RequestId", "END RequestId", "START RequestId")
}

func TestProvisionedSandboxesAreWarmAndStay(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ProvisionedConcurrency = 3; c.IdleExpiry = time.Millisecond },
		extensionScripts{"lambda-adapter": "register;events"}, "pid", "env", "serve")
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.log.awaitN(t, `INIT_REPORT Init Duration: \S+ ms\tPhase: init$`, 3)
	f.log.awaitN(t, `AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency`, 3)
	f.invoke(t, `{}`)
	f.log.await(t, `REPORT .* MB$`)
	if s := f.Stats(); s.Sandboxes != 3 || f.coldStarts() != 0 {
		t.Errorf("stats %+v, want three warm sandboxes and no cold start", s)
	}
}

func TestStartFailsWhenTheAppDoes(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ProvisionedConcurrency = 2 }, nil, "exit 7")
	err := f.Start(context.Background())
	if err == nil || !strings.Contains(err.Error(), "Runtime.ExitError: Runtime exited with error: exit status 7") {
		t.Errorf("Start gave %v", err)
	}
	if _, err := f.Invoke(context.Background(), Invocation{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke gave %v, want ErrClosed", err)
	}
}

func TestStartStopsWithItsContext(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ProvisionedConcurrency = 2 }, nil, "pid", "gate boot")
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- f.Start(ctx) }()
	f.gates.arrived(t, "boot")
	cancel()
	if err := receive(t, result); !errors.Is(err, context.Canceled) {
		t.Errorf("Start gave %v", err)
	}
}

func TestFreezeBetweenInvocations(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Freeze = true }, extensionScripts{"lambda-adapter": "register;events"},
		"pid", "serve")
	f.invoke(t, `{}`)
	pid := f.log.await(t, `actor: pid (\d+)`)[1]
	limit := time.Now().Add(patience)
	for state := ""; state != "T"; {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			t.Skip("needs /proc")
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if state = rest[:1]; time.Now().After(limit) {
			t.Fatalf("the app is in state %s, want T (stopped)", state)
		}
	}
	for range 20 {
		f.invoke(t, `{}`)
	}
}

// TestCheck43_R_CallerThatLeaves [R]: the function runs on to its own end after its caller, such as an integration
// that has timed out, waits no more.
func TestCheck43_R_CallerThatLeaves(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxConcurrency = 1 }, nil, "serve")
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := f.Invoke(ctx, Invocation{Event: []byte(`{"do":"stepAndRespond","arg":"gate a"}`)})
		result <- err
	}()
	leave := f.gates.arrived(t, "a")
	cancel()
	if err := receive(t, result); !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke gave %v", err)
	}
	close(leave)
	f.log.await(t, `END RequestId`) // the function ran on to its own end
	expect(t, f.invoke(t, `{}`), `{}`, "")
	if err := f.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestCloseAnswersInvocationsInProgress(t *testing.T) {
	f := newFixture(t, nil, nil, "pid", "serve")
	result := f.start(t, `{"do":"stepAndRespond","arg":"gate a"}`)
	f.gates.arrived(t, "a")
	f.Close(context.Background())
	expect(t, receive(t, result), ErrClosed.Error(), "refused")
}

func TestEventTooLarge(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	if _, err := f.Invoke(context.Background(), Invocation{Event: make([]byte, maxEvent+1)}); !errors.Is(err,
		ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}
