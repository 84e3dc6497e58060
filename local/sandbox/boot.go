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
	var f *failure
	err := sb.open()
	sb.initBegan = time.Now() // the host is there before the clock of the init runs
	sb.observeChange(Starting, nil)
	if err != nil {
		f = sb.abort(&failure{errorType: "Sandbox.InitError", message: err.Error(), reason: failed})
	} else {
		f = sb.tryBoot(limit)
	}
	sb.initDuration = time.Since(sb.initBegan)
	if f != nil {
		sb.drainOutput() // what its processes said is of interest to whoever decides what follows
	}
	sb.booting.over.Store(true)
	sb.peakMB() // measured while the processes are there
	if f != nil {
		sb.observeChange(Failed, f)
		sb.shutdown(f.reason)
		return f
	}
	sb.observeChange(Ready, nil)
	sb.logExtensions("Ready")
	return nil
}

func (sb *sandbox) tryBoot(limit time.Duration) *failure {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	if f := sb.startExtensions(); f != nil {
		return sb.abort(f)
	}
	if f := sb.await(sb.registered, timer, limit); f != nil {
		return f
	}
	if f := sb.startApp(); f != nil {
		return sb.abort(f)
	}
	if m := sb.machine(); m != nil {
		go m.followPort(sb.settled)
	}
	return sb.await(nil, timer, limit)
}

// open makes the host and serves the Runtime API on it. A shutdown waits for the host.
func (sb *sandbox) open() error {
	sb.mu.Lock()
	if sb.phase == ending {
		sb.mu.Unlock()
		return errEnds
	}
	sb.opening.Add(1)
	sb.mu.Unlock()
	defer sb.opening.Done()
	host, err := sb.launch()
	if err != nil {
		return err
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.host = host
	if !sb.cfg.ownNetworks() && sb.cfg.Record != nil && sb.cfg.Record() {
		if sb.tap, err = newTap(host.AppPort()); err != nil {
			return err
		}
	}
	sb.server.listen(host.Listener())
	return nil
}

func (sb *sandbox) launch() (Host, error) {
	if sb.cfg.ownNetworks() {
		return sb.cfg.Launcher.Launch(sb.cfg, sb.number)
	}
	return newMachine(sb.cfg.AppPort)
}

// appPort is 0 before boot.
func (sb *sandbox) appPort() int {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.host == nil {
		return 0
	}
	return sb.host.AppPort()
}

// machine is the host where the sandboxes share this machine, or nil.
func (sb *sandbox) machine() *machine {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	m, _ := sb.host.(*machine)
	return m
}

func (sb *sandbox) environment() environment {
	e := environment{
		runtimeAPI: sb.host.RuntimeAPI(), logStream: sb.logStream,
		initType: "on-demand", port: sb.host.AppPort(),
	}
	e.credentialsToken = sb.restoration.token
	if sb.provisioned {
		e.initType = "provisioned-concurrency"
	}
	return e
}

var errEnds = errors.New("the sandbox is shutting down")

// start starts a process unless the sandbox ends already. It needs the lock, so that a shutdown
// sees every process.
func (sb *sandbox) start(path string, args []string, variables map[string]string) (Group, error) {
	if sb.phase == ending {
		return nil, errEnds
	}
	g, err := sb.host.Start(Command{
		Path: path, Args: args, Dir: sb.cfg.Dir, Env: environ(variables), Output: &splitter{lines: sb.log,
			booting: &sb.booting},
	}, sb.exited)
	if err == nil {
		sb.groups = append(sb.groups, g)
	}
	return g, err
}

func (sb *sandbox) startExtensions() *failure {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.phase == ending {
		return sb.failure
	}
	sb.phase = initialising
	paths := sb.cfg.Extensions
	if host, ok := sb.host.(Extended); ok && len(paths) == 0 {
		paths = host.Extensions()
	}
	for _, path := range paths {
		sb.extensions = append(sb.extensions, &extension{name: filepath.Base(path), path: path})
	}
	if len(sb.extensions) == 0 {
		close(sb.registered)
	}
	environment := sb.environment()
	if sb.tap != nil {
		environment.port = sb.tap.port
	}
	variables := sb.cfg.extensionVariables(environment)
	for _, x := range sb.extensions {
		var err error
		x.group, err = sb.start(x.path, []string{x.path}, variables)
		if err != nil {
			return &failure{errorType: "Extension.LaunchError", message: err.Error(), reason: failed}
		}
	}
	return nil
}

func (sb *sandbox) startApp() *failure {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	var err error
	sb.app, err = sb.start("", sb.cfg.Command, sb.cfg.runtimeVariables(sb.environment()))
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
