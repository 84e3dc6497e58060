package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// notebook keeps records and lets tests wait for one.
type notebook struct {
	mu      sync.Mutex
	records []Record
	grown   chan struct{}
}

func newNotebook() *notebook { return &notebook{grown: make(chan struct{})} }

func (n *notebook) observe(r Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = append(n.records, r)
	close(n.grown)
	n.grown = make(chan struct{})
}

// await waits until a record is as wanted and returns all records until then.
func (n *notebook) await(t *testing.T, what string, is func(Record) bool) []Record {
	t.Helper()
	limit := time.After(patience)
	for {
		n.mu.Lock()
		records, grown := slices.Clone(n.records), n.grown
		n.mu.Unlock()
		if at := slices.IndexFunc(records, is); at >= 0 {
			return records[:at+1]
		}
		select {
		case <-grown:
		case <-limit:
			t.Fatalf("%s was not observed among %d records", what, len(records))
		}
	}
}

// report waits for the Report of an invocation.
func (n *notebook) report(t *testing.T, id string) Report {
	t.Helper()
	records := n.await(t, "the report of "+id, func(r Record) bool {
		report, ok := r.(Report)
		return ok && report.RequestID == id
	})
	return records[len(records)-1].(Report)
}

func (n *notebook) state(t *testing.T, s State) Change {
	t.Helper()
	records := n.await(t, string(s), func(r Record) bool {
		change, ok := r.(Change)
		return ok && change.State == s
	})
	return records[len(records)-1].(Change)
}

// story names the records in order.
func story(records []Record) string {
	var words []string
	for _, r := range records {
		switch r := r.(type) {
		case Start:
			words = append(words, fmt.Sprintf("start %s cold=%v", r.RequestID, r.Cold))
		case Line:
			word, _, _ := strings.Cut(r.Text, " ")
			words = append(words, fmt.Sprintf("%s/%s/%v", word, r.RequestID, r.Platform))
		case Report:
			words = append(words, "report "+r.RequestID+" "+r.Status)
		case Change:
			words = append(words, string(r.State))
		}
	}
	return strings.Join(words, ", ")
}

// TestObserve: each record in its order, with the id of its invocation.
func TestObserve(t *testing.T) {
	n := newNotebook()
	f := newFixture(t, func(c *Config) { c.Observe = n.observe }, nil, "serve")
	event := `{"do":"stepAndRespond","arg":"say hello"}`
	for _, id := range []string{"one", "two"} {
		if _, err := f.Invoke(context.Background(), Invocation{RequestID: id, Event: []byte(event),
			TraceID: "Root=1"}); err != nil {
			t.Fatal(err)
		}
	}
	last := n.report(t, "two")
	want := "starting, ready, start one cold=true, START/one/true, actor:/one/false, actor:/one/false, " +
		"END/one/true, REPORT/one/true, report one success, " +
		"start two cold=false, START/two/true, actor:/two/false, actor:/two/false, END/two/true, " +
		"REPORT/two/true, report two success"
	if got := story(n.await(t, "the end", func(r Record) bool { return isReport(r, "two") })); got != want {
		t.Errorf("observed\n%s\nwant\n%s", got, want)
	}
	first := n.report(t, "one")
	if first.InitDuration <= 0 || first.InitBegan.IsZero() || last.InitDuration != 0 || !last.InitBegan.IsZero() {
		t.Errorf("init of the first %g, of the second %g", first.InitDuration, last.InitDuration)
	}
	for _, r := range []Report{first, last} {
		times := []time.Time{r.Delivered, r.Responded, r.Answered, r.Ended}
		if !slices.IsSortedFunc(times, time.Time.Compare) || r.Delivered.IsZero() {
			t.Errorf("the times are %v", times)
		}
		if r.Function != "hello" || r.Version != "3" || r.Sandbox != 1 || r.MemorySize != 512 || r.MaxMemory < 1 ||
			r.BilledDuration < 1 || string(r.Response.Bytes) == "" {
			t.Errorf("the report is %+v", r)
		}
	}
	if ready := n.state(t, Ready); ready.AppPort == 0 || ready.InitDuration <= 0 {
		t.Errorf("ready: %+v", ready)
	}
	f.Close(t.Context())
	n.state(t, Ended)
}

func isReport(r Record, id string) bool {
	report, ok := r.(Report)
	return ok && report.RequestID == id
}

