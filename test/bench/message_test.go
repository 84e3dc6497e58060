//go:build linux

package main

import "testing"

func TestMessageIsWholeAtItsLastByte(t *testing.T) {
	tests := []struct{ name, message, body string }{
		{"no body", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", ""},
		{"a length", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"a length of nothing", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""},
		{"chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n, world...\r\n0\r\n\r\n",
			"hello, world..."},
		{"trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: 1\r\nb: 2\r\n\r\n", "x"},
		{"line ends in a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
			"\r\n\r\n"},
		{"no chunk but the last", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m message // byte by byte, as the network may have it
			in := []byte(test.message + "GET /next")
			for n := range len(in) {
				whole, err := m.advance(in[:n])
				if err != nil {
					t.Fatalf("after %d bytes: %v", n, err)
				}
				if whole != (n >= len(test.message)) {
					t.Fatalf("after %d of %d bytes: whole is %v", n, len(test.message), whole)
				}
				if whole {
					break
				}
			}
			if m.end != len(test.message) {
				t.Errorf("the message ends at %d, not at %d", m.end, len(test.message))
			}
			body, err := m.appendBody(nil, in)
			if err != nil || string(body) != test.body {
				t.Errorf("the body is %q (%v), not %q", body, err, test.body)
			}
		})
	}
}

func TestMessageThatIsNone(t *testing.T) {
	for _, text := range []string{
		"POST / HTTP/1.1\r\ncontent-length: five\r\n\r\n",
		"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
		"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
	} {
		var m message
		if whole, err := m.advance([]byte(text)); err == nil || whole {
			t.Errorf("%q is taken for a message", text)
		}
	}
}
