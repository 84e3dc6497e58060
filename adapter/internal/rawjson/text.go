package rawjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// appendDecoded appends the text of a valid string body (what stands between the quotes). Because
// the text is never longer than its JSON, dst may be the front of src. A lone surrogate becomes
// U+FFFD.
func appendDecoded(dst, src []byte) []byte {
	for {
		i := bytes.IndexByte(src, '\\')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		dst, i = appendUnescaped(dst, src, i)
		src = src[i:]
	}
}

// appendUnescaped appends what the escape at src[i] stands for, and returns the index behind it.
func appendUnescaped(dst, src []byte, i int) ([]byte, int) {
	if c := src[i+1]; c != 'u' {
		return append(dst, shortEscapes[c]), i + 2
	}
	r, _ := hex4(src, i+2)
	i += 6
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if len(src) >= i+6 && src[i] == '\\' && src[i+1] == 'u' {
			low, ok = hex4(src, i+2)
		}
		if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
			i += 6
		}
	}
	return utf8.AppendRune(dst, r), i
}

var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func hex4(data []byte, i int) (r rune, ok bool) {
	if i+4 > len(data) {
		return 0, false
	}
	for _, c := range data[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// AppendEscaped appends text as the inside of a JSON string: quotes, backslashes and control
// characters are escaped, everything else stays as it is. The text must be valid UTF-8.
func AppendEscaped(dst, text []byte) []byte {
	for len(text) >= 2*blockSize {
		if cap(dst)-len(dst) >= EscapeRoom {
			dst = appendEscapedBlock(dst, text)
		} else {
			dst = appendEscapedRuns(dst, text[:blockSize])
		}
		text = text[blockSize:]
	}
	return appendEscapedRuns(dst, text)
}

func appendEscapedRuns(dst, text []byte) []byte {
	for {
		i := plainEnd(text, 0)
		dst = append(dst, text[:i]...)
		if i == len(text) {
			return dst
		}
		dst = appendEscape(dst, text[i])
		text = text[i+1:]
	}
}

const lowerHex = "0123456789abcdef"

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
}

// AppendString appends text as a JSON string with its quotes. Bytes that are not UTF-8 become
// U+FFFD.
func AppendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for !ValidUTF8(text) {
		i := validPrefix(text)
		dst = AppendEscaped(dst, text[:i])
		dst = append(dst, "\uFFFD"...)
		text = text[i+1:]
	}
	return append(AppendEscaped(dst, text), '"')
}

// AppendFieldText appends the value of a header field as the inside of a JSON string. If it is not
// UTF-8 as a whole, every byte is read as ISO 8859-1, the older encoding of header fields (RFC 9110
// section 5.5).
func AppendFieldText(dst, text []byte) []byte {
	if ValidUTF8(text) {
		return AppendEscaped(dst, text)
	}
	for _, c := range text {
		switch {
		case c < 0x20 || c == '"' || c == '\\':
			dst = appendEscape(dst, c)
		default:
			dst = utf8.AppendRune(dst, rune(c))
		}
	}
	return dst
}

func validPrefix(text []byte) int {
	i := 0
	for i < len(text) {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		i += size
	}
	return i
}

// AppendASCII appends a valid JSON value fit for a header field: white space outside strings
// removed, every byte beyond 0x20-0x7E written as \uXXXX, everything else untouched (numbers, order
// of members, escapes).
func AppendASCII(dst []byte, v Value) []byte {
	inString := false
	for i := 0; i < len(v); {
		c := v[i]
		switch {
		case c >= 0x7F:
			r, size := utf8.DecodeRune(v[i:])
			dst = appendUnicodeEscape(dst, r)
			i += size
			continue
		case c == '\\': // only inside a string; the next byte belongs to it
			dst = append(dst, c, v[i+1])
			i += 2
			continue
		case c == '"':
			inString = !inString
		case c <= ' ' && !inString:
			i++
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst
}

func appendUnicodeEscape(dst []byte, r rune) []byte {
	if r >= 0x10000 {
		high, low := utf16.EncodeRune(r)
		return appendUnicodeEscape(appendUnicodeEscape(dst, high), low)
	}
	return append(dst, '\\', 'u', lowerHex[r>>12&15], lowerHex[r>>8&15], lowerHex[r>>4&15], lowerHex[r&15])
}

// AppendASCIIString appends text as a JSON string of printable ASCII.
func AppendASCIIString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= 0x7F:
			r, size := utf8.DecodeRune(text[i:])
			dst = appendUnicodeEscape(dst, r)
			i += size
			continue
		case c < 0x20 || c == '"' || c == '\\':
			dst = appendEscape(dst, c)
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