func TestObserveFailures(t *testing.T) {
	for name, c := range map[string]struct {
		event                      string
		timeout                    time.Duration
		status, errorType, message string
		response                   string
	}{
		"error document": {`{"do":"error","arg":"{\"errorMessage\":\"no such table\"}"}`, 0, "error",
			"Function.Broken", "no such table", "errorMessage"},
		"exit": {`{"do":"step","arg":"exit 3"}`, 0, "error", "Runtime.ExitError", "exit status 3",
			"Runtime.ExitError"},
		"timeout": {`{"do":"step","arg":"block"}`, time.Second, "timeout", timedOut,
			"timed out after 1.00 seconds", timedOut},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNotebook()
			f := newFixture(t, func(cfg *Config) {
				cfg.Observe = n.observe
				if c.timeout > 0 {
					cfg.Timeout = c.timeout
				}
			}, nil, "serve")
			if _, err := f.Invoke(context.Background(), Invocation{RequestID: "id",
				Event: []byte(c.event)}); err != nil {
				t.Fatal(err)
			}
			r := n.report(t, "id")
			if r.Status != c.status || c.errorType != "" && r.ErrorType != c.errorType ||
				!strings.Contains(r.ErrorMessage, c.message) ||
				r.ErrorMessage == "" || !strings.Contains(string(r.Response.Bytes), c.response) || r.Answered.IsZero() {
				t.Errorf("the report is %+v with the response %s", r, r.Response.Bytes)
			}
			if strings.HasPrefix(c.errorType, "Runtime.") || c.errorType == timedOut {
				if failed := n.state(t, Failed); failed.ErrorType != c.errorType {
					t.Errorf("the sandbox failed with %+v", failed)
				}
			}
		})
	}
}

func TestObserveFailedInit(t *testing.T) {
	n := newNotebook()
	f := newFixture(t, func(c *Config) { c.Observe = n.observe }, nil, "exit 7")
	if _, err := f.Invoke(context.Background(), Invocation{RequestID: "id", Event: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if failed := n.state(t, Failed); failed.ErrorType != "Runtime.ExitError" || !strings.Contains(failed.ErrorMessage,
		"exit status 7") {
		t.Errorf("observed %+v", failed)
	}
	if r := n.report(t, "id"); r.Status != "error" || !strings.Contains(r.ErrorMessage, "exit status 7") ||
		r.InitBegan.IsZero() {
		t.Errorf("observed %+v", r)
	}
}

// TestObserveStreams: what the runtime posts, from its first byte on.
func TestObserveStreams(t *testing.T) {
	n := newNotebook()
	f := newFixture(t, func(c *Config) { c.Observe = n.observe }, nil, "serve")
	to := newRecorder()
	result := make(chan error, 1)
	go func() {
		_, err := f.Invoke(context.Background(), Invocation{RequestID: "id",
			Event: []byte(`{"do":"stream","gates":["one","two"]}`), Stream: to})
		result <- err
	}()
	for _, piece := range []string{"one", "two"} {
		leave := f.gates.arrived(t, piece)
		receive(t, to.pieces)
		close(leave)
	}
	if err := receive(t, result); err != nil {
		t.Fatal(err)
	}
	if r := n.report(t, "id"); !r.Streamed || string(r.Response.Bytes) != "onetwo" || !r.Responded.Before(r.Answered) {
		t.Errorf("observed %+v", r)
	}
}

func TestBodyIsClipped(t *testing.T) {
	large := make([]byte, ObservedBytes+10)
	b := BodyOf(large)
	if len(b.Bytes) != ObservedBytes || cap(b.Bytes) > 2*ObservedBytes || b.Size != ObservedBytes+10 ||
		&b.Bytes[0] == &large[0] {
		t.Errorf("%d bytes of %d are kept", len(b.Bytes), b.Size)
	}
	var pieces Body
	for range 5 {
		pieces.Add(large[:ObservedBytes/3])
	}
	if len(pieces.Bytes) != ObservedBytes || pieces.Size != 5*(ObservedBytes/3) {
		t.Errorf("%d bytes of %d are kept", len(pieces.Bytes), pieces.Size)
	}
}

// BenchmarkObserve is BenchmarkInvoke/1kB with somebody who counts the records: the difference is the price of
// observing.
func BenchmarkObserve(b *testing.B) {
	f := benchFunction(b, 1)
	var seen atomic.Int64
	f.cfg.Observe = func(Record) { seen.Add(1) }
	f.pool.sandboxes[1].log.observer = f.cfg.Observe
	event := make([]byte, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Invoke(context.Background(), Invocation{Event: event}); err != nil {
			b.Fatal(err)
		}
	}
}
