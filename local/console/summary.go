package console

import (
	"bytes"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// summary is an invocation in the list of the page.
type summary struct {
	Number   int     `json:"n"`
	ID       string  `json:"id"`
	Time     int64   `json:"time"` // milliseconds since 1970
	Method   string  `json:"method"`
	Path     string  `json:"path"`
	Status   int     `json:"status,omitempty"`   // of the response; 0 for an event that did not come through the gateway
	State    string  `json:"state"`              // running, done, failed or refused
	Duration float64 `json:"duration,omitempty"` // milliseconds, as the caller saw it
	Cold     bool    `json:"cold,omitempty"`
	Init     float64 `json:"init,omitempty"`    // milliseconds
	Restore  float64 `json:"restore,omitempty"` // milliseconds, with SnapStart
	Function string  `json:"function,omitempty"`
	Version  string  `json:"version,omitempty"`
	Sandbox  int     `json:"sandbox,omitempty"`
	Size     int64   `json:"size"`               // of the response's body
	Streamed bool    `json:"streamed,omitempty"` // came in several pieces
	Failure  string  `json:"failure,omitempty"`  // its type
	Cause    string  `json:"cause,omitempty"`
	Trace    string  `json:"trace,omitempty"`
	ReplayOf string  `json:"replayOf,omitempty"`
}

// States of an invocation.
const (
	running = "running"
	done    = "done"
	failed  = "failed"  // a failure of the function, or a status of 500 and more
	refused = "refused" // the gateway answered in place of the function, with a status below 500
)

// longestCause is what the list shows of a cause; the details show all of it.
const longestCause = 400

func (i *invocation) summary() summary {
	s := summary{Number: i.number, ID: i.id, State: i.state(), ReplayOf: i.replayOf, Time: i.began().UnixMilli()}
	s.Duration = milliseconds(i.took())
	if q := i.request; q != nil {
		s.Method, s.Trace, s.Streamed = q.Method, traceRoot(q.TraceID), len(i.stream.pieces) > 1
		s.Path = maskTarget(q.Target)
	} else {
		s.Method, s.Path = "EVENT", eventSource(i.start.Event.Bytes)
		s.Trace = traceRoot(i.start.TraceID)
	}
	if p := i.stream.last; p != nil {
		s.Status, s.Size = p.Status, i.stream.body.Size
	}
	if a := i.response; a != nil {
		s.Status, s.Size, s.Failure, s.Cause = a.Status, a.Body.Size, a.ErrorType, a.Cause
	}
	if b := i.start; b != nil {
		s.Cold, s.Function, s.Version, s.Sandbox = b.Cold, b.Function, b.Version, b.Sandbox
		s.Restore = milliseconds(b.Restore)
	}
	if r := i.report; r != nil {
		if s.Init = r.InitDuration; s.Init == 0 { // it was part of the invocation, and is part of its duration
			s.Init = milliseconds(r.InitEnded.Sub(r.InitBegan))
		}
		if i.request == nil {
			s.Size = r.Response.Size
		}
		if r.ErrorType != "" { // says more than what the gateway makes of it
			s.Failure, s.Cause = r.ErrorType, r.ErrorMessage
		}
	}
	return s
}

// clipped is a summary as the list has it.
func (s summary) clipped() summary {
	if len(s.Cause) > longestCause {
		s.Cause = strings.ToValidUTF8(s.Cause[:longestCause], "") + "…"
	}
	return s
}

func (i *invocation) began() time.Time {
	if i.request != nil {
		return i.request.Began
	}
	return i.start.Arrived
}

// ended is zero while the caller waits.
func (i *invocation) ended() time.Time {
	switch {
	case i.request != nil && i.response != nil:
		return i.response.Ended
	case i.request == nil && i.report != nil && !i.report.Answered.IsZero():
		return i.report.Answered
	case i.request == nil && i.report != nil:
		return i.report.Ended
	}
	return time.Time{}
}

func (i *invocation) took() time.Duration {
	if end := i.ended(); !end.IsZero() {
		return end.Sub(i.began())
	}
	return 0
}

func (i *invocation) state() string {
	a, r := i.response, i.report
	switch {
	case i.ended().IsZero():
		return running
	case r != nil && r.Status != "success", a != nil && (a.Status >= 500 || a.Status == 0 && a.Cause != ""):
		return failed
	case a != nil && a.Cause != "" && a.Status < 500 && a.ErrorType != "":
		return refused
	case a != nil && a.Cause != "": // a stream that was cut off
		return failed
	}
	return done
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}

// traceRoot is the trace id in an X-Ray header.
func traceRoot(header string) string {
	for field := range strings.SplitSeq(header, ";") {
		if id, ok := strings.CutPrefix(field, "Root="); ok {
			return id
		}
	}
	return ""
}

// eventSource names where an event that did not come through the gateway says it is from. The first bytes tell.
func eventSource(event []byte) string {
	head := event[:min(len(event), 4<<10)]
	for _, key := range []string{`"eventSource"`, `"EventSource"`, `"source"`} {
		_, rest, found := bytes.Cut(head, []byte(key))
		rest, colon := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
		rest, quote := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`))
		value, _, whole := bytes.Cut(rest, []byte(`"`))
		if found && colon && quote && whole && bytes.HasPrefix(value, []byte("aws")) && len(value) < 60 {
			return string(value)
		}
	}
	return "direct"
}

// sandboxSummary is a sandbox on the page.
type sandboxSummary struct {
	Key         string  `json:"key"`
	Function    string  `json:"function"`
	Version     string  `json:"version"`
	Sandbox     int     `json:"sandbox"`
	State       string  `json:"state"`
	Busy        bool    `json:"busy"`
	Since       int64   `json:"since"`
	Ended       int64   `json:"ended,omitempty"`
	Used        int64   `json:"used,omitempty"`
	Provisioned bool    `json:"provisioned,omitempty"`
	Port        int     `json:"port,omitempty"`
	Init        float64 `json:"init,omitempty"`
	Memory      int     `json:"memory,omitempty"`
	Invocations int     `json:"invocations"`
	Failures    int     `json:"failures"`
	Failure     string  `json:"failure,omitempty"`
	Cause       string  `json:"cause,omitempty"`
}

func (s *sandboxState) summary() sandboxSummary {
	return sandboxSummary{
		Key: s.key, Function: s.source.Function, Version: s.source.Version, Sandbox: s.source.Sandbox,
		State: string(s.state), Busy: s.busy && s.state == sandbox.Ready,
		Since: s.since.UnixMilli(), Ended: millis(s.ended), Used: millis(s.used),
		Provisioned: s.provisioned, Port: s.port, Init: milliseconds(s.init), Memory: s.memory,
		Invocations: s.invocations, Failures: s.failures, Failure: s.errorType, Cause: s.cause,
	}
}

// millis is 0 for no time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// deploymentSummary is a deployment on the page.
type deploymentSummary struct {
	App     string   `json:"app"`
	Time    int64    `json:"time"`
	Took    float64  `json:"took"`
	Changed []string `json:"changed"`
	Result  string   `json:"result"`
	Error   string   `json:"error,omitempty"`
}

func (d deployment) summary() deploymentSummary {
	s := deploymentSummary{App: d.App, Time: d.Began.UnixMilli(), Took: milliseconds(d.Took), Changed: d.Changed,
		Result: d.Result}
	if d.Err != nil {
		s.Error = d.Err.Error()
	}
	return s
}
