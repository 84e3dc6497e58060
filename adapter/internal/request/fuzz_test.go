package request

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"lambda-web/adapter/internal/event"
)

// Whatever an event holds, the app sees exactly one request: its target is legal and means what the event says, its
// fields are no others than the event's and the adapter's own, and its body is the client's.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/a b", "q=1", "x-a", "1\r\nx-evil: 1", "body", uint8(0))
	f.Add("POST", "/%0d%0a", "a=\r\n", "x-b: 1\r\nx-evil", "\x00", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", uint8(1))
	f.Add("PUT", "", "é&=#", "content-length", "0", strings.Repeat("x", 20000), uint8(2))
	f.Add("DELETE", "/\u2028", "%", "transfer-encoding", "chunked", "0\r\n\r\n", uint8(3))
	f.Add("GET", "/", "", "host", "a\r\n\r\n", "", uint8(4))
	f.Add("PATCH", "/%41%", "a b;c", "connection", "x-amzn-lambda-context", "\"\\\u2028\x01", uint8(5))
	f.Add("GET", "/a", "", "x-forwarded-prefix", "/v1\r\n", "", uint8(13))
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string, kind uint8) {
		options := plain
		options.PrefixHeader, options.PrefixInPath = kind&8 != 0, kind&16 != 0
		e := map[string]any{"path": path, "rawPath": path, "rawQueryString": query, "httpMethod": method,
			"method":  method,
			"headers": map[string]any{name: value}, "queryStringParameters": map[string]any{query: value},
			"version": "2.0",
			"body":    base64.StdEncoding.EncodeToString([]byte(body)), "isBase64Encoded": true}
		if kind&4 != 0 && utf8.ValidString(body) {
			e["body"], e["isBase64Encoded"] = body, false
		}
		switch kind % 4 {
		case 0:
			e["requestContext"] = map[string]any{"http": map[string]any{"method": method, "path": value + path},
				"x": value}
			e["cookies"] = []string{value}
		case 1:
			e["requestContext"] = map[string]any{"httpMethod": method, "path": value + path, name: value}
			e["multiValueHeaders"] = map[string]any{name: []string{value, value}}
		case 2:
			e["requestContext"] = map[string]any{"elb": map[string]any{}}
		case 3:
			e["requestContext"] = map[string]any{"serviceArn": value}
		}
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		wire, _, err := compose(t, options, string(payload))
		if err != nil {
			return
		}
		r := readStrictly(t, wire)
		if string(r.body) != body {
			t.Fatalf("the body %q came out as %q", body, r.body)
		}
		r.checkOrigin(t, name)
		if options.PrefixHeader != options.PrefixInPath && r.count["x-forwarded-prefix"] > 1 {
			t.Fatalf("more than one prefix: %q", wire)
		}
		if utf8.ValidString(path) && utf8.ValidString(query) && utf8.ValidString(value) && !options.PrefixInPath {
			r.checkTarget(t, path, query, value, kind%4)
		}
	})
}

// oneRequest is what a strict server reads.
type oneRequest struct {
	target string
	count  map[string]int // of the fields by name
	body   []byte
}

// readStrictly reads exactly one request, whose every byte must be one that RFC 9112 lets a client send.
func readStrictly(t *testing.T, wire []byte) (r oneRequest) {
	head, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	parts := strings.Split(lines[0], " ")
	if len(parts) != 3 || !isTokenText(parts[0]) || !strings.HasPrefix(parts[1], "/") || parts[2] != "HTTP/1.1" {
		t.Fatalf("request line %q", lines[0])
	}
	if strings.ContainsFunc(parts[1], func(c rune) bool { return c <= ' ' || c >= 0x7F || c == '#' }) {
		t.Fatalf("target %q", parts[1])
	}
	r.target, r.body = parts[1], body
	r.count = map[string]int{}
	length := 0
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ": ")
		if !found || !isTokenText(name) || name != strings.ToLower(name) && name != "SCRIPT_NAME" {
			t.Fatalf("field line %q in %q", line, wire)
		}
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7F }) {
			t.Fatalf("control character in %q", line)
		}
		if name == "content-length" {
			var err error
			if length, err = strconv.Atoi(value); err != nil || strconv.Itoa(length) != value {
				t.Fatalf("content-length %q", value)
			}
		}
		r.count[strings.ToLower(name)]++
	}
	if r.count["host"] != 1 || r.count["content-length"] > 1 || r.count["transfer-encoding"] > 0 ||
		length != len(body) {
		t.Fatalf("fields %v with a body of %d bytes, announced as %d", r.count, len(body), length)
	}
	return r
}

// isTokenText is the token of RFC 9110 section 5.6.2, written another way than the adapter's.
func isTokenText(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c >= 0x7F || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// checkOrigin: no field comes from nowhere.
func (r *oneRequest) checkOrigin(t *testing.T, name string) {
	for field := range r.count {
		switch field {
		case "host", "content-length", "cookie", "x-forwarded-prefix", "script_name", "x-amzn-request-context",
			"x-amzn-lambda-context":
		default:
			if !strings.EqualFold(field, name) {
				t.Fatalf("field %q came from nowhere: %v", field, r.count)
			}
		}
	}
}

// checkTarget: what a server decodes from the target is what the event says.
func (r *oneRequest) checkTarget(t *testing.T, path, query, value string, kind uint8) {
	gotPath, gotQuery, _ := strings.Cut(r.target, "?")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if decoded(gotPath) != decoded(path) {
		t.Fatalf("the path %q was sent as %q", path, gotPath)
	}
	switch kind {
	case 0:
		if decoded(gotQuery) != decoded(query) {
			t.Fatalf("the query %q was sent as %q", query, gotQuery)
		}
	case 1:
		if got, err := url.ParseQuery(gotQuery); err != nil || len(got) != 1 || len(got[query]) != 1 ||
			got.Get(query) != value {
			t.Fatalf("the parameter %q=%q was sent as %q", query, value, gotQuery)
		}
	}
}

// decoded undoes percent encoding where it is one.
func decoded(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// Raw events, as they come from the network: exactly one request, or one error, never a panic. What is no HTTP event
// is passed on byte for byte.
func FuzzRawEvent(f *testing.F) {
	f.Add([]byte(`{"httpMethod":"GET","path":"/\ud800","headers":{"a":["b"],"cookie":{}},"requestContext":{"resourcePath":"/"},"body":7}`))
	f.Add([]byte(`{"rawPath":1,"rawQueryString":[],"cookies":[null,1,"a"],"headers":[],"requestContext":{"http":{"method":"POST"},"domainName":7},"body":"\u0000"}`))
	f.Add([]byte(`{"Records":[{"eventSource":"aws:sqs","body":"\r\n"}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		wire, c, err := compose(t, plain, string(payload))
		if err != nil {
			return
		}
		r := readStrictly(t, wire)
		if len(r.body) != c.Size {
			t.Fatalf("body of %d bytes in %q", c.Size, wire)
		}
		var e event.Event
		e.Scan(payload)
		if e.Kind == event.PassThrough && (r.target != "/events" || !bytes.Equal(r.body, payload)) {
			t.Fatalf("%q was passed on as %q", payload, wire)
		}
	})
}
