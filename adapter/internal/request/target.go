package request

import "lambda-web/adapter/internal/rawjson"

// Which bytes may stand unescaped in which part of a request target.
const (
	inPath       = 1 << iota // RFC 3986 pchar and slash
	inQuery                  // whatever is not illegal in a request line: a query that is escaped already
	inUnreserved             // RFC 3986 unreserved: a key or value of a query that arrives decoded
)

var legal = func() (table [256]uint8) {
	for b := byte(0x21); b < 0x7F; b++ {
		table[b] = inQuery
	}
	for _, b := range []byte(`"<>#`) {
		table[b] = 0
	}
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
		table[b] |= inPath | inUnreserved
	}
	for _, b := range []byte("!$&'()*+,;=:@/") {
		table[b] |= inPath
	}
	return table
}()

// appendEscaped appends text with every byte percent-encoded that is not legal in this part of a
// target.
func appendEscaped(dst, text []byte, part uint8) []byte {
	for _, b := range text {
		if legal[b]&part != 0 {
			dst = append(dst, b)
		} else {
			dst = appendPercent(dst, b)
		}
	}
	return dst
}

func appendPercent(dst []byte, b byte) []byte {
	const upperHex = "0123456789ABCDEF"
	return append(dst, '%', upperHex[b>>4], upperHex[b&15])
}

// appendKeepingEscapes is appendEscaped that keeps a percent sign before two hex digits and escapes
// any other.
func appendKeepingEscapes(dst, text []byte, part uint8) []byte {
	for i, b := range text {
		switch {
		case b == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			dst = append(dst, b)
		case b == '%' || legal[b]&part == 0:
			dst = appendPercent(dst, b)
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

func isHex(b byte) bool { return b-'0' <= 9 || b|0x20 >= 'a' && b|0x20 <= 'f' }

// withoutBase takes the base path off, once and at the border of a segment.
func withoutBase(path []byte, base string) []byte {
	if base != "" && len(path) >= len(base) && string(path[:len(base)]) == base &&
		(len(path) == len(base) || path[len(base)] == '/') {
		return path[len(base):]
	}
	return path
}

// appendPath appends a path, escaped where it must be. Nothing is resolved or merged: `..`, `//`
// and escapes are the app's business.
func appendPath(dst, path []byte) []byte {
	if len(path) == 0 || path[0] != '/' {
		dst = append(dst, '/')
	}
	return appendKeepingEscapes(dst, path, inPath)
}

// EscapeTarget makes a path with an optional query, as somebody typed it, fit for a request line.
func EscapeTarget(target string) []byte {
	return appendKeepingEscapes(nil, []byte(target), inQuery)
}

// appendQuery appends a query that the event holds as one text. Only bytes that a request line
// cannot hold are escaped.
func (c *Composer) appendQuery(dst []byte, raw rawjson.Value) []byte {
	c.text = raw.AppendText(c.text[:0])
	if len(c.text) == 0 {
		return dst
	}
	return appendEscaped(append(dst, '?'), c.text, inQuery)
}

// pairStyle tells how the keys and values of a query map arrive.
type pairStyle uint8

const (
	pairsDecoded pairStyle = iota // REST API: escape everything but unreserved
	pairsEscaped                  // load balancer: still as the client wrote them
	pairsUnclear                  // Lattice: keep what looks escaped
)

func (c *Composer) appendPair(dst, text []byte, style pairStyle) []byte {
	switch style {
	case pairsDecoded:
		return appendEscaped(dst, text, inUnreserved)
	case pairsEscaped:
		return appendEscaped(dst, text, inQuery)
	}
	return appendKeepingEscapes(dst, text, inQuery)
}

// appendParams appends the query that is made of the multi-value map or, if that has nothing, of
// the single one, in the order of the event.
func (c *Composer) appendParams(dst []byte, multi, single rawjson.Value, style pairStyle) []byte {
	start := len(dst)
	if dst = c.appendMap(dst, multi, style); len(dst) == start {
		dst = c.appendMap(dst, single, style)
	}
	if len(dst) > start {
		dst[start] = '?'
	}
	return dst
}

func (c *Composer) appendMap(dst []byte, params rawjson.Value, style pairStyle) []byte {
	for m := rawjson.MembersOf(params); m.Next(); {
		for e := rawjson.ElementsOf(m.Value); e.Next(); {
			dst = c.appendPair(append(dst, '&'), m.Name, style)
			c.text = e.Value.AppendText(c.text[:0])
			dst = c.appendPair(append(dst, '='), c.text, style)
		}
	}
	return dst
}
