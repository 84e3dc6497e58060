package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The same bytes give the same response whatever the segments they come in, and never a panic. Where net/http takes the response too,
// it is the same one: the two must not disagree about where a body ends.
func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), uint8(3))
	f.Add([]byte("HTTP/1.0 200 OK\nContent-Length: 5\n\nhello"), uint8(1))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n"), uint8(9))
	f.Add([]byte("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\nrest"), uint8(20))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n"+
		"hello\r\n0\r\nx: y\r\n\r\n"), uint8(7))
	f.Fuzz(func(t *testing.T, wire []byte, segment uint8) {
		whole := readResponse(t, wire, 1<<20)
		if pieces := readResponse(t, wire, int(segment)+1); whole != pieces {
			t.Fatalf("in one piece: %+v\nin pieces of %d: %+v", whole, int(segment)+1, pieces)
		}
		if other, taken := readByNetHTTP(wire); taken && whole.taken && other != whole.response {
			t.Fatalf("%+v, and net/http reads %+v", whole.response, other)
		}
	})
}

// response is what a reader made of the bytes of a response.
type response struct {
	status int
	body   string
}

// reading is a response with what only this package tells.
type reading struct {
	response
	fields string
	taken  bool // to its end
}

func readResponse(t *testing.T, wire []byte, segment int) (r reading) {
	c := serve(t, string(wire), segment, false)
	defer c.Close()
	if c.ReadHead(false) != nil {
		return r
	}
	for _, f := range c.Fields {
		r.fields += fmt.Sprintf("%s=%s;", f.Name, f.Value)
	}
	body, err := readAll(c)
	r.status, r.body, r.taken = c.Status, string(body), err == nil
	return r
}

func readByNetHTTP(wire []byte) (r response, taken bool) {
	in := bufio.NewReader(bytes.NewReader(wire))
	for {
		got, err := http.ReadResponse(in, &http.Request{Method: "GET"})
		if err != nil {
			return r, false
		}
		if got.StatusCode < 200 {
			continue
		}
		if !got.ProtoAtLeast(1, 1) && bytes.Contains(bytes.ToLower(wire), []byte("transfer-encoding")) {
			return r, false // net/http reads on; RFC 9112 section 6.1 calls such a message faulty
		}
		body, err := io.ReadAll(got.Body)
		return response{got.StatusCode, string(body)}, err == nil
	}
}

// A body that was framed correctly comes out as it went in, and leaves the connection fit for another request.
func FuzzBody(f *testing.F) {
	f.Add([]byte("hello world"), uint16(3), uint16(5), false)
	f.Add(bytes.Repeat([]byte{0, 255, '\r', '\n'}, 40000), uint16(4096), uint16(1000), true)
	f.Fuzz(func(t *testing.T, body []byte, chunk, segment uint16, whole bool) {
		wire := "HTTP/1.1 200 OK\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + string(body)
		if chunk > 0 {
			var b strings.Builder
			b.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for rest := body; len(rest) > 0; {
				n := min(int(chunk), len(rest))
				fmt.Fprintf(&b, "%x\r\n%s\r\n", n, rest[:n])
				rest = rest[n:]
			}
			wire = b.String() + "0\r\n\r\n"
		}
		c := serve(t, wire, int(segment)+1, true)
		defer c.Close()
		if err := c.ReadHead(false); err != nil {
			t.Fatal(err)
		}
		var got []byte
		var err error
		if whole {
			got, _, err = c.AppendBody(nil, 1<<30)
		} else {
			got, err = readAll(c)
		}
		if err != nil || !bytes.Equal(got, body) || !c.Reusable() {
			t.Fatalf("%d bytes came out as %d, error %v, reusable %v", len(body), len(got), err, c.Reusable())
		}
	})
}
