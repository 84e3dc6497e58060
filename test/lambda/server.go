package lambda

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Server accepts connections and hands each request head to a handler, one after the other per
// connection. It keeps a record of all requests and of every violation of HTTP/1.1 it met.
type Server struct {
	// Accepted is asked for every new connection, counted from 1, before anything is read from it;
	// false resets the connection. Nil accepts all. It must be set before the server starts.
	Accepted func(connection int) bool

	network, address string
	handler          func(*Exchange)

	mu         sync.Mutex
	changed    chan struct{} // closed and made anew at every change
	listener   net.Listener
	release    func() // of the port that Refuse keeps
	accepted   int
	open       map[*connection]struct{}
	requests   []*Request
	forgetful  bool
	violations []string
	done       sync.WaitGroup
}

// connection is one accepted connection. A goroutine of its own waits for its first unread byte, so
// that a handler that parks can see the other side leave.
type connection struct {
	net.Conn
	number int
	in     *bufio.Reader
	coming *arrival
	idle   bool // between requests, guarded by Server.mu
	closed bool // by the handler
}

// arrival is the wait for the next unread byte of a connection, or for its end.
type arrival struct {
	happened chan struct{}
	err      error
}

// await starts waiting, unless that is under way.
func (c *connection) await() *arrival {
	if c.coming == nil {
		coming := &arrival{happened: make(chan struct{})}
		c.coming = coming
		go func() {
			_, coming.err = c.in.Peek(1)
			close(coming.happened)
		}()
	}
	return c.coming
}

// NewServer returns a server that does not listen yet.
func NewServer(handler func(*Exchange)) *Server {
	return &Server{handler: handler, open: map[*connection]struct{}{}, changed: make(chan struct{})}
}

// Listen starts to accept at address; "127.0.0.1:0" takes a free port. After Refuse it listens
// again at the address it had.
func (s *Server) Listen(network, address string) error {
	listener, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("listen for the adapter: %w", err)
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(true)
	}
	s.Serve(listener)
	return nil
}

// Serve starts to accept from a listener that is there already.
func (s *Server) Serve(listener net.Listener) {
	s.mu.Lock()
	s.listener, s.network, s.address = listener, listener.Addr().Network(), listener.Addr().String()
	s.mu.Unlock()
	s.keepPort(nil)
	s.done.Add(1)
	go s.acceptLoop(listener)
}

// Refuse closes the listener, so that new connections are refused. Open connections live on. A port is kept, so that no
// other server answers in the place of this one.
func (s *Server) Refuse() {
	s.mu.Lock()
	listener := s.listener
	s.listener = nil
	s.mu.Unlock()
	if listener == nil {
		return
	}
	hangUp(listener)
	address, isTCP := listener.Addr().(*net.TCPAddr)
	for give := time.Now().Add(time.Second); isTCP && time.Now().Before(give); time.Sleep(100 * time.Microsecond) {
		// The goroutine that accepts closes the port for good when it has seen the end.
		if release, err := Reserve(address.Port); err == nil {
			s.keepPort(release)
			return
		}
	}
}

// Resume listens again where Refuse stopped. An outgoing connection of another process may have the
// port for a moment.
func (s *Server) Resume() error {
	for give := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := s.Listen(s.network, s.address)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(give) {
			return err
		}
	}
}

// keepPort takes over what gives a port back, or gives the one back that is kept if it is nil.
func (s *Server) keepPort(release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.release != nil {
		s.release()
	}
	s.release = release
}

// Address is host:port, or the path of a Unix socket.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Close ends everything and waits until no goroutine of the server is left.
func (s *Server) Close() {
	s.Refuse()
	s.keepPort(nil)
	s.mu.Lock()
	for c := range s.open {
		hangUp(c.Conn)
	}
	s.mu.Unlock()
	s.done.Wait()
}

// CloseIdle closes every connection that is between two requests, as a server does when its
// keep-alive time is over. Exchanges whose reply is out but whose handler has not returned are
// waited for. It returns how many connections there were.
func (s *Server) CloseIdle() int {
	return s.eachIdle(func(c *connection) {
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // Close alone leaves the FIN to the goroutine that reads, whenever that wakes up
		}
		hangUp(c.Conn)
	})
}

// WriteIdle writes raw bytes that nobody asked for on every idle connection.
func (s *Server) WriteIdle(raw string) int {
	return s.eachIdle(func(c *connection) { _, _ = c.Conn.Write([]byte(raw)) })
}

func (s *Server) eachIdle(do func(*connection)) int {
	_ = s.Await(10*time.Second, "rest", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			if !c.idle {
				return false
			}
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for c := range s.open {
		if c.idle {
			do(c)
			count++
		}
	}
	return count
}

// Open is the number of connections that are open on the server's side.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Connections is the number of connections accepted so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Requests returns the requests whose heads were read so far, in that order.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Request(nil), s.requests...)
}

