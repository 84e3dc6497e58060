package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lambda-web/test/conformance"
	"lambda-web/test/lambda"
)

// lane is one adapter with its own Runtime API, application and part of the schedule.
type lane struct {
	name    string
	seed    uint64
	number  int
	count   int // of invocations
	workers int
	race    bool // the adapter has the race detector

	api     *lambda.RuntimeAPI
	app     *conformance.WebApp
	adapter *conformance.Process
	polls   atomic.Int32 // that wait now
	again   chan *lambda.Invocation
	still   sync.Mutex // held while the adapter is frozen

	mu      sync.Mutex
	events  chan struct{} // see happened
	records map[int]*record
	// Given up at their deadline before the application saw them: the request may still be on its way.
	unseen   map[int]bool
	outcomes map[string]int
	faults   map[string]int
	findings []string
	further  int // findings beyond those kept
	usage    usage
	ended    bool // the adapter's end was noted
	took     time.Duration
}

func newLane(seed uint64, number int, name string, count int) *lane {
	l := &lane{name: name, seed: seed, number: number, count: count, workers: 1, again: make(chan *lambda.Invocation,
		16), events: make(chan struct{}),
		records: map[int]*record{}, unseen: map[int]bool{}, outcomes: map[string]int{}, faults: map[string]int{},
		usage: usage{heap: [4]int{-1, -1, -1, -1}}}
	if name == "concurrent" {
		l.workers = 4
	}
	return l
}

// The margin before the deadline at which the adapter ends an exchange, and the deadlines of hanging and of other
// invocations.
const (
	margin       = 50 * time.Millisecond
	hangDeadline = margin + 40*time.Millisecond
	downDeadline = 230 * time.Millisecond // the adapter waits for the application until 200 ms before it
	farDeadline  = time.Minute
)

// patience is how long an invocation may take before it counts as lost.
const patience = 20 * time.Second

// run runs the lane's part of the schedule.
func (l *lane) run(binary string) {
	begin := time.Now()
	defer func() { l.took = time.Since(begin) }()
	if err := l.open(binary); err != nil {
		l.finding("%v", err)
		return
	}
	defer l.close()
	slots := make(chan struct{}, l.workers)
	var running sync.WaitGroup
	for n := range l.count {
		if l.dead() {
			break
		}
		slots <- struct{}{}
		running.Go(func() {
			l.invoke(n)
			<-slots
		})
		if n%firstSample == firstSample-1 {
			running.Wait()
			l.sample(n)
		}
	}
	running.Wait()
	if !l.dead() {
		l.sample(l.count - 1)
		l.checkUsage()
		l.checkGoroutines()
	}
}

// dead tells whether the adapter has ended, which it must not.
func (l *lane) dead() bool {
	select {
	case <-l.adapter.Exited():
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.ended {
			l.ended = true
			l.findings = append(l.findings, "the adapter has ended; it wrote:\n"+l.adapter.Log().Text())
		}
		return true
	default:
		return l.wrongs() > 100
	}
}

func (l *lane) open(binary string) error {
	l.api, l.app = lambda.NewRuntimeAPI(), conformance.NewWebApp()
	l.api.Intercept(l.intercept)
	l.app.OnHead(l.serve)
	l.api.Forget()
	l.app.Forget()
	port, err := conformance.FreePort()
	if err != nil {
		return err
	}
	if err := l.api.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if err := l.app.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		return err
	}
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + l.api.Address(), "AWS_LWA_PORT=" + strconv.Itoa(port), "AWS_LAMBDA_FUNCTION_NAME=f",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "GODEBUG=gctrace=1",
		fmt.Sprintf("AWS_LWA_DEADLINE_MARGIN_MS=%d", margin.Milliseconds()),
	}
	switch l.name {
	case "streaming":
		env = append(env, "AWS_LWA_INVOKE_MODE=response_stream")
	case "concurrent":
		env = append(env, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", l.workers))
	}
	l.adapter, err = conformance.StartProcess([]string{binary}, "", env)
	return err
}

func (l *lane) close() {
	l.adapter.Kill()
	l.app.Close()
	l.api.Close()
	for _, violation := range append(l.app.Violations(), l.api.Violations()...) {
		l.finding("the adapter sent something malformed: %s", violation)
	}
}

// invoke runs one invocation and judges it.
func (l *lane) invoke(n int) {
	p := planFor(l.seed, l.number, n, l.workers == 1)
	r := &record{plan: p, answered: make(chan struct{}), handedOut: make(chan struct{})}
	l.mu.Lock()
	l.records[n] = r
	l.mu.Unlock()
	if l.workers == 1 && (p.before != beforeNothing || p.freeze == freezeIdle || p.freeze == freezeClosed) {
		l.prepare(p)
	}
	i := lambda.NewInvocation(strconv.Itoa(n), []byte(l.event(n, p)), time.Now().Add(deadlineOf(p)))
	i.Chunked = p.chunked
	l.api.Push(i)
	select {
	case <-r.answered:
	case <-l.adapter.Exited():
	case <-time.After(patience):
	}
	if p.before == beforeRefusing {
		if err := l.app.Resume(); err != nil {
			l.finding("%v", err)
		}
	}
	l.await("the application's part", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return r.handled == r.sent
	})
	if l.workers == 1 && p.app != appServes {
		l.awaitPolls() // so that an answer sent twice is seen before the verdict
	}
	l.judge(n, r)
}

