package reply

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"lambda-web/adapter/internal/http1"
)

// The client receives exactly the bytes that the app sent, whatever they are and in whatever pieces they come,
// compressed or not; the header value comes as it was, and what is sent always parses. A second reply in the same
// buffer is the same.
func FuzzReply(f *testing.F) {
	f.Add([]byte("text \"é\" \x00"), uint8(2), "text/plain", "v\xe9", uint8(0))
	f.Add([]byte("\xf0\x9d\x84\x9e\xf0\x9d\x84"), uint8(0), "application/json", "", uint8(1))
	f.Add([]byte("a\xff\xffb"), uint8(1), "text/html; charset=x", "\"\\", uint8(2))
	f.Add([]byte("€€€€\xe2\x28\xa1"), uint8(0), "", "", uint8(4))
	f.Add(bytes.Repeat([]byte("compressed "), 50), uint8(20), "text/html", "a", uint8(9))
	f.Fuzz(func(t *testing.T, body []byte, size uint8, contentType, value string, kind uint8) {
		ev := events[[]string{"v1", "v2", "alb", "albm", "lattice"}[kind%5]]
		var e Encoder
		var first envelope
		for round := range 2 {
			r := Response{Status: 200, Length: -1, Body: &pieces{body, int(size) + 1},
				Fields: []http1.Field{{Name: []byte("content-type"), Value: []byte(contentType)},
					{Name: []byte("x-a"), Value: []byte(value)}}}
			out, err := e.Encode(ev, &r, kind&8 != 0)
			if err != nil {
				t.Fatal(err)
			}
			got := parsed(t, out)
			if raw := got.content(t); !bytes.Equal(raw, body) {
				t.Fatalf("%q came out as %q", body, raw)
			}
			if utf8.ValidString(value) && got.header("x-a") != value {
				t.Fatalf("%q came out as %q", value, got.header("x-a"))
			}
			if round == 0 {
				first = got
			} else if !reflect.DeepEqual(first, got) {
				t.Fatalf("%v, then %v", first, got)
			}
			prelude, found := bytes.CutSuffix(e.Prelude(ev, &r), make([]byte, 8))
			if parsed(t, prelude); !found || bytes.IndexByte(prelude, 0) >= 0 {
				t.Fatalf("prelude %q", prelude)
			}
		}
	})
}

func parsed(t *testing.T, out []byte) (e envelope) {
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return e
}

func (e envelope) header(name string) string {
	if e.Multi != nil {
		return strings.Join(e.Multi[name], "|")
	}
	return e.Headers[name]
}

// content is the body as the client shows it.
func (e envelope) content(t *testing.T) []byte {
	raw := e.bytes(t)
	if e.header("content-encoding") != "gzip" {
		return raw
	}
	in, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The function's answer to an event is what the app sent, if that is JSON, else null; a WebSocket API always gets an
// object with a status.
func FuzzPassThrough(f *testing.F) {
	f.Add([]byte(`{"batchItemFailures":[ ]}`), uint8(3), false)
	f.Add([]byte("\xff\x00"), uint8(0), false)
	f.Add([]byte(`{"statusCode":201}`), uint8(5), true)
	f.Add([]byte(`[1`), uint8(5), true)
	f.Fuzz(func(t *testing.T, body []byte, size uint8, webSocket bool) {
		ev := events["pass"]
		if webSocket {
			ev = events["ws"]
		}
		var e Encoder
		out, err := e.Encode(ev, &Response{Status: 207, Length: -1, Body: &pieces{body, int(size) + 1}}, false)
		if err != nil || !json.Valid(out) {
			t.Fatalf("%q: %v", out, err)
		}
		var object map[string]json.RawMessage
		isObject := json.Unmarshal(body, &object) == nil && object["statusCode"] != nil
		switch {
		case webSocket && !isObject:
			var got envelope
			if got = parsed(t, out); got.StatusCode != 207 || utf8.Valid(body) && got.Body != string(body) {
				t.Fatalf("%q came out as %q", body, out)
			}
		case json.Valid(body):
			if !bytes.Equal(out, body) {
				t.Fatalf("%q came out as %q", body, out)
			}
		case string(out) != "null":
			t.Fatalf("%q came out as %q", body, out)
		}
	})
}