// Forget stops the record: for runs too long to keep every request.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetful, s.requests = true, nil
}

// Violations returns what the server had to refuse as malformed.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.violations...)
}

// errNotSeen is returned by Await when the time is over.
var errNotSeen = errors.New("did not happen")

// Await waits until condition holds. It is asked again after every accept, request, and end of a
// connection or of an exchange.
func (s *Server) Await(patience time.Duration, what string, condition func() bool) error {
	expired := time.After(patience)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-expired:
			return fmt.Errorf("%s %w within %v", what, errNotSeen, patience)
		}
	}
}

func (s *Server) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) acceptLoop(listener net.Listener) {
	defer s.done.Done()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		c := &connection{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10), idle: true}
		s.note(func() {
			s.accepted++
			c.number = s.accepted
			s.open[c] = struct{}{}
		})
		s.done.Add(1)
		go s.serve(c)
	}
}

func (s *Server) serve(c *connection) {
	defer s.done.Done()
	defer func() {
		if !c.closed {
			hangUp(c.Conn)
		}
		s.note(func() { delete(s.open, c) })
	}()
	if s.Accepted != nil && !s.Accepted(c.number) {
		reset(c.Conn)
		return
	}
	for !c.closed {
		coming := c.await()
		<-coming.happened
		c.coming = nil
		if coming.err != nil {
			return
		}
		request, err := readHead(c.in)
		if err != nil {
			s.refuseRequest(c, err)
			return
		}
		request.Conn = c.number
		s.note(func() {
			c.idle = false
			if !s.forgetful {
				s.requests = append(s.requests, request)
			}
		})
		x := &Exchange{Request: request, server: s, conn: c}
		s.handler(x)
		if !c.closed && x.ReadBody() != nil {
			return
		}
		s.note(func() { c.idle = true })
	}
}

func (s *Server) refuseRequest(c *connection, err error) {
	if !errors.Is(err, errViolation) {
		return // cut off or reset: the other side's right
	}
	s.note(func() { s.violations = append(s.violations, err.Error()) })
	_, _ = c.Conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
}

// Exchange is a request whose head was read, and the means to go on with it.
type Exchange struct {
	*Request
	server   *Server
	conn     *connection
	bodyRead bool
	bodyErr  error
}

// ReadBody reads the rest of the request. A handler that never calls it leaves the bytes unread
// until it has replied.
func (x *Exchange) ReadBody() error {
	if !x.bodyRead {
		x.bodyRead = true
		x.bodyErr = x.Request.readBody(x.conn.in)
		x.server.note(func() {
			if errors.Is(x.bodyErr, errViolation) {
				x.server.violations = append(x.server.violations, x.bodyErr.Error())
			}
		})
	}
	return x.bodyErr
}

// Reader gives the request's bytes behind its head as they come, framing and all, to a handler that
// reads the body itself.
func (x *Exchange) Reader() *bufio.Reader {
	x.bodyRead = true
	return x.conn.in
}

// Socket is the connection itself.
func (x *Exchange) Socket() net.Conn { return x.conn.Conn }

// Write sends raw bytes.
func (x *Exchange) Write(raw string) error {
	_, err := x.conn.Conn.Write([]byte(raw))
	return err
}

// Reply sends a whole reply with the given header lines ("Name: value") and a Content-Length.
func (x *Exchange) Reply(status int, lines []string, body []byte) {
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "HTTP/1.1 %d %s\r\n", status, reason(status))
	for _, line := range lines {
		raw.WriteString(line + "\r\n")
	}
	fmt.Fprintf(&raw, "Content-Length: %d\r\n\r\n", len(body))
	raw.Write(body)
	_, _ = x.conn.Conn.Write(raw.Bytes())
}

// Close ends the connection with FIN. Bytes left unread turn it into a reset, as the kernel does.
func (x *Exchange) Close() {
	x.conn.closed = true
	hangUp(x.conn.Conn)
}

// Reset ends the connection with RST.
func (x *Exchange) Reset() {
	x.conn.closed = true
	reset(x.conn.Conn)
}

// Gone is closed once the other side has closed the connection or sent something further. To be
// asked for when the body was read.
func (x *Exchange) Gone() <-chan struct{} { return x.conn.await().happened }

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	hangUp(c)
}

// hangUp closes a socket so that the other side learns of it at once. A process that is being
// started holds copies of all descriptors until it executes its program, and a socket with a copy
// stays open: no start is under way while ForkLock is held.
func hangUp(socket io.Closer) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	_ = socket.Close()
}
