package container

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"

	"lambda-web/local/container/wire"
	"lambda-web/local/sandbox"
)

// container is the host of one sandbox. It lives as long as the docker command that runs it, and that
// as long as its stdin is open: nothing outlives this program, however it ends.
type container struct {
	launcher Launcher
	name     string
	port     int
	command  *exec.Cmd
	session  *yamux.Session
	listener *listener
	stderr   tail
	ended    chan struct{} // the docker command has

	mu     sync.Mutex
	news   *sync.Cond // output came or ended
	groups map[int]*group
}

var _ sandbox.Extended = (*container)(nil)

const (
	startPatience = 60 * time.Second // for a container to start
	callPatience  = 10 * time.Second // for an answer of its init, which is a matter of microseconds
	endPatience   = 5 * time.Second  // for a container to end
)

// run starts a container and returns when its init answers.
func (l Launcher) run(name string, args []string, port int) (*container, error) {
	c := &container{launcher: l, name: name, port: port, ended: make(chan struct{}), groups: map[int]*group{}}
	c.news = sync.NewCond(&c.mu)
	c.command = exec.Command(l.Command, args...)
	c.command.Env = l.client().environment()
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	c.command.Stderr = &c.stderr
	in, err := c.command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a container: %w", err)
	}
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a container: %w", err)
	}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start a container: %w", err)
	}
	c.session, err = yamux.Client(duplex{out, in}, wire.Session())
	if err != nil {
		return nil, fmt.Errorf("speak to the container: %w", err)
	}
	c.listener = newListener(c.session)
	go c.follow()
	return c, c.answers()
}

// follow notes the end of the container.
func (c *container) follow() {
	<-c.session.CloseChan()
	c.command.Wait()
	close(c.ended)
}

// answers waits for the init. Without an answer the container has ended.
func (c *container) answers() error {
	answered := make(chan error, 1)
	go func() {
		_, err := c.session.Ping()
		answered <- err
	}()
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	var err error
	select {
	case err = <-answered:
	case <-timer.C:
		err = fmt.Errorf("the container did not answer within %s", startPatience)
	}
	if err == nil {
		return nil
	}
	c.Close()
	return c.launcher.startError(c.stderr.line(), err)
}

func (c *container) Listener() net.Listener { return c.listener }
func (c *container) RuntimeAPI() string     { return wire.RuntimeAPI }
func (c *container) AppPort() int           { return c.port }

// open begins a call.
func (c *container) open(request wire.Request) (net.Conn, *bufio.Reader, error) {
	stream, err := c.session.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("the container has ended: %w", err)
	}
	if err := wire.Send(stream, request); err != nil {
		stream.Close()
		return nil, nil, fmt.Errorf("the container has ended: %w", err)
	}
	return stream, bufio.NewReader(stream), nil
}

// Extensions implements sandbox.Extended.
func (c *container) Extensions() []string {
	reply, _ := c.call(wire.Request{Call: wire.Extensions}) // without an answer the container has ended, and says why
	return reply.Paths
}

// call makes a call that is answered at once. A container that does not answer is ended.
func (c *container) call(request wire.Request) (wire.Reply, error) {
	var reply wire.Reply
	stream, in, err := c.open(request)
	if err != nil {
		return reply, err
	}
	defer stream.Close()
	stream.SetReadDeadline(time.Now().Add(callPatience))
	if err := wire.Receive(in, &reply); err != nil {
		if errors.Is(err, yamux.ErrTimeout) {
			c.kill()
		}
		return reply, fmt.Errorf("the container does not answer: %w", err)
	}
	return reply, nil
}

// Start implements sandbox.Host.
func (c *container) Start(command sandbox.Command, exited func(sandbox.Group)) (sandbox.Group, error) {
	stream, in, err := c.open(wire.Request{
		Call: wire.Start, Path: command.Path, Args: command.Args, Dir: command.Dir, Env: command.Env,
	})
	if err != nil {
		return nil, err
	}
	var reply wire.Reply
	stream.SetReadDeadline(time.Now().Add(callPatience))
	if err = wire.Receive(in, &reply); err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	if err != nil {
		stream.Close()
		return nil, err
	}
	stream.SetReadDeadline(time.Time{})
	g := &group{container: c, id: reply.Group, ended: make(chan struct{})}
	c.mu.Lock()
	c.groups[g.id] = g
	c.mu.Unlock()
	go func() {
		defer stream.Close()
		g.follow(in, command.Output)
	}()
	go func() {
		g.exit = c.wait(g.id)
		close(g.ended)
		exited(g)
	}()
	return g, nil
}

