package sandbox

import (
	"bytes"
	"encoding/json"
	"time"
)

// Records of what happens in the sandboxes, for whoever shows it: [Config].Observe is called with each,
// in the order of the events of one sandbox, from any goroutine, and must return soon. Records of one
// invocation have its request id in common, also with those of the gateway in front.

// Record is a [Start], a [Line], a [Traffic], a [Report] or a [Change].
type Record interface{ sandboxRecord() }

func (Start) sandboxRecord()  {}
func (Line) sandboxRecord()   {}
func (Report) sandboxRecord() {}
func (Change) sandboxRecord() {}

// Source is the sandbox that a record comes from. A successor of a lost sandbox has its number.
type Source struct {
	Function, Version string
	Sandbox           int // in its version, from 1
}

// Start is an invocation that a sandbox begins with.
type Start struct {
	Source
	RequestID string    // of Lambda: a UUID
	Arrived   time.Time // at the function
	Began     time.Time // in the sandbox; later than Arrived by the wait for a sandbox
	Deadline  time.Time
	Cold      bool          // it waited for the init of its sandbox, or for its restore
	Restore   time.Duration // with SnapStart, of the sandbox whose first invocation it is
	Qualifier string
	TraceID   string // the whole X-Ray header
	Event     Body
}

// Line is one line of a sandbox's log.
type Line struct {
	Source
	Time      time.Time
	RequestID string // of the invocation in progress; empty between invocations
	Platform  bool   // of Lambda itself: START, END, REPORT, errors
	Notice    bool   // of the local cloud: what Lambda would not say. Platform is set, too
	Text      string // without the end of line
}

// Report is the end of an invocation, when its runtime and its extensions have asked for the next one.
type Report struct {
	Source
	RequestID string
	Ended     time.Time
	// When the event went to the runtime, when the first byte of its response came back, and when the
	// caller's answer was complete. Zero is never.
	Delivered, Responded, Answered time.Time

	// The figures of the REPORT line: milliseconds and megabytes. InitDuration is 0 on a warm start.
	Duration, InitDuration  float64
	RestoreDuration         float64 // with SnapStart, of a first invocation
	BilledDuration          int64
	MemorySize, MaxMemory   int
	Status                  string    // success, error or timeout
	ErrorType, ErrorMessage string    // of an error or a timeout
	InitBegan, InitEnded    time.Time // of a cold start; within the invocation after a reset
	Streamed                bool      // the caller asked for a stream
	Response                Body      // what the runtime posted, or the error document
}

// State is where a sandbox is in its life.
type State string

// The states of a [Change].
const (
	Starting State = "starting" // its init has begun
	Ready    State = "ready"    // its init has succeeded
	Failed   State = "failed"   // its init has failed, or it was lost: ErrorType and ErrorMessage say why
	Ended    State = "ended"    // no process is left
)

// Change is a step in the life of a sandbox.
type Change struct {
	Source
	Time         time.Time
	State        State
	Provisioned  bool
	AppPort      int           // from Ready on
	InitDuration time.Duration // of Ready and Failed
	ErrorType    string
	ErrorMessage string
}

// Body is what an observer gets of bytes that went by. It shares memory with them: it must not be
// changed.
type Body struct {
	Bytes []byte // the beginning, at most ObservedBytes
	Size  int64  // of all
}

// ObservedBytes is the most that is kept of a body.
const ObservedBytes = 256 << 10

// BodyOf keeps small bytes as they are, and a copy of the beginning of large ones.
func BodyOf(b []byte) Body {
	if len(b) > ObservedBytes {
		return Body{bytes.Clone(b[:ObservedBytes]), int64(len(b))}
	}
	return Body{b, int64(len(b))}
}

// Add appends a piece that may change afterwards.
func (b *Body) Add(piece []byte) {
	b.Size += int64(len(piece))
	if room := ObservedBytes - len(b.Bytes); room > 0 {
		b.Bytes = append(b.Bytes, piece[:min(room, len(piece))]...)
	}
}

func (sb *sandbox) source() Source { return Source{sb.cfg.Name, sb.cfg.Version, sb.number} }

// observed is what an execution notes for its Report, under the sandbox's lock.
type observed struct {
	arrived, delivered, responded, answered time.Time
	streamed                                bool
	response                                Body
	message                                 string // of a failure of the platform
}

