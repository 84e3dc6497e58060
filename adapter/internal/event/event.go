// Package event finds out what kind of event a Lambda payload is and where the members stand that
// the adapter needs. It never fails: what is not an HTTP event is handed to the app as it is.
package event

import (
	"bytes"

	"lambda-web/adapter/internal/rawjson"
)

// Kind is the event source's payload format.
type Kind uint8

const (
	// PassThrough is every event that is not an HTTP request: SQS, SNS, S3, EventBridge, DynamoDB,
	// Kinesis, Kafka, Cognito, WebSocket, authorizers, Bedrock agents, Step Functions, a direct invoke
	// of any JSON value.
	PassThrough Kind = iota
	// V1 is the payload of a REST API, and of an HTTP API with payload format 1.0.
	V1
	// V2 is the payload of an HTTP API with format 2.0, and of a function URL.
	V2
	// ALB is the payload of an Application Load Balancer's target group.
	ALB
	// Lattice is the payload of a VPC Lattice target group, of either event structure version.
	// https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
	Lattice
)

func (k Kind) String() string {
	return [...]string{"pass-through", "API Gateway 1.0", "API Gateway 2.0", "ALB", "VPC Lattice"}[k]
}

// Event is a payload with the byte ranges of its members. Members that are absent are nil. All
// ranges point into Payload.
type Event struct {
	Kind    Kind
	Payload []byte

	Method, Path, RawQuery rawjson.Value
	PublicPath             rawjson.Value // the path of the client's URL: Path behind stage and base path
	Resource, PathParams   rawjson.Value // of a REST API: the resource's path, and what its variables stand for
	Headers, MultiHeaders  rawjson.Value
	Params, MultiParams    rawjson.Value
	Cookies                rawjson.Value
	Body                   rawjson.Value
	Base64                 bool          // Body is base64
	Context                rawjson.Value // requestContext
	Domain                 rawjson.Value // requestContext.domainName

	// A schedule that the Pulumi program made, of a pass-through event; nil for all others.
	Schedule, SchedulePath rawjson.Value

	WebSocket bool // pass-through event of a WebSocket API
	HTTPAPI   bool // V1: comes from an HTTP API, not from a REST API
	seen      markers
}

// markers are the members that only serve to tell kinds apart.
type markers struct {
	version, eventType            rawjson.Value
	methodArn                     bool // or routeArn
	httpMethod, method            rawjson.Value
	rawPath                       rawjson.Value
	contextMethod, v2Method       rawjson.Value
	contextPath, v2Path           rawjson.Value
	elb, resourcePath, connection bool
	lattice                       bool
	latticePath, latticeParams    rawjson.Value // of version 1
	latticeBase64                 bool
	schedule                      rawjson.Value
}

// Scan fills e from a payload in one pass.
func (e *Event) Scan(payload []byte) {
	*e = Event{Payload: payload}
	if !rawjson.Scan(payload, e.visit) {
		*e = Event{Payload: payload}
		return
	}
	e.scanContext()
	e.decide()
}

func (e *Event) visit(name []byte, v rawjson.Value) {
	switch string(name) {
	case "version":
		e.seen.version = v
	case "type":
		e.seen.eventType = v
	case "methodArn", "routeArn":
		e.seen.methodArn = true
	case "httpMethod":
		e.seen.httpMethod = v
	case "method":
		e.seen.method = v
	case "path":
		e.Path = v
	case "resource":
		e.Resource = v
	case "pathParameters":
		e.PathParams = v
	case "rawPath":
		e.seen.rawPath = v
	case "rawQueryString":
		e.RawQuery = v
	case "headers":
		e.Headers = v
	case "multiValueHeaders":
		e.MultiHeaders = v
	case "queryStringParameters":
		e.Params = v
	case "multiValueQueryStringParameters":
		e.MultiParams = v
	case "cookies":
		e.Cookies = v
	case "body":
		e.Body = v
	case "isBase64Encoded":
		e.Base64 = v.IsTrue()
	case "requestContext":
		e.Context = v
	case "lambda-web-schedule":
		e.seen.schedule = v
	default:
		e.seen.visitLattice(name, v)
	}
}

