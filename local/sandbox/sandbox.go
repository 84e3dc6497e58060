package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sandbox is one execution environment from init to its end: a listener that serves the Runtime and
// Extensions APIs, process groups, and one state machine under one mutex. It runs one invocation at
// a time. After a reset a successor with the same number takes its place, with fresh registrations.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
type sandbox struct {
	cfg         *Config
	owner       owner
	number      int  // in the pool, from 1
	suppressed  bool // follows a failed init or a reset: its init is part of the next invocation
	provisioned bool
	warmed      bool // it boots ahead of its first invocation
	log         *lineWriter
	logStream   string
	server      server
	ended       chan struct{}
	ending      sync.Once
	opening     sync.WaitGroup // until the host is there

	mu           sync.Mutex
	phase        phase
	host         Host // from boot on
	tap          *tap // from boot on; nil records no traffic
	app          Group
	groups       []Group // all
	extensions   []*extension
	polls        []*conn // parked invocation/next calls, oldest first
	runtimeReady bool    // the runtime has asked for the next invocation
	registered   chan struct{}
	settled      chan struct{} // closed when init succeeded or failed
	failure      *failure      // why it ends
	initFault    *failure      // what the runtime said about a failed init
	shutdownBy   time.Time     // while it ends: when the last process is killed
	shutdownFor  string        // while it ends: the reason told to extensions
	run          *execution    // in progress, or nil
	timer        *time.Timer   // of the run
	frozen       bool
	memory       memoryGauge

	restoration  restoration // with SnapStart
	booting      bootOutput  // of the processes, until the init is over
	initBegan    time.Time
	initDuration time.Duration
	initReported atomic.Bool // a REPORT line has told it

	place place // the pool's notes, under the pool's lock
}

// owner is told when a sandbox may take another invocation and when it is lost.
type owner interface {
	answered(*sandbox) // the caller has its answer; the sandbox will soon be free or lost
	freed(*sandbox)    // the invocation is over in every process
	lost(*sandbox)     // all its processes have ended, not by the owner's will
}

type phase int

const (
	created phase = iota
	initialising
	idle
	restoring // with SnapStart, before the first invocation
	invoking
	ending
)

// failure is why an init or an invocation failed.
type failure struct {
	errorType string
	message   string // without the "RequestId" part
	document  []byte // posted by the process itself; passed to the caller as it is
	reason    string // of the shutdown that follows: failure or timeout
}

// payload is what the caller of the invocation gets.
func (f *failure) payload(requestID string) []byte {
	if f.document != nil {
		return f.document
	}
	return errorDocument(f.errorType, "RequestId: "+requestID+" Error: "+f.message)
}

func (f *failure) String() string {
	if f.message == "" {
		return f.errorType
	}
	return f.errorType + ": " + f.message
}

func errorDocument(errorType, message string) []byte {
	document, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	return document
}

func newSandbox(cfg *Config, o owner, log *logWriter, number int) *sandbox {
	sb := &sandbox{
		cfg: cfg, owner: o, number: number,
		log: &lineWriter{log: log, prefix: "sandbox-" + itoa(number) + " | "},
		logStream: cfg.Now().UTC().Format("2006/01/02") + "/[" + cfg.Version + "]" + strings.ReplaceAll(newUUID(),
			"-", ""),
		ended:      make(chan struct{}),
		registered: make(chan struct{}),
		settled:    make(chan struct{}),
	}
	sb.log.source, sb.log.observer = sb.source(), cfg.Observe
	sb.server.handle, sb.server.left = sb.handle, sb.left
	if cfg.SnapStart {
		sb.restoration.token = newToken()
		sb.initReported.Store(true) // it is no part of an invocation
	}
	return sb
}

// successor takes the place of a sandbox that has ended without the owner's will.
func (sb *sandbox) successor() *sandbox {
	next := newSandbox(sb.cfg, sb.owner, sb.log.log, sb.number)
	next.suppressed, next.provisioned, next.logStream = true, sb.provisioned, sb.logStream
	return next
}

// isNew is true before boot.
func (sb *sandbox) isNew() bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.phase == created
}

// handle serves one request of a process in the sandbox.
func (sb *sandbox) handle(c *conn, r *http.Request) {
	path := r.URL.Path
	if rest, found := strings.CutPrefix(path, "/2018-06-01/runtime/"); found {
		sb.handleRuntime(c, r, rest)
		return
	}
	if rest, found := strings.CutPrefix(path, "/2020-01-01/extension/"); found {
		sb.handleExtension(c, r, rest)
		return
	}
	switch path {
	case credentialsPath:
		if sb.cfg.SnapStart && allow(c, r, http.MethodGet) {
			sb.credentials(c, r)
			return
		}
		notFound(c)
	case "/2022-07-01/telemetry":
		sb.handleTelemetry(c, r, "Telemetry")
	case "/2020-08-15/logs":
		sb.handleTelemetry(c, r, "Logs")
	case "/2018-06-01/ping":
		if allow(c, r, http.MethodGet) {
			c.replyAs("text/plain; charset=utf-8", http.StatusOK, []byte("pong"))
		}
	default:
		notFound(c)
	}
}

