package reply

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/lambdaapi"
)

// pieces is a body that comes in pieces of a given size.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Next() ([]byte, error) {
	if len(p.rest) == 0 {
		return nil, io.EOF
	}
	n := min(p.size, len(p.rest))
	piece := bytes.Clone(p.rest[:n])
	p.rest = p.rest[n:]
	return piece, nil
}

func (p *pieces) AppendNext(dst []byte) ([]byte, error) {
	piece, err := p.Next()
	return append(dst, piece...), err
}

func fields(lines ...string) (list []http1.Field) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		list = append(list, http1.Field{Name: []byte(name), Value: []byte(value)})
	}
	return list
}

func scanned(payload string) *event.Event {
	e := &event.Event{}
	e.Scan([]byte(payload))
	return e
}

var events = map[string]*event.Event{
	"v1":      scanned(`{"httpMethod":"GET","requestContext":{"httpMethod":"GET"}}`),
	"v2":      scanned(`{"requestContext":{"http":{"method":"GET"}}}`),
	"alb":     scanned(`{"httpMethod":"GET","requestContext":{"elb":{}}}`),
	"albm":    scanned(`{"httpMethod":"GET","multiValueHeaders":{},"requestContext":{"elb":{}}}`),
	"lattice": scanned(`{"version":"2.0","method":"GET","requestContext":{"serviceArn":"a"}}`),
	"pass":    scanned(`{"Records":[]}`),
	"ws":      scanned(`{"requestContext":{"connectionId":"c"}}`),
}

func TestEnvelopes(t *testing.T) {
	head := fields("content-type: text/plain", "set-cookie: a=1", "set-cookie: b=2", "vary: A", "vary: B",
		"connection: x-h", "x-h: 1",
		"keep-alive: timeout=1", "content-length: 2", "x-latin: caf\xe9")
	rows := []struct{ kind, body, want string }{
		{"v1", "hi", `{"statusCode":404,"multiValueHeaders":{"content-type":["text/plain"],"set-cookie":["a=1","b=2"],"vary":["A","B"],"content-length":["2"],"x-latin":["café"]},"body":"hi","isBase64Encoded":false}`},
		{"v2", "hi", `{"statusCode":404,"headers":{"content-type":"text/plain","vary":"A, B","content-length":"2","x-latin":"café"},"cookies":["a=1","b=2"],"body":"hi","isBase64Encoded":false}`},
		{"alb", "hi", `{"statusCode":404,"statusDescription":"404 Not Found","headers":{"content-type":"text/plain","set-cookie":"a=1","Set-cookie":"b=2","vary":"A, B","content-length":"2","x-latin":"café"},"body":"hi","isBase64Encoded":false}`},
		{"albm", "hi",
			`{"statusCode":404,"statusDescription":"404 Not Found","multiValueHeaders":{"content-type":["text/plain"],"set-cookie":["a=1","b=2"],"vary":["A","B"],"content-length":["2"],"x-latin":["café"]},"body":"hi","isBase64Encoded":false}`},
		{"lattice", "\xff\x00",
			`{"statusCode":404,"statusDescription":"404 Not Found","headers":{"content-type":"text/plain","set-cookie":"a=1, b=2","vary":"A, B","content-length":"2","x-latin":"café"},"body":"/wA=","isBase64Encoded":true}`},
		{"pass", `{"a": 1}`, `{"a": 1}`}, {"pass", `text`, `null`}, {"pass", ``, `null`}, {"pass", "[1]\n", "[1]\n"},
		{"ws", `{"statusCode":200}`, `{"statusCode":200}`}, {"ws", "no\xff", `{"statusCode":404,"body":"no` +
			"\uFFFD" + `"}`}, {"ws", `{"a":1}`, `{"statusCode":404,"body":"{\"a\":1}"}`},
	}
	for _, row := range rows {
		t.Run(row.kind, func(t *testing.T) {
			var e Encoder
			r := Response{Status: 404, Fields: head, Length: int64(len(row.body)), Body: &pieces{[]byte(row.body), 1}}
			got, err := e.Encode(events[row.kind], &r, false)
			if err != nil || string(got) != row.want {
				t.Errorf("%s, %v\nwant %s", got, err, row.want)
			}
		})
	}
}

