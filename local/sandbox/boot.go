package sandbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// boot is the init phase: extensions start, all register, the runtime starts, all call next. It
// returns why it failed; the processes have ended then.
func (sb *sandbox) boot(limit time.Duration) *failure {
	start := time.Now()
	f := sb.tryBoot(limit)
	sb.initDuration = time.Since(start)
	if f != nil {
		sb.shutdown(f.reason)
		return f
	}
	sb.logExtensions("Ready")
	return nil
}

func (sb *sandbox) tryBoot(limit time.Duration) *failure {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	if err := sb.open(); err != nil {
		return sb.abort(&failure{errorType: "Sandbox.InitError", message: err.Error(), reason: failed})
	}
	if f := sb.startExtensions(); f != nil {
		return sb.abort(f)
	}
	if f := sb.await(sb.registered, timer, limit); f != nil {
		return f
	}
	if f := sb.startApp(); f != nil {
		return sb.abort(f)
	}
	return sb.await(nil, timer, limit)
}

// open makes the listener and chooses the app's port.
func (sb *sandbox) open() error {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.phase == ending {
		return errEnds
	}
	if err := sb.server.listen(); err != nil {
		return fmt.Errorf("serve the Runtime API: %w", err)
	}
	preferred := 0
	if sb.number == 1 {
		preferred = sb.cfg.AppPort
	}
	port, err := leasePort(preferred)
	if err != nil {
		return err
	}
	sb.port = port
	if preferred != 0 && port != preferred {
		sb.log.printf("port %d is in use on this machine; the app is told PORT=%d", preferred, port)
	}
	return nil
}

// appPort is 0 before boot.
func (sb *sandbox) appPort() int {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.port
}

func (sb *sandbox) environment() environment {
	e := environment{
		runtimeAPI: sb.server.listener.Addr().String(), logStream: sb.logStream,
		initType: "on-demand", port: sb.port,
	}
	if sb.provisioned {
		e.initType = "provisioned-concurrency"
	}
	return e
}

var errEnds = errors.New("the sandbox is shutting down")

// start starts a process unless the sandbox ends already. It needs the lock, so that a shutdown
// sees every process.
func (sb *sandbox) start(c command) (*process, error) {
	if sb.phase == ending {
		return nil, errEnds
	}
	c.dir, c.runtimeAPI = sb.cfg.Dir, sb.server.listener.Addr().String()
	p, err := startProcess(c, sb.log, sb.exited)
	if err == nil {
		sb.processes = append(sb.processes, p)
	}
	return p, err
}

func (sb *sandbox) startExtensions() *failure {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.phase == ending {
		return sb.failure
	}
	sb.phase = initialising
	for _, path := range sb.cfg.Extensions {
		sb.extensions = append(sb.extensions, &extension{name: filepath.Base(path), path: path})
	}
	if len(sb.extensions) == 0 {
		close(sb.registered)
	}
	env := environ(sb.cfg.extensionVariables(sb.environment()))
	for _, x := range sb.extensions {
		var err error
		x.process, err = sb.start(command{path: x.path, args: []string{x.path}, env: env})
		if err != nil {
			return &failure{errorType: "Extension.LaunchError", message: err.Error(), reason: failed}
		}
	}
	return nil
}

func (sb *sandbox) startApp() *failure {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	variables := sb.cfg.runtimeVariables(sb.environment())
	path, err := lookPath(sb.cfg.Command[0], variables["PATH"], sb.cfg.Dir)
	if err == nil {
		sb.app, err = sb.start(command{path: path, args: sb.cfg.Command, env: environ(variables)})
	}
	if err != nil {
		return &failure{errorType: "Runtime.InvalidEntrypoint", message: err.Error(), reason: failed}
	}
	return nil
}

// await waits for a step of the init, or for its end when there is no step.
func (sb *sandbox) await(step <-chan struct{}, timer *time.Timer, limit time.Duration) *failure {
	select {
	case <-step:
		return nil
	case <-sb.settled:
		sb.mu.Lock()
		defer sb.mu.Unlock()
		return sb.failure
	case <-timer.C:
		return sb.abort(&failure{errorType: timedOut, message: sb.missing(limit), reason: timeout})
	}
}

// abort ends the init because of f, unless it failed before for another reason.
func (sb *sandbox) abort(f *failure) *failure {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	switch sb.phase {
	case ending:
		return sb.failure
	case initialising:
		close(sb.settled)
	}
	sb.phase, sb.failure = ending, f
	return f
}

// missing says what an init that takes too long waits for.
func (sb *sandbox) missing(limit time.Duration) string {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	var waits []string
	for _, x := range sb.extensions {
		switch {
		case x.id == "":
			waits = append(waits, "extension "+x.name+" has not registered under its file name")
		case !x.ready:
			waits = append(waits, "extension "+x.name+" has not asked for its next event")
		}
	}
	if !sb.runtimeReady {
		waits = append(waits, "nothing has asked for the first invocation")
	}
	return fmt.Sprintf("init took longer than %s: %s", limit, strings.Join(waits, ", "))
}
