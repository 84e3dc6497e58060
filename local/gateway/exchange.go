package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// request is an HTTP request with the names it goes by.
type request struct {
	r     *http.Request
	began time.Time
	// requestID is a UUID, extendedRequestID ends in "=".
	requestID, extendedRequestID string
	// invocationID is Lambda's own id of the request, a UUID.
	invocationID string
	trace        trace
	sourceIP     string
}

func newRequest(r *http.Request, now time.Time) request {
	var random [63]byte
	rand.Read(random[:]) // never fails
	return request{
		r: r, began: now,
		requestID:         uuid(random[:16]),
		extendedRequestID: base64.StdEncoding.EncodeToString(random[16:27]),
		trace:             newTrace(r.Header.Get("X-Amzn-Trace-Id"), now, random[27:47]),
		invocationID:      uuid(random[47:]),
		sourceIP:          sourceIP(r.RemoteAddr),
	}
}

// exchange is one request on its way through a REST API.
type exchange struct {
	request
	api        *API
	w          http.ResponseWriter
	target     target
	verb       string // the request's method after X-HTTP-Method-Override
	method     *method
	parameters []pathParameter
	caller     *Principal // of a signed request to a method with AWS_IAM

	// What the access log says of the end.
	status             int
	invoked            bool // the function was called
	responseLength     int64
	integrationLatency time.Duration
	integrationStatus  int // of Lambda
	functionStatus     int // of the function's answer
	failed             *failure

	observed observed
}

func (a *API) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{request: newRequest(r, a.config.Now()), api: a, w: w, target: parseTarget(r.RequestURI),
		verb: r.Method}
}

// serve is the way of a request. Routing comes before authorization: a path nobody serves is refused to everybody.
func (x *exchange) serve() *failure {
	if failed := x.checkSize(); failed != nil {
		return failed
	}
	if failed := x.route(); failed != nil {
		return failed
	}
	body, failed := readBody(x.r, x.api.config.Limits.BodyBytes)
	x.observed.body = body
	if failed != nil {
		return failed
	}
	if failed := x.authorize(body); failed != nil {
		return failed
	}
	if !x.api.bucket.take() {
		return failTooManyRequests.because("the stage's rate limit is reached")
	}
	if x.method.mock != nil {
		x.answer(x.method.mock)
		return nil
	}
	event := x.appendEvent(make([]byte, 0, x.eventSize(body)), body)
	if limit := x.api.config.Limits.PayloadBytes; len(event) > limit {
		return failEventTooLarge.because("the event has %d bytes, Lambda takes %d", len(event), limit)
	}
	x.observed.event, x.observed.invoked = event, time.Now()
	x.observeRequest()
	return x.invoke(event)
}

// checkSize applies the limits that need no body.
func (x *exchange) checkSize() *failure {
	limits := x.api.config.Limits
	if x.r.ContentLength > limits.BodyBytes {
		return failBodyTooLarge.formatted(limits.BodyBytes).because("the request announces a body of %d bytes",
			x.r.ContentLength)
	}
	if n := len(x.r.RequestURI); n > limits.URLBytes {
		return failURLTooLong.because("the request target has %d bytes, %d are allowed", n, limits.URLBytes)
	}
	if n := headerBytes(x.r); n > limits.HeaderBytes {
		return failHeadersTooLarge.formatted(limits.HeaderBytes).because("the request headers have %d bytes", n)
	}
	return nil
}

// route finds the method.
func (x *exchange) route() *failure {
	if x.target.stage != x.api.config.Stage {
		return failUnknownStage.because("the path begins with %q, the stage is %q", x.target.stage, x.api.config.Stage)
	}
	if override := x.r.Header.Get("X-Http-Method-Override"); override != "" {
		x.verb = override
	}
	x.method, x.parameters = x.api.routes.find(x.target.path, x.verb)
	if x.method == nil {
		if failed := refuseForeignAuthorization(x.r.Header.Get("Authorization")); failed != nil {
			return failed
		}
		return failMissingToken.because("the API has no method %s for path %s", x.verb, x.target.path)
	}
	return nil
}

// readBody reads the body up to a limit.
func readBody(r *http.Request, limit int64) ([]byte, *failure) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, limit)) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return nil, failBodyCutOff.because("read the request body: %w", err)
	}
	if int64(body.Len()) > limit {
		return nil, failBodyTooLarge.formatted(limit).because("the request body goes on after %d bytes", limit)
	}
	return body.Bytes(), nil
}

// record ends the exchange with its line in the access log.
func (x *exchange) record() {
	x.observeResponse()
	x.api.accessLog.write(x)
}

// sourceIP is the address part of "address:port".
func sourceIP(remote string) string {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	return address.Addr().Unmap().WithZone("").String()
}

// uuid writes 16 random bytes as a version 4 UUID (RFC 9562 section 5.4).
func uuid(random []byte) string {
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	text := make([]byte, 36)
	hex.Encode(text, random[:4])
	hex.Encode(text[9:], random[4:6])
	hex.Encode(text[14:], random[6:8])
	hex.Encode(text[19:], random[8:10])
	hex.Encode(text[24:], random[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text)
}

// trace is an X-Ray trace header.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
type trace struct {
	root, parent, sampled string
	sent                  bool // by the client
}

// newTrace keeps what the client sent and makes the rest up from 20 random bytes.
func newTrace(header string, now time.Time, random []byte) trace {
	t := trace{sent: header != ""}
	for field := range strings.SplitSeq(header, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch strings.ToLower(key) {
		case "root":
			t.root = value
		case "parent":
			t.parent = value
		case "sampled":
			t.sampled = value
		}
	}
	if t.sampled == "" {
		t.sampled = "0"
		if t.parent != "" {
			t.sampled = "1"
		}
	}
	if t.parent == "" {
		t.parent = hex.EncodeToString(random[12:20])
	}
	if t.root == "" {
		seconds := uint32(now.Unix())
		t.root = "1-" + hex.EncodeToString([]byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8),
			byte(seconds)}) +
			"-" + hex.EncodeToString(random[:12])
	}
	return t
}

func (t trace) String() string {
	return "Root=" + t.root + ";Parent=" + t.parent + ";Sampled=" + t.sampled
}
