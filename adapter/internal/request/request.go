// Package request turns a Lambda event into the HTTP/1.1 request that the app gets. Whatever the
// event holds, the result is exactly one request: every byte that could end a line or the head
// early is escaped, replaced or refused.
package request

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/policy"
	"lambda-web/adapter/internal/rawjson"
	"lambda-web/adapter/internal/sha256"
)

const (
	// largeHeader is the size from which a header makes trouble: gunicorn refuses fields above 8190
	// bytes.
	largeHeader = 7 << 10
	// smallBody is the largest body that is copied behind the head, to leave in one write.
	smallBody = 8 << 10
)

// Options are the settings that shape a request.
type Options struct {
	AppAddress          string // Host, if the event names none
	BasePath            string // removed from the front of the path; begins with a slash, ends with none; or empty
	PrefixHeader        bool   // tell the app in x-forwarded-prefix what stands before its path in the URL
	PrefixInPath        bool   // give the app the path as it is in the URL
	PassThroughPath     string
	AuthorizationSource string              // header, in lower case, that becomes authorization; or empty
	FrontDigests        [][sha256.Size]byte // of the secrets of a distribution in front; none: there is no distribution
	RequestContext      bool                // send x-amzn-request-context
	LambdaContext       bool                // send x-amzn-lambda-context
	CloseAfter          bool                // ask the app to close the connection
	FindGzip            bool                // look whether the client accepts gzip
	Function            Function
}

// Request is one request for the app. Its byte slices are valid until the next Compose.
type Request struct {
	Method []byte
	Target []byte
	Head   []byte // request line and fields, and a small body too
	Body   []byte // a body that is not in Head
	Size   int    // bytes of the body
	// Prefix is what stands before the app's path in the client's URL (stage, base path), without a
	// slash at its end. It is known only if the app is told of it.
	Prefix []byte
	// PrefixInTarget tells that the target begins with the prefix.
	PrefixInTarget bool
	Host           []byte // the host that the app is told
	// AcceptsGzip is true if FindGzip is set and the client accepts that coding.
	AcceptsGzip bool
}

// IsHead reports whether the response will have no body.
func (r *Request) IsHead() bool { return string(r.Method) == "HEAD" }

// Repeatable reports whether the method may be sent again if a connection died before a byte of the
// response came (RFC 9110 section 9.2.2).
func (r *Request) Repeatable() bool {
	switch string(r.Method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return true
	}
	return false
}

// Composer composes requests in reused buffers; it belongs to one worker.
type Composer struct {
	Request
	Remarks []Remark // about the last event; mostly none
	// ScriptName tells that the app's server takes the prefix in a field SCRIPT_NAME, off the request
	// line.
	ScriptName bool

	options     Options
	told        policy.Told
	passThrough []byte
	envConfig   []byte

	fields []field
	names  []byte // the fields' names
	text   []byte // one decoded text at a time
	path   []byte
	inside []byte // the path within a REST API

	fromFront bool // the request comes from the distribution in front
}

// NewComposer returns a composer.
func NewComposer(options Options) *Composer {
	return &Composer{
		options:     options,
		told:        policy.Told{Prefix: options.PrefixHeader || options.PrefixInPath, Front: len(options.FrontDigests) > 0},
		passThrough: EscapeTarget(options.PassThroughPath),
		envConfig:   options.Function.appendTo(nil),
	}
}

// Release forgets the last event, whose bytes the composed request and its fields point to.
func (c *Composer) Release() {
	c.Request = Request{Head: c.Head[:0], Prefix: c.Prefix[:0]}
	clear(c.fields[:cap(c.fields)])
}

// Remark is something odd about an event.
type Remark struct {
	Topic string // a remark with a topic is worth a warning once, and only a note afterwards
	Text  string
	Minor bool // of interest only when looking for a fault
}

func (c *Composer) warn(text string) { c.Remarks = append(c.Remarks, Remark{Text: text}) }
func (c *Composer) note(text string) { c.Remarks = append(c.Remarks, Remark{Text: text, Minor: true}) }
func (c *Composer) warnOnce(topic, text string) {
	c.Remarks = append(c.Remarks, Remark{Topic: topic, Text: text})
}

func badEvent(message string) error { return failure.New(failure.BadEvent, message) }

// Compose makes c.Request from an event. A body is decoded within the payload, so the event's Body
// must not be used afterwards. An error means that no request can be made of the event; it is for
// the caller, as status 400.
func (c *Composer) Compose(e *event.Event, inv *lambdaapi.Invocation) error {
	c.Remarks = c.Remarks[:0]
	c.Request = Request{Head: c.Head[:0], Prefix: c.Prefix[:0]}
	if e.Kind == event.PassThrough {
		c.composePassThrough(e, inv)
		return nil
	}
	body, err := decodeBody(e)
	if err != nil {
		return err
	}
	if err := c.collectFields(e); err != nil {
		return err
	}
	c.fromFront = c.told.Front && c.provesFront()
	if err := c.appendLine(e); err != nil {
		return err
	}
	c.appendHost(e)
	if c.fromFront {
		c.appendFront()
	}
	c.appendFields(e, inv)
	c.appendPrefix()
	c.appendOwn(e.Context, inv)
	c.finish(body)
	return nil
}

