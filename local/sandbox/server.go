package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// server is the HTTP/1.1 endpoint of one sandbox. The two long polls shape it: a connection that
// polls is parked, its goroutine already reads for the next request (and so sees at once when the
// process has gone), and whoever has an event writes the answer to the connection directly.
type server struct {
	listener net.Listener
	handle   func(*conn, *http.Request)
	left     func(*conn) // called when a connection ends

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
}

// conn is one connection of a process in the sandbox.
type conn struct {
	net.Conn
	in   *bufio.Reader
	last bool // the client wants no further answer after this one
}

// answers are buffers for heads and small bodies. A buffer cannot belong to the connection: its
// peer may have sent the next request before Write returns here.
var answers = sync.Pool{New: func() any { return new([]byte) }}

// inlineBody is the size up to which a body is copied behind its head to save a system call.
const inlineBody = 16 << 10

func (s *server) listen(listener net.Listener) {
	s.listener, s.conns = listener, map[*conn]struct{}{}
	go s.accept()
}

func (s *server) accept() {
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the process gave up before it was accepted
		}
		go s.serve(&conn{Conn: c, in: bufio.NewReaderSize(c, 8<<10)})
	}
}

func (s *server) serve(c *conn) {
	defer c.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		s.left(c)
	}()
	for {
		request, err := http.ReadRequest(c.in)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				c.refuse(http.StatusBadRequest, "InvalidRequestFormat", "malformed HTTP request: "+err.Error())
			}
			return
		}
		if request.Header.Get("Expect") == "100-continue" {
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		c.last = request.Close
		s.handle(c, request)
		if _, err = io.Copy(io.Discard, request.Body); err != nil {
			return
		}
	}
}

// close ends every connection, parked ones too.
func (s *server) close() {
	if s.listener == nil {
		return
	}
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
}

// field is one header line of an answer.
type field struct{ name, value string }

// reply writes an answer in JSON.
func (c *conn) reply(status int, body []byte, fields ...field) {
	c.replyAs("application/json", status, body, fields...)
}

// replyAs writes an answer. If that fails the client has gone: its process ends, or it calls again.
// Fields without a value are left out: runtimes parse the optional ones whenever they are present.
func (c *conn) replyAs(contentType string, status int, body []byte, fields ...field) {
	if c.last {
		fields = append(fields, field{"Connection", "close"})
		// The reading side ends with the client: closing it here could cost the answer.
		defer c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	buffer := answers.Get().(*[]byte)
	defer answers.Put(buffer)
	b := append((*buffer)[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	if contentType != "" {
		b = append(b, "\r\nContent-Type: "...)
		b = append(b, contentType...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		b = append(b, "\r\n"...)
		b = append(b, f.name...)
		b = append(b, ": "...)
		b = append(b, f.value...)
	}
	b = append(b, "\r\n\r\n"...)
	if len(body) <= inlineBody {
		b = append(b, body...)
		body = nil
	}
	*buffer = b
	if body == nil {
		c.Write(b)
		return
	}
	buffers := net.Buffers{b, body}
	buffers.WriteTo(c.Conn)
}

// accepted is the answer to every successful POST.
var accepted = []byte("{\"status\":\"OK\"}\n")

func (c *conn) accept() {
	c.reply(http.StatusAccepted, accepted)
}

// refuse answers with the error document of the Runtime and Extensions APIs.
func (c *conn) refuse(status int, errorType, message string) {
	document, _ := json.Marshal(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, errorType})
	c.reply(status, append(document, '\n'))
}
