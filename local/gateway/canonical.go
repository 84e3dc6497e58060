package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequests are the canonical forms a client may have signed, the documented one first. Clients disagree: the
// SDK for Go keeps the path and encodes the query anew, botocore normalises the path and keeps the query, and both drop
// default ports from Host that their HTTP library sends.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
func canonicalRequests(s signature, r *http.Request, path, query, bodyHash string) []string {
	if path == "" {
		path = "/"
	}
	paths := distinct(encodePath(path), encodePath(normalizePath(path)))
	queries := distinct(canonicalQuery(query, true), canonicalQuery(query, false))
	hosts := distinct(r.Host, withoutDefaultPort(r.Host))
	var forms []string
	for _, host := range hosts {
		headers := canonicalHeaders(s.signedHeaders, r, host) + "\n" + strings.Join(s.signedHeaders, ";") + "\n" +
			bodyHash
		for _, query := range queries {
			for _, path := range paths {
				forms = append(forms, r.Method+"\n"+path+"\n"+query+"\n"+headers)
			}
		}
	}
	return forms
}

func distinct(a, b string) []string {
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// encodePath encodes a path once more, slashes apart: %20 becomes %2520.
func encodePath(path string) string { return encode(path, "/") }

// encode percent-encodes everything but unreserved characters (RFC 3986 section 2.3) and those in keep.
func encode(s, keep string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~"+keep, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&0xf]})
		}
	}
	return b.String()
}

// normalizePath collapses slashes and resolves dot segments; a trailing slash stays.
func normalizePath(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	normalized := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") && len(kept) > 0 {
		normalized += "/"
	}
	return normalized
}

// canonicalQuery sorts the pairs by name and value, without the signature itself. The pairs are encoded anew or kept as
// they were written.
func canonicalQuery(query string, encodeAnew bool) string {
	var pairs [][2]string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair == "" || name == "X-Amz-Signature" {
			continue
		}
		if encodeAnew {
			name, value = encode(unescapeQuery(name), ""), encode(unescapeQuery(value), "")
		}
		pairs = append(pairs, [2]string{name, value})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if byName := strings.Compare(a[0], b[0]); byName != 0 {
			return byName
		}
		return strings.Compare(a[1], b[1])
	})
	joined := make([]string, len(pairs))
	for i, pair := range pairs {
		joined[i] = pair[0] + "=" + pair[1]
	}
	return strings.Join(joined, "&")
}

// canonicalHeaders writes the signed headers. net/http keeps some of them outside the header map.
func canonicalHeaders(names []string, r *http.Request, host string) string {
	var b strings.Builder
	for _, name := range names {
		values := r.Header.Values(name)
		switch name {
		case "host", ":authority":
			values = []string{host}
		case "content-length":
			values = []string{strconv.FormatInt(max(0, r.ContentLength), 10)}
		case "transfer-encoding":
			values = r.TransferEncoding
		}
		b.WriteString(name + ":")
		for i, value := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.Fields(value), " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func withoutDefaultPort(host string) string {
	for _, port := range []string{":443", ":80"} {
		if name, ok := strings.CutSuffix(host, port); ok {
			return name
		}
	}
	return host
}
