//go:build linux

// Command floor is what no adapter can be faster than: the same four wake-ups and the same bytes over loopback, with
// nothing in between. It works out request and reply once, from the first invocation, and sends those bytes again for
// each one after it, with blocking system calls in one thread. It is not for use.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	api, port := os.Getenv("AWS_LAMBDA_RUNTIME_API"), os.Getenv("AWS_LWA_PORT")
	extension := dial(api)
	extension.send("POST /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: lambda-adapter\r\n" +
		"Content-Length: 13\r\n\r\n{\"events\":[]}")
	head, _ := extension.receive()
	extension.send("GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: " +
		field(head, "Lambda-Extension-Identifier") + "\r\n\r\n")

	app := dialWhenThere("127.0.0.1:" + port)
	app.send("GET " + os.Getenv("AWS_LWA_READINESS_CHECK_PATH") + " HTTP/1.1\r\nHost: x\r\n\r\n")
	app.receive()
	serve(dial(api), app)
}

// serve answers invocations until the bench ends the process.
func serve(api, app *connection) {
	const next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
	var request, reply string
	for {
		api.send(next)
		head, event := api.receive()
		id := field(head, "Lambda-Runtime-Aws-Request-Id")
		if request == "" {
			request = requestOf(event)
		}
		app.send(request)
		head, body := app.receive()
		if reply == "" {
			reply = replyOf(head, body)
		}
		api.send("POST /2018-06-01/runtime/invocation/" + id + "/response HTTP/1.1\r\nHost: x\r\nContent-Length: " +
			strconv.Itoa(len(reply)) + "\r\n\r\n" + reply)
		api.receive()
	}
}

// requestOf is the request of a REST API's event without a body.
func requestOf(text []byte) string {
	var event struct {
		HTTPMethod            string
		Path                  string
		QueryStringParameters map[string]string
		Headers               map[string]string
	}
	must(json.Unmarshal(text, &event))
	target := (&url.URL{Path: event.Path}).EscapedPath()
	if len(event.QueryStringParameters) > 0 {
		query := url.Values{}
		for name, value := range event.QueryStringParameters {
			query.Set(name, value)
		}
		target += "?" + query.Encode()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", event.HTTPMethod, target)
	for name, value := range event.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	return b.String() + "\r\n"
}

func replyOf(head, body []byte) string {
	text, err := json.Marshal(map[string]any{
		"statusCode": 200, "headers": map[string]string{"content-type": field(head, "Content-Type")},
		"body":            string(body),
		"isBase64Encoded": false,
	})
	must(err)
	return string(text)
}

// connection is a blocking socket.
type connection struct {
	fd     int
	buffer [256 << 10]byte
	kept   int
}

func dial(address string) *connection {
	at, err := net.ResolveTCPAddr("tcp4", address)
	must(err)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(err)
	must(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	to := &syscall.SockaddrInet4{Port: at.Port}
	copy(to.Addr[:], at.IP.To4())
	if err := syscall.Connect(fd, to); err != nil {
		_ = syscall.Close(fd)
		return nil
	}
	return &connection{fd: fd}
}

func dialWhenThere(address string) *connection {
	for {
		if c := dial(address); c != nil {
			return c
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *connection) send(text string) {
	for len(text) > 0 {
		n, err := syscall.Write(c.fd, []byte(text))
		must(err)
		text = text[n:]
	}
}

// receive is one message: its head, and a body of the length that is in it. Both are valid until the next one.
func (c *connection) receive() (head, body []byte) {
	c.kept = 0
	for {
		n, err := syscall.Read(c.fd, c.buffer[c.kept:])
		must(err)
		if n == 0 {
			os.Exit(0) // the bench has ended
		}
		c.kept += n
		end := bytes.Index(c.buffer[:c.kept], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		head = c.buffer[:end+2]
		length, _ := strconv.Atoi(field(head, "Content-Length"))
		if c.kept >= end+4+length {
			return head, c.buffer[end+4 : end+4+length]
		}
	}
}

// field is the value of a header field, or "".
func field(head []byte, name string) string {
	for line := range strings.Lines(string(head)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}
