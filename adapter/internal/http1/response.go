package http1

import (
	"bytes"
	"io"
	"time"
)

// Field is one header field. The name is in lower case, the value has no white space around it.
// Both are only valid until the next request is sent.
type Field struct{ Name, Value []byte }

// Response is the head of the response that a Conn reads.
type Response struct {
	Status int
	Fields []Field
	// KeepAlive is true if the peer is willing to take another request on this connection.
	KeepAlive bool
	// IdleLimit is the time after which the peer closes an idle connection, from `Keep-Alive:
	// timeout=`; 0 if it did not say.
	IdleLimit time.Duration
	// Length is the body's length as announced by Content-Length, -1 if it is not known before its
	// end. A response to HEAD and the statuses 204 and 304 have 0.
	Length int64

	framing   framing
	remaining int64
	finished  bool
	peak      int // the most that was in the buffer at once
}

type framing uint8

const (
	noBody framing = iota
	byLength
	chunked
	untilClose
)

func (r *Response) reset() { *r = Response{Fields: r.Fields[:0]} }

// ReadHead waits for the response and reads its head; interim responses (1xx) are passed over. head
// tells that the request was HEAD, so there is no body whatever the header fields say.
func (c *Conn) ReadHead(head bool) error {
	c.bodyStart = 0
	for {
		end, err := c.headEnd()
		if err != nil {
			return err
		}
		lines := c.in[c.next:end]
		c.next = end
		c.Response.reset()
		if err := c.parseHead(lines); err != nil {
			return err
		}
		switch {
		case c.Status == 101:
			return malformed("101 Switching Protocols without a request for it")
		case c.Status >= 200:
			c.bodyStart, c.peak = c.next, len(c.in)
			return c.frame(head)
		}
	}
}

// headEnd reads until the buffer holds a whole head, and returns the index behind the empty line
// that ends it.
func (c *Conn) headEnd() (int, error) {
	if c.next > 0 {
		c.in = c.in[:copy(c.in, c.in[c.next:])]
		c.next = 0
	}
	for from := 0; ; {
		line := bytes.IndexByte(c.in[from:], '\n')
		if line < 0 {
			if err := c.fillHead(); err != nil {
				return 0, err
			}
			continue
		}
		at := from + line + 1
		rest := c.in[at:]
		switch {
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1, nil
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2, nil
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			if err := c.fillHead(); err != nil {
				return 0, err
			}
			from = at - 1
		default:
			from = at
		}
	}
}

// fillHead reads more of a head. A peer that speaks another protocol is recognised by its first
// bytes: it may wait for an answer now.
func (c *Conn) fillHead() error {
	err := c.fill(firstBuffer, MaxHead)
	const protocol = "HTTP/"
	if n := min(len(c.in), len(protocol)); string(c.in[:n]) != protocol[:n] {
		return malformed("the answer does not begin with " + protocol)
	}
	if err == io.EOF && len(c.in) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseHead reads the status line and the fields (RFC 9112 sections 4 and 5). Bare LF ends a line
// too.
func (c *Conn) parseHead(lines []byte) error {
	line, lines := cutLine(lines)
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return malformed("the answer does not begin with an HTTP/1.x status line")
	}
	minor, status := line[7], line[9:12]
	if minor != '0' && minor != '1' {
		return malformed("unknown HTTP version")
	}
	for _, digit := range status {
		if digit-'0' > 9 {
			return malformed("the status is not a number")
		}
		c.Status = c.Status*10 + int(digit-'0')
	}
	if c.Status < 100 {
		return malformed("the status is below 100")
	}
	c.KeepAlive = minor == '1'
	for {
		if line, lines = cutLine(lines); len(line) == 0 {
			return nil
		}
		if err := c.parseField(line); err != nil {
			return err
		}
	}
}

func cutLine(lines []byte) (line, rest []byte) {
	i := bytes.IndexByte(lines, '\n')
	if i < 0 {
		return nil, nil
	}
	line, rest = lines[:i], lines[i+1:]
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return line, rest
}

func (c *Conn) parseField(line []byte) error {
	if line[0] == ' ' || line[0] == '\t' {
		return c.unfold(line)
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return malformed("a header line without a name")
	}
	name := bytes.TrimRight(line[:colon], " \t")
	if !LowerToken(name) {
		return malformed("a header name that is not a token")
	}
	if len(c.Fields) == MaxFields {
		return malformed("more than 4096 header fields")
	}
	c.Fields = append(c.Fields, Field{Name: name, Value: Clean(trim(line[colon+1:]))})
	return nil
}

// Clean turns control characters into spaces, in place: no field value may hold one (RFC 9110
// section 5.5).
func Clean(value []byte) []byte {
	for i, b := range value {
		if b < 0x20 || b == 0x7F {
			value[i] = ' '
		}
	}
	return value
}

// trim cuts off optional white space (RFC 9110 section 5.6.3).
func trim(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		text = text[1:]
	}
	for len(text) > 0 && (text[len(text)-1] == ' ' || text[len(text)-1] == '\t') {
		text = text[:len(text)-1]
	}
	return text
}

// unfold joins a line that continues the field above it (obs-fold, RFC 9112 section 5.2): the bytes
// between the two become spaces, in place.
func (c *Conn) unfold(line []byte) error {
	if len(c.Fields) == 0 {
		return malformed("a continuation line without a header field")
	}
	last := &c.Fields[len(c.Fields)-1]
	joined := append(last.Value, ' ')
	last.Value = append(joined, Clean(trim(line))...)
	return nil
}

// LowerToken turns a field name into lower case, in place, and reports whether it is a token (RFC
// 9110 section 5.6.2).
func LowerToken(name []byte) bool {
	for i, b := range name {
		lower := tokenLower[b]
		if lower == 0 {
			return false
		}
		name[i] = lower
	}
	return len(name) > 0
}

// IsToken reports whether text is a token (RFC 9110 section 5.6.2), as a method must be.
func IsToken(text []byte) bool {
	for _, b := range text {
		if tokenLower[b] == 0 {
			return false
		}
	}
	return len(text) > 0
}

var tokenLower = func() (table [256]byte) {
	for b := byte('0'); b <= '9'; b++ {
		table[b] = b
	}
	for b := byte('a'); b <= 'z'; b++ {
		table[b], table[b-'a'+'A'] = b, b
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		table[b] = b
	}
	return table
}()
