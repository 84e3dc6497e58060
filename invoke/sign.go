package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// signer signs requests with Signature Version 4
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
//
// The SDK's own signer is not used for two reasons: it sorts query parameters before it encodes them, so that
// AWS refuses ?page[size]=1&pageNumber=2 (the published case get-vanilla-query-order-encoded shows it), and it
// writes the query anew, so that the app would not see what was typed.
type signer struct {
	credentials     aws.Credentials
	region, service string
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	basicISO  = "20060102T150405Z"
)

// unsigned are headers that proxies and HTTP libraries change on the way.
var unsigned = []string{"authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"}

// sign adds X-Amz-Date, X-Amz-Security-Token for temporary credentials, and Authorization. Everything else in the
// request has to be final: all headers but those in unsigned are part of the signature.
func (s signer) sign(r *http.Request, body []byte, now time.Time) {
	timestamp := now.UTC().Format(basicISO)
	r.Header.Set("X-Amz-Date", timestamp)
	if s.credentials.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", s.credentials.SessionToken)
	}
	canonical, signed := canonicalRequest(r, body)
	scope := strings.Join([]string{timestamp[:8], s.region, s.service, "aws4_request"}, "/")
	text := strings.Join([]string{algorithm, timestamp, scope, hexSHA256([]byte(canonical))}, "\n")
	key := []byte("AWS4" + s.credentials.SecretAccessKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%x",
		algorithm, s.credentials.AccessKeyID, scope, signed, mac(key, text)))
}

// canonicalRequest returns the text that is signed and the list of headers in it.
func canonicalRequest(r *http.Request, body []byte) (text, signed string) {
	values := map[string]string{"host": host(r)}
	for name, each := range r.Header {
		if name = strings.ToLower(name); !slices.Contains(unsigned, name) {
			values[name] = headerValue(each)
		}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	signed = strings.Join(names, ";")
	var headers strings.Builder
	for _, name := range names {
		headers.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join([]string{r.Method, canonicalPath(r.URL), canonicalQuery(r.URL.RawQuery),
		headers.String(), signed, hexSHA256(body)}, "\n"), signed
}

// host is the Host header as it is sent; a default port is left out of both.
func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// headerValue joins the values of a header, with every run of spaces made one.
func headerValue(values []string) string {
	trimmed := make([]string, len(values))
	for i, value := range values {
		trimmed[i] = strings.Join(strings.Fields(value), " ")
	}
	return strings.Join(trimmed, ",")
}

// canonicalPath is the path without dot segments and double slashes, each segment encoded once more than on the
// wire. The request itself keeps them.
func canonicalPath(u *url.URL) string {
	sent := u.EscapedPath()
	var kept []string
	for segment := range strings.SplitSeq(sent, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, encode(segment))
		}
	}
	path := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(sent, "/") {
		path += "/"
	}
	return path
}

// canonicalQuery has the parameters encoded and then sorted.
func canonicalQuery(query string) string {
	var pairs [][2]string
	for _, p := range parameters(query) {
		pairs = append(pairs, [2]string{encode(p[0]), encode(p[1])})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if byName := strings.Compare(a[0], b[0]); byName != 0 {
			return byName
		}
		return strings.Compare(a[1], b[1])
	})
	return join(pairs)
}

// unambiguousQuery is the query in its order, encoded in the one way that cannot be read differently: a space
// is %20, never +, and every name has its =. Left as it was typed, signer and service could disagree.
func unambiguousQuery(query string) string {
	pairs := parameters(query)
	for i, p := range pairs {
		pairs[i] = [2]string{encode(p[0]), encode(p[1])}
	}
	return join(pairs)
}

// parameters takes a query apart. What cannot be decoded stays as it is.
func parameters(query string) [][2]string {
	var pairs [][2]string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, [2]string{decode(name), decode(value)})
	}
	return pairs
}

func join(pairs [][2]string) string {
	joined := make([]string, len(pairs))
	for i, p := range pairs {
		joined[i] = p[0] + "=" + p[1]
	}
	return strings.Join(joined, "&")
}

func decode(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

// encode percent-encodes all but unreserved characters (RFC 3986 section 2.3).
func encode(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c == '-' || c == '.' || c == '_' || c == '~' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c &&
			c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
