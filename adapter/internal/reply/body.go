package reply

import (
	"encoding/base64"
	"unicode/utf8"

	"lambda-web/adapter/internal/rawjson"
)

// bodyWriter writes a body as the inside of a JSON string while its pieces come in: as text for as long as they are
// UTF-8, else as base64. Should a text turn out not to be one, what is written already is encoded again.
type bodyWriter struct {
	out     []byte
	start   int  // of the body in out
	text    bool // false: base64
	rest    [utf8.UTFMax]byte
	resting int // bytes in rest: an incomplete rune, or a group of base64 that is not full

	raw     int64 // bytes of the body so far
	limit   int   // of out
	dropped int64 // bytes beyond the limit that were only counted
}

func (w *bodyWriter) begin(out []byte, text bool, limit int) {
	*w = bodyWriter{out: out, start: len(out), text: text, limit: limit}
}

func (w *bodyWriter) write(p []byte) {
	w.raw += int64(len(p))
	if w.text {
		w.writeText(p)
	} else {
		w.writeBase64(p)
	}
	if len(w.out) > w.limit {
		w.dropped += int64(len(w.out) - w.start)
		w.out = w.out[:w.start]
	}
}

func (w *bodyWriter) writeText(p []byte) {
	for whole := p; w.resting > 0; {
		if utf8.FullRune(w.rest[:w.resting]) {
			r, size := utf8.DecodeRune(w.rest[:w.resting])
			if r == utf8.RuneError && size <= 1 {
				w.resting -= len(whole) - len(p) // give back what was borrowed
				w.switchToBase64(whole)
				return
			}
			w.out = append(w.out, w.rest[:w.resting]...)
			w.resting = 0
			break
		}
		if len(p) == 0 {
			return
		}
		w.rest[w.resting] = p[0]
		w.resting++
		p = p[1:]
	}
	tail := rawjson.IncompleteTail(p)
	if !rawjson.ValidUTF8(p[:len(p)-tail]) {
		w.switchToBase64(p)
		return
	}
	w.out = rawjson.AppendEscaped(w.out, p[:len(p)-tail])
	w.resting = copy(w.rest[:], p[len(p)-tail:])
}

// switchToBase64 encodes again what was written as text, then p.
func (w *bodyWriter) switchToBase64(p []byte) {
	w.text = false
	written := append(rawjson.DecodeText(nil, w.out[w.start:]), w.rest[:w.resting]...)
	w.out, w.resting = w.out[:w.start], 0
	w.writeBase64(written)
	w.writeBase64(p)
}

func (w *bodyWriter) writeBase64(p []byte) {
	for w.resting > 0 && w.resting < 3 && len(p) > 0 {
		w.rest[w.resting] = p[0]
		w.resting++
		p = p[1:]
	}
	if w.resting == 3 {
		w.out = base64.StdEncoding.AppendEncode(w.out, w.rest[:3])
		w.resting = 0
	}
	if w.resting == 0 {
		full := len(p) / 3 * 3
		w.out = base64.StdEncoding.AppendEncode(w.out, p[:full])
		w.resting = copy(w.rest[:], p[full:])
	}
}

// finish writes what is left. It returns how long the encoded body is, which is more than out holds if the limit was
// passed.
func (w *bodyWriter) finish() (length int64) {
	if w.text && w.resting > 0 {
		w.switchToBase64(nil)
	}
	if !w.text {
		w.out = base64.StdEncoding.AppendEncode(w.out, w.rest[:w.resting])
		if w.dropped > 0 {
			return int64(base64.StdEncoding.EncodedLen(int(w.raw)))
		}
	}
	return w.dropped + int64(len(w.out)-w.start)
}
