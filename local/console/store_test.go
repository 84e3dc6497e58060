package console

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

var box = sandbox.Source{Function: "web", Version: "1", Sandbox: 1}

func newConsole() *Console {
	return New(Config{Address: "127.0.0.1:3000"})
}

// play tells the console of one invocation through the gateway, from its request to its end.
func play(c *Console, id string, change func(*gateway.Request, *gateway.Response, *sandbox.Report)) {
	began := time.Now()
	request := gateway.Request{
		ID: gateway.ID{RequestID: id, GatewayID: "g-" + id}, Began: began, Invoked: began, Method: "GET",
		Target: "/v1/api/hello",
		Proto:  "HTTP/1.1", Host: "127.0.0.1:3000", Header: http.Header{"Accept": {"*/*"}}, Stage: "v1",
		TraceID: "Root=1-abc;Parent=def;Sampled=0", Event: sandbox.Body{Bytes: []byte(`{"path":"/api/hello"}`),
			Size: 21},
	}
	response := gateway.Response{ID: request.ID, Ended: began.Add(3 * time.Millisecond), Status: 200,
		Body: sandbox.BodyOf([]byte("hello"))}
	report := sandbox.Report{Source: box, RequestID: id, Ended: began.Add(2 * time.Millisecond), Status: "success",
		Response: sandbox.BodyOf([]byte(`{"statusCode":200}`))}
	if change != nil {
		change(&request, &response, &report)
	}
	c.Gateway(request)
	c.Sandbox(sandbox.Start{Source: box, RequestID: id, Arrived: began, Began: began, Event: request.Event})
	c.Sandbox(sandbox.Line{Source: box, RequestID: id, Time: began, Text: "line of " + id})
	c.Sandbox(report)
	c.Gateway(response)
}

func TestStates(t *testing.T) {
	for name, c := range map[string]struct {
		change              func(*gateway.Request, *gateway.Response, *sandbox.Report)
		state, failure, why string
	}{
		"done": {nil, done, "", ""},
		"not found": {func(_ *gateway.Request, a *gateway.Response, _ *sandbox.Report) { a.Status = 404 }, done,
			"", ""},
		"the app failed": {func(_ *gateway.Request, a *gateway.Response, _ *sandbox.Report) { a.Status = 500 },
			failed, "", ""},
		"crash": {func(_ *gateway.Request, a *gateway.Response, r *sandbox.Report) {
			a.Status, a.ErrorType, a.Cause = 502, "DEFAULT_5XX", "the function failed"
			r.Status, r.ErrorType, r.ErrorMessage = "error", "Runtime.ExitError", "exit status 3"
		}, failed, "Runtime.ExitError", "exit status 3"},
		"refused": {func(_ *gateway.Request, a *gateway.Response, _ *sandbox.Report) {
			a.Status, a.ErrorType, a.Cause = 429, "THROTTLED", "the rate"
		}, refused, "THROTTLED", "the rate"},
		"cut off": {func(_ *gateway.Request, a *gateway.Response, _ *sandbox.Report) {
			a.Cause = "in the middle of the stream"
		}, failed, "", "in the middle of the stream"},
	} {
		t.Run(name, func(t *testing.T) {
			console := newConsole()
			play(console, "one", c.change)
			s := console.store.find("one").summary()
			if s.State != c.state || s.Failure != c.failure || s.Cause != c.why {
				t.Errorf("%s, %q, %q; want %s, %q, %q", s.State, s.Failure, s.Cause, c.state, c.failure, c.why)
			}
			if s.Path != "/v1/api/hello" || s.Version != "1" || s.Duration != 3 || s.Trace != "1-abc" {
				t.Errorf("the summary is %+v", s)
			}
		})
	}
}

