package http1

import (
	"bytes"
	"io"
	"strconv"
	"time"
)

// frame finds out from the head where the body ends (RFC 9112 section 6.3).
func (c *Conn) frame(head bool) error {
	c.Length = -1
	var hasCoding, chunkedLast, neverIdle bool
	for i := range c.Fields {
		name, value := c.Fields[i].Name, c.Fields[i].Value
		switch string(name) {
		case "content-length":
			if err := c.announce(value); err != nil {
				return err
			}
		case "transfer-encoding":
			hasCoding = hasCoding || !EqualFold(value, "identity")
			chunkedLast = EqualFold(lastOf(value), "chunked")
		case "connection":
			c.readConnection(value)
		case "keep-alive":
			var given bool
			c.IdleLimit, given = keepAliveTimeout(value)
			neverIdle = given && c.IdleLimit == 0
		}
	}
	switch {
	case head || c.Status == 204 || c.Status == 304:
		c.framing, c.Length = noBody, 0
	case chunkedLast:
		c.framing, c.Length = chunked, -1
	case hasCoding:
		c.framing, c.Length = untilClose, -1
	case c.Length >= 0:
		c.framing, c.remaining = byLength, c.Length
	default:
		c.framing = untilClose
	}
	if c.framing == untilClose || neverIdle {
		c.KeepAlive = false
	}
	c.finished = c.framing == noBody || c.framing == byLength && c.remaining == 0
	return nil
}

// announce reads a Content-Length. Repeats are accepted only if they agree.
func (c *Conn) announce(value []byte) error {
	for part := range bytes.SplitSeq(value, []byte{','}) {
		n := int64(0)
		part = trim(part)
		if len(part) == 0 || len(part) > 18 {
			return malformed("Content-Length is not a number")
		}
		for _, digit := range part {
			if digit-'0' > 9 {
				return malformed("Content-Length is not a number")
			}
			n = n*10 + int64(digit-'0')
		}
		if c.Length >= 0 && c.Length != n {
			return malformed("two different values of Content-Length")
		}
		c.Length = n
	}
	return nil
}

func (c *Conn) readConnection(value []byte) {
	for option := range bytes.SplitSeq(value, []byte{','}) {
		switch option = trim(option); {
		case EqualFold(option, "close"):
			c.KeepAlive = false
		case EqualFold(option, "keep-alive"):
			c.KeepAlive = true
		}
	}
}

// keepAliveTimeout reads `timeout=5, max=100`.
func keepAliveTimeout(value []byte) (limit time.Duration, given bool) {
	for part := range bytes.SplitSeq(value, []byte{','}) {
		key, seconds, _ := bytes.Cut(trim(part), []byte{'='})
		if !EqualFold(key, "timeout") {
			continue
		}
		if n, err := strconv.Atoi(string(trim(seconds))); err == nil && n >= 0 && n < 1<<30 {
			return time.Duration(n) * time.Second, true
		}
	}
	return 0, false
}

func lastOf(list []byte) []byte {
	return trim(list[bytes.LastIndexByte(list, ',')+1:])
}

// EqualFold compares ASCII text without case; lower must be in lower case.
func EqualFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}

// HasBody reports whether bytes of the body are still to come.
func (c *Conn) HasBody() bool { return !c.finished }

// Next returns the next bytes of the body as soon as there are any, and io.EOF at its end. The bytes are valid until
// the next call. A connection that ends too early gives io.ErrUnexpectedEOF.
func (c *Conn) Next() ([]byte, error) {
	for !c.finished {
		if c.framing == chunked && c.remaining <= 0 {
			if err := c.nextChunk(); err != nil {
				return nil, err
			}
			continue
		}
		if c.Buffered() == 0 {
			if err := c.fillBody(); err == io.EOF && c.framing == untilClose {
				c.finished = true
				continue
			} else if err != nil {
				return nil, early(err)
			}
		}
		n := c.Buffered()
		if c.framing != untilClose {
			n = int(min(int64(n), c.remaining))
			c.remaining -= int64(n)
		}
		piece := c.in[c.next : c.next+n]
		c.next += n
		c.finished = c.framing == byLength && c.remaining == 0
		if c.framing == chunked && c.remaining == 0 {
			return c.joinChunks(piece), nil
		}
		return piece, nil
	}
	return nil, io.EOF
}

// fillBody reads more of the body, behind the head and the bytes not used yet.
func (c *Conn) fillBody() error {
	if c.next > c.bodyStart {
		kept := copy(c.in[c.bodyStart:], c.in[c.next:])
		c.in, c.next = c.in[:c.bodyStart+kept], c.bodyStart
	}
	return c.fill(c.bodyBufferSize(), c.bodyStart+2*bodyBuffer)
}

