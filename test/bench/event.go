//go:build linux

package main

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The events keep the order of members in which AWS sends them.
//
//go:embed events/*.json
var templates embed.FS

// target is the request target that each of the events asks for.
const target = "/bench/items/42?page=7"

// payload is a body of a request or of a response.
type payload struct {
	mediaType string
	bytes     []byte
	binary    bool // travels as base64
}

// newEvent makes the JSON of an event: source is rest, http or alb.
func newEvent(source, method string, body payload) []byte {
	template, err := templates.ReadFile("events/" + source + ".json")
	if err != nil {
		panic(err) // embedded
	}
	text := "null"
	switch {
	case body.binary:
		text = quote(base64.StdEncoding.EncodeToString(body.bytes))
	case len(body.bytes) > 0:
		text = quote(string(body.bytes))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, template); err != nil {
		panic(err) // embedded, and read by the tests
	}
	event := strings.NewReplacer(
		`"@method"`, quote(method),
		`"@type"`, quote(body.mediaType),
		`"@body"`, text,
		`"@base64"`, strconv.FormatBool(body.binary),
	).Replace(compact.String())
	return []byte(event)
}

// quote writes a JSON string as AWS does: nothing is escaped that need not be. RFC 8259, section 7.
func quote(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // a string always has JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// jsonBody is a JSON document of n bytes.
func jsonBody(n int) payload {
	var b strings.Builder
	b.WriteString(`{"items":[{"id":0}`)
	for i := 1; b.Len() < n-100; i++ {
		fmt.Fprintf(&b, `,{"id":%d,"name":"item %d","price":%d.99,"available":true}`, i, i, i%90)
	}
	b.WriteString(`],"note":"`)
	return payload{mediaType: "application/json", bytes: []byte(b.String() + strings.Repeat(".", n-2-b.Len()) + `"}`)}
}

// htmlBody is text of n bytes as web pages have it: quotes, line ends and tabs to escape, one in twenty bytes, and
// letters beyond ASCII.
func htmlBody(n int) payload {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "<li id=\"row-%d\">\n\t<a href=\"/catalogue/items/%d\">Café de Flore, Nº %d</a>\n"+
			"\tEin Text über Kaffee, so lang wie in einer Liste üblich; 日本語も少し ✓ and C:\\menu\n</li>\n", i, i, i)
	}
	text := strings.ToValidUTF8(b.String()[:n], "")
	text += strings.Repeat(".", n-len(text))
	return payload{mediaType: "text/html; charset=utf-8", bytes: []byte(text)}
}

// binaryBody is n bytes that are not text.
func binaryBody(n int) payload {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b { // xorshift: the same bytes in every run
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		b[i] = byte(state)
	}
	return payload{mediaType: "application/octet-stream", bytes: b, binary: true}
}
