//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// message is how far the HTTP/1.1 message at the start of a buffer is known. The zero message knows nothing.
// RFC 9112, sections 6 and 7.1.
type message struct {
	head    int // length of the head with its empty line; 0 while it is not whole
	chunked bool
	end     int // where the message ends; in a chunked one that is not whole, where the next chunk begins
}

// sized tells whether the length of the whole message is known.
func (m *message) sized() bool { return m.head > 0 && !m.chunked }

// advance goes over what in holds now, and reports whether the message is whole.
func (m *message) advance(in []byte) (whole bool, err error) {
	if m.head == 0 {
		empty := bytes.Index(in, []byte("\r\n\r\n"))
		if empty < 0 {
			return false, nil
		}
		m.head = empty + 4
		if err := m.readFraming(in[:m.head]); err != nil {
			return false, err
		}
	}
	if !m.chunked {
		return len(in) >= m.end, nil
	}
	return m.advanceChunks(in)
}

func (m *message) readFraming(head []byte) error {
	m.end = m.head
	if length := fieldValue(head, "content-length"); length != nil {
		n, err := strconv.Atoi(string(length))
		if err != nil || n < 0 {
			return fmt.Errorf("a message has the content-length %q", length)
		}
		m.end += n
	} else if coding := fieldValue(head, "transfer-encoding"); coding != nil {
		if m.chunked = bytes.EqualFold(coding, []byte("chunked")); !m.chunked {
			return fmt.Errorf("a message has the transfer-encoding %q", coding)
		}
	}
	return nil
}

func (m *message) advanceChunks(in []byte) (whole bool, err error) {
	for {
		line, size, err := chunkAt(in, m.end)
		if line == 0 || err != nil {
			return false, err
		}
		if size == 0 {
			// Trailers, or nothing, and an empty line; it begins with the end of the size line.
			rest := bytes.Index(in[m.end+line-2:], []byte("\r\n\r\n"))
			if rest < 0 {
				return false, nil
			}
			m.end += line - 2 + rest + 4
			return true, nil
		}
		next := m.end + line + size + 2
		if next > len(in) {
			return false, nil
		}
		m.end = next
	}
}

// chunkAt reads the size line of the chunk at a place; line is its length, 0 if it is not whole.
func chunkAt(in []byte, at int) (line, size int, err error) {
	if at >= len(in) {
		return 0, 0, nil
	}
	end := bytes.Index(in[at:], []byte("\r\n"))
	if end < 0 {
		return 0, 0, nil
	}
	n, err := strconv.ParseUint(string(in[at:at+end]), 16, 31)
	if err != nil {
		return 0, 0, fmt.Errorf("a chunk has the size line %q", in[at:at+end])
	}
	return end + 2, int(n), nil
}

// appendBody appends what has come of the body.
func (m *message) appendBody(dst, in []byte) ([]byte, error) {
	if !m.chunked {
		return append(dst, in[m.head:min(m.end, len(in))]...), nil
	}
	for at := m.head; ; {
		line, size, err := chunkAt(in, at)
		if line == 0 || size == 0 || err != nil {
			return dst, err
		}
		from := at + line
		dst = append(dst, in[min(from, len(in)):min(from+size, len(in))]...)
		at = from + size + 2
	}
}

// fieldValue returns the value of a header field, nil if there is none. RFC 9110, section 5.1: names have no case.
func fieldValue(head []byte, name string) []byte {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}
