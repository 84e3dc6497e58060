package sandbox

import (
	"syscall"
	"time"
)

// Reasons of a shutdown, as extensions are told.
const (
	spindown = "spindown"
	timeout  = "timeout"
	failed   = "failure"
)

// stop ends the sandbox by the owner's will and returns when all its processes have ended. An
// invocation in progress is answered with ErrClosed.
func (sb *sandbox) stop(reason string) {
	sb.mu.Lock()
	was := sb.phase
	if was != ending {
		sb.phase, sb.failure = ending, &failure{errorType: "Sandbox.Closed", message: errEnds.Error(), reason: reason}
		switch was {
		case initialising:
			close(sb.settled)
		case restoring:
			close(sb.restoration.over)
		}
	}
	run, unanswered := sb.cutOff()
	sb.mu.Unlock()
	if unanswered {
		run.answer(Result{}, ErrClosed)
	}
	sb.shutdown(reason)
}

// shutdown ends all processes in Lambda's order: the runtime first (with SIGTERM if an extension is
// registered), then the extensions that asked for SHUTDOWN get it, and what is left is killed. The
// phase must be ending. It returns when everything has ended, also if another call does the work.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
func (sb *sandbox) shutdown(reason string) {
	sb.ending.Do(func() {
		defer close(sb.ended)
		sb.opening.Wait()
		sb.mu.Lock()
		sb.shutdownBy, sb.shutdownFor = time.Now().Add(sb.cfg.Limits.Shutdown), reason
		host, app, extensions := sb.host, sb.app, sb.extensions
		if sb.timer != nil {
			sb.timer.Stop()
		}
		sb.thaw()
		grace := sb.runtimeGrace()
		sb.mu.Unlock()

		switch {
		case app == nil:
		case grace > 0:
			stopGroup(app, grace)
		default:
			killGroup(app)
		}
		sb.stopExtensions(extensions)
		if host != nil {
			sb.server.close()
			host.Close()
			if sb.tap != nil {
				sb.tap.close()
			}
			sb.observeChange(Ended, nil)
		}
	})
	<-sb.ended
}

// runtimeGrace is the time the runtime has between SIGTERM and SIGKILL. It needs the lock.
func (sb *sandbox) runtimeGrace() time.Duration {
	var grace time.Duration
	for _, x := range sb.extensions {
		switch {
		case x.id != "" && x.path != "":
			return sb.cfg.Limits.RuntimeShutdown
		case x.id != "":
			grace = sb.cfg.Limits.InternalShutdown
		}
	}
	return grace
}

func (sb *sandbox) stopExtensions(extensions []*extension) {
	sb.mu.Lock()
	deadline := sb.shutdownBy
	var told []*extension
	for _, x := range extensions {
		if x.group != nil && x.id != "" && x.onShutdown && x.fault == nil {
			told = append(told, x)
		}
	}
	sb.mu.Unlock()
	for _, x := range told {
		sb.sendShutdown(x)
	}
	for _, x := range extensions {
		if x.group == nil {
			continue
		}
		if x.onShutdown {
			endsBefore(x.group, deadline)
		}
		killGroup(x.group)
	}
}

// drainOutput logs what the processes have written until now.
func (sb *sandbox) drainOutput() {
	sb.mu.Lock()
	host := sb.host
	sb.mu.Unlock()
	if host != nil {
		host.Drain()
	}
}

// freeze stops all processes while there is nothing to do.
func (sb *sandbox) freeze() {
	if !sb.cfg.Freeze {
		return
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.phase == idle && !sb.frozen {
		sb.frozen = true
		sb.signalAll(syscall.SIGSTOP)
	}
}

// thaw lets the processes run again. It needs the lock.
func (sb *sandbox) thaw() {
	if sb.frozen {
		sb.frozen = false
		sb.signalAll(syscall.SIGCONT)
	}
}

// killNow cuts a shutdown short.
func (sb *sandbox) killNow() {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.signalAll(syscall.SIGKILL)
}

// signalAll needs the lock.
func (sb *sandbox) signalAll(s syscall.Signal) {
	for _, g := range sb.groups {
		g.Signal(s)
	}
}
