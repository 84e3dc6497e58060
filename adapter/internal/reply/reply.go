// Package reply turns the app's HTTP response into what the source of the event expects: a JSON
// envelope in buffered mode, a prelude before the raw body in streaming mode.
package reply

import (
	"errors"
	"strconv"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/rawjson"
)

// errorBodyLimit is how much of the app's body goes into an error message.
const errorBodyLimit = 256 << 10

// Response is an HTTP response to be encoded.
type Response struct {
	Status int
	Fields []http1.Field
	Length int64 // of the body, -1 if not known
	Head   bool  // the request was HEAD
	Body   Body
	Prefix []byte // below which redirects and cookies are kept; or empty
	Host   []byte // of the request, where redirects to it are looked at
	// Secure tells that clients reach that host over https alone, whatever scheme the app believes in.
	Secure bool
}

// CountOf is how many fields of a name, in lower case, the response has.
func (r *Response) CountOf(name string) (n int) {
	for i := range r.Fields {
		if string(r.Fields[i].Name) == name {
			n++
		}
	}
	return n
}

// Encoder encodes replies in reused buffers; it belongs to one worker.
type Encoder struct {
	raw    []byte // the body as it came, or its gzip form
	out    []byte // the response of the function
	text   text
	fields []http1.Field
	values []byte // of fields that were changed
	gzip   compressor
}

// Encode makes the JSON that answers an event. The body is read whole before it is decided how it
// is sent; where it looks like a text it is escaped meanwhile, which costs no time of its own then.
// With compress it may gzip the body. The error is a *failure.Failure if the reply is larger than
// Lambda takes; every other error is one of the body's.
func (e *Encoder) Encode(ev *event.Event, r *Response, compress bool) ([]byte, error) {
	e.raw, e.out = e.raw[:0], e.out[:0]
	if ev.Kind == event.PassThrough {
		return e.encodePassThrough(ev, r)
	}
	e.collect(r)
	if compress && e.isCompressible(r) {
		if err := e.readCompressed(r); err != nil {
			return nil, err
		}
		r = &Response{Status: r.Status, Body: new(Text)} // it is read
	}
	e.out = append(e.out, `{"statusCode":`...)
	e.out = strconv.AppendInt(e.out, int64(r.Status), 10)
	e.appendFields(ev, r.Status)
	e.out = append(e.out, `,"body":"`...)
	e.text = text{may: e.mayBeText()}
	e.reserve(r.Length)
	if err := e.read(r, (*Encoder).escapeParts); err != nil {
		return nil, err
	}
	if err := e.encodeBody(); err != nil {
		return nil, err
	}
	return e.out, nil
}

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

// encodePassThrough takes the body as the response of the function, if it is JSON.
func (e *Encoder) encodePassThrough(ev *event.Event, r *Response) ([]byte, error) {
	if err := e.read(r, func(*Encoder) {}); err != nil {
		return nil, err
	}
	switch {
	case ev.WebSocket && !hasStatusCode(e.raw):
		e.out = AppendStatusAndBody(e.out, r.Status, e.raw)
		if len(e.out) > lambdaapi.MaxResponse {
			return nil, tooLargeEncoded(len(e.raw), len(e.out))
		}
	case !rawjson.Valid(e.raw):
		e.out = append(e.out, "null"...)
	default:
		return e.raw, nil
	}
	return e.out, nil
}

// hasStatusCode reports whether a reply says its status by itself. A WebSocket API reads statusCode
// and body, like the envelope of a page; a reply without them is put into one.
func hasStatusCode(reply []byte) bool {
	found := false
	valid := rawjson.Scan(reply, func(name []byte, _ rawjson.Value) {
		found = found || string(name) == "statusCode"
	})
	return valid && found
}

// AppendStatusAndBody writes `{"statusCode":502,"body":"text"}`. Bytes that are not UTF-8 become
// U+FFFD.
func AppendStatusAndBody(dst []byte, status int, body []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"statusCode":`...), int64(status), 10)
	dst = rawjson.AppendString(append(dst, `,"body":`...), body)
	return append(dst, '}')
}

// StatusFailure makes the error for a status that AWS_LWA_ERROR_STATUS_CODES lists. People parse
// its message.
func StatusFailure(status int, body Body) *failure.Failure {
	// The status is known, so whatever comes of the body will do.
	var text []byte
	for len(text) < errorBodyLimit {
		piece, err := body.Next()
		if err != nil {
			break
		}
		text = append(text, piece[:min(len(piece), errorBodyLimit-len(text))]...)
	}
	return failure.New(failure.HTTPStatus, string(AppendStatusAndBody(nil, status, text)))
}

// Shrink gives up the buffers that are larger than above, unless the last reply needed them. It
// reports whether there was one.
func (e *Encoder) Shrink(above int) (shrunk bool) {
	for _, buffer := range []*[]byte{&e.raw, &e.out} {
		if cap(*buffer) > above && len(*buffer) <= above {
			*buffer, shrunk = nil, true
		}
	}
	clear(e.fields[:cap(e.fields)]) // they point into the connection's buffer
	return shrunk
}

// IsTooLarge reports whether Encode failed because of the size.
func IsTooLarge(err error) bool {
	if err == nil {
		return false
	}
	f, ok := errors.AsType[*failure.Failure](err)
	return ok && f.Type == failure.ResponseTooLarge
}
