// Package sandbox is AWS Lambda on this machine: it runs unmodified processes (an app, the
// lambda-web adapter, any extension or custom runtime) under Lambda's Runtime and Extensions APIs,
// with Lambda's lifecycle, limits, errors, environment and log lines.
//
// The map, from the outside in: an [Alias] routes to a [Function], one published version, which is a
// pool (pool.go) of sandboxes. A sandbox (sandbox.go) is a state machine with a listener
// (server.go) that serves runtimeapi.go and extensionsapi.go; it goes through boot.go, any number of
// times through execution.go, and shutdown.go.
// Its processes run on a [Host]: this machine (machine.go, process.go; watchdog.go ends them when this
// program can no longer do it), or one that a [Launcher] makes.
//
// What differs from Lambda where the sandboxes share this machine: each app has a port of its own
// ([Config].AppPort), /tmp is the machine's and memory is measured, not limited. Credentials are
// those of Env. A process that dies between invocations, where Lambda's would be frozen, costs the
// next invocation an init but no error. Streamed responses are not slowed down after their first
// 6 MB. The Telemetry and Logs APIs answer that they are not supported. A sandbox takes one invocation at
// a time; Lambda Managed Instances, which take several, are not here.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Function is one published version of a Lambda function: the pool of its sandboxes.
type Function struct {
	cfg  Config
	log  *logWriter
	pool pool
}

var _ Invoker = (*Function)(nil)

// Stats are the sandboxes of a function.
type Stats struct {
	Sandboxes int // that have processes or are getting them
	Idle      int // that wait for an invocation
}

// New checks the configuration and makes the function. Nothing runs before Start or Invoke.
func New(cfg Config) (*Function, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure the function %q:\n%w", cfg.Name, err)
	}
	f := &Function{cfg: cfg, log: &logWriter{out: cfg.Log}}
	f.pool.init(&f.cfg, f.log)
	return f, nil
}

// Version is the published version this function is.
func (f *Function) Version() string { return f.cfg.Version }

// Stats counts now.
func (f *Function) Stats() Stats { return f.pool.stats() }

// Start warms the provisioned sandboxes, or a single one if there are none, and returns when all are
// ready. If the function cannot start, it says why and leaves nothing running.
func (f *Function) Start(ctx context.Context) error {
	err := f.warm(ctx)
	if err != nil {
		f.pool.stopAll()
	}
	return err
}

// warm may be repeated after an error, unless the context has ended: that closes the function.
func (f *Function) warm(ctx context.Context) error {
	if f.cfg.Blocked {
		return nil
	}
	stop := context.AfterFunc(ctx, f.pool.stopAll)
	defer stop()
	err := f.warmAll(max(1, f.cfg.ProvisionedConcurrency), f.cfg.ProvisionedConcurrency > 0)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("start %s version %s: %w", f.cfg.Name, f.cfg.Version, err)
	}
	return nil
}

// warmAll boots the first sandbox alone, so that it is known where the app listens, and then the others
// together.
func (f *Function) warmAll(n int, provisioned bool) error {
	if err := f.pool.warm(provisioned); err != nil {
		return err
	}
	errs := make([]error, n-1)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = f.pool.warm(provisioned) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Invoke implements Invoker.
func (f *Function) Invoke(ctx context.Context, in Invocation) (Result, error) {
	if len(in.Event) > maxEvent {
		return Result{}, ErrTooLarge
	}
	e := newExecution(in, f.cfg.Now())
	for {
		sb, err := f.pool.acquire(ctx)
		if err != nil {
			return Result{}, err
		}
		if sb.suppressed && sb.isNew() {
			go f.pool.bootAndRun(sb, e)
			break
		}
		if sb.isParked() {
			go f.pool.restoreAndRun(sb, e)
			break
		}
		if sb.begin(e) {
			break
		}
	}
	select {
	case <-e.done:
		return e.result, e.err
	case <-ctx.Done():
	}
	select {
	case <-e.done: // both at once: the answer is worth more
		return e.result, e.err
	default:
		e.dropStream()
		return Result{}, ctx.Err()
	}
}

// Drain waits until no invocation is in progress. New ones must not come any more.
func (f *Function) Drain(ctx context.Context) error {
	return f.pool.drain(ctx)
}

// Close ends all sandboxes in Lambda's order, at the same time, and returns when no process is
// left. Invocations in progress are answered with ErrClosed: Drain first to let them end. The
// context cuts the graces short.
func (f *Function) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.pool.stopAll()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		f.pool.killAll()
		<-done
		return fmt.Errorf("shut down %s: killed what was left: %w", f.cfg.Name, ctx.Err())
	}
}
