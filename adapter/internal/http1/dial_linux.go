package http1

import (
	"net/netip"
	"os"
	"syscall"
	"time"
)

// DialTCP connects in the calling thread. To a listener on the same machine, connect(2) never waits, whether somebody
// listens or not; the dialer of package net would set a timer and let the poller and two more threads wait for it, which
// takes several times as long. That counts before the registration, and while the app is asked for every fraction of a
// millisecond.
func DialTCP(target netip.AddrPort, timeout time.Duration) (Stream, error) {
	var family int
	var address syscall.Sockaddr
	switch ip := target.Addr().Unmap(); {
	case ip.Zone() != "":
		return dialByName("tcp", target.String(), timeout)
	case ip.Is4():
		family, address = syscall.AF_INET, &syscall.SockaddrInet4{Port: int(target.Port()), Addr: ip.As4()}
	default:
		family, address = syscall.AF_INET6, &syscall.SockaddrInet6{Port: int(target.Port()), Addr: ip.As16()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// A listener elsewhere may keep the thread waiting: this bounds connect(2) too.
	limit := syscall.NsecToTimeval(int64(timeout))
	err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit)
	if err == nil { // a part of a message must not wait for the acknowledgement of the one before
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return connect(fd, address)
}

// DialUnix connects to a unix socket, which never waits: a full queue is an error, EAGAIN.
func DialUnix(path string, _ time.Duration) (Stream, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return connect(fd, &syscall.SockaddrUnix{Name: path})
}

// connect connects a socket and hands it to the poller; if it cannot, it closes it.
func connect(fd int, address syscall.Sockaddr) (Stream, error) {
	err := syscall.Connect(fd, address)
	for err == syscall.EINTR { // by a signal of the Go runtime; the attempt goes on
		err = syscall.Connect(fd, address)
	}
	switch err {
	case nil, syscall.EISCONN:
	case syscall.EINPROGRESS: // the time is up
		_ = syscall.Close(fd)
		return nil, os.ErrDeadlineExceeded
	default:
		_ = syscall.Close(fd)
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	// A file that does not block is the poller's too. A connection of package net would be a copy, with eight more system calls.
	return os.NewFile(uintptr(fd), "socket"), nil
}
