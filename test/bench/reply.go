//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// reply is what an adapter must post for the app's response. A reply that is byte for byte like one that was right is
// right; every other is read in full.
type reply struct {
	body     payload
	streamed bool
	seen     []byte
	scratch  []byte
}

// check compares what was posted, a whole message, with what is expected.
func (r *reply) check(m *message, in []byte) error {
	var posted []byte
	if m.chunked {
		var err error
		if r.scratch, err = m.appendBody(r.scratch[:0], in); err != nil {
			return err
		}
		posted = r.scratch
	} else {
		posted = in[m.head:m.end]
	}
	if r.seen != nil && bytes.Equal(posted, r.seen) {
		return nil
	}
	if r.streamed != m.chunked {
		return fmt.Errorf("the reply was not sent as expected (streamed: %v): %s", m.chunked, excerpt(posted))
	}
	if err := r.read(posted); err != nil {
		return fmt.Errorf("wrong reply: %w: %s", err, excerpt(posted))
	}
	r.seen = append(r.seen[:0], posted...)
	return nil
}

// envelope is a reply to API Gateway or to a load balancer.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
type envelope struct {
	StatusCode        int                 `json:"statusCode"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

func (r *reply) read(posted []byte) error {
	body := posted
	if r.streamed {
		var found bool
		if posted, body, found = bytes.Cut(posted, make([]byte, 8)); !found {
			return fmt.Errorf("there is no prelude")
		}
	}
	var e envelope
	if err := json.Unmarshal(posted, &e); err != nil {
		return fmt.Errorf("read the JSON: %w", err)
	}
	if !r.streamed {
		body = []byte(e.Body)
		if e.IsBase64Encoded != r.body.binary {
			return fmt.Errorf("isBase64Encoded is %v", e.IsBase64Encoded)
		}
		if e.IsBase64Encoded {
			var err error
			if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
				return fmt.Errorf("decode the body: %w", err)
			}
		}
	}
	switch {
	case e.StatusCode != 200:
		return fmt.Errorf("the status is %d", e.StatusCode)
	case e.header("content-type") != r.body.mediaType:
		return fmt.Errorf("the content-type is %q", e.header("content-type"))
	case !bytes.Equal(body, r.body.bytes):
		return fmt.Errorf("the body differs (%d bytes, expected %d)", len(body), len(r.body.bytes))
	}
	return nil
}

func (e *envelope) header(name string) string {
	for key, value := range e.Headers {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	for key, values := range e.MultiValueHeaders {
		if strings.EqualFold(key, name) {
			return strings.Join(values, ", ")
		}
	}
	return ""
}

func excerpt(b []byte) string {
	const limit = 600
	if len(b) > limit {
		return fmt.Sprintf("%q...", b[:limit])
	}
	return fmt.Sprintf("%q", b)
}