func TestSpell(t *testing.T) {
	seen := map[string]bool{}
	for n := range 256 {
		name := []byte("set-cookie")
		spell(name, n)
		seen[string(name)] = true
	}
	if len(seen) != 256 {
		t.Errorf("%d spellings", len(seen))
	}
}

func TestTextOrBase64(t *testing.T) {
	rows := []struct {
		head []string
		body string
		text bool
	}{
		{nil, "x", true}, {[]string{"content-type: TEXT/html"}, "x", true}, {[]string{"content-type: image/png"}, "x",
			false},
		{[]string{"content-type: application/problem+JSON;a=b"}, "x", true},
		{[]string{"content-type: application/x-y; charset=UTF-8"}, "x", true},
		{[]string{"content-type: application/x-y; charset=\"utf-8\""}, "x", true},
		{[]string{"content-type: application/octet-stream"}, "x", false},
		{[]string{"content-type: text/plain", "content-encoding: br"}, "x", false},
		{[]string{"content-encoding: Identity"}, "x", true},
		{[]string{"content-type: image/png", "x-lambda-http-content-encoding: text"}, "x", true},
		{[]string{"content-type: text/plain"}, "ab\xc3", false}, {[]string{"content-type: text/plain"},
			"a\xe2\x28\xa1", false},
		{[]string{"content-type: text/plain"}, "\ufeff€𝄞\u0000", true}, {[]string{"content-type: image/svg+xml"},
			"<svg/>", true},
		{[]string{"content-type: application/" + strings.Repeat("x", 500) + "+json"}, "x", false},
	}
	for _, row := range rows {
		var e Encoder
		r := Response{Status: 200, Fields: fields(row.head...), Length: -1, Body: &pieces{[]byte(row.body), 1}}
		out, err := e.Encode(events["v2"], &r, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(out, []byte(`"isBase64Encoded":false`)); got != row.text {
			t.Errorf("%q %q as text: %v", row.head, row.body, got)
		}
	}
}

func TestSizeLimit(t *testing.T) {
	size := func(n int, fill byte, limit string) (int, error) {
		var e Encoder
		r := Response{Status: 200, Fields: fields("content-type: " + limit), Length: -1,
			Body: &pieces{bytes.Repeat([]byte{fill}, n), 64 << 10}}
		out, err := e.Encode(events["v2"], &r, false)
		return len(out), err
	}
	base, _ := size(0, 'x', "text/plain")
	most := lambdaapi.MaxResponse - base
	if n, err := size(most, 'x', "text/plain"); err != nil || n != lambdaapi.MaxResponse {
		t.Errorf("the largest reply: %d bytes, %v", n, err)
	}
	if _, err := size(most+1, 'x', "text/plain"); !IsTooLarge(err) || !strings.Contains(err.Error(), "6291557") ||
		!strings.Contains(err.Error(), "response_stream") {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := size(most/2, '"', "text/plain"); err != nil {
		t.Errorf("escapes that just fit: %v", err)
	}
	if _, err := size(most/2+1, '"', "text/plain"); !IsTooLarge(err) {
		t.Errorf("escapes that do not fit: %v", err)
	}
	base, _ = size(3, 0xff, "text/plain")
	groups := (lambdaapi.MaxResponse-base)/4 + 1 // of three bytes
	if n, err := size(3*groups, 0xff, "text/plain"); err != nil || n > lambdaapi.MaxResponse || n+
		4 <= lambdaapi.MaxResponse {
		t.Errorf("base64 that just fits: %d bytes, %v", n, err)
	}
	if _, err := size(3*groups+1, 0xff, "text/plain"); !IsTooLarge(err) {
		t.Errorf("base64 that does not fit by a group: %v", err)
	}
	if _, err := size(5<<20, 0xff, "text/plain"); !IsTooLarge(err) || !strings.Contains(err.Error(), "699") {
		t.Errorf("base64 that does not fit: %v", err)
	}
}

func TestCompression(t *testing.T) {
	body := strings.Repeat("compress me ", 50)
	rows := []struct {
		rule   string
		head   []string
		body   string
		packed bool
	}{
		{"text", []string{"content-type: text/plain", "accept-ranges: bytes", "vary: Origin"}, body, true},
		{"no type", nil, body, true}, {"svg", []string{"content-type: image/svg+xml"}, body, true},
		{"small", []string{"content-type: text/plain"}, body[:31], false},
		{"image", []string{"content-type: image/png"}, body, false},
		{"gRPC", []string{"content-type: application/grpc+proto"}, body, false},
		{"events", []string{"content-type: text/event-stream"}, body, false},
		{"packed already", []string{"content-encoding: br"}, body, false},
		{"a range", []string{"content-range: bytes 0-1/2"}, body, false},
		{"no-transform", []string{"cache-control: public, No-Transform"}, body, false},
		{"max-age", []string{"cache-control: max-age=5"}, body, true},
		{"a digest", []string{"content-digest: sha-256=:AAAA:"}, body, false}, {"its digest",
			[]string{"repr-digest: sha-256=:AAAA:"}, body, false},
		{"an old digest", []string{"digest: sha-256=AAAA"}, body, false}, {"an older one",
			[]string{"content-md5: AAAA"}, body, false},
		{"strong ETag", []string{`etag: "a"`}, body, true}, {"weak ETag", []string{`etag: W/"a"`}, body, true},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			var e Encoder
			r := Response{Status: 200, Fields: fields(row.head...), Length: -1, Body: &pieces{[]byte(row.body), 7}}
			out, err := e.Encode(events["v2"], &r, true)
			if err != nil {
				t.Fatal(err)
			}
			var got envelope
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if packed := got.Headers["content-encoding"] == "gzip"; packed != row.packed {
				t.Fatalf("compressed: %v", packed)
			}
			if !row.packed {
				return
			}
			in, err := gzip.NewReader(bytes.NewReader(got.bytes(t)))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(in); err != nil || string(text) != row.body {
				t.Errorf("came out as %q, %v", text, err)
			}
			if etag := got.Headers["etag"]; etag != "" && etag != `W/"a"` {
				t.Errorf("etag %s: other bytes have no claim to a strong one", etag)
			}
			if !strings.Contains(got.Headers["vary"], "accept-encoding") || got.Headers["accept-ranges"] != "" {
				t.Errorf("headers %v", got.Headers)
			}
		})
	}
}

