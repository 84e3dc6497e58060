package console

import (
	"net/http"
	"slices"
	"strings"
)

// What a page gets is without secrets until somebody asks for them with a click: the values of these headers, of the
// JSON members of the same names, and of these query parameters are hidden.
var secretNames = []string{
	"authorization", "proxy-authorization", "cookie", "cookies", "set-cookie", "x-amz-security-token",
	"x-amz-signature",
	"x-api-key", "apiKey", "x-csrf-token", "x-xsrf-token", "x-auth-token", "x-lambda-web-front",
}

// hidden stands in for a secret.
const hidden = "••••••••"

func isSecret(name string) bool {
	return slices.ContainsFunc(secretNames, func(secret string) bool { return strings.EqualFold(secret, name) })
}

// header is a line of a message. A renamed header (x-amzn-Remapped-Authorization) is as secret as the original.
type header struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Hidden bool   `json:"hidden,omitempty"`
}

// headersOf lists the lines of a map by name.
func headersOf(h http.Header, secrets bool) []header {
	list := make([]header, 0, len(h))
	for name, values := range h {
		for _, value := range values {
			list = append(list, maskHeader(name, value, secrets))
		}
	}
	slices.SortStableFunc(list, func(a, b header) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return list
}

func maskHeader(name, value string, secrets bool) header {
	plain := strings.TrimPrefix(strings.ToLower(name), "x-amzn-remapped-")
	if !secrets && isSecret(plain) {
		return header{name, hidden, true}
	}
	return header{Name: name, Value: value}
}

// maskTarget hides the secret parameters of a request target.
func maskTarget(target string) string {
	path, query, found := strings.Cut(target, "?")
	if !found {
		return target
	}
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		if name, _, ok := strings.Cut(parameter, "="); ok && isSecret(name) {
			parameters[i] = name + "=" + hidden
		}
	}
	return path + "?" + strings.Join(parameters, "&")
}

// maskJSON hides the strings in the values of secret members and leaves every other byte as it is. The text may be cut
// off, or no JSON at all.
func maskJSON(text []byte) []byte {
	var out []byte
	kept := 0 // of text, in out
	for at := 0; at < len(text); {
		if text[at] != '"' {
			at++
			continue
		}
		end := stringEnd(text, at)
		name := unquoted(text[at:end])
		at = end
		colon := skipSpace(text, at)
		if colon >= len(text) || text[colon] != ':' || !isSecret(name) {
			continue
		}
		at = skipSpace(text, colon+1)
		stop := valueEnd(text, at)
		for at < stop {
			if text[at] != '"' {
				at++
				continue
			}
			end := stringEnd(text, at)
			out = append(append(out, text[kept:at]...), '"')
			out = append(out, hidden...)
			if end > at+1 && text[end-1] == '"' {
				out = append(out, '"')
			}
			at, kept = end, end
		}
	}
	if out == nil {
		return text
	}
	return append(out, text[kept:]...)
}

// stringEnd is the position behind the string that begins at a quote, or the end of the text.
func stringEnd(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// unquoted is the name in a JSON string. A name with an escape is none of ours unless it hides one.
func unquoted(literal []byte) string {
	name := strings.Trim(string(literal), `"`)
	if !strings.Contains(name, `\u`) {
		return name
	}
	return unescape(name)
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return at
}

// valueEnd is the position behind the value that begins here.
func valueEnd(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			at = stringEnd(text, at)
		case '[', '{':
			depth++
			at++
		case ']', '}':
			depth--
			at++
		case ',':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			at++
			continue
		}
		if depth <= 0 {
			return at
		}
	}
	return at
}
