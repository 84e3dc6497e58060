package reply

import (
	"bytes"

	"lambda-web/adapter/internal/http1"
)

// forceText is the response header by which an app declares its body to be text, whatever its type.
const forceText = "x-lambda-http-content-encoding"

// mayBeText decides from the head whether the body is sent as text, provided that it turns out to
// be UTF-8. Text leaves REST APIs without a list of binary media types, and is smaller than base64.
func (e *Encoder) mayBeText() bool {
	if coding := e.get("content-encoding"); coding != nil && !http1.EqualFold(coding, "identity") {
		return false
	}
	if http1.EqualFold(e.get(forceText), "text") {
		return true
	}
	contentType := e.get("content-type")
	return contentType == nil || isTextType(contentType)
}

func isTextType(contentType []byte) bool {
	media, parameters, _ := bytes.Cut(contentType, []byte{';'})
	if hasUTF8(parameters) {
		return true
	}
	var lower [128]byte
	media = bytes.TrimSpace(media)
	if len(media) > len(lower) {
		return false
	}
	for i, b := range media {
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		lower[i] = b
	}
	media = lower[:len(media)]
	top, sub, _ := bytes.Cut(media, []byte{'/'})
	if string(top) == "text" {
		return true
	}
	if plus := bytes.LastIndexByte(sub, '+'); plus >= 0 {
		switch string(sub[plus+1:]) {
		case "json", "xml", "yaml", "text":
			return true
		}
	}
	if string(top) != "application" {
		return false
	}
	switch string(sub) {
	case "json", "javascript", "xml", "yaml", "x-yaml", "x-www-form-urlencoded", "x-ndjson", "graphql", "toml",
		"sql", "x-javascript", "ecmascript":
		return true
	}
	return false
}

// hasUTF8 recognises a charset parameter that says UTF-8.
func hasUTF8(parameters []byte) bool {
	for len(parameters) > 0 {
		var parameter []byte
		parameter, parameters, _ = bytes.Cut(parameters, []byte{';'})
		key, value, _ := bytes.Cut(bytes.TrimSpace(parameter), []byte{'='})
		value = bytes.Trim(value, `" `)
		if http1.EqualFold(key, "charset") && (http1.EqualFold(value, "utf-8") || http1.EqualFold(value, "utf8")) {
			return true
		}
	}
	return false
}

// isJSONType recognises application/json and types with the suffix +json.
func isJSONType(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte{';'})
	media = bytes.TrimSpace(media)
	return http1.EqualFold(media, "application/json") ||
		len(media) > 5 && http1.EqualFold(media[len(media)-5:], "+json")
}

// isCompressible reports whether compressing the type can pay.
func isCompressible(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte{';'})
	media = bytes.TrimSpace(media)
	hasPrefix := func(prefix string) bool {
		return len(media) >= len(prefix) && http1.EqualFold(media[:len(prefix)], prefix)
	}
	switch {
	case http1.EqualFold(media, "image/svg+xml"):
		return true
	case hasPrefix("image/"), hasPrefix("application/grpc"), http1.EqualFold(media, "text/event-stream"):
		return false
	}
	return true
}