func (c *Composer) composePassThrough(e *event.Event, inv *lambdaapi.Invocation) {
	if c.told.Front {
		c.hideSecret(e.Headers)
		c.hideSecret(e.MultiHeaders)
	}
	target := c.passThrough
	if e.Schedule != nil {
		target = EscapeTarget(string(e.SchedulePath.AppendText(nil)))
	}
	head := append(c.Head, "POST "...)
	c.Method = head[:4]
	head = append(head, target...)
	c.Target = head[5:]
	head = append(append(head, " HTTP/1.1\r\nhost: "...), c.options.AppAddress...)
	c.Head = append(head, "\r\ncontent-type: application/json\r\n"...)
	if e.Schedule != nil {
		c.Head = append(c.Head, "x-lambda-web-schedule: "...)
		c.Head = append(appendFieldValue(c.Head, e.Schedule), "\r\n"...)
	}
	c.appendTrace(inv)
	c.appendOwn(nil, inv)
	c.finish(e.Payload)
}

// decodeBody decodes the body over its own bytes. Somebody who tests by hand may write a JSON value
// in its place; it is sent as it is.
func decodeBody(e *event.Event) ([]byte, error) {
	if !e.Body.IsString() && !e.Body.IsNull() {
		return e.Body, nil
	}
	body := e.Body.DecodeInPlace()
	if !e.Base64 || len(body) == 0 {
		return body, nil
	}
	n, err := base64.StdEncoding.Decode(body, body)
	if err != nil {
		return nil, badEvent("isBase64Encoded is true, but the event's body is not base64")
	}
	return body[:n], nil
}

// appendLine writes the request line.
func (c *Composer) appendLine(e *event.Event) error {
	head := e.Method.AppendText(c.Head)
	if len(head) == 0 {
		head = append(head, "GET"...)
	}
	if !http1.IsToken(head) {
		return badEvent("the event's method is not a token")
	}
	method := len(head)
	head = append(head, ' ')
	path := c.appPath(e)
	if c.ScriptName && len(c.Prefix) > 0 {
		head = append(head, c.Prefix...)
		c.PrefixInTarget = true
	}
	head = appendPath(head, path)
	switch e.Kind {
	case event.V2:
		head = c.appendQuery(head, e.RawQuery)
	case event.V1:
		head = c.appendParams(head, e.MultiParams, e.Params, pairsDecoded)
	case event.ALB:
		head = c.appendParams(head, e.MultiParams, e.Params, pairsEscaped)
	case event.Lattice:
		head = c.appendParams(head, e.MultiParams, e.Params, pairsUnclear)
	}
	c.Method, c.Target = head[:method], head[method+1:]
	c.Head = append(head, " HTTP/1.1\r\n"...)
	return nil
}

// appPath is the path that the app gets. It sets c.Prefix too.
func (c *Composer) appPath(e *event.Event) []byte {
	c.path = e.Path.AppendText(c.path[:0])
	path := withoutBase(c.path, c.options.BasePath)
	if !c.told.Prefix || c.fromFront {
		return path
	}
	path = c.withoutMapping(e, path)
	public := c.publicPath(e)
	c.Prefix = appendKeepingEscapes(c.Prefix, prefixOf(public, path), inPath)
	if len(c.Prefix) > 0 && c.options.PrefixInPath {
		c.PrefixInTarget = true
		return public
	}
	return path
}

func (c *Composer) appendHost(e *event.Event) {
	c.Head = append(c.Head, "host: "...)
	start := len(c.Head)
	if i := c.find("host"); i >= 0 {
		c.drop("host") // a request has one Host (RFC 9112 section 3.2)
		if !c.fromFront {
			c.Head = appendFieldValue(c.Head, firstValue(c.fields[i].value))
		}
	}
	if c.fromFront {
		c.Head = append(c.Head, c.onlyValue("x-forwarded-host")...)
	}
	if len(c.Head) == start {
		c.Head = appendFieldValue(c.Head, e.Domain)
	}
	if len(c.Head) == start {
		c.Head = append(c.Head, c.options.AppAddress...)
	}
	c.Host = c.Head[start:]
	c.Head = append(c.Head, "\r\n"...)
}

