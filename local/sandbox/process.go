package sandbox

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a process group in a sandbox: the app or an extension, and all its descendants.
type process struct {
	pid   int // and the group's id
	ended chan struct{}
	err   error // how the group's leader ended, valid after ended
	out   *output
}

// command is what a process runs.
type command struct {
	path string
	args []string // including the name
	dir  string
	env  []string

	runtimeAPI string // its mark: every descendant inherits it
}

// startProcess starts a command in a process group of its own. exited runs once when the leader has
// ended.
func startProcess(c command, lines *lineWriter, exited func(*process)) (*process, error) {
	out, w, err := newOutput(lines)
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the output of %s: %w", c.path, err)
	}
	cmd := &exec.Cmd{Path: c.path, Args: c.args, Dir: c.dir, Env: c.env, Stdout: w, Stderr: w, SysProcAttr: groupAttributes()}
	err = onStarterThread(cmd.Start)
	w.Close()
	if err != nil {
		out.file.Close()
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, ended: make(chan struct{}), out: out}
	guard.add(p.pid, c.runtimeAPI)
	go out.follow()
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
		exited(p)
	}()
	return p, nil
}

// signal reaches the whole group. A group that has gone is no error.
func (p *process) signal(s syscall.Signal) {
	if p != nil {
		syscall.Kill(-p.pid, s)
	}
}

// stop sends SIGTERM to the group and SIGKILL to what is left of it after the grace.
func (p *process) stop(grace time.Duration) {
	if p == nil {
		return
	}
	deadline := time.Now().Add(grace)
	p.signal(syscall.SIGTERM)
	if p.endsBefore(deadline) {
		for p.groupLives() && time.Now().Before(deadline) {
			time.Sleep(2 * time.Millisecond) // descendants are not ours to wait for
		}
	}
	p.kill()
}

// endsBefore waits for the leader.
func (p *process) endsBefore(deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return false
	}
}

func (p *process) groupLives() bool {
	return !errors.Is(syscall.Kill(-p.pid, 0), syscall.ESRCH)
}

// kill ends the whole group and returns when its leader is gone.
func (p *process) kill() {
	if p == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
	guard.remove(p.pid)
}

// exitReason says how a process ended, in the words of the platform ("exit status 3", "signal:
// killed"); it is empty after a clean exit.
func (p *process) exitReason() string {
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return ""
	case errors.As(p.err, &exit) && exit.ProcessState != nil:
		return exit.ProcessState.String()
	default:
		return p.err.Error()
	}
}

// starterThread runs process starts on one thread that never ends: the parent-death signal of
// Linux fires when the thread that made the child ends, not the program.
var starterThread = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})

func onStarterThread(start func() error) error {
	result := make(chan error, 1)
	starterThread() <- func() { result <- start() }
	return <-result
}
