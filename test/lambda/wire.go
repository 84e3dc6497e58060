package lambda

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Field is one header line: the name as written, the value without the white space around it.
type Field struct{ Name, Value string }

// Fields are header lines in the order of the wire.
type Fields []Field

// Values returns the values of every line called name, compared without case.
func (f Fields) Values(name string) []string {
	var values []string
	for _, field := range f {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	return values
}

// Get returns the value of the first line called name, or "".
func (f Fields) Get(name string) string {
	if values := f.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Has tells whether a line called name exists.
func (f Fields) Has(name string) bool { return len(f.Values(name)) > 0 }

// Request is one HTTP request as it came over the wire.
type Request struct {
	Conn    int       // the connection it came on, counted from 1 in the order of accept
	At      time.Time // when its head was complete
	Head    []byte    // request line and header lines, exact bytes, final empty line included
	Method  string
	Target  string
	Header  Fields
	Body    []byte // without chunked framing
	Chunked bool
	Trailer Fields
}

// Path is the target up to the question mark.
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// errViolation marks bytes that a strict server must refuse (RFC 9112).
var errViolation = errors.New("not a well-formed HTTP/1.1 request")

func violation(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", errViolation, fmt.Sprintf(format, arguments...))
}

// readHead reads a request line and its header lines. It accepts only what RFC 9112 lets a client
// send: CRLF line ends, token names, no white space before the colon, no folded lines, one Host,
// and at most one statement of the body's length.
func readHead(in *bufio.Reader) (*Request, error) {
	var raw bytes.Buffer
	line, err := readLine(in, &raw)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !isToken(parts[0]) || parts[2] != "HTTP/1.1" {
		return nil, violation("request line %q", line)
	}
	if !isTarget(parts[1]) {
		return nil, violation("request target %q", parts[1])
	}
	request := &Request{Method: parts[0], Target: parts[1]}
	if request.Header, err = readFields(in, &raw); err != nil {
		return nil, err
	}
	request.At, request.Head = time.Now(), raw.Bytes()
	if hosts := request.Header.Values("host"); len(hosts) != 1 {
		return nil, violation("%d Host lines", len(hosts))
	}
	return request, request.checkFraming()
}

func (r *Request) checkFraming() error {
	lengths, codings := r.Header.Values("content-length"), r.Header.Values("transfer-encoding")
	if len(lengths)+len(codings) > 1 {
		return violation("content-length %q beside transfer-encoding %q", lengths, codings)
	}
	if len(codings) == 1 {
		r.Chunked = true
		if codings[0] != "chunked" {
			return violation("transfer-encoding %q", codings[0])
		}
	}
	if len(lengths) == 1 && !isDigits(lengths[0]) {
		return violation("content-length %q", lengths[0])
	}
	return nil
}

// readBody reads the body that the head announced, once.
func (r *Request) readBody(in *bufio.Reader) error {
	if r.Chunked {
		return r.readChunks(in)
	}
	length, _ := strconv.Atoi(r.Header.Get("content-length"))
	if length == 0 {
		return nil // nothing to write: somebody may look at the request already, as its reply may be out
	}
	r.Body = make([]byte, length)
	n, err := io.ReadFull(in, r.Body)
	r.Body = r.Body[:n]
	return err
}

func (r *Request) readChunks(in *bufio.Reader) error {
	for {
		line, err := readLine(in, nil)
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return violation("chunk size %q", line)
		}
		if size == 0 {
			r.Trailer, err = readFields(in, nil)
			return err
		}
		if _, err := io.CopyN((*bodyWriter)(r), in, int64(size)); err != nil {
			return err
		}
		if line, err = readLine(in, nil); err != nil {
			return err
		} else if line != "" {
			return violation("%q after a chunk of %d bytes", line, size)
		}
	}
}

// bodyWriter appends to a request's body, so that a cut-off chunk leaves the bytes that did arrive.
type bodyWriter Request

func (w *bodyWriter) Write(p []byte) (int, error) {
	w.Body = append(w.Body, p...)
	return len(p), nil
}

func readFields(in *bufio.Reader, raw *bytes.Buffer) (Fields, error) {
	var fields Fields
	for {
		line, err := readLine(in, raw)
		if err != nil {
			return nil, err
		}
		if line == "" {
			return fields, nil
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return nil, violation("header line %q", line)
		}
		value = strings.Trim(value, " \t")
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, violation("control byte in header line %q", line)
		}
		fields = append(fields, Field{name, value})
	}
}

// readLine returns a line without its CRLF and keeps its exact bytes in raw when raw is given.
func readLine(in *bufio.Reader, raw *bytes.Buffer) (string, error) {
	line, err := in.ReadBytes('\n')
	if raw != nil {
		raw.Write(line)
	}
	if err != nil {
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.ContainsRune(text, '\r') {
		return "", violation("line end in %q", line)
	}
	return string(text), nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	})
}

// isTarget tells whether s is an origin-form target of visible ASCII. Bytes that RFC 3986 forbids
// and real clients send all the same (such as | in a query) are let through: the contract keeps a
// query verbatim.
func isTarget(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}
