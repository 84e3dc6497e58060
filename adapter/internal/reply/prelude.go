package reply

import (
	"strconv"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/http1"
)

// MaxPrelude is how soon API Gateway wants to see the end of the prelude and its NULs, in bytes.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-streaming-lambda-configure.html
const MaxPrelude = 16 << 10

// PreludeType is the content type of a streamed response that begins with a prelude.
const PreludeType = "application/vnd.awslambda.http-integration-response"

// Prelude makes the JSON and the eight NUL bytes that go before a streamed body.
func (e *Encoder) Prelude(ev *event.Event, r *Response) []byte {
	e.collect(r)
	if !e.has("content-type") {
		e.fields = append(e.fields, http1.Field{Name: []byte("content-type"), Value: []byte(rawType)})
	}
	e.out = append(e.out[:0], `{"statusCode":`...)
	e.out = strconv.AppendInt(e.out, int64(r.Status), 10)
	if ev.Kind == event.V1 {
		e.out = e.appendMulti(append(e.out, `,"multiValueHeaders":`...), cookiesApart)
	} else {
		e.out = e.appendJoined(append(e.out, `,"headers":`...), cookiesApart)
	}
	e.out = e.appendList(append(e.out, `,"cookies":`...), []byte("set-cookie"))
	return append(e.out, "}\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

// rawType is the type of a body that the app did not give one.
const rawType = "application/octet-stream"

// RawStreamType decides about the reply to a pass-through event in streaming mode: JSON is
// buffered, as the caller expects one value; anything else is streamed as it is, with this content
// type.
func RawStreamType(r *Response) (contentType string, stream bool) {
	value := []byte(nil)
	for i := range r.Fields {
		if string(r.Fields[i].Name) == "content-type" {
			value = r.Fields[i].Value
			break
		}
	}
	switch {
	case r.Length == 0, isJSONType(value):
		return "", false
	case len(value) == 0:
		return rawType, true
	}
	return string(value), true
}