// allow answers 405 when the method is another one.
func allow(c *conn, r *http.Request, method string) bool {
	if r.Method != method {
		c.replyAs("", http.StatusMethodNotAllowed, nil, field{"Allow", method})
		return false
	}
	return true
}

func notFound(c *conn) {
	c.replyAs("text/plain; charset=utf-8", http.StatusNotFound, []byte("404 page not found\n"),
		field{"X-Content-Type-Options", "nosniff"})
}

// left forgets the polls of a connection that has ended.
func (sb *sandbox) left(c *conn) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.polls = slices.DeleteFunc(sb.polls, func(poll *conn) bool { return poll == c })
	for _, x := range sb.extensions {
		if x.poll == c {
			x.poll = nil
		}
	}
}

// advance moves on when every process has called next: from init to idle, or from an answered
// invocation to idle. It returns the invocation that is over. It needs the lock.
func (sb *sandbox) advance() *execution {
	if !sb.runtimeReady && !(sb.phase == initialising && sb.restoration.parked) || slices.ContainsFunc(sb.extensions,
		func(x *extension) bool { return !x.ready }) {
		return nil
	}
	switch {
	case sb.phase == initialising:
		sb.phase = idle
		close(sb.settled)
	case sb.phase == restoring:
		sb.phase = idle
		close(sb.restoration.over)
	case sb.phase == invoking && sb.run.answered:
		over := sb.run
		sb.phase, sb.run = idle, nil
		sb.timer.Stop()
		return over
	}
	return nil
}

// finish ends an invocation that advance returned. It must not hold the lock.
func (sb *sandbox) finish(over *execution) {
	if over != nil {
		sb.report(over)
		sb.owner.freed(sb)
	}
}

// fail ends the sandbox because of f, unless it ends already.
func (sb *sandbox) fail(f *failure) {
	sb.mu.Lock()
	was := sb.phase
	if was == ending {
		sb.mu.Unlock()
		return
	}
	sb.phase, sb.failure = ending, f
	if was == initialising {
		close(sb.settled) // whoever waits for the init takes care of the rest
		sb.mu.Unlock()
		return
	}
	if was == restoring {
		close(sb.restoration.over) // and for the restore
		sb.mu.Unlock()
		return
	}
	run, unanswered := sb.cutOff()
	sb.mu.Unlock()
	if run == nil {
		sb.drainOutput()
		sb.log.notice("%s between invocations; the next one starts the sandbox again", f)
	} else {
		sb.reportFailure(run, f)
	}
	sb.observeChange(Failed, f)
	go func() {
		sb.shutdown(f.reason)
		sb.owner.lost(sb)
	}()
	if unanswered {
		sb.owner.answered(sb)
		run.answer(Result{Payload: f.payload(run.RequestID), FunctionError: unhandled, Version: sb.cfg.Version}, nil)
	}
}

// cutOff returns the invocation in progress, if there is one, and whether its caller still waits: nobody
// else may answer it from now on. It needs the lock.
func (sb *sandbox) cutOff() (run *execution, unanswered bool) {
	if sb.run == nil {
		return nil, false
	}
	unanswered = !sb.run.answered
	sb.run.answered = true
	return sb.run, unanswered
}

// exited is called when the leader of a process group has ended.
func (sb *sandbox) exited(g Group) {
	sb.mu.Lock()
	isApp := g == sb.app
	var fault *failure
	for _, x := range sb.extensions {
		if x.group == g {
			fault = x.fault
		}
	}
	initFault := sb.initFault
	sb.mu.Unlock()
	reason := g.ExitReason()
	switch {
	case isApp && initFault != nil:
		sb.fail(initFault)
	case isApp && reason == "":
		sb.fail(&failure{errorType: "Runtime.ExitError", message: "Runtime exited without providing a reason",
			reason: failed})
	case isApp:
		sb.fail(&failure{errorType: "Runtime.ExitError", message: "Runtime exited with error: " + reason,
			reason: failed})
	case fault != nil:
		sb.fail(fault)
	default:
		sb.fail(&failure{errorType: "Extension.Crash", message: either(reason, "exit status 0"), reason: failed})
	}
}
