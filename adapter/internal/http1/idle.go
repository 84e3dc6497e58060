package http1

import (
	"net"
	"syscall"
)

// idleCheck looks at a connection without waiting. Its callback is made once per connection, so that a check
// allocates nothing.
type idleCheck struct {
	raw  syscall.RawConn
	read func(fd uintptr) bool
	err  error
}

func (i *idleCheck) attach(sock net.Conn) {
	i.raw = nil
	source, ok := sock.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := source.SyscallConn()
	if err != nil {
		return
	}
	i.raw = raw
	if i.read == nil {
		var stray [1]byte // reading a stray byte away is fine: the connection is given up then
		i.read = func(fd uintptr) bool {
			_, i.err = syscall.Read(int(fd), stray[:])
			return true // do not wait
		}
	}
}

// quiet is true if there is nothing to read yet: the socket is non-blocking, so a read would have to wait.
func (i *idleCheck) quiet() bool {
	if i.raw == nil {
		return false
	}
	if err := i.raw.Read(i.read); err != nil {
		return false
	}
	return i.err == syscall.EAGAIN
}
