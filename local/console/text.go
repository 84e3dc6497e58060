package console

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// isToken says whether a text may be a method or the name of a header (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// unescape is the text of a JSON string without its quotes; a broken one stays as it is.
func unescape(inner string) string {
	var text string
	if json.Unmarshal([]byte(`"`+inner+`"`), &text) != nil {
		return inner
	}
	return text
}

// base64Lines is base64 in lines as the command writes them.
func base64Lines(b []byte) string {
	const width = 76
	encoded := base64.StdEncoding.EncodeToString(b)
	var lines strings.Builder
	for len(encoded) > 0 {
		n := min(width, len(encoded))
		lines.WriteString(encoded[:n])
		lines.WriteByte('\n')
		encoded = encoded[n:]
	}
	return lines.String()
}
