package sandbox

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Traffic is what went between the extensions (the adapter) and the app during an invocation, byte by byte. It is
// observed, before the [Report], where [Config].Record asks for it.
type Traffic struct {
	Source
	RequestID string
	// When the first byte went to the app, when the first one came back, and when the last one did. Zero is never.
	Asked, Answered, Ended time.Time
	Sent, Received         Body
}

func (Traffic) sandboxRecord() {}

// tap stands between the extensions and the app on this machine, on a port of its own. It passes on bytes, ends of
// streams and resets as they come, and notes them for the invocation in progress. As long as the app does not listen
// nothing listens on the tap's port, so that readiness is the app's own.
type tap struct {
	app, port int
	done      chan struct{}

	mu       sync.Mutex
	traffic  Traffic
	listener net.Listener
	conns    []net.Conn
	closed   bool
}

// newTap leases a port for the way to the app's.
func newTap(app int) (*tap, error) {
	port, err := leasePort()
	if err != nil {
		return nil, err
	}
	t := &tap{app: app, port: port, done: make(chan struct{})}
	go t.open()
	return t, nil
}

// open listens as soon as the app does.
func (t *tap) open() {
	const pause = 2 * time.Millisecond
	for {
		if c, err := t.dial(); err == nil {
			c.Close()
			break
		}
		select {
		case <-t.done:
			return
		case <-time.After(pause):
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(t.port))
	if err != nil {
		return // the app never becomes ready, and the init says so
	}
	t.mu.Lock()
	t.listener = listener
	closed := t.closed
	t.mu.Unlock()
	if closed {
		listener.Close()
	}
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go t.pass(from)
	}
}

// dial reaches an app on either loopback address.
func (t *tap) dial() (net.Conn, error) {
	port := strconv.Itoa(t.app)
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err == nil {
		return c, nil
	}
	if c, second := net.Dial("tcp", "[::1]:"+port); second == nil {
		return c, nil
	}
	return nil, err
}

// pass carries one connection until both of its directions have ended.
func (t *tap) pass(from net.Conn) {
	to, err := t.dial()
	if err != nil {
		reset(from)
		return
	}
	if !t.keep(from, to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { t.carry(from, to, t.sent) })
	both.Go(func() { t.carry(to, from, t.received) })
	both.Wait()
	t.drop(from, to)
}

// carry copies one direction.
func (t *tap) carry(from, to net.Conn, note func([]byte)) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			note(buffer[:n])
			if _, failed := to.Write(buffer[:n]); failed != nil {
				reset(from)
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, syscall.ECONNRESET):
			reset(to)
			return
		default: // the end of this direction
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// reset closes a connection as a peer that has gone does.
func reset(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func (t *tap) keep(conns ...net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		for _, c := range conns {
			c.Close()
		}
		return false
	}
	t.conns = append(t.conns, conns...)
	return true
}

func (t *tap) drop(conns ...net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	t.conns = slices.DeleteFunc(t.conns, func(c net.Conn) bool { return slices.Contains(conns, c) })
}

func (t *tap) sent(bytes []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.traffic.Asked.IsZero() {
		t.traffic.Asked = time.Now()
	}
	t.traffic.Sent.Add(bytes)
}

func (t *tap) received(bytes []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.traffic.Ended = time.Now()
	if t.traffic.Answered.IsZero() {
		t.traffic.Answered = t.traffic.Ended
	}
	t.traffic.Received.Add(bytes)
}

// take returns what was noted and begins anew.
func (t *tap) take() Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.traffic
	t.traffic = Traffic{}
	return taken
}

func (t *tap) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	close(t.done)
	if t.listener != nil {
		t.listener.Close()
	}
	for _, c := range t.conns {
		c.Close()
	}
	releasePort(t.port)
}
