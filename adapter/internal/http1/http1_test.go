package http1

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// serve sends wire in segments of the given size to a Conn, and then closes or stays.
func serve(t testing.TB, wire string, segment int, stay bool) *Conn {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		for rest := wire; rest != ""; {
			n := min(segment, len(rest))
			if _, err := io.WriteString(server, rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		if !stay {
			_ = server.Close()
		}
	}()
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	c := &Conn{}
	c.Attach(client)
	return c
}

func readAll(c *Conn) (body []byte, err error) {
	for {
		piece, err := c.Next()
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return body, err
		}
		body = append(body, piece...)
	}
}

func TestReadResponse(t *testing.T) {
	rows := []struct {
		rule, wire string
		head       bool
		status     int
		body       string
		reusable   bool
		broken     bool // the body ends too early
	}{
		{rule: "length", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello",
			reusable: true},
		{rule: "bytes behind the body", wire: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", status: 200,
			body: "he"},
		{rule: "chunked",
			wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n003\r\nllo\r\n0\r\n" +
				"X: y\r\n\r\n", status: 200, body: "hello", reusable: true},
		{rule: "chunked wins over length",
			wire:   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n",
			status: 200, body: "he", reusable: true},
		{rule: "until close", wire: "HTTP/1.1 200 OK\r\n\r\nhello", status: 200, body: "hello"},
		{rule: "HTTP/1.0 closes", wire: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", status: 200, body: "hi"},
		{rule: "HTTP/1.0 that keeps",
			wire: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", status: 200, body: "hi",
			reusable: true},
		{rule: "connection close", wire: "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nhi",
			status: 200, body: "hi"},
		{rule: "HEAD", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head: true, status: 200, reusable: true},
		{rule: "204 with a length", wire: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status: 204,
			reusable: true},
		{rule: "304 chunked", wire: "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", status: 304,
			reusable: true},
		{rule: "interim responses",
			wire: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
				"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", status: 200, body: "hi", reusable: true},
		{rule: "bare LF", wire: "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", status: 200, body: "hi", reusable: true},
		{rule: "no reason phrase", wire: "HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n", status: 299, reusable: true},
		{rule: "equal lengths", wire: "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nhi",
			status: 200, body: "hi", reusable: true},
		{rule: "zero idle time", wire: "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n",
			status: 200},
		{rule: "body cut off", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", status: 200, body: "hel",
			broken: true},
		{rule: "chunk cut off", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", status: 200,
			body: "hel", broken: true},
		{rule: "last chunk missing", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
			status: 200, body: "he", broken: true},
		{rule: "chunk longer than its size",
			wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", status: 200,
			body: "he", broken: true},
		{rule: "chunk line too long", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" +
			strings.Repeat("x", 64<<10) + "\r\nhe\r\n0\r\n\r\n", status: 200, broken: true},
		{rule: "too many trailers", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n" +
			strings.Repeat("a: b\r\n", MaxFields+2) + "\r\n", status: 200, body: "he", broken: true},
		{rule: "chunk size too large",
			wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", status: 200,
			broken: true},
	}
	for _, row := range rows {
		for _, segment := range []int{1, 7, 1 << 20} {
			t.Run(fmt.Sprint(row.rule, " in segments of ", segment), func(t *testing.T) {
				stay := !row.broken && row.rule != "until close"
				c := serve(t, row.wire, segment, stay)
				if err := c.ReadHead(row.head); err != nil {
					t.Fatal(err)
				}
				body, err := readAll(c)
				if (err != nil) != row.broken {
					t.Fatalf("error %v", err)
				}
				if c.Status != row.status || string(body) != row.body {
					t.Errorf("%d %q, want %d %q", c.Status, body, row.status, row.body)
				}
				if segment > 7 && c.Reusable() != row.reusable {
					t.Errorf("reusable: %v, want %v", c.Reusable(), row.reusable)
				}
			})
		}
	}
}

func TestBadHeads(t *testing.T) {
	for _, wire := range []string{
		"220 mail.example.com ESMTP\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 99 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", MaxFields+1) + "\r\n",
		"HTTP/1.1 200 OK\r\na: " + strings.Repeat("x", MaxHead) + "\r\n\r\n",
	} {
		if err := serve(t, wire, 4096, true).ReadHead(false); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.60q gave %v", wire, err)
		}
	}
	if err := serve(t, "", 1, false).ReadHead(false); err != io.EOF {
		t.Errorf("a connection closed before an answer gave %v", err)
	}
	if err := serve(t, "HTTP/1.1 200 O", 1, false).ReadHead(false); err != io.ErrUnexpectedEOF {
		t.Errorf("a connection closed within the head gave %v", err)
	}
}

func TestFields(t *testing.T) {
	c := serve(t, "HTTP/1.1 200 OK\r\nX-A:  one \r\nX-B: a\x00b\r\nX-C: first\r\n\t second\r\nX-D:\r\n"+
		"Keep-Alive: max=3, Timeout=5\r\nContent-Length: 0\r\n\r\n", 3, true)
	if err := c.ReadHead(false); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range c.Fields {
		got = append(got, string(f.Name)+"="+string(f.Value))
	}
	want := "x-a=one|x-b=a b|x-c=first second|x-d=|keep-alive=max=3, Timeout=5|content-length=0"
	if strings.Join(got, "|") != want {
		t.Errorf("fields %q", got)
	}
	if c.IdleLimit != 5*time.Second {
		t.Errorf("idle limit %v", c.IdleLimit)
	}
}

// repeating is a connection that answers every request with the same bytes.
type repeating struct {
	net.Conn
	wire []byte
	rest []byte
}

func (r *repeating) Write(p []byte) (int, error) { r.rest = r.wire; return len(p), nil }
func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func BenchmarkReadResponse(b *testing.B) {
	var c Conn
	c.Attach(&repeating{wire: []byte("HTTP/1.1 200 OK\r\nServer: gunicorn\r\n" +
		"Date: Mon, 23 Nov 2026 01:28:16 GMT\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n" +
		"Content-Length: 27\r\n\r\n{\"message\":\"Hello, World!\"}")})
	request := []byte("GET / HTTP/1.1\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Send(request, nil); err != nil {
			b.Fatal(err)
		}
		if err := c.ReadHead(false); err != nil {
			b.Fatal(err)
		}
		for c.HasBody() {
			if _, err := c.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
