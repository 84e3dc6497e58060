package http1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// The request asks for no transfer coding (TE), so a body in another than chunked cannot be read, and
// passing it on without its label would pass on other bytes than the app's.
func TestTransferCodings(t *testing.T) {
	const chunks = "2\r\nhe\r\n0\r\n\r\n"
	rows := []struct {
		codings string // lines, with bars between
		body    string // what is read; a bar if the response is malformed
	}{
		{"chunked", "he"}, {"Chunked", "he"}, {"chunked|chunked", "he"}, {"identity, chunked", "he"},
		{"gzip, chunked", "|"}, {"gzip|chunked", "|"}, {"chunked, gzip", "|"}, {"gzip", "|"}, {"x;q=1", "|"},
		{"identity", chunks}, {"", chunks},
	}
	for _, row := range rows {
		t.Run(row.codings, func(t *testing.T) {
			wire := "HTTP/1.1 200 OK\r\n"
			for coding := range strings.SplitSeq(row.codings, "|") {
				wire += "Transfer-Encoding: " + coding + "\r\n"
			}
			c := serve(t, wire+"\r\n"+chunks, 1<<20, false)
			err := c.ReadHead(false)
			if row.body == "|" {
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("read, with error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if body, err := readAll(c); string(body) != row.body || err != nil {
				t.Errorf("%q, %v; want %q", body, err, row.body)
			}
			c = serve(t, strings.Replace(wire, "200 OK", "304 x", 1)+"Transfer-Encoding: gzip\r\n\r\n", 1<<20, true)
			if err := c.ReadHead(false); err != nil {
				t.Errorf("a response without a body: %v", err)
			}
		})
	}
}

// A size that does not fit is none: what a number makes of it could be any place in the stream.
func TestChunkSize(t *testing.T) {
	for line, want := range map[string]int64{
		"0": 0, "a": 10, "A;b=c": 10, "00ff \t": 255, strings.Repeat("f", 15): 1<<60 - 1,
		strings.Repeat("f", 16): -1, strings.Repeat("0", 16): -1, strings.Repeat("1", 18): -1,
		"": -1, ";": -1, "x": -1, "-1": -1, "+1": -1, "0x1": -1, "1_0": -1,
	} {
		size, ok := chunkSize([]byte(line))
		if !ok {
			size = -1
		}
		if size != want {
			t.Errorf("%q is a size of %d, want %d", line, size, want)
		}
	}
}

// Next gives something at once exactly where HasNext says so.
func TestHasNext(t *testing.T) {
	const chunked, length = "Transfer-Encoding: chunked", "Content-Length: 5"
	rows := []struct {
		field, come string
		has         bool
	}{
		{length, "", false}, {length, "h", true}, {"X: until the end", "", false}, {"X: until the end", "h", true},
		{"Content-Length: 0", "", true}, {chunked, "", false}, {chunked, "5", false}, {chunked, "5\r\n", false},
		{chunked, "5;a=b\r\n", false}, {chunked, "5\r\nh", true}, {chunked, "5\nh", true}, {chunked, "0\r\n", false},
		{chunked, "0\r\n\r\n", true}, {chunked, "0\r\nX: y\r\n", false}, {chunked, "no size\r\nx", true},
	}
	for _, row := range rows {
		t.Run(row.field+" "+row.come, func(t *testing.T) {
			// The head comes with what has come of the body, as one segment.
			c := serve(t, "HTTP/1.1 200 OK\r\n"+row.field+"\r\n\r\n"+row.come, 1<<20, true)
			if err := c.ReadHead(false); err != nil {
				t.Fatal(err)
			}
			if got := c.HasNext(); got != row.has {
				t.Fatalf("something to give: %v", got)
			}
			if row.has {
				c.SetDeadline(time.Now().Add(10 * time.Second))
				if _, err := c.Next(); IsTimeout(err) {
					t.Error("it waited for the peer")
				}
			}
		})
	}
	// Behind a chunk whose line end is due.
	for come, has := range map[string]bool{"": false, "\r": false, "\r\n": false, "\r\n3": false, "\r\n3\r\n": false,
		"\r\nno size\r\nx": true} {
		c := serve(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe"+come, 1<<20, true)
		if err := c.ReadHead(false); err != nil {
			t.Fatal(err)
		}
		if piece, err := c.Next(); string(piece) != "he" || err != nil {
			t.Fatalf("%q, %v", piece, err)
		}
		if c.HasNext() != has {
			t.Errorf("behind a chunk and %q: %v", come, c.HasNext())
		}
	}
}

// Whatever the framing and the limit, what comes back is the body up to the limit, and whole tells
// whether that is all of it.
func TestAppendBody(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 100)
	for _, framing := range []string{"length", "chunks", "end"} {
		for _, limit := range []int{0, 1, len(body) - 1, len(body), len(body) + 1} {
			for _, segment := range []int{7, 64, 1 << 20} {
				c := serve(t, framed(body, framing), segment, framing != "end")
				if err := c.ReadHead(false); err != nil {
					t.Fatal(err)
				}
				got, whole, err := c.AppendBody([]byte("before"), limit+len("before"))
				want := "before" + string(body[:min(limit, len(body))])
				if string(got) != want || whole != (limit >= len(body)) || err != nil {
					t.Errorf("%s, limit %d: %d bytes, whole: %v, %v", framing, limit, len(got), whole, err)
				}
				if whole && framing != "end" && !c.Reusable() {
					t.Errorf("%s, limit %d: the connection is not reusable", framing, limit)
				}
			}
		}
	}
	c := serve(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 3, false)
	if err := c.ReadHead(false); err != nil {
		t.Fatal(err)
	}
	if body, _, err := c.AppendBody(nil, 100); string(body) != "hello" || err != io.ErrUnexpectedEOF {
		t.Errorf("a body that is cut off: %q, %v", body, err)
	}
}

func framed(body []byte, framing string) string {
	switch framing {
	case "length":
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	case "chunks":
		half := len(body) / 2
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
			half, body[:half], len(body)-half, body[half:])
	}
	return "HTTP/1.1 200 OK\r\n\r\n" + string(body)
}

// The buffer grows for a large response in pieces, stays while such ones follow, and is given up
// after a small one; a body of known length that is wanted whole needs none.
func TestShrink(t *testing.T) {
	large, small := bytes.Repeat([]byte("x"), 1<<20), []byte("small")
	server := &repeating{}
	var c Conn
	c.Attach(server)
	exchange := func(body []byte, framing string, direct bool) int {
		t.Helper()
		server.wire = []byte(framed(body, framing))
		if _, err := c.Send(small, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.ReadHead(false); err != nil {
			t.Fatal(err)
		}
		got, err := []byte(nil), error(nil)
		if direct {
			got, _, err = c.AppendBody(nil, len(body))
		} else {
			got, err = readAll(&c)
		}
		if !bytes.Equal(got, body) || err != nil {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		c.Shrink()
		return cap(c.in)
	}
	for _, step := range []struct {
		body        []byte
		framing     string
		direct      bool
		least, most int
	}{
		{small, "chunks", false, 1, firstBuffer}, {large, "length", true, 1, firstBuffer},
		{large, "chunks", false, bodyBuffer, 2 * bodyBuffer}, {large, "length", false, bodyBuffer, 2 * bodyBuffer},
		{small, "length", false, 0, 0}, {small, "length", false, 1, firstBuffer},
	} {
		if size := exchange(step.body, step.framing, step.direct); size < step.least || size > step.most {
			t.Errorf("after %d bytes in %s: a buffer of %d, want %d to %d", len(step.body), step.framing, size,
				step.least, step.most)
		}
	}
}
