//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// loop serves all sockets of the bench in one thread: the Runtime API and the app cost two system calls per message,
// take no locks, and leave the other processors to the adapter.
type loop struct {
	epoll     int
	events    [128]unix.EpollEvent
	conns     map[int32]*conn
	listeners map[int32]*listener
	spare     [][]byte // read buffers of closed connections
	failure   error    // the first thing that went wrong
}

// listener is a bound address, which refuses connections until listen is called.
type listener struct {
	fd    int
	port  int
	serve func(*conn)
	began func(*conn)
}

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	return &loop{epoll: fd, conns: map[int32]*conn{}, listeners: map[int32]*listener{}}, nil
}

// bind takes a free port on 127.0.0.1. serve is called with every whole message; began, if there is one, with every
// new connection.
func (l *loop) bind(serve, began func(*conn)) (*listener, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("bind to a free port: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("read the port: %w", err)
	}
	return &listener{fd: fd, port: name.(*unix.SockaddrInet4).Port, serve: serve, began: began}, nil
}

// listen starts to take connections.
func (l *loop) listen(s *listener) error {
	if err := unix.Listen(s.fd, 1024); err != nil {
		return fmt.Errorf("listen on port %d: %w", s.port, err)
	}
	l.listeners[int32(s.fd)] = s
	return l.watch(s.fd, unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

func (l *loop) watch(fd, operation int, events uint32) error {
	event := unix.EpollEvent{Fd: int32(fd), Events: events}
	if err := unix.EpollCtl(l.epoll, operation, fd, &event); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// close ends a listener and every connection of the loop that it has taken.
func (l *loop) close(s *listener) {
	for _, c := range l.conns {
		if c.from == s {
			l.drop(c)
		}
	}
	delete(l.listeners, int32(s.fd))
	_ = unix.Close(s.fd)
}

func (l *loop) drop(c *conn) {
	delete(l.conns, int32(c.fd))
	_ = unix.Close(c.fd)
	l.spare = append(l.spare, c.in[:0])
	c.in, c.fd = nil, -1
}

// fail ends the run with an error; the first one counts.
func (l *loop) fail(err error) {
	if l.failure == nil {
		l.failure = err
	}
}

// errTooLong is what run returns when its condition was not met in time.
var errTooLong = errors.New("nothing happened for too long")

// run serves until done says so, something failed, or no socket was ready for the given time.
func (l *loop) run(done func() bool, patience time.Duration) error {
	for quiet := time.Duration(0); !done() && l.failure == nil; {
		n := l.poll(100)
		if n == 0 {
			if quiet += 100 * time.Millisecond; quiet >= patience {
				return errTooLong
			}
			continue
		}
		quiet = 0
	}
	return l.failure
}

// poll serves what is ready within the given number of milliseconds, and returns the number of ready sockets.
//
// The raw system call keeps the Go scheduler out: an ordinary one would hand this thread's processor away on every
// wait, and wake another thread for that. Go's preemption signal still ends the wait, so that the garbage collector
// can run.
func (l *loop) poll(milliseconds int) int {
	n, _, number := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll),
		uintptr(pointer(&l.events[0])), uintptr(len(l.events)), uintptr(milliseconds), 0, 0)
	if number != 0 {
		if number != unix.EINTR {
			l.fail(fmt.Errorf("wait for the sockets: %w", number))
		}
		return 1 // a signal is no sign of quiet
	}
	for _, event := range l.events[:n] {
		l.dispatch(event)
	}
	return int(n)
}

func (l *loop) dispatch(event unix.EpollEvent) {
	if s := l.listeners[event.Fd]; s != nil {
		l.accept(s)
		return
	}
	c := l.conns[event.Fd]
	if c == nil {
		return // closed by an earlier event of the same wait
	}
	if event.Events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	if event.Events&^unix.EPOLLOUT != 0 && c.fd >= 0 {
		c.receive()
	}
}

func (l *loop) accept(s *listener) {
	fd, _, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		if err != unix.EAGAIN && err != unix.ECONNABORTED {
			l.fail(fmt.Errorf("accept on port %d: %w", s.port, err))
		}
		return
	}
	// Without this an answer can wait for the acknowledgement of the one before.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		l.fail(fmt.Errorf("set TCP_NODELAY: %w", err))
	}
	c := &conn{fd: fd, loop: l, from: s}
	if n := len(l.spare); n > 0 {
		c.in, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		c.in = make([]byte, 0, 64<<10)
	}
	l.conns[int32(fd)] = c
	if err := l.watch(fd, unix.EPOLL_CTL_ADD, unix.EPOLLIN); err != nil {
		l.fail(err)
	}
	if s.began != nil {
		s.began(c)
	}
}

func (s *listener) address() string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(s.port)) }