// observeStart also makes the invocation the one that lines belong to.
func (sb *sandbox) observeStart(e *execution) {
	sb.log.current.Store(&e.RequestID)
	if sb.cfg.Observe == nil {
		return
	}
	sb.cfg.Observe(Start{
		Source: sb.source(), RequestID: e.RequestID, Arrived: e.observed.arrived, Began: e.start, Deadline: e.deadline,
		Cold:      sb.waitedFor(e) || sb.restoredFor() > 0,
		Restore:   sb.restoredFor(),
		Qualifier: e.Qualifier, TraceID: e.TraceID, Event: BodyOf(e.Event),
	})
}

// waitedFor is true when the init of the sandbox was not over when the invocation came.
func (sb *sandbox) waitedFor(e *execution) bool {
	first := !sb.provisioned && !sb.initReported.Load()
	return first && (sb.initBegan.IsZero() || sb.initBegan.Add(sb.initDuration).After(e.observed.arrived))
}

// restoredFor is the length of the restore that is still to be told.
func (sb *sandbox) restoredFor() time.Duration {
	if sb.restoration.reported {
		return 0
	}
	return sb.restoration.duration
}

func (sb *sandbox) observeReport(e *execution, m reportMetrics) {
	sb.log.current.CompareAndSwap(&e.RequestID, nil)
	if sb.cfg.Observe == nil {
		return
	}
	sb.mu.Lock()
	o := e.observed
	sb.mu.Unlock()
	r := Report{
		Source: sb.source(), RequestID: e.RequestID, Ended: time.Now(),
		Delivered: o.delivered, Responded: o.responded, Answered: o.answered,
		Duration: m.Duration, BilledDuration: m.BilledDuration, MemorySize: m.MemorySize, MaxMemory: m.MaxMemoryUsed,
		Status: e.status(), ErrorType: e.errorType, ErrorMessage: o.message, Streamed: o.streamed, Response: o.response,
	}
	if tap := sb.recorder(); tap != nil {
		traffic := tap.take()
		traffic.Source, traffic.RequestID = r.Source, e.RequestID
		sb.cfg.Observe(traffic)
	}
	if m.InitDuration != nil {
		r.InitDuration = *m.InitDuration
	}
	if m.RestoreDuration != nil {
		r.RestoreDuration = *m.RestoreDuration
	}
	if m.InitDuration != nil || sb.initBegan.After(e.start) {
		r.InitBegan, r.InitEnded = sb.initBegan, sb.initBegan.Add(sb.initDuration)
	}
	if r.ErrorType != "" && r.ErrorMessage == "" {
		r.ErrorMessage = errorMessage(o.response.Bytes)
	}
	sb.cfg.Observe(r)
}

// recorder is nil where no traffic is recorded.
func (sb *sandbox) recorder() *tap {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.tap
}

// observePiece notes a piece of a streamed response.
func (sb *sandbox) observePiece(e *execution, piece []byte) {
	if sb.cfg.Observe == nil {
		return
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	e.observed.response.Add(piece)
}

// observeFailure notes an end by the platform: what it says is the answer unless the runtime gave one.
func (sb *sandbox) observeFailure(e *execution, f *failure) {
	if sb.cfg.Observe == nil {
		return
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	e.observed.message = either(f.message, errorMessage(f.document))
	if e.observed.answered.IsZero() {
		e.observed.answered = time.Now()
		if e.observed.response.Size == 0 {
			e.observed.response = BodyOf(f.payload(e.RequestID))
		}
	}
}

// errorMessage is that of an error document; what is none is its own message.
func errorMessage(document []byte) string {
	var posted struct{ ErrorMessage string }
	if json.Unmarshal(document, &posted) == nil && posted.ErrorMessage != "" {
		return posted.ErrorMessage
	}
	return string(document[:min(len(document), 1000)])
}

// observeChange is called without the lock.
func (sb *sandbox) observeChange(s State, f *failure) {
	if sb.cfg.Observe == nil {
		return
	}
	c := Change{Source: sb.source(), Time: time.Now(), State: s, Provisioned: sb.provisioned}
	if s == Ready || s == Failed {
		c.InitDuration = sb.initDuration
	}
	if s == Ready {
		c.AppPort = sb.appPort()
	}
	if f != nil {
		c.ErrorType, c.ErrorMessage = f.errorType, either(f.message, errorMessage(f.document))
	}
	sb.cfg.Observe(c)
}

// observe passes lines on, one by one.
func (w *lineWriter) observe(text []byte, record Line) {
	if w.observer == nil {
		return
	}
	record.Source, record.Time = w.source, time.Now()
	if id := w.current.Load(); id != nil {
		record.RequestID = *id
	}
	for line := range bytes.Lines(text) {
		record.Text = string(bytes.TrimRight(line, "\r\n"))
		w.observer(record)
	}
}
