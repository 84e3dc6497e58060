package http1

import (
	"io"
	"net"
	"syscall"
	"time"
)

// Stream is an open connection: a net.Conn, or a file that is a socket.
type Stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

// socket reads and writes a connection with system calls of its own, which the Go scheduler does
// not see. They never wait, because the socket is non-blocking; waiting is the poller's. A call
// that the scheduler sees wakes the runtime's monitor thread whenever the process was idle, as it
// is before each step of an invocation, and that thread costs more than the call.
type socket struct {
	Stream
	raw syscall.RawConn // nil for a connection that is no socket, as tests have

	// One transfer in each direction at a time. The callbacks are made once, so that a transfer
	// allocates nothing.
	in       []byte
	read     int
	readErr  error
	midway   bool // what is read is the rest of a message
	tryRead  func(fd uintptr) (done bool)
	peek     func(fd uintptr) (done bool)
	out      [3][]byte
	written  int64
	writeErr error
	tryWrite func(fd uintptr) (done bool)
}

func newSocket(conn Stream) *socket {
	s := &socket{Stream: conn}
	source, ok := conn.(syscall.Conn)
	if !ok {
		return s
	}
	raw, err := source.SyscallConn()
	if err != nil {
		return s
	}
	s.raw = raw
	s.tryRead = func(fd uintptr) bool {
		s.read, s.readErr = readNow(fd, s.in)
		if s.readErr == syscall.EAGAIN && s.midway {
			acknowledge(fd)
		}
		return s.readErr != syscall.EAGAIN
	}
	var stray [1]byte // reading a stray byte away is fine: the connection is given up then
	s.peek = func(fd uintptr) bool {
		_, s.readErr = readNow(fd, stray[:])
		return true // do not wait
	}
	s.tryWrite = func(fd uintptr) bool {
		for s.writeErr = nil; s.writeErr == nil && s.left() > 0; {
			var n int
			n, s.writeErr = writeNow(fd, &s.out)
			s.advance(n)
		}
		return s.writeErr != syscall.EAGAIN
	}
	return s
}

// Read waits for the first bytes. Where they are the rest of a message it tells the peer that the part before has come:
// a peer that writes a response in two parts waits for that with the second one (Nagle's algorithm, RFC 1122 section
// 4.2.3.4), and the system would keep it back for 40 ms.
func (s *socket) Read(p []byte) (int, error) {
	if s.raw == nil {
		return s.Stream.Read(p)
	}
	s.in = p
	err := s.raw.Read(s.tryRead)
	s.in = nil
	switch {
	case err != nil: // closed, or the deadline has passed
		return 0, err
	case s.readErr != nil:
		return 0, s.readErr
	case s.read == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return s.read, nil
}

// silent is true if there is nothing to read yet.
func (s *socket) silent() bool {
	return s.raw != nil && s.raw.Read(s.peek) == nil && s.readErr == syscall.EAGAIN
}

// write writes the parts of a message, in one system call if the system takes them at once.
func (s *socket) write(parts [3][]byte) (written int64, err error) {
	if s.raw == nil {
		return writeParts(s.Stream, parts)
	}
	s.out, s.written = parts, 0
	err = s.raw.Write(s.tryWrite)
	if err == nil {
		err = s.writeErr
	}
	s.out = [3][]byte{}
	return s.written, err
}

func writeParts(conn io.Writer, parts [3][]byte) (int64, error) {
	buffers := net.Buffers(parts[:])
	return buffers.WriteTo(conn)
}

func (s *socket) left() int { return len(s.out[0]) + len(s.out[1]) + len(s.out[2]) }

// advance goes over n bytes that were written.
func (s *socket) advance(n int) {
	s.written += int64(n)
	for i := range s.out {
		k := min(n, len(s.out[i]))
		s.out[i] = s.out[i][k:]
		n -= k
	}
}
