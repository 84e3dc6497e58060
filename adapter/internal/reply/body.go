package reply

import (
	"encoding/base64"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/rawjson"
)

// Body is the body of a response.
type Body interface {
	// Next returns the next piece, and io.EOF at the end. A piece is valid until the next call.
	Next() ([]byte, error)
	// AppendNext appends to dst what Next would return.
	AppendNext(dst []byte) ([]byte, error)
}

// Text is a body that is there already.
type Text []byte

// Next returns the text once.
func (t *Text) Next() ([]byte, error) {
	if len(*t) == 0 {
		return nil, io.EOF
	}
	piece := *t
	*t = nil
	return piece, nil
}

// AppendNext appends the text once.
func (t *Text) AppendNext(dst []byte) ([]byte, error) {
	piece, err := t.Next()
	return append(dst, piece...), err
}

// read reads the whole body into e.raw, and calls came each time more of it is there. A body that
// is larger than Lambda takes in any encoding is a *failure.Failure.
func (e *Encoder) read(r *Response, came func(*Encoder)) (err error) {
	if r.Length > lambdaapi.MaxResponse {
		return tooLarge(r.Length)
	}
	for {
		e.raw, err = r.Body.AppendNext(e.raw)
		switch {
		case len(e.raw) > lambdaapi.MaxResponse:
			return tooLarge(-1)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		came(e)
	}
}

// The ends of an envelope.
const (
	closingText   = `","isBase64Encoded":false}`
	closingBase64 = `","isBase64Encoded":true}`
)

// reserve makes room for a body whose length is known: a buffer that grows with it is copied again
// and again.
func (e *Encoder) reserve(length int64) {
	size := length + length/8 + rawjson.EscapeRoom // of text, with some of it escaped
	if !e.text.may {
		size = (length+2)/3*4 + int64(len(closingBase64))
	}
	if most := int64(lambdaapi.MaxResponse); 0 < length && length <= most {
		e.out = slices.Grow(e.out, int(min(size, most)))
	}
}

// encodeBody writes the members body and isBase64Encoded, and the end. The body is sent as text if
// that is what it may be and it is UTF-8, else as base64.
func (e *Encoder) encodeBody() error {
	start := len(e.out) - e.text.size
	if e.text.may && e.escapeRest() {
		if len(e.out)+len(closingText) <= lambdaapi.MaxResponse {
			e.out = append(e.out, closingText...)
			return nil
		}
		size := start + rawjson.EscapedLen(e.raw) + len(closingText)
		return tooLargeEncoded(len(e.raw), size)
	}
	closing := closingBase64
	if len(e.raw) == 0 {
		closing = closingText
	}
	size := start + base64.StdEncoding.EncodedLen(len(e.raw)) + len(closing)
	if size > lambdaapi.MaxResponse {
		return tooLargeEncoded(len(e.raw), size)
	}
	e.out = slices.Grow(e.out[:start], size-start)
	e.out = append(base64.StdEncoding.AppendEncode(e.out, e.raw), closing...)
	return nil
}

// textPart is how much of a text is checked and then escaped at once: what the processor's nearest
// cache holds.
const textPart = 16 << 10

// text is how far a body is encoded as one, while the app still sends the rest of it. The body is
// in e.raw all the same.
type text struct {
	may  bool // it may be a text
	done int  // of e.raw
	size int  // in e.out
}

// escapeParts escapes what has come of a text, but for the last part, whose end may be missing.
func (e *Encoder) escapeParts() {
	for e.text.may && len(e.raw)-e.text.done > textPart+utf8.UTFMax {
		end := e.text.done + textPart
		for end > e.text.done+textPart-utf8.UTFMax && !utf8.RuneStart(e.raw[end]) {
			end--
		}
		e.escape(end)
	}
}

// escapeRest escapes what is left, and reports whether the body is a text.
func (e *Encoder) escapeRest() bool {
	e.escapeParts()
	if e.text.may {
		e.escape(len(e.raw))
	}
	return e.text.may
}

// escape escapes e.raw up to end, if it is UTF-8. What would be more than Lambda takes is checked
// only.
func (e *Encoder) escape(end int) {
	part := e.raw[e.text.done:end]
	e.text.done = end
	if e.text.may = rawjson.ValidUTF8(part); !e.text.may || len(e.out) > lambdaapi.MaxResponse {
		return
	}
	before := len(e.out)
	if cap(e.out)-before < len(part)+len(part)/8+rawjson.EscapeRoom {
		e.out = slices.Grow(e.out, len(e.raw)-e.text.done+2*len(part)+rawjson.EscapeRoom)
	}
	e.out = rawjson.AppendEscaped(e.out, part)
	e.text.size += len(e.out) - before
}

// tooLarge is the error for a body of length bytes, -1 if that is not known, which no encoding
// makes small enough.
func tooLarge(length int64) error {
	size := "more than " + strconv.Itoa(lambdaapi.MaxResponse)
	if length >= 0 {
		size = strconv.FormatInt(length, 10)
	}
	return sizeFailure("the app's reply of " + size + " bytes is too large: ")
}

// tooLargeEncoded is the error for a body that is too large once it is encoded.
func tooLargeEncoded(raw, encoded int) error {
	return sizeFailure("the app's reply of " + strconv.Itoa(raw) + " bytes makes a response of " +
		strconv.Itoa(encoded) + " bytes: ")
}

func sizeFailure(what string) error {
	return failure.New(failure.ResponseTooLarge, what+"Lambda takes at most "+
		strconv.Itoa(lambdaapi.MaxResponse)+
		"; AWS_LWA_INVOKE_MODE=response_stream has no such limit")
}