// wait returns how the leader of a group ended. With the container everything in it is killed.
func (c *container) wait(id int) string {
	stream, in, err := c.open(wire.Request{Call: wire.Wait, Group: id})
	if err == nil {
		defer stream.Close()
		var reply wire.Reply
		if err = wire.Receive(in, &reply); err == nil {
			return reply.Exit
		}
	}
	return "signal: killed"
}

// Drain implements sandbox.Host.
func (c *container) Drain() {
	reply, err := c.call(wire.Request{Call: wire.Drain})
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, g := range c.groups {
		for !g.silent && (err != nil || g.received < reply.Written[id]) {
			c.news.Wait()
		}
	}
}

// PeakMemory implements sandbox.Host.
func (c *container) PeakMemory() int64 {
	reply, _ := c.call(wire.Request{Call: wire.Memory})
	return reply.Memory
}

// Close implements sandbox.Host.
func (c *container) Close() {
	c.Drain()
	c.listener.Close()
	c.session.GoAway()
	c.session.Close() // the init sees the end of its stdin
	select {
	case <-c.ended:
		return
	case <-time.After(endPatience):
	}
	c.kill()
	<-c.ended
}

// kill ends a container that does not react.
func (c *container) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	remove := exec.CommandContext(ctx, c.launcher.Command, "rm", "--force", c.name)
	remove.Env = c.launcher.client().environment()
	remove.Run()
	c.command.Process.Kill()
}

// group is a process group in a container.
type group struct {
	container *container
	id        int
	ended     chan struct{}
	exit      string // valid after ended

	received int64 // bytes of output passed on; under the container's lock
	silent   bool  // there will be no more
}

var _ sandbox.Group = (*group)(nil)

func (g *group) Signal(s syscall.Signal) {
	g.container.call(wire.Request{Call: wire.Signal, Group: g.id, Signal: int(s)})
}

func (g *group) Alive() bool {
	reply, _ := g.container.call(wire.Request{Call: wire.Alive, Group: g.id})
	return reply.Alive
}

func (g *group) Ending() bool {
	reply, _ := g.container.call(wire.Request{Call: wire.Ending, Group: g.id})
	return reply.Ending
}

func (g *group) Ended() <-chan struct{} { return g.ended }
func (g *group) ExitReason() string     { return g.exit }

// follow passes the output on until it ends.
func (g *group) follow(in io.Reader, to io.WriteCloser) {
	c := g.container
	defer func() {
		to.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		g.silent = true
		c.news.Broadcast()
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := in.Read(buf)
		to.Write(buf[:n])
		c.mu.Lock()
		g.received += int64(n)
		c.news.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// duplex is the stdout and stdin of the docker command.
type duplex struct {
	io.ReadCloser
	in io.WriteCloser
}

func (d duplex) Write(p []byte) (int, error) { return d.in.Write(p) }
func (d duplex) Close() error                { return errors.Join(d.in.Close(), d.ReadCloser.Close()) }

// listener takes the connections that processes in the container make to the Runtime API.
type listener struct {
	session *yamux.Session
	ctx     context.Context // until Close
	cancel  context.CancelFunc
}

func newListener(session *yamux.Session) *listener {
	l := &listener{session: session}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	stream, err := l.session.AcceptStreamWithContext(l.ctx)
	if err != nil {
		return nil, net.ErrClosed // all that can happen is the end of the listener or the container
	}
	return connection{stream}, nil
}

func (l *listener) Close() error   { l.cancel(); return nil }
func (l *listener) Addr() net.Addr { return l.session.Addr() }

// connection is one of them. Closing a stream ends only what this side says.
type connection struct{ *yamux.Stream }

func (c connection) CloseWrite() error { return c.Stream.Close() }

// tail keeps the end of what the docker command writes to stderr.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4<<10):]
	return len(p), nil
}

// line is the text on one line.
func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(bytes.ToValidUTF8(t.text, nil))), " ")
}

// suffix makes a name unique.
func suffix() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
