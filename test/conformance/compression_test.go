package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"lambda-web/test/lambda"
)

// long is worth compressing.
var long = strings.Repeat("compress me ", 1000)

// compressionCases are replies to clients that accept some codings, with AWS_LWA_ENABLE_COMPRESSION on.
var compressionCases = map[string]struct {
	accept, header, body string
	method               string
	compressed           bool
}{
	"text": {accept: "gzip", header: "Content-Type: text/html", body: long, compressed: true},
	"text, several codings": {accept: "deflate, gzip;q=0.5, br;q=0", header: "Content-Type: application/json",
		body: long, compressed: true},
	"any coding":            {accept: "*", header: "Content-Type: text/html", body: long, compressed: true},
	"svg":                   {accept: "gzip", header: "Content-Type: image/svg+xml", body: long, compressed: true},
	"upper case":            {accept: "GZIP", header: "Content-Type: Text/HTML", body: long, compressed: true},
	"32 bytes":              {accept: "gzip", header: "Content-Type: text/html", body: long[:32], compressed: true},
	"31 bytes":              {accept: "gzip", header: "Content-Type: text/html", body: long[:31]},
	"not asked for":         {header: "Content-Type: text/html", body: long},
	"identity":              {accept: "identity", header: "Content-Type: text/html", body: long},
	"refused":               {accept: "gzip;q=0", header: "Content-Type: text/html", body: long},
	"refused with decimals": {accept: "gzip; q=0.000, identity", header: "Content-Type: text/html", body: long},
	"image":                 {accept: "gzip", header: "Content-Type: image/png", body: long},
	"grpc":                  {accept: "gzip", header: "Content-Type: application/grpc-web", body: long},
	"event stream":          {accept: "gzip", header: "Content-Type: text/event-stream", body: long},
	"encoded already":       {accept: "gzip", header: "Content-Type: text/html\r\nContent-Encoding: br", body: long},
	"range": {accept: "gzip", header: "Content-Type: text/html\r\nContent-Range: bytes 0-99/100",
		body: long},
	"no-transform": {accept: "gzip",
		header: "Content-Type: text/html\r\nCache-Control: public, No-Transform", body: long},
	"no-transform, asked for": {accept: "gzip\",\"cache-control\":\"no-transform", header: "Content-Type: text/html",
		body: long},
	"Content-Digest": {accept: "gzip", header: "Content-Type: text/html\r\nContent-Digest: sha-256=:AAAA:",
		body: long},
	"Repr-Digest": {accept: "gzip", header: "Content-Type: text/html\r\nRepr-Digest: sha-256=:AAAA:",
		body: long},
	"Content-MD5": {accept: "gzip", header: "Content-Type: text/html\r\nContent-MD5: AAAA", body: long},
	"strong ETag": {accept: "gzip", header: "Content-Type: text/html\r\nETag: \"a\"", body: long,
		compressed: true},
	"weak ETag": {accept: "gzip", header: "Content-Type: text/html\r\nETag: W/\"a\"", body: long,
		compressed: true},
	"empty": {accept: "gzip", header: "Content-Type: text/html"},
	"HEAD":  {accept: "gzip", header: "Content-Type: text/html", method: "HEAD", body: long},
	"accept-ranges is dropped": {accept: "gzip",
		header: "Content-Type: text/html\r\nAccept-Ranges: bytes\r\nVary: Origin", body: long, compressed: true},
}

func TestCompression(t *testing.T) {
	t.Parallel()
	for name, c := range compressionCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_ENABLE_COMPRESSION"] = "true"
			e.app.OnRequest(func(x *lambda.Exchange) {
				raw := fmt.Sprintf("HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n", c.header, len(c.body))
				if c.method != "HEAD" {
					raw += c.body
				}
				_ = x.Write(raw)
			})
			e.startReady()
			method := c.method
			if method == "" {
				method = "GET"
			}
			event := HTTPEvent(method, "/", "")
			if c.accept != "" {
				event = strings.Replace(event, `"headers":{`, `"headers":{"accept-encoding":"`+c.accept+`",`, 1)
			}
			reply := e.invoke(event).status(200)
			if compressed := reply.Headers["content-encoding"] == "gzip"; compressed != c.compressed {
				t.Fatalf("compressed %v: %v", compressed, reply.Headers)
			}
			if c.compressed {
				checkCompressed(t, reply, c.body)
			}
			// Other bytes have no claim to the validator of the app's own.
			if etag := reply.Headers["etag"]; etag != "" && etag != `W/"a"` {
				t.Errorf("etag %s", etag)
			}
			if c.header != "" && strings.Contains(c.header, "Origin") && !strings.Contains(reply.Headers["vary"],
				"Origin") {
				t.Errorf("vary %q", reply.Headers["vary"])
			}
		})
	}
	t.Run("off under streaming", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_ENABLE_COMPRESSION"] = "true"
		e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
		e.app.OnRequest(func(x *lambda.Exchange) { x.Reply(200, []string{"Content-Type: text/html"}, []byte(long)) })
		e.startReady()
		e.logs("WARN", "AWS_LWA_ENABLE_COMPRESSION")
		event := strings.Replace(URLEvent("GET", "/", ""), `"headers":{`, `"headers":{"accept-encoding":"gzip",`, 1)
		if got := e.invoke(event); !strings.HasSuffix(string(got.Body), nuls+long) {
			t.Errorf("streamed %.100q", got.Body)
		}
	})
}

func checkCompressed(t *testing.T, reply envelope, want string) {
	t.Helper()
	unpack, err := gzip.NewReader(bytes.NewReader(reply.content(t)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(unpack)
	if err != nil || string(body) != want {
		t.Errorf("unpacked %d bytes, want %d: %v", len(body), len(want), err)
	}
	if !reply.IsBase64Encoded || !strings.Contains(strings.ToLower(reply.Headers["vary"]), "accept-encoding") {
		t.Errorf("base64 %v, vary %q", reply.IsBase64Encoded, reply.Headers["vary"])
	}
	for _, name := range []string{"content-length", "accept-ranges"} {
		if value, ok := reply.Headers[name]; ok {
			t.Errorf("%s %q is left", name, value)
		}
	}
}
