// Package http1 is the client side of HTTP/1.1 (RFC 9112) over one kept connection: one request at
// a time, one reused read buffer, no goroutines. The adapter speaks it to the app and to the
// Runtime API.
package http1

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

const (
	// MaxHead is the largest response head that is read, in bytes, and MaxFields the most header
	// fields in it.
	MaxHead   = 256 << 10
	MaxFields = 4096

	firstBuffer = 16 << 10
	bodyBuffer  = 256 << 10
)

// ErrMalformed is wrapped by every error about bytes that are not HTTP/1.x.
var ErrMalformed = errors.New("malformed HTTP")

type malformed string

func (m malformed) Error() string { return "malformed HTTP: " + string(m) }
func (m malformed) Unwrap() error { return ErrMalformed }

// Conn is a connection and the response that is being read from it. The zero Conn is closed.
type Conn struct {
	Response

	sock *socket

	in          []byte // in[:len(in)] is what was read; in[next:] is not used up yet
	next        int
	bodyStart   int // the response's head stays in in[:bodyStart] while its body is read
	received    int64
	lastPart    int // bytes of the last read
	hasDeadline bool
}

// Attach takes over an open connection, which can take a request then.
func (c *Conn) Attach(sock Stream) {
	c.Close()
	c.sock = newSocket(sock)
	c.Response.reset()
	c.KeepAlive, c.finished = true, true
	c.in, c.next, c.received, c.hasDeadline = c.in[:0], 0, 0, false
}

// Close closes the connection if it is open.
func (c *Conn) Close() {
	if c.sock != nil {
		_ = c.sock.Close() // nothing of value can be lost: every message was read or given up
		c.sock = nil
	}
}

// SetDeadline makes reads and writes fail with a timeout from t on; the zero time means never.
func (c *Conn) SetDeadline(t time.Time) {
	if t.IsZero() && !c.hasDeadline {
		return
	}
	c.hasDeadline = !t.IsZero()
	_ = c.sock.SetDeadline(t) // fails only on a closed connection, which the next read reports better
}

// Silent reports whether the peer has neither closed the connection nor sent anything that was not
// asked for. It costs one system call, which never waits.
func (c *Conn) Silent() bool { return c.sock != nil && c.next == len(c.in) && c.sock.silent() }

// Usable reports whether the connection can take another request: it is Reusable, and a FIN, a
// reset or stray bytes have not come since.
func (c *Conn) Usable() bool { return c.Reusable() && c.Silent() }

// Send writes a request's head and body, both in one write. It forgets the last response. sent is
// how many bytes were handed to the system.
func (c *Conn) Send(head, body []byte) (sent int64, err error) {
	c.received = 0
	c.Response.reset()
	return c.Write(head, body)
}

// Write writes two parts of a message in one system call.
func (c *Conn) Write(first, second []byte) (sent int64, err error) {
	return c.sock.write([3][]byte{first, second})
}

// WriteChunk writes a chunk of the chunked coding, whose size line is given, in one system call.
func (c *Conn) WriteChunk(sizeLine, data []byte) (sent int64, err error) {
	return c.sock.write([3][]byte{sizeLine, data, lineEnd})
}

var lineEnd = []byte("\r\n")

// WriteAsync writes while the response is read. The channel gives the outcome; closing the
// connection brings it about.
func (c *Conn) WriteAsync(body []byte) <-chan error {
	sock, done := c.sock, make(chan error, 1)
	go func() {
		_, err := sock.write([3][]byte{body})
		done <- err
	}()
	return done
}

// Received is the number of bytes read since the last request was sent.
func (c *Conn) Received() int64 { return c.received }

// Buffered is the number of bytes that were read from the socket but not used yet.
func (c *Conn) Buffered() int { return len(c.in) - c.next }

// smallPart is what a peer that waits for an acknowledgement may have sent last. More than that the system acknowledges
// at once.
const smallPart = 16 << 10

// read reads into p, and keeps count of what has come since the last request.
func (c *Conn) read(p []byte) (int, error) {
	c.sock.midway = c.received > 0 && c.lastPart < smallPart
	n, err := c.sock.Read(p)
	c.lastPart = n
	c.received += int64(n)
	return n, err
}

// fill reads more bytes behind those in the buffer. The buffer grows up to limit bytes.
func (c *Conn) fill(size, limit int) error {
	if len(c.in) == cap(c.in) || cap(c.in) < size {
		grown := max(size, 2*cap(c.in))
		if len(c.in) >= limit {
			return malformed("a line or head is longer than the limit")
		}
		in := make([]byte, len(c.in), min(grown, max(limit, size)))
		copy(in, c.in)
		c.in = in
	}
	n, err := c.read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	return err
}

// IsTimeout reports whether err is a passed deadline.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Reason says in a few plain words why talking to a peer failed.
func Reason(err error) string {
	var number syscall.Errno
	var bad malformed
	switch {
	case IsTimeout(err):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.As(err, &bad):
		return bad.Error()
	case errors.As(err, &number):
		return number.Error()
	case err == nil:
		return ""
	}
	return err.Error()
}
