package reply

import (
	"bytes"
	"slices"
	"strings"

	"lambda-web/adapter/internal/http1"
)

// belowPrefix returns the value of a field as a client needs it whose URLs have a prefix that the
// app may not know. A path that begins with the prefix has it already.
func (e *Encoder) belowPrefix(r *Response, f http1.Field) []byte {
	switch string(f.Name) {
	case "location":
		at := ownPath(f.Value, r.Host)
		switch {
		case at < 0:
		case r.Secure && http1.EqualFold(f.Value[:min(at, len("http:"))], "http:"):
			return e.pathAlone(f.Value, at, r.Prefix)
		case len(r.Prefix) > 0:
			return e.insertPrefix(f.Value, at, r.Prefix)
		}
	case "set-cookie":
		if at := cookiePath(f.Value); at >= 0 && len(r.Prefix) > 0 {
			return e.insertPrefix(f.Value, at, r.Prefix)
		}
	}
	return f.Value
}

// pathAlone makes a redirect to the app's own host, over http, one that keeps the client's scheme: an absolute path
// (RFC 9110 section 10.2.2). A path that browsers would take for another host's stays in its URL.
func (e *Encoder) pathAlone(value []byte, at int, prefix []byte) []byte {
	path := value[at:]
	if len(path) == 0 || path[0] != '/' {
		start := len(e.values)
		e.values = append(append(e.values, '/'), path...)
		path = e.values[start:]
	}
	switch {
	case len(prefix) > 0:
		return e.insertPrefix(path, 0, prefix)
	case len(path) > 1 && (path[1] == '/' || path[1] == '\\' || path[1] <= ' '):
		return value
	}
	return path
}

// insertPrefix puts the prefix before the path that begins at an index, unless it is there.
func (e *Encoder) insertPrefix(value []byte, at int, prefix []byte) []byte {
	rest, found := bytes.CutPrefix(value[at:], prefix)
	if found && (len(rest) == 0 || strings.IndexByte("/?#; \t", rest[0]) >= 0) {
		return value
	}
	start := len(e.values)
	e.values = append(append(e.values, value[:at]...), prefix...)
	if at == len(value) || value[at] != '/' { // a URL that ends with its host
		e.values = append(e.values, '/')
	}
	e.values = append(e.values, value[at:]...)
	return e.values[start:]
}

// ownPath returns where the path begins in a URL that leads to the host of the request: an absolute
// path, or a URL with that host (RFC 3986 section 4.2). It returns -1 for any other.
func ownPath(url, host []byte) int {
	rest := url
	if len(rest) > 0 && rest[0] != '/' {
		colon := bytes.IndexByte(rest, ':')
		if colon < 0 || !http1.EqualFold(rest[:colon], "http") && !http1.EqualFold(rest[:colon], "https") {
			return -1
		}
		rest = rest[colon+1:]
	}
	authority, found := bytes.CutPrefix(rest, []byte("//"))
	if !found {
		if len(rest) == len(url) && len(url) > 0 && (len(url) == 1 || url[1] != '\\') {
			return 0
		}
		return -1
	}
	end := slices.IndexFunc(authority, func(c byte) bool { return c == '/' || c == '?' || c == '#' || c == '\\' })
	if end < 0 {
		end = len(authority)
	}
	if !bytes.EqualFold(withoutPort(authority[:end]), withoutPort(host)) {
		return -1
	}
	return len(url) - len(authority) + end
}

// withoutPort takes off a port that browsers leave out.
func withoutPort(host []byte) []byte {
	host = bytes.TrimSuffix(host, []byte(":443"))
	return bytes.TrimSuffix(host, []byte(":80"))
}

// cookiePath returns where the path of a cookie begins that is not the whole host's (RFC 6265
// section 5.2.4), or -1. Of several it is the last one that counts.
func cookiePath(cookie []byte) int {
	found := -1
	for at := bytes.IndexByte(cookie, ';'); at >= 0; {
		attribute := cookie[at+1:]
		next := bytes.IndexByte(attribute, ';')
		if next >= 0 {
			attribute = attribute[:next]
		}
		name, value, _ := bytes.Cut(attribute, []byte{'='})
		if http1.EqualFold(bytes.TrimSpace(name), "path") {
			found = -1
			if trimmed := bytes.TrimSpace(value); len(trimmed) > 1 && trimmed[0] == '/' {
				found = at + 1 + len(attribute) - len(bytes.TrimLeft(value, " \t"))
			}
		}
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return found
}