// appendFields writes the client's fields.
func (c *Composer) appendFields(e *event.Event, inv *lambdaapi.Invocation) {
	source := c.authorization()
	hasTrace := c.appendTrace(inv)
	hasCookies := e.Kind == event.V2 && e.Cookies.IsArray()
	if hasCookies {
		c.Head = c.appendCookies(c.Head, e.Cookies)
	}
	for i := range c.fields {
		f := &c.fields[i]
		switch {
		case f.drop:
		case i == source:
			c.Head = append(c.Head, "authorization: "...)
			c.Head = append(appendFieldValue(c.Head, firstValue(f.value)), "\r\n"...)
		case source >= 0 && (string(f.name) == "authorization" || string(f.name) == c.options.AuthorizationSource):
		case hasTrace && string(f.name) == "x-amzn-trace-id":
		case string(f.name) == "cookie":
			if !hasCookies {
				c.Head = c.appendCookies(c.Head, f.value)
			}
		default:
			c.Head = c.appendField(c.Head, f.name, f.value)
		}
	}
	if c.options.FindGzip {
		c.AcceptsGzip = acceptsGzip(c.valueOf("accept-encoding")) &&
			!http1.HasOption(c.valueOf("cache-control"), "no-transform") // RFC 9111 section 5.2.1.6
	}
}

// valueOf returns the first value of a client's field, nil if there is none. It is valid until the
// next call.
func (c *Composer) valueOf(name string) []byte {
	i := c.find(name)
	if i < 0 {
		return nil
	}
	c.text = firstValue(c.fields[i].value).AppendText(c.text[:0])
	return c.text
}

// authorization finds the field that becomes the authorization header; -1 if there is none.
func (c *Composer) authorization() int {
	if c.options.AuthorizationSource == "" {
		return -1
	}
	i := c.find(c.options.AuthorizationSource)
	if i >= 0 && !firstValue(c.fields[i].value).IsNull() {
		return i
	}
	c.warnOnce("authorization", "the header "+c.options.AuthorizationSource+
		" named by AWS_LWA_AUTHORIZATION_SOURCE is missing; authorization stays as it is")
	return -1
}

func (c *Composer) appendTrace(inv *lambdaapi.Invocation) bool {
	return c.appendInvocationField("x-amzn-trace-id: ", inv.Trace)
}

func (c *Composer) appendInvocationField(prefix string, value []byte) bool {
	if len(value) == 0 {
		return false
	}
	c.Head = append(append(append(c.Head, prefix...), value...), "\r\n"...)
	return true
}

// appendOwn writes the fields that only the adapter may set.
func (c *Composer) appendOwn(context rawjson.Value, inv *lambdaapi.Invocation) {
	c.appendInvocationField("x-amz-tenant-id: ", inv.Tenant)
	if c.options.RequestContext {
		c.Head = c.appendRequestContext(c.Head, context)
	}
	if c.options.LambdaContext {
		c.Head = c.appendLambdaContext(c.Head, inv)
	}
	if c.options.CloseAfter {
		c.Head = append(c.Head, "connection: close\r\n"...)
	}
}

// finish writes the length and the body.
func (c *Composer) finish(body []byte) {
	c.Size = len(body)
	if len(body) > 0 || expectsBody(c.Method) {
		c.Head = append(c.Head, "content-length: "...)
		c.Head = strconv.AppendInt(c.Head, int64(len(body)), 10)
		c.Head = append(c.Head, "\r\n"...)
	}
	c.Head = append(c.Head, "\r\n"...)
	if len(body) <= smallBody {
		c.Head = append(c.Head, body...)
	} else {
		c.Body = body
	}
}

func expectsBody(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

// acceptsGzip reads an Accept-Encoding (RFC 9110 section 12.5.3).
func acceptsGzip(value []byte) bool {
	any := false
	for part := range bytes.SplitSeq(value, []byte{','}) {
		coding, parameters, _ := bytes.Cut(part, []byte{';'})
		coding = bytes.TrimSpace(coding)
		switch {
		case http1.EqualFold(coding, "gzip"), http1.EqualFold(coding, "x-gzip"):
			return !isZeroWeight(parameters)
		case string(coding) == "*":
			any = !isZeroWeight(parameters)
		}
	}
	return any
}

// isZeroWeight recognises `q=0`, `q=0.0`, up to `q=0.000`.
func isZeroWeight(parameters []byte) bool {
	key, weight, _ := bytes.Cut(parameters, []byte{'='})
	if !http1.EqualFold(bytes.TrimSpace(key), "q") {
		return false
	}
	weight = bytes.TrimSpace(weight)
	return len(weight) > 0 && len(bytes.Trim(weight, "0.")) == 0
}

// Post makes an empty POST request of the adapter's own.
func Post(path, host string) Request { return own("POST", path, host, "content-length: 0\r\n") }

// Get makes a GET request of the adapter's own, as from a client that speaks https, with lines of
// further fields.
func Get(path, host, lines string) Request {
	return own("GET", path, host, "user-agent: lambda-web-adapter/1.0\r\naccept: */*\r\n"+
		"x-forwarded-proto: https\r\n"+lines)
}

func own(method, path, host, fields string) Request {
	target := EscapeTarget(path)
	head := append(append([]byte(method+" "), target...), " HTTP/1.1\r\nhost: "...)
	head = append(head, host+"\r\n"+fields+"\r\n"...)
	return Request{Method: []byte(method), Target: target, Head: head}
}
