package gateway

import (
	"net/http"
	"time"

	"lambda-web/local/sandbox"
)

// Records of what passes through the gateway, for whoever shows it: [Config].Observe is called with each, from the
// goroutine of the request, and must return soon. Maps and bytes of a record are shared and must not be changed.

// Record is a [Request], a [Piece] or a [Response].
type Record interface{ gatewayRecord() }

func (Request) gatewayRecord()  {}
func (Piece) gatewayRecord()    {}
func (Response) gatewayRecord() {}

// ID names a request in all records.
type ID struct {
	// RequestID is the id of the invocation, a UUID: the one in the records of the sandbox, in the function's log and
	// in $context.awsEndpointRequestId. A request that never reaches the function has one, too.
	RequestID string
	// GatewayID is API Gateway's own id of the request, the one in x-amzn-RequestId.
	GatewayID string
}

// Request is one that the gateway hands to the function or, right before its [Response], one that it refuses.
type Request struct {
	ID
	Began                  time.Time // when its headers had come
	Invoked                time.Time // when the function was called; zero for a refused request
	Method, Target, Proto  string    // as on the request line
	Host, SourceIP         string
	RemoteAddr             string      // address and port of the connection
	Header                 http.Header // of the client, with canonical names
	Body                   sandbox.Body
	APIID, Stage, Resource string // Resource is empty where no method matched
	TraceID                string // the whole X-Ray header
	Streamed               bool   // the method passes the answer on as a stream
	Event                  sandbox.Body
}

// Piece is a part of a streamed answer's body that has gone out to the client.
type Piece struct {
	ID
	Time   time.Time
	Status int
	Header http.Header // as in a Response
	Bytes  []byte      // a copy
}

// Response is the end of a request.
type Response struct {
	ID
	Ended     time.Time
	FirstByte time.Time // when the status went out; zero if nothing did
	Status    int       // 0 if nothing went out
	// Header is what the gateway set; the HTTP server adds Date, and Transfer-Encoding to streams.
	Header http.Header
	Body   sandbox.Body
	// Latency of the function, as its caller saw it; 0 if it was not called.
	IntegrationLatency time.Duration
	// ErrorType and Cause say why the gateway answered in place of the function, or cut a stream off. They are in the
	// log and not in the response.
	ErrorType, Cause string
}

// observed is what an exchange notes for its records.
type observed struct {
	told      bool // the Request
	body      []byte
	event     []byte
	invoked   time.Time
	firstByte time.Time
	answer    sandbox.Body
	cutOff    string
}

func (x *exchange) id() ID { return ID{RequestID: x.invocationID, GatewayID: x.requestID} }

// observeRequest tells of the request once.
func (x *exchange) observeRequest() {
	if x.api.config.Observe == nil || x.observed.told {
		return
	}
	x.observed.told = true
	config := &x.api.config
	x.api.config.Observe(Request{
		ID: x.id(), Began: x.began, Invoked: x.observed.invoked,
		Method: x.r.Method, Target: x.r.RequestURI, Proto: x.r.Proto, Host: x.r.Host,
		SourceIP: x.sourceIP, RemoteAddr: x.r.RemoteAddr,
		Header: x.r.Header, Body: sandbox.BodyOf(x.observed.body),
		APIID: config.APIID, Stage: config.Stage, Resource: x.routed().resource, TraceID: x.trace.String(),
		Streamed: x.routed().stream, Event: sandbox.BodyOf(x.observed.event),
	})
}

// observePiece is called with a piece of a stream that has gone out.
func (x *exchange) observePiece(piece []byte) {
	x.observed.answer.Add(piece)
	x.api.config.Observe(Piece{
		ID: x.id(), Time: time.Now(), Status: x.status, Header: x.w.Header(), Bytes: append([]byte(nil), piece...),
	})
}

func (x *exchange) observeResponse() {
	if x.api.config.Observe == nil {
		return
	}
	x.observeRequest()
	r := Response{
		ID: x.id(), Ended: time.Now(), FirstByte: x.observed.firstByte, Status: x.status, Header: x.w.Header(),
		Body: x.observed.answer, IntegrationLatency: x.integrationLatency, Cause: x.observed.cutOff,
	}
	if x.failed != nil {
		r.ErrorType = x.failed.responseType
		if x.failed.cause != nil {
			r.Cause = x.failed.cause.Error()
		}
	}
	x.api.config.Observe(r)
}
