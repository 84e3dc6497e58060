package sandbox

import (
	"strconv"
	"sync"
	"time"
)

// unhandled is the only value of X-Amz-Function-Error in use.
const unhandled = "Unhandled"

// timedOut is the error type of an invocation, or an init, that took too long.
const timedOut = "Sandbox.Timedout"

// execution is an invocation on its way through a sandbox. Its state is under the sandbox's lock.
type execution struct {
	Invocation
	id       string // Lambda-Runtime-Invocation-Id: tells two runs of one request apart
	start    time.Time
	deadline time.Time

	delivered  bool // the runtime has been sent the event
	responding bool // the runtime's answer is being read
	answered   bool // the caller's answer is settled
	errorType  string

	observed observed // for its Report

	done   chan struct{} // closed when result and err are set
	result Result
	err    error

	streamMu sync.Mutex // held while Stream is used, so that nobody uses it after the answer
	once     sync.Once
}

func newExecution(in Invocation, now time.Time) *execution {
	if in.RequestID == "" {
		in.RequestID = newUUID()
	}
	if in.TraceID == "" {
		in.TraceID = newTraceID(now)
	}
	return &execution{Invocation: in, id: newUUID(), done: make(chan struct{}),
		observed: observed{arrived: time.Now(), streamed: in.Stream != nil}}
}

// deliver notes that the runtime is sent the event. It needs the lock.
func (sb *sandbox) deliver(e *execution) {
	e.delivered = true
	if !e.observed.delivered.IsZero() {
		return
	}
	if sb.tap != nil {
		sb.tap.take() // what was before is the readiness check
	}
	e.observed.delivered = time.Now()
}

// answer gives the caller its result. Only the first answer counts.
func (e *execution) answer(r Result, err error) {
	e.once.Do(func() {
		e.dropStream()
		e.result, e.err = r, err
		close(e.done)
	})
}

// dropStream makes sure that the caller's stream is used no more.
func (e *execution) dropStream() {
	e.streamMu.Lock()
	defer e.streamMu.Unlock()
	e.Stream = nil
}

// begin hands an invocation to an idle sandbox. It is false when the sandbox has just been
// lost.
func (sb *sandbox) begin(e *execution) bool {
	e.start = time.Now()
	e.deadline = e.start.Add(sb.cfg.Timeout)
	sb.mu.Lock()
	if sb.phase != idle {
		sb.mu.Unlock()
		return false
	}
	sb.enter(e)
	sb.mu.Unlock()
	sb.logStart(e)
	sb.hand(e)
	return true
}

// enter notes an invocation in progress: from here on a failure finds it and answers it. It needs the
// lock.
func (sb *sandbox) enter(e *execution) {
	sb.phase, sb.run, sb.runtimeReady = invoking, e, false
}

// bootAndRun is the suppressed init: boot inside the invocation, under the function's timeout.
func (sb *sandbox) bootAndRun(e *execution) *failure {
	e.start = time.Now()
	e.deadline = e.start.Add(sb.cfg.Timeout)
	sb.logStart(e)
	sb.initReported.Store(true) // its time is part of this invocation's
	f := sb.boot(sb.cfg.Timeout)
	if f == nil {
		sb.mu.Lock()
		f = sb.failure
		if f == nil {
			sb.enter(e)
		}
		sb.mu.Unlock()
		if f == nil {
			sb.hand(e)
			return nil
		}
		sb.shutdown(f.reason)
	}
	sb.logInit("invoke", f)
	if f.errorType == timedOut {
		f = &failure{errorType: timedOut, message: timeoutMessage(sb.cfg.Timeout), reason: timeout}
	}
	sb.reportFailure(e, f)
	e.answer(Result{Payload: f.payload(e.RequestID), FunctionError: unhandled, Version: sb.cfg.Version}, nil)
	return f
}

// hand sends the event to the runtime and INVOKE to the extensions that asked for it.
func (sb *sandbox) hand(e *execution) {
	sb.mu.Lock()
	if sb.phase != invoking || sb.run != e {
		sb.mu.Unlock()
		return
	}
	sb.thaw()
	var poll *conn
	if len(sb.polls) > 0 && !e.delivered {
		poll, sb.polls = sb.polls[0], sb.polls[1:]
		sb.deliver(e)
	}
	told := sb.subscribers()
	if remaining := time.Until(e.deadline); sb.timer == nil {
		sb.timer = time.AfterFunc(remaining, sb.expire)
	} else {
		sb.timer.Reset(remaining)
	}
	sb.mu.Unlock()

	for _, x := range told {
		sb.sendInvoke(x, e)
	}
	if poll != nil {
		sb.sendEvent(poll, e)
	}
}

// subscribers are the extensions to be told of an invocation, from now on busy. It needs the lock.
func (sb *sandbox) subscribers() []*extension {
	var told []*extension
	for _, x := range sb.extensions {
		if x.onInvoke {
			x.ready = false
			told = append(told, x)
		}
	}
	return told
}

// expire is called when an invocation may have reached its deadline.
func (sb *sandbox) expire() {
	sb.mu.Lock()
	due := sb.phase == invoking && !time.Now().Before(sb.run.deadline)
	sb.mu.Unlock()
	if due {
		sb.fail(&failure{errorType: timedOut, message: timeoutMessage(sb.cfg.Timeout), reason: timeout})
	}
}

func timeoutMessage(limit time.Duration) string {
	return "Task timed out after " + strconv.FormatFloat(limit.Seconds(), 'f', 2, 64) + " seconds"
}

// deadlineMs is the deadline on the wall clock, which may differ from the one that runs timers.
func (sb *sandbox) deadlineMs(e *execution) int64 {
	return sb.cfg.Now().Add(time.Until(e.deadline)).UnixMilli()
}

func itoa(n int) string { return strconv.Itoa(n) }
