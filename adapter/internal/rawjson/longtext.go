package rawjson

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

const (
	blockSize = 64

	// wide is how many bytes are copied at once, whether all of them are needed or not: what follows
	// is written over the rest.
	wide = 32

	// EscapeRoom is more than an escaped block can need: each byte is six, and the last copy may be
	// too wide. With that much room behind the text, AppendEscaped is fast to its end.
	EscapeRoom = 16 * blockSize

	outMask  = 8*blockSize - 1
	fromMask = blockSize - 1

	decodeMask = 2*blockSize - 1
)

// escape is what a byte becomes in a JSON string.
type escape struct {
	text [8]byte
	size int
}

var escapes = func() (table [utf8.RuneSelf]escape) {
	for c := range table {
		table[c].size = len(appendEscape(table[c].text[:0], byte(c)))
	}
	return table
}()

// EscapedLen is how many bytes AppendEscaped appends.
func EscapedLen(text []byte) int {
	size := len(text)
	for ; len(text) >= blockSize; text = text[blockSize:] {
		for mask := stops((*block)(text)); mask != 0; mask &= mask - 1 {
			size += escapes[text[bits.TrailingZeros64(mask)]&(utf8.RuneSelf-1)].size - 1
		}
	}
	for _, c := range text {
		if c < 0x20 || c == '"' || c == '\\' {
			size += escapes[c].size - 1
		}
	}
	return size
}

// appendEscapedBlock escapes the first block of text, behind which there must be another; dst must
// have EscapeRoom. The masks change no index: they spare its checks, which would cost as much as
// the copies. What a stop becomes is looked up before the copy, so that the next stop never waits
// for the length of this one.
func appendEscapedBlock(dst, text []byte) []byte {
	from, out := (*[2 * blockSize]byte)(text), (*[EscapeRoom]byte)(dst[len(dst):cap(dst)])
	to, done := 0, 0
	for mask := stops((*block)(text)); mask != 0; {
		stop := bits.TrailingZeros64(mask) & fromMask
		e := &escapes[from[stop]&(utf8.RuneSelf-1)]
		mask &= mask - 1
		copyRun((*block)(out[to&outMask:]), (*block)(from[done&fromMask:]), stop-done)
		to += stop - done
		*(*[8]byte)(out[to&outMask:]) = e.text
		to += e.size
		done = stop + 1
	}
	copyRun((*block)(out[to&outMask:]), (*block)(from[done&fromMask:]), blockSize-done)
	return dst[:len(dst)+to+blockSize-done]
}

// half is what one instruction copies.
type half = [wide / 2]byte

// copyRun copies up to a block, and what is behind it up to a multiple of wide. The copies are of a
// size that the compiler knows, so that they are instructions, not calls.
func copyRun(to, from *block, n int) {
	*(*half)(to[:]) = *(*half)(from[:])
	*(*half)(to[wide/2:]) = *(*half)(from[wide/2:])
	if n > wide {
		*(*half)(to[wide:]) = *(*half)(from[wide:])
		*(*half)(to[wide+wide/2:]) = *(*half)(from[wide+wide/2:])
	}
}

// decodeInPlace decodes the valid string body in s, from s[i] on, to s[:i] and returns all of the
// text.
func decodeInPlace(s []byte, i int) []byte {
	plain := false // the block before had no escape
	for to := i; ; {
		// Copies that are too wide must not reach what was not read yet.
		if i-to >= blockSize && len(s)-i >= 3*blockSize {
			mask := stops((*block)(s[i:]))
			if mask != 0 || !plain {
				plain = mask == 0
				to, i = decodeBlock(s, to, i, mask)
				continue
			}
		}
		run := bytes.IndexByte(s[i:], '\\')
		if run < 0 {
			return s[:to+copy(s[to:], s[i:])]
		}
		to += copy(s[to:], s[i:i+run])
		text, next := appendUnescaped(s[:to], s, i+run)
		to, i, plain = len(text), next, false
	}
}

// decodeBlock decodes the block at s[i], whose stops are given, to s[to], a block before it at
// least; there must be two more behind it. The masks change no index, as in appendEscapedBlock.
func decodeBlock(s []byte, to, i int, mask uint64) (newTo, newI int) {
	from, out := (*[3 * blockSize]byte)(s[i:]), (*[3 * blockSize]byte)(s[to:])
	read, written := 0, 0
	for mask != 0 {
		stop := bits.TrailingZeros64(mask) & fromMask // a backslash, as quotes are behind one
		c := from[stop+1]
		mask &^= 3 << stop
		copyRun((*block)(out[written&decodeMask:]), (*block)(from[read&decodeMask:]), stop-read)
		written += stop - read
		if c != 'u' {
			out[written&decodeMask] = shortEscapes[c]
			written++
			read = stop + 2
		} else {
			text, next := appendUnescaped(s[:to+written], s, i+stop)
			written, read = len(text)-to, next-i
			mask &= ^uint64(0) << read
		}
	}
	if read < blockSize {
		copyRun((*block)(out[written&decodeMask:]), (*block)(from[read&decodeMask:]), blockSize-read)
		written, read = written+blockSize-read, blockSize
	}
	return to + written, i + read
}

// ValidUTF8 reports whether text is UTF-8, as utf8.Valid does, whose time depends on how often
// letters beyond ASCII begin and end.
func ValidUTF8(text []byte) bool {
	i, plain := 0, true // plain: there was nothing beyond ASCII in the block before
	owed := uint64(0)   // bytes at the start of the next block that must continue a sequence
	for ; len(text)-i >= blockSize; i += blockSize {
		b := (*block)(text[i:])
		if plain && isASCII(b) {
			continue
		}
		cont, lead2, lead3, lead4, odd := classes(b)
		plain = lead2 == 0
		if owed|lead2<<1|lead3<<2|lead4<<3 != cont {
			return false
		}
		owed = lead2>>63 | lead3>>62 | lead4>>61
		for ; odd != 0; odd &= odd - 1 {
			if !secondAllowed(text[i+bits.TrailingZeros64(odd):]) {
				return false
			}
		}
	}
	for owed != 0 { // the last sequence began before
		i--
		if text[i] >= 0xC0 {
			break
		}
	}
	return utf8.Valid(text[i:])
}

// secondAllowed reports whether the lead byte at the start of text is one, and its second byte is
// in the range that RFC 3629 section 4 gives; that it continues a sequence is known.
func secondAllowed(text []byte) bool {
	if len(text) < 2 {
		return false
	}
	switch lead, second := text[0], text[1]; lead {
	case 0xE0:
		return second >= 0xA0
	case 0xED:
		return second < 0xA0
	case 0xF0:
		return second >= 0x90
	case 0xF4:
		return second < 0x90
	default:
		return lead >= 0xC2 && lead < 0xF4
	}
}

func isASCII(b *block) bool {
	return (word(b[0:])|word(b[8:])|word(b[16:])|word(b[24:])|
		word(b[32:])|word(b[40:])|word(b[48:])|word(b[56:]))&tops == 0
}