// bodyBufferSize keeps the buffer small for replies that are small.
func (c *Conn) bodyBufferSize() int {
	if c.framing == byLength && c.remaining < firstBuffer/2 {
		return c.bodyStart + firstBuffer/2
	}
	return c.bodyStart + bodyBuffer
}

// lineEndDue in the place of a remaining length says that the line end behind a chunk's data is still to be read. It
// is not waited for together with the data, which would hold the data back.
const lineEndDue = -1

// nextChunk reads the line before a chunk, and behind the last chunk the trailers, which are dropped (RFC 9112
// section 7.1).
func (c *Conn) nextChunk() error {
	if c.remaining == lineEndDue {
		if line, err := c.line(); err != nil {
			return err
		} else if len(line) > 0 {
			return malformed("a chunk is longer than its size")
		}
		c.remaining = 0
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	size, ok := chunkSize(line)
	if !ok {
		return malformed("a chunk without a size")
	}
	if size > 0 {
		c.remaining = size
		return nil
	}
	for trailers := 0; ; trailers++ {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			c.finished = true
			return nil
		}
		if trailers == MaxFields {
			return malformed("more than 4096 trailer fields")
		}
	}
}

// joinChunks is called at the end of a chunk whose last bytes are piece. Further chunks that were received already
// are moved up behind it, so that one read of the socket gives one piece.
func (c *Conn) joinChunks(piece []byte) []byte {
	start := c.next - len(piece)
	end := c.next
	for c.remaining == 0 {
		rest := c.in[c.next:]
		line, after := cutLine(rest)
		if after == nil || len(line) > 0 {
			break
		}
		sizeLine, data := cutLine(after)
		size, ok := chunkSize(sizeLine)
		if ok && size == 0 && string(data) == "\r\n" { // the whole end is here: nobody has to wait for it
			c.next, c.finished = len(c.in), true
			return c.in[start:end]
		}
		if !ok || size == 0 || len(data) == 0 {
			break
		}
		n := int(min(size, int64(len(data))))
		copy(c.in[end:], data[:n])
		end += n
		c.next = len(c.in) - len(data) + n
		c.remaining = size - int64(n)
	}
	if c.remaining == 0 {
		c.remaining = lineEndDue
	}
	return c.in[start:end]
}

// line returns the next line of the chunked coding without its end.
func (c *Conn) line() ([]byte, error) {
	for {
		rest := c.in[c.next:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, _ := cutLine(rest[:i+1])
			c.next += i + 1
			return line, nil
		}
		if len(rest) > bodyBuffer/2 {
			return nil, malformed("a chunk line is too long")
		}
		if err := c.fillBody(); err != nil {
			return nil, early(err)
		}
	}
}

func chunkSize(line []byte) (size int64, ok bool) {
	digits := 0
	for _, b := range line {
		switch {
		case b-'0' <= 9:
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		case b == ';' || b == ' ' || b == '\t':
			return size, digits > 0
		default:
			return 0, false
		}
		if digits++; digits > 15 {
			return 0, false
		}
		size = size<<4 | int64(b)
	}
	return size, digits > 0
}

// AppendBody reads the rest of the body to the end, as long as dst stays within limit bytes. Large bodies of known
// length are read into dst directly. Beyond the limit it returns dst and false.
func (c *Conn) AppendBody(dst []byte, limit int) (body []byte, whole bool, err error) {
	if c.framing == byLength && int64(len(dst))+c.remaining <= int64(limit) {
		dst, err = c.appendRest(dst)
		return dst, true, err
	}
	for {
		piece, err := c.Next()
		if err == io.EOF {
			return dst, true, nil
		}
		if err != nil {
			return dst, true, err
		}
		if len(dst)+len(piece) > limit {
			return dst, false, nil
		}
		dst = append(dst, piece...)
	}
}

func (c *Conn) appendRest(dst []byte) ([]byte, error) {
	start, total := len(dst), int(c.remaining)
	if cap(dst)-start < total {
		grown := make([]byte, start, start+total)
		copy(grown, dst)
		dst = grown
	}
	n := min(c.Buffered(), total)
	dst = append(dst, c.in[c.next:c.next+n]...)
	c.next += n
	c.remaining -= int64(n)
	for c.remaining > 0 {
		n, err := c.sock.Read(dst[len(dst) : start+total])
		dst = dst[:len(dst)+n]
		c.remaining -= int64(n)
		c.received += int64(n)
		if n == 0 && err != nil {
			return dst, early(err)
		}
	}
	c.finished = true
	return dst, nil
}

// Reusable reports whether another request may be sent: the body was read to its end, the peer keeps the connection
// open, and nothing came behind the body.
func (c *Conn) Reusable() bool {
	return c.sock != nil && c.finished && c.KeepAlive && c.Buffered() == 0
}

// early names an end of the connection in the middle of a body.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