// TestRunning: an invocation is there from its beginning, and the sandbox is busy.
func TestRunning(t *testing.T) {
	c := newConsole()
	c.Sandbox(sandbox.Change{Source: box, Time: time.Now(), State: sandbox.Starting})
	c.Sandbox(sandbox.Change{Source: box, Time: time.Now(), State: sandbox.Ready, AppPort: 8080})
	c.Sandbox(sandbox.Start{Source: box, RequestID: "event",
		Event: sandbox.BodyOf([]byte(`{"Records":[{"eventSource":"aws:sqs"}]}`))})
	u, _ := c.update(0)
	if len(u.Invocations) != 1 || u.Invocations[0].State != running || u.Invocations[0].Path != "aws:sqs" ||
		u.Running != 1 || !u.Sandboxes[0].Busy {
		t.Errorf("the update is %+v", u)
	}
	c.Sandbox(sandbox.Report{Source: box, RequestID: "event", Status: "success", Ended: time.Now(), MaxMemory: 80})
	u, clock := c.update(0)
	if u.Invocations[0].State != done || u.Running != 0 || u.Sandboxes[0].Busy || u.Sandboxes[0].Memory != 80 ||
		u.Sandboxes[0].Invocations != 1 {
		t.Errorf("the update is %+v", u)
	}
	c.Sandbox(sandbox.Start{Source: box, RequestID: "broken"})
	c.Sandbox(sandbox.Report{
		Source: box, RequestID: "broken", Status: "error", ErrorType: "Function.Broken", ErrorMessage: "no tea",
		Ended: time.Now(),
	})
	u, clock = c.update(clock)
	if len(u.Invocations) != 1 || u.Invocations[0].State != failed || u.Invocations[0].Cause != "no tea" ||
		u.Sandboxes[0].Failures != 1 {
		t.Errorf("after a failure the update is %+v", u)
	}
	if u, _ = c.update(clock); len(u.Invocations)+len(u.Sandboxes)+len(u.Deployments) != 0 {
		t.Errorf("nothing has changed, and the update is %+v", u)
	}
}

// TestBounds: the newest 500 are kept, bodies up to 64 MB, lines up to 64 kB; sizes are said also of what was dropped.
func TestBounds(t *testing.T) {
	c := newConsole()
	large := []byte(strings.Repeat("x", sandbox.ObservedBytes))
	for n := range 10_000 {
		play(c, fmt.Sprint(n), func(_ *gateway.Request, a *gateway.Response, _ *sandbox.Report) {
			if n >= 9000 {
				a.Body = sandbox.Body{Bytes: large[:len(large):len(large)], Size: 1 << 20}
			}
		})
	}
	if n := len(c.store.order); n != keptInvocations || len(c.store.byID) != n {
		t.Errorf("%d invocations and %d ids are kept", n, len(c.store.byID))
	}
	held := 0
	for _, i := range c.store.order {
		if i.response.Body.Size != 1<<20 {
			t.Fatalf("the size of a body is %d", i.response.Body.Size)
		}
		held += len(i.response.Body.Bytes)
	}
	if held > keptBytes || held < keptBytes/2 || c.store.bytes > keptBytes || c.store.bytes < 0 {
		t.Errorf("%d bytes of bodies are kept, counted as %d", held, c.store.bytes)
	}
	oldest := c.store.order[0]
	if d := c.describe(oldest, false); !d.Bare || d.Messages[len(d.Messages)-1].Body.Size != 1<<20 || d.Replay != "" {
		t.Errorf("the oldest one: %+v", d)
	}
	for n := range 5000 {
		c.Sandbox(sandbox.Line{Source: box, RequestID: "9999", Text: fmt.Sprintf("%d %s", n, strings.Repeat("y", 100))})
	}
	l := c.store.find("9999").lines
	if l.bytes+l.lastBytes > keptLines || l.dropped+len(l.first)+len(l.last) != 5001 ||
		!strings.HasPrefix(l.last[len(l.last)-1].Text, "4999") {
		t.Errorf("%d+%d bytes of lines, %d dropped", l.bytes, l.lastBytes, l.dropped)
	}
}

