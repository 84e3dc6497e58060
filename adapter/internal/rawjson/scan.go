// Package rawjson reads and writes JSON (RFC 8259) as text: it finds values by their byte range,
// decodes strings in place and escapes strings into a buffer. Nothing is parsed into Go values,
// nothing is allocated on the way.
package rawjson

import "math/bits"

// ValueEnd returns the index just behind the JSON value that begins at or after data[i], leading
// white space allowed. The value is checked against the whole grammar; ok is false if it is
// malformed or cut off. Nesting is limited only by memory, and never by the stack.
func ValueEnd(data []byte, i int) (end int, ok bool) {
	var open nesting
	for {
		i = SkipSpace(data, i)
		if i >= len(data) {
			return i, false
		}
		if c := data[i]; c == '{' || c == '[' {
			i = SkipSpace(data, i+1)
			if i >= len(data) {
				return i, false
			}
			if data[i] != c+2 { // '{'+2 is '}', '['+2 is ']'
				open.push(c == '{')
				if c == '{' {
					if i, ok = memberName(data, i); !ok {
						return i, false
					}
				}
				continue
			}
			i++
		} else if i, ok = scalarEnd(data, i); !ok {
			return i, false
		}
		var done bool
		if i, done, ok = closeAll(data, i, &open); done || !ok {
			return i, ok
		}
	}
}

// closeAll goes on behind a finished value: it closes every object and array that ends here, and
// stops behind the comma that announces the next value. done is true when the outermost value is
// complete.
func closeAll(data []byte, i int, open *nesting) (next int, done, ok bool) {
	for open.depth > 0 {
		i = SkipSpace(data, i)
		if i >= len(data) {
			return i, false, false
		}
		inObject := open.inObject()
		switch c := data[i]; {
		case c == ',':
			i++
			if inObject {
				i, ok = memberName(data, i)
				return i, false, ok
			}
			return i, false, true
		case c == '}' && inObject, c == ']' && !inObject:
			open.pop()
			i++
		default:
			return i, false, false
		}
	}
	return i, true, true
}

// nesting remembers for each open bracket whether it is an object, one bit each. Only what is
// nested deeper than 64 levels needs memory.
type nesting struct {
	top   uint64   // the innermost up to 64 brackets, the last one in the lowest bit
	outer []uint64 // the brackets around those, 64 each
	depth int
}

func (n *nesting) push(object bool) {
	if n.depth > 0 && n.depth%64 == 0 {
		n.outer = append(n.outer, n.top)
	}
	n.top <<= 1
	if object {
		n.top |= 1
	}
	n.depth++
}

func (n *nesting) pop() {
	n.depth--
	n.top >>= 1
	if n.depth > 0 && n.depth%64 == 0 {
		n.top, n.outer = n.outer[len(n.outer)-1], n.outer[:len(n.outer)-1]
	}
}

func (n *nesting) inObject() bool { return n.top&1 == 1 }

// memberName passes over `"name" :`.
func memberName(data []byte, i int) (end int, ok bool) {
	i = SkipSpace(data, i)
	if i >= len(data) || data[i] != '"' {
		return i, false
	}
	if i, ok = stringEnd(data, i); !ok {
		return i, false
	}
	i = SkipSpace(data, i)
	if i >= len(data) || data[i] != ':' {
		return i, false
	}
	return i + 1, true
}

func scalarEnd(data []byte, i int) (end int, ok bool) {
	switch data[i] {
	case '"':
		return stringEnd(data, i)
	case 't':
		return literalEnd(data, i, "true")
	case 'f':
		return literalEnd(data, i, "false")
	case 'n':
		return literalEnd(data, i, "null")
	}
	return numberEnd(data, i)
}

func literalEnd(data []byte, i int, word string) (end int, ok bool) {
	end = i + len(word)
	if end > len(data) || string(data[i:end]) != word {
		return i, false
	}
	return end, true
}

func numberEnd(data []byte, i int) (end int, ok bool) {
	if i < len(data) && data[i] == '-' {
		i++
	}
	first := i
	if i = digitsEnd(data, i); i == first || data[first] == '0' && i > first+1 {
		return i, false
	}
	if i < len(data) && data[i] == '.' {
		first = i + 1
		if i = digitsEnd(data, first); i == first {
			return i, false
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		first = i
		if i = digitsEnd(data, first); i == first {
			return i, false
		}
	}
	return i, true
}

func digitsEnd(data []byte, i int) int {
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// near is how far a string is looked at eight bytes at a time, before it is in blocks: most strings
// are short.
const near = 32

// stringEnd returns the index behind the closing quote of the string that opens at data[i].
func stringEnd(data []byte, i int) (end int, ok bool) {
	i++
	for first := data[:min(i+near, len(data))]; ; {
		if i = plainEnd(first, i); i >= len(first) {
			return longStringEnd(data, i)
		}
		switch data[i] {
		case '"':
			return i + 1, true
		case '\\':
			if i, ok = escapeEnd(data, i); !ok {
				return i, false
			}
		default: // a raw control character
			return i, false
		}
	}
}

// longStringEnd does so for a string whose inside goes on at data[i].
func longStringEnd(data []byte, i int) (end int, ok bool) {
	for len(data)-i >= blockSize {
		start, next := i, i+blockSize
		for mask := stops((*block)(data[start:])); mask != 0; mask &= ^uint64(0) << (i - start) {
			i = start + bits.TrailingZeros64(mask)
			switch {
			case data[i] == '"':
				return i + 1, true
			case data[i] != '\\':
				return i, false
			case i+1 < len(data) && shortEscapes[data[i+1]] != 0: // nearly all are
				i += 2
			default:
				if i, ok = escapeEnd(data, i); !ok {
					return i, false
				}
			}
		}
		i = max(i, next)
	}
	if i >= len(data) {
		return i, false
	}
	return stringEnd(data, i-1) // what is left is short
}

func escapeEnd(data []byte, i int) (end int, ok bool) {
	if i+1 >= len(data) {
		return i, false
	}
	if shortEscapes[data[i+1]] != 0 {
		return i + 2, true
	}
	if data[i+1] == 'u' {
		if _, ok := hex4(data, i+2); ok {
			return i + 6, true
		}
	}
	return i, false
}

// SkipSpace returns the index of the first byte at or after i that is not JSON white space.
func SkipSpace(data []byte, i int) int {
	for i < len(data) {
		switch data[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// plainEnd returns the index of the first quote, backslash or control character at or after i, or
// len(data). It looks at eight bytes at once: in each byte's top bit, (x-n)&^x is set for the bytes
// below n, and the lowest such bit is exact.
func plainEnd(data []byte, i int) int {
	for ; i+8 <= len(data); i += 8 {
		x := word(data[i:])
		quote, slash := x^ones*'"', x^ones*'\\'
		stop := ((x-ones*0x20)&^x | (quote-ones)&^quote | (slash-ones)&^slash) & tops
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(data) && data[i] >= 0x20 && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}

// word loads eight bytes little-endian; the compiler makes it one instruction.
func word(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// Valid reports whether data is exactly one JSON value, white space around it allowed.
func Valid(data []byte) bool {
	end, ok := ValueEnd(data, 0)
	return ok && SkipSpace(data, end) == len(data)
}
