// Package wire sends HTTP/1.1 requests as they are written: no path is cleaned, no header renamed, added or merged, and
// a body may be malformed. It notes when which part of the answer came, and whether the answer was whole.
package wire

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Field is a line of a header.
type Field struct{ Name, Value string }

// Request is what goes out. Host and, with a body, Content-Length are added unless Header has them.
type Request struct {
	Method string
	Target string // of the request line
	Header []Field
	Body   []byte
	// Chunks sends the body in chunks of this size.
	Chunks int
	// Raw takes the place of the body and goes out as it is, without Content-Length.
	Raw []byte
	// Leave closes the connection after the first bytes of the answer's body.
	Leave bool
}

// Has says whether there is a header of that name.
func (q Request) Has(name string) bool {
	for _, f := range q.Header {
		if http.CanonicalHeaderKey(f.Name) == http.CanonicalHeaderKey(name) {
			return true
		}
	}
	return false
}

// With is the request with one more line in its header.
func (q Request) With(name, value string) Request {
	q.Header = append(append([]Field(nil), q.Header...), Field{name, value})
	return q
}

// Answer is what came back.
type Answer struct {
	Status  int
	Header  http.Header
	Trailer http.Header
	Body    []byte
	Whole   bool   // the body came to the end that its framing says
	Fault   string // why there is no answer, or not the whole
	Sent    time.Time
	Head    time.Duration // from Sent to the status line
	First   time.Duration // to the first bytes of the body
	Took    time.Duration // to the end
}

// most is the longest answer that is kept.
const most = 64 << 20

// Connection is one to the server.
type Connection struct {
	conn net.Conn
	in   *bufio.Reader
	host string
}

// Dial connects to the host of a URL. HTTPS is HTTP/1.1 too.
func Dial(u *url.URL, patience time.Duration) (*Connection, error) {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	dialer := &net.Dialer{Timeout: patience}
	var conn net.Conn
	var err error
	if u.Scheme == "https" {
		conn, err = tls.DialWithDialer(dialer, "tcp", address, &tls.Config{NextProtos: []string{"http/1.1"}})
	} else {
		conn, err = dialer.Dial("tcp", address)
	}
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return &Connection{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), host: u.Host}, nil
}

// Close ends the connection.
func (c *Connection) Close() { c.conn.Close() }

// Do sends a request on a connection of its own and reads the answer.
func Do(u *url.URL, q Request, patience time.Duration) *Answer {
	c, err := Dial(u, patience)
	if err != nil {
		return &Answer{Fault: err.Error(), Sent: time.Now()}
	}
	defer c.Close()
	return c.Do(q)
}

// Do sends a request and reads the answer, which may come before the request has gone out.
func (c *Connection) Do(q Request) *Answer {
	a := &Answer{Sent: time.Now()}
	sent := make(chan error, 1)
	go func() {
		_, err := c.conn.Write(q.bytes(c.host))
		sent <- err
	}()
	a.read(c, q)
	if a.Status == 0 {
		c.conn.Close() // ends a write that nobody takes
	}
	select {
	case err := <-sent:
		if err != nil && a.Status == 0 {
			a.Fault = err.Error()
		}
	case <-time.After(time.Second): // the server has answered and takes no more
		c.conn.Close()
		<-sent
	}
	return a
}

func (a *Answer) read(c *Connection, q Request) {
	response, err := http.ReadResponse(c.in, &http.Request{Method: q.Method})
	for err == nil && response.StatusCode >= 100 && response.StatusCode < 200 {
		response, err = http.ReadResponse(c.in, &http.Request{Method: q.Method})
	}
	a.Head = time.Since(a.Sent)
	a.Took = a.Head
	if err != nil {
		a.Fault = err.Error()
		return
	}
	defer response.Body.Close()
	a.Status, a.Header = response.StatusCode, response.Header
	if response.ContentLength >= 0 && a.Header.Get("Content-Length") == "" {
		a.Header.Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	buffer := make([]byte, 32<<10)
	for len(a.Body) < most && err == nil {
		var n int
		n, err = response.Body.Read(buffer)
		if n > 0 && a.First == 0 {
			a.First = time.Since(a.Sent)
		}
		a.Body = append(a.Body, buffer[:n]...)
		if n > 0 && q.Leave {
			c.conn.Close()
			a.Fault = "left"
			return
		}
	}
	a.Took = time.Since(a.Sent)
	a.Trailer = response.Trailer
	if a.Whole = errors.Is(err, io.EOF); !a.Whole {
		a.Fault = fmt.Sprint(err)
	}
}

// bytes are the request on the wire.
func (q Request) bytes(host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", q.Method, q.Target)
	if !q.Has("Host") {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	for _, f := range q.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	switch {
	case q.Raw != nil:
		b.WriteString("\r\n")
		b.Write(q.Raw)
	case q.Chunks > 0:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for rest := q.Body; len(rest) > 0; {
			piece := rest[:min(len(rest), q.Chunks)]
			rest = rest[len(piece):]
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		}
		b.WriteString("0\r\n\r\n")
	default:
		if q.Body != nil && !q.Has("Content-Length") {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(q.Body))
		}
		b.WriteString("\r\n")
		b.Write(q.Body)
	}
	return b.Bytes()
}