func TestPrelude(t *testing.T) {
	var e Encoder
	r := Response{Status: 200, Fields: fields("set-cookie: a=1", "vary: A", "vary: B"), Length: -1}
	for kind, want := range map[string]string{
		"v2": `{"statusCode":200,"headers":{"vary":"A, B","content-type":"application/octet-stream"},"cookies":["a=1"]}`,
		"v1": `{"statusCode":200,"multiValueHeaders":{"vary":["A","B"],"content-type":["application/octet-stream"]},"cookies":["a=1"]}`,
	} {
		if got := string(e.Prelude(events[kind], &r)); got != want+strings.Repeat("\x00", 8) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

type envelope struct {
	StatusCode      int
	Headers         map[string]string
	Multi           map[string][]string `json:"multiValueHeaders"`
	Cookies         []string
	Body            string
	IsBase64Encoded bool
}

func (e envelope) bytes(t *testing.T) []byte {
	if !e.IsBase64Encoded {
		return []byte(e.Body)
	}
	raw, err := base64.StdEncoding.DecodeString(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func BenchmarkEncode(b *testing.B) {
	head := fields("server: gunicorn", "date: Mon, 23 Nov 2026 01:28:16 GMT", "connection: keep-alive",
		"content-type: application/json", "content-length: 27")
	for name, body := range map[string]string{"27B": `{"message":"Hello, World!"}`,
		"1MBtext": strings.Repeat("<a href=\"/x\">Grüße</a>\n", 42000), "1MBbinary": strings.Repeat("\xff\x00\x10",
			340000)} {
		b.Run(name, func(b *testing.B) {
			var e Encoder
			text := Text(body)
			r := Response{Status: 200, Fields: head, Length: int64(len(body)), Body: &text}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				text = Text(body)
				if _, err := e.Encode(events["v1"], &r, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