func deadlineOf(p plan) time.Duration {
	switch {
	case p.before == beforeRefusing:
		return downDeadline
	case p.hangs():
		return hangDeadline + 2*p.pause
	}
	return farDeadline
}

func (l *lane) event(n int, p plan) string {
	path, build := "/n/"+strconv.Itoa(n), conformance.HTTPEvent
	if l.name == "streaming" {
		build = conformance.URLEvent
	}
	if p.binary {
		return conformance.Binary(build(p.method, path, ""), p.request)
	}
	return build(p.method, path, string(p.request))
}

// prepare strikes the application or the adapter between two invocations.
func (l *lane) prepare(p plan) {
	l.awaitPolls()
	switch p.before {
	case beforeRefusing:
		l.app.Refuse()
		l.app.CloseIdle()
	case beforeRestart:
		l.app.Refuse()
		l.app.CloseIdle()
		time.AfterFunc(p.pause, func() {
			if err := l.app.Resume(); err != nil {
				l.finding("%v", err)
			}
		})
	}
	if p.freeze == freezeIdle || p.freeze == freezeClosed {
		l.freezeFor(p.pause)
		if p.freeze == freezeClosed {
			l.app.CloseIdle()
		}
	}
}

// freezeFor stops the adapter and lets it go on after a while.
func (l *lane) freezeFor(pause time.Duration) {
	l.still.Lock()
	if err := l.adapter.Freeze(); err != nil {
		l.still.Unlock()
		l.finding("%v", err)
		return
	}
	time.AfterFunc(pause, func() {
		_ = l.adapter.Thaw()
		l.still.Unlock()
	})
}

// awaitThaw waits until no freeze is under way.
func (l *lane) awaitThaw() {
	l.still.Lock()
	defer l.still.Unlock()
}

// awaitPolls waits until every worker asks for an event.
func (l *lane) awaitPolls() {
	l.await("the polls of all workers", func() bool { return int(l.polls.Load()) == l.workers })
}

// await waits until condition holds. It is asked again whenever something has happened on either side of the adapter.
func (l *lane) await(what string, condition func() bool) {
	expired := time.After(patience)
	for {
		happened := l.happened()
		if condition() {
			return
		}
		select {
		case <-happened:
		case <-l.adapter.Exited():
			return
		case <-expired:
			l.finding("%s did not come within %v", what, patience)
			return
		}
	}
}

// happened is closed when something happens; happen closes it.
func (l *lane) happened() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events
}

func (l *lane) happen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.events)
	l.events = make(chan struct{})
}

// judge compares what was seen of an invocation with what its plan allows.
func (l *lane) judge(n int, r *record) {
	l.mu.Lock()
	delete(l.records, n)
	p, answers, sent := r.plan, r.answers, r.sent
	if p.hangs() && sent == 0 {
		l.unseen[n] = true
	}
	l.faults[string(p.app)]++
	for _, answer := range answers {
		l.outcomes[answer]++
	}
	l.mu.Unlock()
	if len(answers) != 1 {
		l.finding("invocation %d had %d answers %v; %s", n, len(answers), answers, p)
		return
	}
	if answers[0] != lost && !slices.Contains(p.outcomes(), answers[0]) {
		l.finding("invocation %d was answered with %s, want %v; %s", n, answers[0], p.outcomes(), p)
	}
	if sent > p.mostSent() {
		l.finding("invocation %d was sent %d times; %s", n, sent, p)
	}
}

func (p plan) String() string {
	return fmt.Sprintf("%s with %d bytes; application: %s; next: %s; answer: %s; freeze: %s; before: %s; reply %d bytes",
		p.method, len(p.request), p.app, p.next, p.answer, p.freeze, p.before, len(p.reply))
}

func (l *lane) finding(format string, arguments ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.findings) < 20 {
		l.findings = append(l.findings, fmt.Sprintf(format, arguments...))
		return
	}
	l.further++
}

func (l *lane) wrongs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.findings) + l.further
}

func (l *lane) report(out io.Writer) {
	fmt.Fprintf(out, "%s: %d invocations in %v\n", l.name, l.count, l.took.Round(time.Millisecond))
	for _, table := range []map[string]int{l.outcomes, l.faults} {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			fmt.Fprintf(out, "  %7d %s\n", table[name], name)
		}
	}
	u := &l.usage
	fmt.Fprintf(out, "  at the start %+v, at the end %+v with %d goroutines\n", u.start, u.end, u.goroutines)
	fmt.Fprintf(out, "  %d KiB at the peak; least memory in use in each quarter %v MiB\n", u.peak, u.heap)
}

// reportFindings lists what was wrong, at the very end of the output, where a log that is cut off still shows it.
func (l *lane) reportFindings(out io.Writer) {
	for _, finding := range l.findings {
		fmt.Fprintf(out, "FINDING in %s: %s\n", l.name, finding)
	}
	if l.further > 0 {
		fmt.Fprintf(out, "and %d findings more in %s\n", l.further, l.name)
	}
}
