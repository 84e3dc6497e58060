package gateway

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// field is a header with its values.
type field struct {
	name   string
	values []string
}

// unforwardedHeaders do not reach the function.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
var unforwardedHeaders = map[string]bool{
	"Connection": true, "Content-Length": true, "Content-Md5": true, "Expect": true, "Max-Forwards": true,
	"Proxy-Authenticate": true, "Server": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
	"Www-Authenticate": true,
	// These the gateway writes itself.
	"Host": true, "X-Forwarded-For": true, "X-Forwarded-Port": true, "X-Forwarded-Proto": true, "X-Amzn-Trace-Id": true,
}

// requestHeaders are the headers the function sees, by name.
func (x *exchange) requestHeaders() []field {
	headers := make([]field, 0, len(x.r.Header)+5)
	for name, values := range x.r.Header {
		if !unforwardedHeaders[name] && (name != "Authorization" || !isSignature(values[0])) {
			headers = append(headers, field{name, values})
		}
	}
	headers = append(headers,
		field{"Host", []string{x.r.Host}},
		field{"X-Amzn-Trace-Id", []string{eventTraceHeader(x.trace)}},
		field{"X-Forwarded-For", []string{x.forwardedFor()}},
		field{"X-Forwarded-Port", []string{"443"}},
		field{"X-Forwarded-Proto", []string{"https"}})
	slices.SortFunc(headers, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return headers
}

// forwardedFor is the client's own list with the client's address at its end.
func (q *request) forwardedFor() string {
	if sent := q.r.Header["X-Forwarded-For"]; len(sent) > 0 {
		return strings.Join(sent, ", ") + ", " + q.sourceIP
	}
	return q.sourceIP
}

// eventSize is a guess at the event's size that seldom needs growing.
func (x *exchange) eventSize(body []byte) int {
	const fixed = 1600
	return fixed + 2*headerBytes(x.r) + 6*len(x.r.RequestURI) + base64.StdEncoding.EncodedLen(len(body)) + len(body)/8
}

// appendEvent writes the event of a Lambda proxy integration, with all its twelve members.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format
func (x *exchange) appendEvent(b []byte, body []byte) []byte {
	b = append(b, `{"resource":`...)
	b = appendString(b, x.method.resource)
	b = append(b, `,"path":`...)
	b = appendString(b, x.target.path)
	b = append(b, `,"httpMethod":`...)
	b = appendString(b, x.verb)
	headers := x.requestHeaders()
	b = append(b, `,"headers":`...)
	b = appendLastValues(b, headers)
	b = append(b, `,"multiValueHeaders":`...)
	b = appendAllValues(b, headers)
	b = x.appendQuery(b)
	b = append(b, `,"pathParameters":`...)
	b = x.appendPathParameters(b)
	b = append(b, `,"stageVariables":`...)
	b = appendMap(b, x.api.config.StageVariables)
	b = append(b, `,"requestContext":`...)
	b = x.appendContext(b)
	return x.appendBody(b, body)
}

// appendQuery leaves the signature of a presigned request out.
func (x *exchange) appendQuery(b []byte) []byte {
	query := parseQuery(x.target.query)
	if x.caller != nil && x.r.Header.Get("Authorization") == "" {
		query = slices.DeleteFunc(query, func(p field) bool { return slices.Contains(presignedParameters, p.name) })
	}
	if len(query) == 0 {
		return append(b, `,"queryStringParameters":null,"multiValueQueryStringParameters":null`...)
	}
	b = append(b, `,"queryStringParameters":`...)
	b = appendLastValues(b, query)
	b = append(b, `,"multiValueQueryStringParameters":`...)
	return appendAllValues(b, query)
}

func (x *exchange) appendPathParameters(b []byte) []byte {
	if len(x.parameters) == 0 {
		return append(b, `null`...)
	}
	b = append(b, '{')
	for i, p := range x.parameters {
		b = appendKey(b, i, p.name)
		b = appendString(b, p.value)
	}
	return append(b, '}')
}

// requestTimeLayout is the common log format's.
const requestTimeLayout = "02/Jan/2006:15:04:05 -0700"

func (x *exchange) appendContext(b []byte) []byte {
	config := &x.api.config
	now := x.began.UTC()
	domain := hostName(x.r.Host)
	prefix, _, _ := strings.Cut(domain, ".")
	b = append(b, `{"resourceId":`...)
	b = appendString(b, x.method.resourceID)
	b = append(b, `,"resourcePath":`...)
	b = appendString(b, x.method.resource)
	b = append(b, `,"httpMethod":`...)
	b = appendString(b, x.verb)
	b = append(b, `,"extendedRequestId":`...)
	b = appendString(b, x.extendedRequestID)
	b = append(b, `,"requestTime":"`...)
	b = now.AppendFormat(b, requestTimeLayout)
	b = append(b, `","path":`...)
	b = appendString(b, x.target.contextPath)
	b = append(b, `,"accountId":`...)
	b = appendString(b, config.AccountID)
	b = append(b, `,"protocol":`...)
	b = appendString(b, x.r.Proto)
	b = append(b, `,"stage":`...)
	b = appendString(b, config.Stage)
	b = append(b, `,"domainPrefix":`...)
	b = appendString(b, prefix)
	b = append(b, `,"requestTimeEpoch":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	b = append(b, `,"requestId":`...)
	b = appendString(b, x.requestID)
	b = append(b, `,"identity":`...)
	b = x.appendIdentity(b)
	b = append(b, `,"domainName":`...)
	b = appendString(b, domain)
	b = append(b, `,"deploymentId":`...)
	b = appendString(b, x.api.deploymentID)
	b = append(b, `,"apiId":`...)
	b = appendString(b, config.APIID)
	return append(b, '}')
}

// appendIdentity writes all members; what is not known of the caller is null.
func (x *exchange) appendIdentity(b []byte) []byte {
	caller := x.caller
	if caller == nil {
		caller = &Principal{}
	}
	b = append(b, `{"cognitoIdentityPoolId":null,"accountId":`...)
	b = appendNullable(b, caller.AccountID)
	b = append(b, `,"cognitoIdentityId":null,"caller":`...)
	b = appendNullable(b, caller.UserID)
	b = append(b, `,"sourceIp":`...)
	b = appendString(b, x.sourceIP)
	b = append(b, `,"principalOrgId":null,"accessKey":`...)
	b = appendNullable(b, caller.AccessKeyID)
	b = append(b, `,"cognitoAuthenticationType":null,"cognitoAuthenticationProvider":null,"userArn":`...)
	b = appendNullable(b, caller.ARN)
	b = append(b, `,"userAgent":`...)
	b = appendNullable(b, x.r.Header.Get("User-Agent"))
	b = append(b, `,"user":`...)
	b = appendNullable(b, caller.UserID)
	return append(b, '}')
}

func (x *exchange) appendBody(b, body []byte) []byte {
	switch {
	case len(body) == 0:
		return append(b, `,"body":null,"isBase64Encoded":false}`...)
	case matchesMediaType(x.api.document.binaryMediaTypes, contentType(x.r.Header)):
		b = append(b, `,"body":"`...)
		b = base64.StdEncoding.AppendEncode(b, body)
		return append(b, `","isBase64Encoded":true}`...)
	}
	b = append(b, `,"body":`...)
	b = appendString(b, body)
	return append(b, `,"isBase64Encoded":false}`...)
}

// contentType is the request's media type without parameters.
func contentType(h http.Header) string {
	if value := h.Get("Content-Type"); value != "" {
		return mediaType(value)
	}
	return defaultContentType
}

// mediaType cuts the parameters of a media type off (RFC 9110 section 8.3.1).
func mediaType(value string) string {
	value, _, _ = strings.Cut(value, ";")
	return strings.ToLower(strings.TrimSpace(value))
}

// matchesMediaType compares with binaryMediaTypes, whose entries are type/subtype, type/* or */*.
func matchesMediaType(entries []string, kind string) bool {
	return slices.ContainsFunc(entries, func(entry string) bool {
		if entry == "*/*" || strings.EqualFold(entry, kind) {
			return true
		}
		family, any := strings.CutSuffix(entry, "*")
		return any && strings.HasSuffix(family, "/") && len(kind) > len(family) &&
			strings.EqualFold(kind[:len(family)], family)
	})
}

// hostName cuts the port off.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

func appendLastValues(b []byte, fields []field) []byte {
	b = append(b, '{')
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		b = appendString(b, f.values[len(f.values)-1])
	}
	return append(b, '}')
}

func appendAllValues(b []byte, fields []field) []byte {
	b = append(b, '{')
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		for j, value := range f.values {
			b = append(b, "[,"[min(j, 1)])
			b = appendString(b, value)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendMap writes a map of strings by name, or null for an empty one.
func appendMap(b []byte, m map[string]string) []byte {
	if len(m) == 0 {
		return append(b, `null`...)
	}
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		b = appendKey(b, i, name)
		b = appendString(b, m[name])
	}
	return append(b, '}')
}
