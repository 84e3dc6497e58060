//go:build linux

package main

import (
	"bytes"
	"fmt"
)

// webApp is the app behind the adapter. It knows one request and one response, and answers anything else with 500.
type webApp struct {
	at       *listener
	line     []byte      // method and target of the request, with the space behind them
	body     []byte      // of the request
	response []byte      // with its head
	large    *memoryFile // in the place of response
	held     []byte      // the rest of the response, sent when the first part has come through
	holding  *conn
	scratch  []byte
}

const readyPath = "/ready"

var (
	readyLine     = []byte("GET " + readyPath + " ")
	readyResponse = []byte("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok")
)

func (a *webApp) serve(c *conn) {
	head := c.in[:c.head]
	switch {
	case bytes.HasPrefix(head, readyLine):
		c.consume()
		c.send(readyResponse)
	case !bytes.HasPrefix(head, a.line):
		a.refuse(c, "the request line is wrong")
	case !a.sameBody(c):
		a.refuse(c, "the request's body is wrong")
	case a.large != nil:
		c.consume()
		c.sendFile(a.large)
	default:
		c.consume()
		if a.held != nil {
			a.holding = c
		}
		c.send(a.response)
	}
}

func (a *webApp) sameBody(c *conn) bool {
	if !c.chunked {
		return bytes.Equal(c.in[c.head:c.end], a.body)
	}
	var err error
	a.scratch, err = c.appendBody(a.scratch[:0], c.in)
	return err == nil && bytes.Equal(a.scratch, a.body)
}

func (a *webApp) refuse(c *conn, why string) {
	text := why + ": " + string(c.in[:c.head])
	c.consume()
	c.send(fmt.Appendf(nil,
		"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s",
		len(text), text))
}

// release sends the rest of a response whose first part has arrived.
func (a *webApp) release() {
	if a.holding != nil {
		a.holding.send(a.held)
		a.holding = nil
	}
}

// close gives up the app's port and what it has sent.
func (a *webApp) close(l *loop) {
	l.close(a.at)
	if a.large != nil {
		_ = a.large.Close()
	}
}

// wholeResponse is a response whose length is known.
func wholeResponse(body payload) []byte {
	head := fmt.Appendf(nil,
		"HTTP/1.1 200 OK\r\ndate: Thu, 12 Mar 2026 19:03:58 GMT\r\nserver: bench\r\ncontent-type: %s\r\n"+
			"cache-control: no-store\r\ncontent-length: %d\r\n\r\n", body.mediaType, len(body.bytes))
	return append(head, body.bytes...)
}

// chunkedResponse is a response in chunks, as frameworks stream it. It returns the response up to and with the first
// chunk, and the rest.
func chunkedResponse(body payload, chunk int) (first, rest []byte) {
	first = fmt.Appendf(nil,
		"HTTP/1.1 200 OK\r\ndate: Thu, 12 Mar 2026 19:03:58 GMT\r\nserver: bench\r\ncontent-type: %s\r\n"+
			"transfer-encoding: chunked\r\n\r\n", body.mediaType)
	left := body.bytes
	for dst := &first; len(left) > 0; dst = &rest {
		n := min(chunk, len(left))
		*dst = fmt.Appendf(*dst, "%x\r\n", n)
		*dst = append(append(*dst, left[:n]...), "\r\n"...)
		left = left[n:]
	}
	return first, append(rest, "0\r\n\r\n"...)
}
