//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// workload is what an adapter is given to do.
type workload struct {
	env     []string // besides what Lambda sets
	event   []byte
	request payload // what the app must receive
	method  string
	reply   payload // what the app answers
	streams bool    // the app answers in chunks, and the adapter passes them on
	held    bool    // the app sends the second chunk when the first has come through
	workers int     // 0 means 1
	gap     time.Duration
}

// parkTime is how long an adapter waits for its next invocation: long enough for its threads to fall asleep, as they
// do in Lambda. How deep that sleep is, is what a small request costs; -pause changes it.
var parkTime = 100 * time.Microsecond

const (
	// patience is how long nothing may happen before a run has failed.
	patience = 20 * time.Second
	// streamChunk is the size of the chunks of a streamed response.
	streamChunk = 32 << 10
)

// environment is an execution environment: Lambda's APIs, an app, and an adapter between them.
type environment struct {
	loop    *loop
	api     *runtimeAPI
	app     *webApp
	adapter *process
	work    workload
	reply   *reply
}

// newApp is the app of a workload, bound to a port.
func newApp(l *loop, w workload) (*webApp, error) {
	app := &webApp{line: []byte(w.method + " " + target + " "), body: w.request.bytes}
	var err error
	switch first, more := chunkedResponse(w.reply, streamChunk); {
	case w.held:
		app.response, app.held = first, more
	case w.streams:
		if app.large, err = newMemoryFile(append(first, more...)); err != nil {
			return nil, err
		}
	default:
		app.response = wholeResponse(w.reply)
	}
	app.at, err = l.bind(app.serve, nil)
	return app, err
}

// launch starts an adapter. The app listens already if ready says so.
func launch(l *loop, a adapter, w workload, ready bool) (*environment, error) {
	e := &environment{loop: l, work: w, reply: &reply{body: w.reply, streamed: w.streams}}
	var err error
	if e.app, err = newApp(l, w); err != nil {
		return nil, err
	}
	if ready {
		if err := l.listen(e.app.at); err != nil {
			return nil, err
		}
	}
	if err := e.start(a, e.app.at.port, readyPath); err != nil {
		e.app.close(l)
		return nil, err
	}
	return e, nil
}

// start makes the Runtime API and runs the adapter.
func (e *environment) start(a adapter, appPort int, readyPath string) error {
	e.api = &runtimeAPI{loop: e.loop, app: e.app}
	began := func(c *conn) {}
	if e.work.streams {
		began = func(c *conn) { c.arriving = func() { e.api.arrived(c) } }
	}
	var err error
	if e.api.at, err = e.loop.bind(e.api.serve, began); err != nil {
		return err
	}
	if err = e.loop.listen(e.api.at); err != nil {
		return err
	}
	env := append(lambdaEnvironment(e.api.at.address(), appPort, readyPath), e.work.env...)
	e.adapter, err = start(a.path, nil, env, "/")
	return err
}

// lambdaEnvironment are the variables that Lambda sets, and where the app is.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
func lambdaEnvironment(api string, appPort int, readyPath string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=bench",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/bench",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/03/12/[$LATEST]0123456789abcdef0123456789abcdef",
		"AWS_REGION=us-east-1",
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"TZ=:UTC",
		"AWS_LWA_PORT=" + strconv.Itoa(appPort),
		"AWS_LWA_READINESS_CHECK_PATH=" + readyPath,
		"AWS_LAMBDA_MAX_CONCURRENCY=1",
	}
}

func (e *environment) stop() {
	e.adapter.stop()
	if e.app != nil {
		e.app.close(e.loop)
	}
	e.loop.close(e.api.at)
}

// until serves until done says so; an error comes with what the adapter has written.
func (e *environment) until(done func() bool) error {
	err := e.loop.run(func() bool { return done() || e.adapter.ended.Load() }, patience)
	if err == nil && !done() {
		err = errors.New("the adapter ended")
	}
	if err == nil {
		return nil
	}
	if said := e.adapter.said(); said != "" {
		err = fmt.Errorf("%w\nthe adapter's output:\n%s", err, said)
	}
	return err
}

// ready waits until the adapter asks for its first invocation.
func (e *environment) ready() error {
	return e.until(func() bool { return !e.api.polled.IsZero() })
}

// settle gives every worker the time to ask for an invocation, and returns how many have.
func (e *environment) settle() (workers int, err error) {
	for wanted := max(1, e.work.workers); workers < wanted; {
		workers = len(e.api.parked)
		limit := time.Now().Add(300 * time.Millisecond)
		err := e.until(func() bool { return len(e.api.parked) > workers || time.Now().After(limit) })
		if err != nil || len(e.api.parked) == workers {
			return workers, err
		}
	}
	return len(e.api.parked), nil
}

// measured is a batch and what it has cost.
type measured struct {
	*batch
	cpu      time.Duration
	switches int
	elapsed  time.Duration
	after    usage
	own      time.Duration // CPU time of the bench itself
}

// perInvocation is a part of a time in microseconds.
func (m *measured) perInvocation(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e3 / float64(m.count)
}

// serve hands the adapter a number of invocations.
func (e *environment) serve(count, workers int) (*measured, error) {
	before, err := e.adapter.usage()
	if err != nil {
		return nil, err
	}
	began, own := time.Now(), ownCPU()
	m := &measured{batch: &batch{event: e.work.event, count: count, gap: e.work.gap, reply: e.reply}}
	e.api.start(m.batch)
	if err := e.until(func() bool { return e.api.done(workers) }); err != nil {
		return nil, err
	}
	m.elapsed, m.own = m.last.Sub(began), ownCPU()-own
	rest(2 * time.Millisecond) // until the adapter sleeps
	if m.after, err = e.adapter.usage(); err != nil {
		return nil, err
	}
	m.cpu, m.switches = m.after.cpu-before.cpu, m.after.switches-before.switches
	return m, nil
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var spent unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &spent); err != nil {
		return 0 // Linux has this clock
	}
	return time.Duration(spent.Nano())
}

// exchangeDirectly measures the workload's exchange without an adapter.
func exchangeDirectly(l *loop, w workload, count int) ([]time.Duration, error) {
	app, err := newApp(l, w)
	if err != nil {
		return nil, err
	}
	defer app.close(l)
	if err := l.listen(app.at); err != nil {
		return nil, err
	}
	d := &direct{port: app.at.port, request: directRequest(w), count: count, gap: w.gap}
	d.check = func(response []byte) error {
		if string(response) != string(app.response) {
			return fmt.Errorf("the app gave a wrong response: %s", excerpt(response))
		}
		return nil
	}
	go d.run()
	if err := l.run(d.finished.Load, patience); err != nil {
		return nil, err
	}
	return d.took, d.err
}

func directRequest(w workload) []byte {
	head := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nhost: 127.0.0.1\r\n", w.method, target)
	if len(w.request.bytes) > 0 {
		head = fmt.Appendf(head, "content-type: %s\r\ncontent-length: %d\r\n", w.request.mediaType,
			len(w.request.bytes))
	}
	return append(append(head, "\r\n"...), w.request.bytes...)
}

func warn(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }
