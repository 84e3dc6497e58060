package http1

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"time"
)

// frame finds out from the head where the body ends (RFC 9112 section 6.3).
func (c *Conn) frame(head bool) error {
	c.Length = -1
	var isChunked, isCoded, neverIdle bool
	for i := range c.Fields {
		name, value := c.Fields[i].Name, c.Fields[i].Value
		switch string(name) {
		case "content-length":
			if err := c.announce(value); err != nil {
				return err
			}
		case "transfer-encoding":
			isChunked = isChunked || HasOption(value, "chunked")
			isCoded = isCoded || isCoding(value)
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
	case isCoded: // the request has no TE, so nothing but chunked may come (RFC 9112 section 7.4)
		return malformed("a transfer coding other than chunked")
	case isChunked:
		c.framing, c.Length = chunked, -1
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

// HasOption reports whether a list of options, with or without values, holds one (RFC 9110 section
// 5.6.1); option must be in lower case.
func HasOption(list []byte, option string) bool {
	for part := range bytes.SplitSeq(list, []byte{','}) {
		name, _, _ := bytes.Cut(part, []byte{'='})
		if EqualFold(trim(name), option) {
			return true
		}
	}
	return false
}

// isCoding reports whether a Transfer-Encoding lists a coding other than chunked.
func isCoding(list []byte) bool {
	for part := range bytes.SplitSeq(list, []byte{','}) {
		part = trim(part)
		if len(part) > 0 && !EqualFold(part, "chunked") && !EqualFold(part, "identity") {
			return true
		}
	}
	return false
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

// HasNext reports whether Next has something to give, be it the end, without waiting for the peer.
func (c *Conn) HasNext() bool {
	if c.finished {
		return true
	}
	data := c.in[c.next:]
	if c.framing != chunked || c.remaining > 0 {
		return len(data) > 0
	}
	if c.remaining == lineEndDue {
		_, data = cutLine(data)
	}
	line, data := cutLine(data)
	if data == nil {
		return false
	}
	size, ok := chunkSize(line)
	switch {
	case !ok:
		return true
	case size > 0:
		return len(data) > 0
	}
	end, _ := cutLine(data)
	return end != nil && len(end) == 0
}

// Next returns the next bytes of the body as soon as there are any, and io.EOF at its end. The
// bytes are valid until the next call. A connection that ends too early gives io.ErrUnexpectedEOF.
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

// fillBody reads more of the body, behind the head and the bytes not used yet. The buffer grows
// after a read that filled it: most replies are small.
func (c *Conn) fillBody() error {
	size := c.bodyStart + firstBuffer/2
	if len(c.in) == cap(c.in) {
		size = max(size, min(2*cap(c.in), bodyBuffer))
	}
	if c.next > c.bodyStart {
		kept := copy(c.in[c.bodyStart:], c.in[c.next:])
		c.in, c.next = c.in[:c.bodyStart+kept], c.bodyStart
	}
	err := c.fill(size, c.bodyStart+2*bodyBuffer)
	c.peak = max(c.peak, len(c.in))
	return err
}

// Shrink gives up a buffer that grew, unless the last response needed it. That response must not be
// used any more.
func (c *Conn) Shrink() {
	if cap(c.in) <= firstBuffer || c.peak > firstBuffer || c.Buffered() > 0 {
		return
	}
	c.in, c.next, c.bodyStart = nil, 0, 0
	clear(c.Fields[:cap(c.Fields)]) // they point into the buffer
	c.Fields = c.Fields[:0]
}

// lineEndDue in the place of a remaining length says that the line end behind a chunk's data is
// still to be read. It is not waited for together with the data, which would hold the data back.
const lineEndDue = -1

// nextChunk reads the line before a chunk, and behind the last chunk the trailers, which are
// dropped (RFC 9112 section 7.1).
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

// joinChunks is called at the end of a chunk whose last bytes are piece. Further chunks that were
// received already are moved up behind it, so that one read of the socket gives one piece.
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

// mostLine is the longest line of the chunked coding that is read: a size, its extensions, a trailer.
const mostLine = 64 << 10

// line returns the next line of the chunked coding without its end.
func (c *Conn) line() ([]byte, error) {
	for {
		rest := c.in[c.next:]
		end := bytes.IndexByte(rest, '\n')
		if end > mostLine || end < 0 && len(rest) > mostLine {
			return nil, malformed("a chunk line is too long")
		}
		if end >= 0 {
			line, _ := cutLine(rest[:end+1])
			c.next += end + 1
			return line, nil
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

// AppendNext appends the next bytes of the body to dst as soon as there are any, and returns io.EOF
// at its end. Bytes of a body of known length are read into dst directly, which gets room for all
// of it.
func (c *Conn) AppendNext(dst []byte) ([]byte, error) {
	if c.framing != byLength || c.finished || c.Buffered() > 0 {
		piece, err := c.Next()
		return append(dst, piece...), err
	}
	dst = slices.Grow(dst, int(c.remaining))
	n, err := c.read(dst[len(dst) : len(dst)+int(c.remaining)])
	c.remaining -= int64(n)
	c.finished = c.remaining == 0
	if n > 0 {
		err = nil
	}
	return dst[:len(dst)+n], early(err)
}

// AppendBody reads the rest of the body to its end, as long as dst stays within limit bytes. Beyond
// the limit it returns what is within and false; the connection must be closed then.
func (c *Conn) AppendBody(dst []byte, limit int) (body []byte, whole bool, err error) {
	direct := c.framing == byLength && int64(len(dst))+c.remaining <= int64(limit)
	for err == nil && len(dst) <= limit {
		if direct {
			dst, err = c.AppendNext(dst)
		} else {
			var piece []byte
			piece, err = c.Next()
			dst = append(dst, piece[:min(len(piece), limit+1-len(dst))]...)
		}
	}
	if err == io.EOF {
		err = nil
	}
	whole = len(dst) <= limit
	return dst[:min(len(dst), limit)], whole, err
}

// Reusable reports whether another request may be sent: the body was read to its end, the peer
// keeps the connection open, and nothing came behind the body.
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