// visitLattice takes the members that only VPC Lattice's version 1 has.
func (s *markers) visitLattice(name []byte, v rawjson.Value) {
	switch string(name) {
	case "raw_path":
		s.latticePath = v
	case "query_string_parameters":
		s.latticeParams = v
	case "is_base64_encoded":
		s.latticeBase64 = v.IsTrue() || isText(v, `"true"`)
	}
}

func (e *Event) scanContext() {
	for m := rawjson.MembersOf(e.Context); m.Next(); {
		switch string(m.Name) {
		case "http":
			for h := rawjson.MembersOf(m.Value); h.Next(); {
				switch string(h.Name) {
				case "method":
					e.seen.v2Method = h.Value
				case "path":
					e.seen.v2Path = h.Value
				}
			}
		case "httpMethod":
			e.seen.contextMethod = m.Value
		case "path":
			e.seen.contextPath = m.Value
		case "resourcePath":
			e.seen.resourcePath = true
		case "connectionId":
			e.seen.connection = true
		case "elb":
			e.seen.elb = m.Value.IsObject()
		case "serviceNetworkArn", "serviceArn":
			e.seen.lattice = true
		case "domainName":
			e.Domain = m.Value
		}
	}
}

// decide names the kind by the few members that each event source always sends. An optional member
// of an unexpected type changes nothing. The order matters: a request authorizer's event looks like
// a page view but for its ARN.
func (e *Event) decide() {
	s := &e.seen
	authorizer := s.methodArn && (isText(s.eventType, `"REQUEST"`) || isText(s.eventType, `"TOKEN"`))
	switch {
	case authorizer:
	case s.v2Method.IsString():
		e.Kind, e.Method, e.Path, e.PublicPath = V2, s.v2Method, s.rawPath, s.v2Path
	case s.elb && s.httpMethod.IsString():
		e.Kind, e.Method = ALB, s.httpMethod
	case s.httpMethod.IsString() && (s.contextMethod.IsString() || s.resourcePath) && !s.connection:
		e.Kind, e.Method, e.PublicPath, e.HTTPAPI = V1, s.httpMethod, s.contextPath, isText(s.version, `"1.0"`)
	case isText(s.version, `"2.0"`) && s.method.IsString() && s.lattice:
		e.Kind, e.Method = Lattice, s.method
	case s.latticePath.IsString() && s.method.IsString() && e.Headers.IsObject() && e.Context == nil:
		e.Kind, e.Method, e.Path, e.Params = Lattice, s.method, s.latticePath, s.latticeParams
		e.Base64 = s.latticeBase64
	default:
		e.WebSocket = s.connection
		e.scanSchedule()
	}
}

// scanSchedule takes the schedule's name and the path that it is for.
func (e *Event) scanSchedule() {
	var name, path rawjson.Value
	for m := rawjson.MembersOf(e.seen.schedule); m.Next(); {
		switch string(m.Name) {
		case "name":
			name = m.Value
		case "path":
			path = m.Value
		}
	}
	if name.IsString() && len(path) > 2 && path.IsString() && path[1] == '/' {
		e.Schedule, e.SchedulePath = name, path
	}
}

// MultiValue tells whether a load balancer's target group has multi-value headers switched on.
func (e *Event) MultiValue() bool { return e.MultiHeaders.IsObject() }

// CanStream tells whether the event's source can take a streamed reply. An HTTP API cannot; a 2.0
// event from a domain of our user's own may be either, so it is trusted to be what the function was
// configured for.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
func (e *Event) CanStream() bool {
	switch e.Kind {
	case V1:
		return !e.HTTPAPI
	case V2:
		return !bytes.Contains(e.Domain, []byte(".execute-api."))
	}
	return false
}

func isText(v rawjson.Value, quoted string) bool { return string(v) == quoted }
