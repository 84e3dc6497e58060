package reply

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"lambda-web/adapter/internal/lambdaapi"
)

// large is a body of up to 7 MB, made of few numbers.
type large struct {
	pattern     string // repeated
	size        int
	piece       int // bytes that come at once, 64 KB if 0
	first, last int // where bytes that are not UTF-8 stand; none if negative
	kind        string
	compress    bool
}

func (l large) body() []byte {
	body := bytes.Repeat([]byte(l.pattern), l.size/len(l.pattern)+1)[:l.size]
	for _, at := range []int{l.first, l.last} {
		if 0 <= at && at < len(body) {
			body[at] = 0xFF
		}
	}
	return body
}

// encodedSize is how long the JSON string of a body is, worked out byte by byte.
func encodedSize(body []byte, mayBeText bool) int {
	if !mayBeText || !utf8.Valid(body) {
		return base64.StdEncoding.EncodedLen(len(body))
	}
	size := len(body)
	for _, c := range body {
		switch {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			size++
		case c < 0x20:
			size += 5
		}
	}
	return size
}

// check encodes a body: the client gets every byte of it, or the invocation fails because the response
// would be larger than Lambda takes. There is no third outcome.
func (l large) check(t *testing.T, e *Encoder) {
	t.Helper()
	body := l.body()
	piece := l.piece
	if piece == 0 {
		piece = 64 << 10
	}
	r := Response{Status: 200, Length: -1, Body: &pieces{body, piece}}
	if l.kind != "" {
		r.Fields = fields("content-type: " + l.kind)
	}
	out, err := e.Encode(events["v2"], &r, l.compress)
	if room := cap(e.out); room > 2*lambdaapi.MaxResponse {
		t.Fatalf("%+v: a buffer of %d bytes", l, room)
	}
	var got envelope
	if err == nil {
		if len(out) > lambdaapi.MaxResponse {
			t.Fatalf("%+v: %d bytes are more than Lambda takes", l, len(out))
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
		if sent := got.content(t); !bytes.Equal(sent, body) {
			t.Fatalf("%+v: the client gets %d bytes, or other ones", l, len(sent))
		}
		if text := l.kind != "image/png" && utf8.Valid(body) || len(body) == 0; !l.compress && got.IsBase64Encoded == text {
			t.Fatalf("%+v: sent as base64: %v", l, got.IsBase64Encoded)
		}
		return
	}
	if !IsTooLarge(err) {
		t.Fatalf("%+v: %v", l, err)
	}
	const least, most = len(`{"statusCode":200,"headers":{},"body":"","isBase64Encoded":true}`), 200
	size := encodedSize(body, l.kind != "image/png")
	if !l.compress && size+most <= lambdaapi.MaxResponse {
		t.Fatalf("%+v: %v, although its encoding has %d bytes", l, err, size+least)
	}
}

// Bodies of megabytes, at every kind of boundary: how much of them is escaped, where the first byte
// stands that is not UTF-8, and how close they are to the limit in each encoding.
func TestLargeReplies(t *testing.T) {
	var e Encoder
	binary := (lambdaapi.MaxResponse - 100) / 4 * 3
	for _, pattern := range []string{"\x00", "\"", "x", "é", "<a href=\"/\">\n", "0123456789abcdef😀"} {
		for _, size := range []int{1 << 20, 1536 << 10, binary - 3, binary + 300, lambdaapi.MaxResponse / 6, lambdaapi.MaxResponse / 2,
			lambdaapi.MaxResponse - 100, lambdaapi.MaxResponse, lambdaapi.MaxResponse + 1, 7 << 20} {
			for _, first := range []int{-1, 0, size / 2, size - 1} {
				large{pattern: pattern, size: size, first: first, last: -1}.check(t, &e)
			}
		}
	}
	for _, l := range []large{
		{pattern: "x", size: 4 << 20, first: -1, last: -1, kind: "image/png"},
		{pattern: "x", size: 5 << 20, first: -1, last: -1, kind: "image/png"},
		{pattern: "lorem ipsum ", size: 7 << 20, first: -1, last: 5 << 20, compress: true},
	} {
		l.check(t, &e)
	}
}

// FuzzLargeReply holds TestLargeReplies' property for any sizes and places.
func FuzzLargeReply(f *testing.F) {
	f.Add("\x00", uint32(1536<<10), uint32(0), int32(1536<<10-1), int32(-1), uint8(0))
	f.Add("{\"a\":1},", uint32(4600<<10), uint32(4096), int32(-1), int32(4600<<10-1), uint8(1))
	f.Add("x", uint32(lambdaapi.MaxResponse-70), uint32(1<<20), int32(-1), int32(-1), uint8(2))
	f.Fuzz(func(t *testing.T, pattern string, size, piece uint32, first, last int32, kind uint8) {
		if pattern == "" {
			return
		}
		var e Encoder
		kinds := []string{"", "text/html", "application/json", "image/png"}
		large{pattern: pattern, size: int(size % (7<<20 + 1)), piece: int(piece%(1<<20)) + 100, first: int(first), last: int(last),
			kind: kinds[kind%4], compress: kind&4 != 0}.check(t, &e)
	})
}

// Random bodies around the limits, more of them than a table holds.
func TestRandomLargeReplies(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var e Encoder
	for range 20 {
		pattern := make([]byte, 1+random.IntN(40))
		for i := range pattern {
			pattern[i] = "\x00\"\\\nxyz<> \xc3\xa9"[random.IntN(12)]
		}
		size := random.IntN(7 << 20)
		large{pattern: string(pattern), size: size, piece: 100 << random.IntN(13), first: random.IntN(8<<20) - 1<<20, last: -1}.check(t, &e)
	}
}

// endless is a body that never ends, in pieces of 64 KB.
type endless struct{ read int }

func (b *endless) Next() ([]byte, error) {
	b.read += 64 << 10
	return make([]byte, 64<<10), nil
}

func (b *endless) AppendNext(dst []byte) ([]byte, error) {
	piece, err := b.Next()
	return append(dst, piece...), err
}

// What cannot be sent is not read: nothing of a body whose length is known, and of any other as much as
// could be sent.
func TestEndlessReplies(t *testing.T) {
	for _, kind := range []string{"v1", "pass", "ws"} {
		for _, length := range []int64{-1, lambdaapi.MaxResponse + 1} {
			for _, compress := range []bool{false, true} {
				var e Encoder
				body := &endless{}
				_, err := e.Encode(events[kind], &Response{Status: 200, Length: length, Body: body}, compress)
				most := lambdaapi.MaxResponse + 64<<10
				switch {
				case compress && kind == "v1": // zeros make little of it
					most = compressLimit + 64<<10
				case length > 0:
					most = 0
				}
				if !IsTooLarge(err) || body.read > most {
					t.Errorf("%s, length %d, compressed: %v: %d bytes read, want %d at most; %v", kind, length, compress, body.read, most, err)
				}
			}
		}
	}
	body := &endless{}
	if f := StatusFailure(500, body); len(f.Message) < errorBodyLimit || body.read > errorBodyLimit+64<<10 {
		t.Errorf("an error with %d bytes, %d read", len(f.Message), body.read)
	}
}
