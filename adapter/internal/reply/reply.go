// Package reply turns the app's HTTP response into what the source of the event expects: a JSON envelope in buffered
// mode, a prelude before the raw body in streaming mode.
package reply

import (
	"errors"
	"io"
	"slices"
	"strconv"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/rawjson"
)

const (
	// countLimit is how much of a reply beyond Lambda's limit is read to say how large it is.
	countLimit = 100 << 20
	// errorBodyLimit is how much of the app's body goes into an error message.
	errorBodyLimit = 256 << 10
)

// Response is an HTTP response to be encoded.
type Response struct {
	Status int
	Fields []http1.Field
	Length int64 // of the body, -1 if not known
	Head   bool  // the request was HEAD
	Body   Body
}

// Body gives the pieces of a body, and io.EOF at its end. A piece is valid until the next call.
type Body interface{ Next() ([]byte, error) }

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

// Encoder encodes replies in a reused buffer; it belongs to one worker.
type Encoder struct {
	out    []byte
	fields []http1.Field
	body   bodyWriter
	gzip   compressor
}

// Encode makes the JSON that answers an event. With compress it may gzip the body. The error is a *failure.Failure if
// the reply is larger than Lambda takes; every other error is one of the body's Next.
func (e *Encoder) Encode(ev *event.Event, r *Response, compress bool) ([]byte, error) {
	if ev.Kind == event.PassThrough {
		return e.encodePassThrough(ev, r)
	}
	e.collect(r)
	if compress && e.isCompressible(r) {
		if err := e.compress(r); err != nil {
			return nil, err
		}
	}
	e.out = append(e.out[:0], `{"statusCode":`...)
	e.out = strconv.AppendInt(e.out, int64(r.Status), 10)
	e.appendFields(ev, r.Status)
	if !r.Head {
		e.reserve(r.Length)
	}
	return e.appendBody(r.Body)
}

// reserve makes room for a body whose length is known: a buffer that grows with its pieces is copied again and again.
func (e *Encoder) reserve(length int64) {
	size := length + length/8 // of text, with some of it escaped
	if !e.mayBeText() {
		size = (length + 2) / 3 * 4
	}
	if most := int64(lambdaapi.MaxResponse); 0 < length && size < most {
		e.out = slices.Grow(e.out, int(size)+len(closingBase64))
	}
}

// The ends of an envelope.
const (
	closingText   = `","isBase64Encoded":false}`
	closingBase64 = `","isBase64Encoded":true}`
)

// appendFields writes the header members that each event source reads.
func (e *Encoder) appendFields(ev *event.Event, status int) {
	switch ev.Kind {
	case event.V1:
		e.out = e.appendMulti(append(e.out, `,"multiValueHeaders":`...), cookiesJoined)
	case event.V2:
		e.out = e.appendJoined(append(e.out, `,"headers":`...), cookiesApart)
		if e.has("set-cookie") {
			e.out = e.appendList(append(e.out, `,"cookies":`...), []byte("set-cookie"))
		}
	case event.ALB:
		e.appendStatusDescription(status)
		if ev.MultiValue() {
			e.out = e.appendMulti(append(e.out, `,"multiValueHeaders":`...), cookiesJoined)
		} else {
			e.out = e.appendJoined(append(e.out, `,"headers":`...), cookiesInCases)
		}
	case event.Lattice:
		e.appendStatusDescription(status)
		e.out = e.appendJoined(append(e.out, `,"headers":`...), cookiesJoined)
	}
}

func (e *Encoder) appendStatusDescription(status int) {
	e.out = appendDescription(append(e.out, `,"statusDescription":"`...), status)
	e.out = append(e.out, '"')
}

