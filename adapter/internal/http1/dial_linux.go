package http1

import (
	"net/netip"
	"os"
	"syscall"
	"time"
)

// dialTCP connects in the calling thread. On the same machine a connection is there, or refused,
// when connect(2) returns; the dialer of package net would set a timer and let the poller and two
// more threads wait for it, which takes several times as long. That counts before the registration,
// and while the app is asked for every fraction of a millisecond. Only where the listener's queue
// is full, or the listener is elsewhere, the poller waits.
func dialTCP(target netip.AddrPort, deadline time.Time) (Stream, error) {
	var family int
	var address syscall.Sockaddr
	switch ip := target.Addr().Unmap(); {
	case ip.Zone() != "":
		return dialByName(target.String(), deadline)
	case ip.Is4():
		family, address = syscall.AF_INET, &syscall.SockaddrInet4{Port: int(target.Port()), Addr: ip.As4()}
	default:
		family, address = syscall.AF_INET6, &syscall.SockaddrInet6{Port: int(target.Port()), Addr: ip.As16()}
	}
	fd, err := newSocketFD(family)
	if err != nil {
		return nil, err
	}
	// A part of a message must not wait for the acknowledgement of the one before.
	err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err == nil {
		err = startConnect(fd, address)
	}
	if err == syscall.EINPROGRESS {
		return awaitConnect(fd, address, target.Port(), deadline)
	}
	if err == nil {
		err = checkPeer(fd, target.Port())
	}
	return toStream(fd, err)
}

// dialUnix connects to a unix socket, which never waits: a full queue is an error, EAGAIN.
func dialUnix(path string, _ time.Time) (Stream, error) {
	fd, err := newSocketFD(syscall.AF_UNIX)
	if err != nil {
		return nil, err
	}
	return toStream(fd, connect(fd, &syscall.SockaddrUnix{Name: path}))
}

// newSocketFD makes a socket that does not block.
func newSocketFD(family int) (int, error) {
	return syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
}

// startConnect begins to connect. The first call of connect(2) always says EINPROGRESS; on the same
// machine the outcome is there then, and the second call tells it.
func startConnect(fd int, address syscall.Sockaddr) error {
	err := connect(fd, address)
	if err == syscall.EINPROGRESS {
		err = connect(fd, address)
	}
	return err
}

// connect is connect(2), with one name for success and one for an attempt that goes on. A signal
// does not end the attempt.
func connect(fd int, address syscall.Sockaddr) error {
	for {
		switch err := syscall.Connect(fd, address); err {
		case syscall.EINTR:
		case syscall.EISCONN:
			return nil
		case syscall.EALREADY:
			return syscall.EINPROGRESS
		default:
			return err
		}
	}
}

// awaitConnect lets the poller wait for the outcome.
func awaitConnect(fd int, address syscall.Sockaddr, port uint16, deadline time.Time) (Stream, error) {
	file := os.NewFile(uintptr(fd), "socket")
	raw, err := file.SyscallConn()
	if err == nil {
		err = file.SetDeadline(deadline)
	}
	if err == nil {
		var outcome error
		err = raw.Write(func(uintptr) bool {
			outcome = connect(fd, address)
			return outcome != syscall.EINPROGRESS
		})
		if err == nil {
			err = outcome
		}
	}
	if err == nil {
		err = checkPeer(fd, port)
	}
	if err == nil {
		err = file.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// checkPeer refuses a connection to itself, as refuseSelf does.
func checkPeer(fd int, port uint16) error {
	local, err := syscall.Getsockname(fd)
	if err != nil {
		return err
	}
	if portOf(local) != port {
		return nil
	}
	peer, err := syscall.Getpeername(fd)
	if err != nil {
		return err
	}
	if !sameAddress(local, peer) {
		return nil
	}
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	return syscall.ECONNREFUSED
}

func portOf(address syscall.Sockaddr) uint16 {
	switch address := address.(type) {
	case *syscall.SockaddrInet4:
		return uint16(address.Port)
	case *syscall.SockaddrInet6:
		return uint16(address.Port)
	}
	return 0
}

func sameAddress(a, b syscall.Sockaddr) bool {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		b, ok := b.(*syscall.SockaddrInet4)
		return ok && a.Port == b.Port && a.Addr == b.Addr
	case *syscall.SockaddrInet6:
		b, ok := b.(*syscall.SockaddrInet6)
		return ok && a.Port == b.Port && a.Addr == b.Addr
	}
	return false
}

// toStream hands a connected socket to the poller, or closes one that could not connect. A file
// that does not block is the poller's too; a connection of package net would be a copy, with eight
// more system calls.
func toStream(fd int, err error) (Stream, error) {
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}
