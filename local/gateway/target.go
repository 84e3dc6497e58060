package gateway

import "strings"

// target is a request target (RFC 9112 section 3.2) divided the way API Gateway does. All parts are the client's bytes.
type target struct {
	// signed is the path as it was sent, for the signature.
	signed string
	// stage is the first segment.
	stage string
	// path is what follows the stage: event.path. It begins with a slash.
	path string
	// contextPath is requestContext.path: the path with the stage.
	contextPath string
	// query is what follows the question mark.
	query string
}

// originForm is the request target without scheme and authority, which clients of proxies send.
func originForm(requestURI string) string {
	if strings.HasPrefix(requestURI, "/") {
		return requestURI
	}
	_, after, absolute := strings.Cut(requestURI, "://")
	if !absolute {
		return requestURI
	}
	authority := strings.IndexAny(after, "/?")
	if authority < 0 {
		return "/"
	}
	if after[authority] == '?' {
		return "/" + after[authority:]
	}
	return after[authority:]
}

// parseTarget divides a request target.
func parseTarget(requestURI string) target {
	var t target
	t.signed, t.query, _ = strings.Cut(originForm(requestURI), "?")
	trimmed := strings.TrimLeft(t.signed, "/")
	t.contextPath = "/" + trimmed
	rest, slash := "", false
	if t.stage, rest, slash = strings.Cut(trimmed, "/"); !slash {
		t.contextPath = bareStagePath(t.stage)
	}
	t.path = "/" + collapseTrailingSlashes(strings.TrimLeft(rest, "/"))
	return t
}

// parseQuery decodes a query: & and ; separate pairs, + is a space. Names come in the order of their first appearance.
func parseQuery(query string) []field {
	var parameters []field
	var index map[string]int
	for query != "" {
		end := strings.IndexAny(query, "&;")
		pair := query
		if end < 0 {
			query = ""
		} else {
			pair, query = query[:end], query[end+1:]
		}
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescapeQuery(name), unescapeQuery(value)
		if i, seen := index[name]; seen {
			parameters[i].values = append(parameters[i].values, value)
			continue
		}
		if index == nil {
			index = map[string]int{}
		}
		index[name] = len(parameters)
		parameters = append(parameters, field{name: name, values: []string{value}})
	}
	return parameters
}

// unescapeQuery decodes percent-encoding and plus signs. A percent sign that begins no escape stands for itself.
func unescapeQuery(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			decoded = append(decoded, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			decoded = append(decoded, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			decoded = append(decoded, s[i])
		}
	}
	return string(decoded)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
