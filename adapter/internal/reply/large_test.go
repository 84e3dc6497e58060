package reply

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
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
		if text := l.kind != "image/png" && utf8.Valid(body) || len(body) == 0; !l.compress &&
			got.IsBase64Encoded == text {
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
	for _, pattern := range []string{"\x00", "\"", "xé", "<a href=\"/\">\n", "0123456789abcde😀"} {
		for _, size := range []int{1536 << 10, binary - 3, binary + 300, lambdaapi.MaxResponse / 6,
			lambdaapi.MaxResponse - 100, lambdaapi.MaxResponse + 1} {
			for _, first := range []int{-1, size / 2, size - 1} {
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
		large{pattern: pattern, size: int(size % (7<<20 + 1)), piece: int(piece%(1<<20)) + 100, first: int(first),
			last: int(last),
			kind: kinds[kind%4], compress: kind&4 != 0}.check(t, &e)
	})
}

// Random bodies around the limits, more of them than a table holds.
func TestRandomLargeReplies(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var e Encoder
	for range 15 {
		pattern := make([]byte, 1+random.IntN(40))
		for i := range pattern {
			pattern[i] = "\x00\"\\\nxyz<> \xc3\xa9"[random.IntN(12)]
		}
		size := random.IntN(7 << 20)
		large{pattern: string(pattern), size: size, piece: 100 << random.IntN(13), first: random.IntN(8<<20) - 1<<20,
			last: -1}.check(t, &e)
	}
}

// endless is a body that goes on for ever, but for mutants of this package, in pieces of 64 KB.
type endless struct {
	noise *rand.ChaCha8 // fills it, if it is not all zeros
	read  int
}

func (b *endless) Next() ([]byte, error) {
	piece := make([]byte, 64<<10)
	if b.noise != nil {
		_, _ = b.noise.Read(piece)
	}
	if b.read += len(piece); b.read > 2*compressLimit {
		return nil, io.EOF
	}
	return piece, nil
}

func (b *endless) AppendNext(dst []byte) ([]byte, error) {
	piece, err := b.Next()
	return append(dst, piece...), err
}

// What cannot be sent is not read: nothing of a body whose length is known, and of any other as much as
// could be sent.
func TestEndlessReplies(t *testing.T) {
	const length = lambdaapi.MaxResponse + 1
	rows := []struct {
		kind            string
		length          int64
		compress, noise bool
		most            int
	}{
		{"v1", -1, false, false, length + 64<<10}, {"v1", length, false, false, 0},
		{"pass", -1, false, false, length + 64<<10}, {"pass", length, false, false, 0}, {"ws", -1, false, false,
			length + 64<<10},
		{"v1", -1, true, false, compressLimit + 64<<10}, {"v1", -1, true, true, length + 1<<20}, {"pass", -1, true,
			true, length + 64<<10},
	}
	for _, row := range rows {
		var e Encoder
		body := &endless{}
		if row.noise {
			body.noise = rand.NewChaCha8([32]byte{1})
		}
		_, err := e.Encode(events[row.kind], &Response{Status: 200, Length: row.length, Body: body}, row.compress)
		if !IsTooLarge(err) || body.read > row.most {
			t.Errorf("%+v: %d bytes read; %v", row, body.read, err)
		}
	}
	body := &endless{}
	if f := StatusFailure(500, body); len(f.Message) < errorBodyLimit || body.read > errorBodyLimit+64<<10 {
		t.Errorf("an error with %d bytes, %d read", len(f.Message), body.read)
	}
}
