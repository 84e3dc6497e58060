package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"lambda-web/local/container/wire"
	"lambda-web/local/procfs"
	"lambda-web/local/sandbox/program"
)

// groups are the process groups started so far, by the id of their leader.
type groups struct {
	mu   sync.Mutex
	byID map[int]*group
}

// group is a process with its descendants.
type group struct {
	out   *output
	ended chan struct{} // the leader has
	exit  string        // valid after ended
}

func newGroups() *groups { return &groups{byID: map[int]*group{}} }

// serve answers one call.
func (g *groups) serve(stream net.Conn) {
	defer stream.Close()
	var request wire.Request
	if err := wire.Receive(bufio.NewReader(stream), &request); err != nil {
		return
	}
	var reply wire.Reply
	switch request.Call {
	case wire.Start:
		g.start(request, stream)
		return
	case wire.Wait:
		reply = g.wait(request.Group)
	case wire.Signal:
		syscall.Kill(-request.Group, syscall.Signal(request.Signal)) // a group that has gone is no error
	case wire.Alive:
		reply.Alive = !errors.Is(syscall.Kill(-request.Group, 0), syscall.ESRCH)
	case wire.Ending:
		reply.Ending = procfs.Ending(request.Group)
	case wire.Drain:
		reply.Written = g.drain()
	case wire.Extensions:
		reply.Paths = extensions(extensionsFolder)
	case wire.Memory:
		reply.Memory = peakMemory()
	default:
		reply.Error = fmt.Sprintf("unknown call %q", request.Call)
	}
	wire.Send(stream, reply)
}

// start starts a process in a group of its own and passes its output on until the last process has
// closed it.
func (g *groups) start(request wire.Request, stream net.Conn) {
	r, w, err := os.Pipe()
	if err != nil {
		wire.Send(stream, wire.Reply{Error: fmt.Sprintf("make a pipe for the output: %v", err)})
		return
	}
	defer r.Close()
	group := &group{out: &output{to: stream, pipe: r}, ended: make(chan struct{})}
	id, err := g.fork(request, w, group)
	w.Close()
	if err != nil {
		wire.Send(stream, wire.Reply{Error: err.Error()})
		return
	}
	group.out.follow(func() error { return wire.Send(stream, wire.Reply{Group: id}) })
}

// fork starts a process. The lock makes reap wait until the group is known. The output must not be
// read before the reply is sent, so it is locked until follow.
func (g *groups) fork(request wire.Request, out *os.File, group *group) (int, error) {
	path := request.Path
	if path == "" {
		var err error
		if path, err = program.Find(request.Args[0], program.Variable(request.Env, "PATH"), request.Dir); err != nil {
			return 0, err
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, fmt.Errorf("open the input of %s: %w", path, err)
	}
	defer null.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	id, err := syscall.ForkExec(path, request.Args, &syscall.ProcAttr{
		Dir: request.Dir, Env: request.Env,
		Files: []uintptr{null.Fd(), out.Fd(), out.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("fork/exec %s: %w", path, err)
	}
	g.byID[id] = group
	return id, nil
}

// reap collects every process that ends: those started here, and orphans, which are process 1's.
func (g *groups) reap() {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGCHLD)
	for range ends {
		for {
			var status syscall.WaitStatus
			id, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil || id == 0 {
				break
			}
			g.mu.Lock()
			if group := g.byID[id]; group != nil {
				group.end(status)
			}
			g.mu.Unlock()
		}
	}
}

// end notes how the leader ended; a later process may have its id.
func (g *group) end(status syscall.WaitStatus) {
	select {
	case <-g.ended:
	default:
		g.exit = reason(status)
		close(g.ended)
	}
}

// reason says how a process ended as os.ProcessState does.
func reason(status syscall.WaitStatus) string {
	switch {
	case status.Signaled() && status.CoreDump():
		return "signal: " + status.Signal().String() + " (core dumped)"
	case status.Signaled():
		return "signal: " + status.Signal().String()
	case status.ExitStatus() != 0:
		return fmt.Sprintf("exit status %d", status.ExitStatus())
	}
	return ""
}

func (g *groups) wait(id int) wire.Reply {
	g.mu.Lock()
	group := g.byID[id]
	g.mu.Unlock()
	if group == nil {
		return wire.Reply{Error: fmt.Sprintf("there is no process group %d", id)}
	}
	<-group.ended
	return wire.Reply{Exit: group.exit}
}

// drain passes on what all processes have written until now.
func (g *groups) drain() map[int]int64 {
	g.mu.Lock()
	all := make(map[int]*group, len(g.byID))
	for id, group := range g.byID {
		all[id] = group
	}
	g.mu.Unlock()
	written := map[int]int64{}
	for id, group := range all {
		written[id] = group.out.drain()
	}
	return written
}
