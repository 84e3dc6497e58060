package sandbox

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"lambda-web/local/procfs"
)

// process is a process group on this machine.
type process struct {
	pid   int // and the group's id
	ended chan struct{}
	err   error // how the group's leader ended, valid after ended
	out   *output
}

var _ Group = (*process)(nil)

// startProcess starts a command in a process group of its own. Its environment has the Runtime API's
// address, which is the mark that every descendant inherits.
func startProcess(c Command, runtimeAPI string, exited func(Group)) (*process, error) {
	path, err := c.Program()
	if err != nil {
		return nil, err
	}
	out, w, err := newOutput(c.Output)
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the output of %s: %w", path, err)
	}
	cmd := &exec.Cmd{Path: path, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdout: w, Stderr: w,
		SysProcAttr: groupAttributes()}
	err = onStarterThread(cmd.Start)
	w.Close()
	if err != nil {
		out.file.Close()
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, ended: make(chan struct{}), out: out}
	guard.add(p.pid, runtimeAPI)
	go out.follow()
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
		exited(p)
	}()
	return p, nil
}

func (p *process) Signal(s syscall.Signal) { syscall.Kill(-p.pid, s) }
func (p *process) Ending() bool            { return procfs.Ending(p.pid) }
func (p *process) Ended() <-chan struct{}  { return p.ended }

func (p *process) Alive() bool {
	return !errors.Is(syscall.Kill(-p.pid, 0), syscall.ESRCH)
}

func (p *process) ExitReason() string {
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