// appendBody writes the members body and isBase64Encoded, and the end.
func (e *Encoder) appendBody(body Body) ([]byte, error) {
	e.out = append(e.out, `,"body":"`...)
	e.body.begin(e.out, e.mayBeText(), lambdaapi.MaxResponse)
	defer func() { e.body.out = nil }()
	for {
		piece, err := body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			e.out = e.body.out
			return nil, err
		}
		if e.body.write(piece); e.body.raw > countLimit {
			break
		}
	}
	length := e.body.finish()
	e.out = e.body.out
	closing := closingText
	if !e.body.text && e.body.raw > 0 {
		closing = closingBase64
	}
	if size := int64(e.body.start) + length + int64(len(closing)); size > lambdaapi.MaxResponse {
		return nil, tooLarge(size, e.body.raw)
	}
	e.out = append(e.out, closing...)
	return e.out, nil
}

func tooLarge(size, raw int64) error {
	about := ""
	if raw > countLimit {
		about = "more than "
	}
	return failure.New(failure.ResponseTooLarge, "the app's reply of "+about+strconv.FormatInt(raw, 10)+
		" bytes makes a response of "+about+strconv.FormatInt(size, 10)+" bytes, and Lambda takes at most "+
		strconv.Itoa(lambdaapi.MaxResponse)+"; AWS_LWA_INVOKE_MODE=response_stream has no such limit")
}

// encodePassThrough takes the body as the response of the function, if it is JSON.
func (e *Encoder) encodePassThrough(ev *event.Event, r *Response) ([]byte, error) {
	e.out = e.out[:0]
	size := int64(0)
	for {
		piece, err := r.Body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if size += int64(len(piece)); size <= lambdaapi.MaxResponse {
			e.out = append(e.out, piece...)
		} else if size > countLimit {
			break
		}
	}
	switch {
	case size > lambdaapi.MaxResponse:
		return nil, tooLarge(size, size)
	case ev.WebSocket:
		e.wrapWebSocket(r.Status)
		if len(e.out) > lambdaapi.MaxResponse {
			return nil, tooLarge(int64(len(e.out)), size)
		}
	case !rawjson.Valid(e.out):
		e.out = append(e.out[:0], "null"...)
	}
	return e.out, nil
}

// wrapWebSocket makes sure that a WebSocket API sees the status: it reads statusCode and body, like the envelope of
// a page.
func (e *Encoder) wrapWebSocket(status int) {
	hasStatus := false
	valid := rawjson.Scan(e.out, func(name []byte, _ rawjson.Value) {
		hasStatus = hasStatus || string(name) == "statusCode"
	})
	if !valid || !hasStatus {
		e.out = AppendStatusAndBody(nil, status, e.out)
	}
}

// AppendStatusAndBody writes `{"statusCode":502,"body":"text"}`. Bytes that are not UTF-8 become U+FFFD.
func AppendStatusAndBody(dst []byte, status int, body []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"statusCode":`...), int64(status), 10)
	dst = rawjson.AppendString(append(dst, `,"body":`...), body)
	return append(dst, '}')
}

// StatusFailure makes the error for a status that AWS_LWA_ERROR_STATUS_CODES lists. People parse its message.
func StatusFailure(status int, body Body) *failure.Failure {
	var text []byte
	for len(text) < errorBodyLimit {
		piece, err := body.Next()
		if err != nil { // the status is known, so whatever came of the body will do
			break
		}
		text = append(text, piece[:min(len(piece), errorBodyLimit-len(text))]...)
	}
	return failure.New(failure.HTTPStatus, string(AppendStatusAndBody(nil, status, text)))
}

// Shrink gives up a buffer that a large reply has left, unless the last reply needed it too. It reports whether it did.
func (e *Encoder) Shrink(above int) bool {
	if cap(e.out) <= above || len(e.out) > above {
		return false
	}
	e.out = nil
	return true
}

// IsTooLarge reports whether Encode failed because of the size.
func IsTooLarge(err error) bool {
	if err == nil {
		return false
	}
	f, ok := errors.AsType[*failure.Failure](err)
	return ok && f.Type == failure.ResponseTooLarge
}
