package sandbox

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestServerSpeaksHTTP: what clients of many languages send, byte for byte.
func TestServerSpeaksHTTP(t *testing.T) {
	const tail = "\r\nHost: x\r\n"
	for _, c := range []struct{ rule, request, want string }{
		{"a body with a length", "POST /echo HTTP/1.1" + tail + "Content-Length: 5\r\n\r\nhello", "200 hello"},
		{"a chunked body", "POST /echo HTTP/1.1" + tail +
			"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "200 hello"},
		{"a chunk extension and a trailer", "POST /echo HTTP/1.1" + tail +
			"Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n", "200 hello"},
		{"HTTP/1.0", "POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "200 hello close"},
		{"Connection: close on a parked call", "GET /park HTTP/1.1" + tail + "Connection: close\r\n\r\n",
			"200 parked close"},
		{"a parked call", "GET /park HTTP/1.1" + tail + "\r\n", "200 parked"},
		{"a body nobody reads", "POST /ignore HTTP/1.1" + tail + "Content-Length: 5\r\n\r\nhello", "200 ignored"},
		{"no HTTP at all", "hello\r\n\r\n", "400"},
		{"a bad length", "POST /echo HTTP/1.1" + tail + "Content-Length: many\r\n\r\n", "400"},
		{"length and chunks that differ", "POST /echo HTTP/1.1" + tail +
			"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhello", "400"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := &server{left: func(*conn) {}}
			s.handle = func(c *conn, r *http.Request) {
				switch r.URL.Path {
				case "/park":
					go c.reply(200, []byte("parked"))
				case "/ignore":
					c.reply(200, []byte("ignored"))
				default:
					body, _ := readBody(r, 100)
					c.reply(200, body)
				}
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s.listen(listener)
			defer s.close()
			client, err := net.Dial("tcp", s.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			io.WriteString(client, c.request)
			in := bufio.NewReader(client)
			if got := readBrief(t, in); !strings.HasPrefix(got, c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if strings.HasSuffix(c.want, "close") || c.want == "400" {
				if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
					t.Errorf("after the answer came %q, %v, want the end of the connection", rest, err)
				}
				return
			}
			io.WriteString(client,
				"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nagain")
			if got := readBrief(t, in); got != "100 " {
				t.Fatalf("got %q, want 100 Continue", got)
			}
			if got := readBrief(t, in); got != "200 again" {
				t.Fatalf("got %q on the kept connection", got)
			}
		})
	}
}

func readBrief(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	line, err := in.Peek(12)
	if err != nil {
		t.Fatal(err)
	}
	if string(line) == "HTTP/1.1 100" {
		in.ReadString('\n')
		in.ReadString('\n')
		return "100 "
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	brief := answer.Status[:4] + string(body)
	if answer.Close {
		brief += " close"
	}
	return brief
}
