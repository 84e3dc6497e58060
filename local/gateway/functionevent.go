package gateway

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// appendEvent writes the event of a function URL, payload format 2.0. Cookies, query and body are left out when there
// are none.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload
func (x *urlExchange) appendEvent(b []byte, body []byte) []byte {
	b = append(b, `{"version":"2.0","routeKey":"$default","rawPath":`...)
	b = appendString(b, x.path)
	b = append(b, `,"rawQueryString":`...)
	b = appendString(b, x.query)
	b = x.appendCookies(b)
	b = append(b, `,"headers":`...)
	b = appendJoinedValues(b, x.headers(), ",")
	if query := parseQuery(x.query); len(query) > 0 {
		b = append(b, `,"queryStringParameters":`...)
		b = appendJoinedValues(b, query, ",")
	}
	b = append(b, `,"requestContext":`...)
	b = x.appendContext(b)
	switch {
	case len(body) == 0:
		return append(b, `,"isBase64Encoded":false}`...)
	case isTextType(mediaType(x.r.Header.Get("Content-Type"))):
		b = append(b, `,"body":`...)
		b = appendString(b, body)
		return append(b, `,"isBase64Encoded":false}`...)
	}
	b = append(b, `,"body":"`...)
	b = base64.StdEncoding.AppendEncode(b, body)
	return append(b, `","isBase64Encoded":true}`...)
}

func (x *urlExchange) appendCookies(b []byte) []byte {
	count := 0
	for _, line := range x.r.Header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie == "" {
				continue
			}
			if count == 0 {
				b = append(b, `,"cookies":[`...)
			} else {
				b = append(b, ',')
			}
			b = appendString(b, cookie)
			count++
		}
	}
	if count > 0 {
		b = append(b, ']')
	}
	return b
}

// headers are what the function sees: lower case, sorted.
func (x *urlExchange) headers() []field {
	headers := []field{
		{"host", []string{x.r.Host}},
		{"x-amzn-tls-cipher-suite", []string{"ECDHE-RSA-AES128-GCM-SHA256"}},
		{"x-amzn-tls-version", []string{"TLSv1.2"}},
		{"x-amzn-trace-id", []string{eventTraceHeader(x.trace)}},
		{"x-forwarded-for", []string{x.forwardedFor()}},
		{"x-forwarded-port", []string{"443"}},
		{"x-forwarded-proto", []string{"https"}},
	}
	if x.r.ContentLength > 0 {
		headers = append(headers, field{"content-length", []string{strconv.FormatInt(x.r.ContentLength, 10)}})
	}
	for name, values := range x.r.Header {
		lower := strings.ToLower(name)
		if unforwardedHeaders[name] || strings.HasPrefix(lower, "x-amzn-tls-") || name == "Authorization" && isSignature(values[0]) {
			continue
		}
		if name == "Cookie" {
			values = []string{strings.Join(values, "; ")}
		}
		headers = append(headers, field{lower, values})
	}
	slices.SortFunc(headers, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return headers
}

func (x *urlExchange) appendContext(b []byte) []byte {
	domain := hostName(x.r.Host)
	prefix, _, _ := strings.Cut(domain, ".")
	now := x.began.UTC()
	path, err := url.PathUnescape(x.path)
	if err != nil {
		path = x.path
	}
	account := "anonymous"
	if x.caller != nil {
		account = x.url.config.AccountID
	}
	b = append(b, `{"accountId":`...)
	b = appendString(b, account)
	b = append(b, `,"apiId":`...)
	b = appendString(b, x.url.config.URLID)
	b = x.appendIAM(b)
	b = append(b, `,"domainName":`...)
	b = appendString(b, domain)
	b = append(b, `,"domainPrefix":`...)
	b = appendString(b, prefix)
	b = append(b, `,"http":{"method":`...)
	b = appendString(b, x.r.Method)
	b = append(b, `,"path":`...)
	b = appendString(b, path)
	b = append(b, `,"protocol":`...)
	b = appendString(b, x.r.Proto)
	b = append(b, `,"sourceIp":`...)
	b = appendString(b, x.sourceIP)
	b = append(b, `,"userAgent":`...)
	b = appendNullable(b, x.r.Header.Get("User-Agent"))
	b = append(b, `},"requestId":`...)
	b = appendString(b, x.requestID)
	b = append(b, `,"routeKey":"$default","stage":"$default","time":"`...)
	b = now.AppendFormat(b, requestTimeLayout)
	b = append(b, `","timeEpoch":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	return append(b, '}')
}

// appendIAM says who signed.
func (x *urlExchange) appendIAM(b []byte) []byte {
	if x.caller == nil {
		return b
	}
	b = append(b, `,"authorizer":{"iam":{"accessKey":`...)
	b = appendString(b, x.caller.AccessKeyID)
	b = append(b, `,"accountId":`...)
	b = appendString(b, x.caller.AccountID)
	b = append(b, `,"callerId":`...)
	b = appendString(b, x.caller.UserID)
	b = append(b, `,"cognitoIdentity":null,"principalOrgId":null,"userArn":`...)
	b = appendString(b, x.caller.ARN)
	b = append(b, `,"userId":`...)
	b = appendString(b, x.caller.UserID)
	return append(b, `}}`...)
}

// isTextType says which bodies a function URL passes as text.
func isTextType(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json") ||
		strings.HasSuffix(kind, "/xml") || strings.HasSuffix(kind, "+xml") || strings.HasSuffix(kind, "/javascript")
}

func appendJoinedValues(b []byte, fields []field, separator string) []byte {
	b = append(b, '{')
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		b = appendString(b, strings.Join(f.values, separator))
	}
	return append(b, '}')
}