// TestMemoryStaysBounded: ten thousand more invocations need no more memory than the first thousand.
func TestMemoryStaysBounded(t *testing.T) {
	c := newConsole()
	fill := func(from, to int) uint64 {
		for n := from; n < to; n++ {
			play(c, fmt.Sprint(n), nil)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := fill(0, 1000)
	if after := fill(1000, 11_000); after > before+before/2 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}

func TestSandboxes(t *testing.T) {
	c := newConsole()
	for range 200 {
		c.Sandbox(sandbox.Change{Source: box, Time: time.Now(), State: sandbox.Starting})
		c.Sandbox(sandbox.Line{Source: box, Text: "init"})
		c.Sandbox(sandbox.Change{Source: box, Time: time.Now(), State: sandbox.Failed, ErrorType: "Runtime.ExitError",
			ErrorMessage: "exit status 1"})
		c.Sandbox(sandbox.Change{Source: box, Time: time.Now(), State: sandbox.Ended})
	}
	u, _ := c.update(0)
	if len(u.Sandboxes) > keptSandboxes+2 {
		t.Errorf("%d ended sandboxes are kept", len(u.Sandboxes))
	}
	last := u.Sandboxes[len(u.Sandboxes)-1]
	if last.State != "ended" || last.Cause != "exit status 1" || last.Failures != 0 {
		t.Errorf("the last one is %+v", last)
	}
}

func TestPulse(t *testing.T) {
	now := time.Unix(1000, 0)
	var p pulse
	p.note(now, 1, true)
	p.note(now, 2, true)
	p.note(now, 1, false)
	now = now.Add(2 * time.Second)
	p.note(now, 0, false)
	beats := p.beats(now)
	if got := fmt.Sprint(beats[len(beats)-3:]); got != "[[2 2] [1 0] [1 0]]" {
		t.Errorf("the last seconds are %s", got)
	}
	now = now.Add(time.Hour)
	if beats = p.beats(now); beats[0] != [2]int{0, 0} || len(beats) != 300 {
		t.Errorf("after an hour: %v", beats[:3])
	}
}

func TestTimelineIsInOrder(t *testing.T) {
	c := newConsole()
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	id := gateway.ID{RequestID: "x", GatewayID: "g"}
	c.Gateway(gateway.Request{ID: id, Began: at(0), Invoked: at(1)})
	c.Sandbox(sandbox.Start{Source: box, RequestID: "x", Arrived: at(1), Began: at(103), Cold: true})
	c.Sandbox(sandbox.Traffic{Source: box, RequestID: "x", Asked: at(105), Answered: at(120), Ended: at(121),
		Sent: sandbox.BodyOf([]byte("GET / HTTP/1.1\r\n\r\n"))})
	c.Sandbox(sandbox.Report{
		Source: box, RequestID: "x", Ended: at(126), Delivered: at(104), Responded: at(123), Answered: at(124),
		InitBegan: at(3), InitEnded: at(102), Status: "success",
	})
	c.Gateway(gateway.Response{ID: id, Ended: at(125), FirstByte: at(124), Status: 200})
	var words []string
	for _, s := range c.describe(c.store.find("x"), false).Timeline {
		words = append(words, fmt.Sprintf("%s %g-%g", s.Name, s.From, s.To))
	}
	want := "gateway 0-1, queue 1-3, init 3-102, queue 102-103, sandbox 103-104, adapter 104-105, app " +
		"105-121, adapter 121-123, answer 123-124, after 124-126, response 124-125"
	if got := strings.Join(words, ", "); got != want {
		t.Errorf("the timeline is\n%s\nwant\n%s", got, want)
	}
}

// TestTimelineOfARestore: with SnapStart an invocation waits for a restore, and for no init.
func TestTimelineOfARestore(t *testing.T) {
	c := newConsole()
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	c.Sandbox(sandbox.Start{Source: box, RequestID: "x", Arrived: at(0), Began: at(42), Cold: true,
		Restore: 40 * time.Millisecond})
	c.Sandbox(sandbox.Report{Source: box, RequestID: "x", Delivered: at(43), Responded: at(50), Answered: at(50),
		Ended: at(51), Status: "success", RestoreDuration: 40})
	d := c.describe(c.store.find("x"), false)
	if got := fmt.Sprint(d.Timeline[:2]); got != "[{queue 0 2} {restore 2 42}]" || d.Restore != 40 || !d.Cold {
		t.Errorf("the timeline begins with %s, the restore took %g", got, d.Restore)
	}
}

// BenchmarkInvocation is what an invocation costs with nobody's page open, and with one.
func BenchmarkInvocation(b *testing.B) {
	for _, watchers := range []int{0, 1} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			c := newConsole()
			changed := make(chan struct{}, 1)
			if watchers == 1 {
				c.store.watch(changed)
				done := make(chan struct{})
				defer close(done)
				go func() {
					seen := uint64(0)
					for {
						select {
						case <-done:
							return
						case <-changed:
							_, seen = c.update(seen)
							time.Sleep(feedPause)
						}
					}
				}()
			}
			began := time.Now()
			request := gateway.Request{Began: began, Invoked: began, Method: "GET", Target: "/v1/api/hello",
				Event: sandbox.BodyOf(make([]byte, 2<<10))}
			ids := make([]string, 1000)
			for n := range ids {
				ids[n] = fmt.Sprint(n)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				id := gateway.ID{RequestID: ids[n%len(ids)]}
				n++
				request.ID = id
				c.Gateway(request)
				c.Sandbox(sandbox.Start{Source: box, RequestID: id.RequestID, Arrived: began, Began: began,
					Event: request.Event})
				c.Sandbox(sandbox.Line{Source: box, RequestID: id.RequestID, Text: "START"})
				c.Sandbox(sandbox.Line{Source: box, RequestID: id.RequestID, Text: "END"})
				c.Sandbox(sandbox.Line{Source: box, RequestID: id.RequestID, Text: "REPORT"})
				c.Sandbox(sandbox.Report{Source: box, RequestID: id.RequestID, Ended: began, Status: "success"})
				c.Gateway(gateway.Response{ID: id, Ended: began, Status: 200})
			}
		})
	}
}
