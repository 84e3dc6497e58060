package rawjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

const (
	blockSize = len(block{})

	// wide is how many bytes are copied at once, whether all of them are needed or not: what follows is written over the rest.
	wide = 32

	// escapedRoom is what an escaped block can need: each byte is six, and the last copy may be too wide.
	escapedRoom = blockSize*6 + 2*wide
)

// escape is what a byte becomes in a JSON string.
type escape struct {
	text uint64 // in the order of memory
	size uintptr
}

var escapes = func() (table [utf8.RuneSelf]escape) {
	for c := range table {
		var text [8]byte
		n := len(appendEscape(text[:0], byte(c)))
		table[c] = escape{binary.LittleEndian.Uint64(text[:]), uintptr(n)}
	}
	return table
}()

// appendEscapedBlock escapes the first block of text, behind which there must be wide more bytes; dst must have escapedRoom.
func appendEscapedBlock(dst, text []byte) []byte {
	mask := stops((*block)(text))
	// The caller has made sure of the room on both sides: to check each copy would cost as much as the copy.
	from := unsafe.Pointer(unsafe.SliceData(text))
	start := unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst)), len(dst))
	to, done := start, 0
	for ; mask != 0; mask &= mask - 1 {
		stop := bits.TrailingZeros64(mask)
		copyRun(to, unsafe.Add(from, done), stop-done)
		to = unsafe.Add(to, stop-done)
		e := &escapes[text[stop]&(utf8.RuneSelf-1)]
		binary.LittleEndian.PutUint64((*[8]byte)(to)[:], e.text)
		to = unsafe.Add(to, e.size)
		done = stop + 1
	}
	copyRun(to, unsafe.Add(from, done), blockSize-done)
	to = unsafe.Add(to, blockSize-done)
	return dst[:len(dst)+int(uintptr(to)-uintptr(start))]
}

// wideText is copied by two instructions, where a call would be made for an array of 32 bytes.
type wideText struct{ first, second [wide / 2]byte }

// copyRun copies up to a block, and what is behind it up to a multiple of wide.
func copyRun(to, from unsafe.Pointer, n int) {
	*(*wideText)(to) = *(*wideText)(from)
	if n > wide {
		*(*wideText)(unsafe.Add(to, wide)) = *(*wideText)(unsafe.Add(from, wide))
	}
}

// decodeInPlace decodes the valid string body in s, from s[i] on, to s[:i] and returns all of the text.
func decodeInPlace(s []byte, i int) []byte {
	plain := false // the block before had no escape
	for to := i; ; {
		// Copies that are too wide must not reach what was not read yet.
		if i-to >= blockSize && len(s)-i >= blockSize+wide {
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

// decodeBlock decodes the block at s[i], whose stops are given, to s[to], a block before it at least.
func decodeBlock(s []byte, to, i int, mask uint64) (newTo, newI int) {
	base := unsafe.Pointer(unsafe.SliceData(s)) // the caller has made sure, as in appendEscapedBlock
	end := i + blockSize
	for start := i; mask != 0; mask &= ^uint64(0) << (i - start) {
		stop := start + bits.TrailingZeros64(mask) // a backslash, as quotes are behind one
		copyRun(unsafe.Add(base, to), unsafe.Add(base, i), stop-i)
		to += stop - i
		if c := s[stop+1]; c != 'u' {
			*(*byte)(unsafe.Add(base, to)) = shortEscapes[c]
			to++
			i = stop + 2
		} else {
			text, next := appendUnescaped(s[:to], s, stop)
			to, i = len(text), next
		}
	}
	if i < end {
		copyRun(unsafe.Add(base, to), unsafe.Add(base, i), end-i)
		to, i = to+end-i, end
	}
	return to, i
}

// ValidUTF8 reports whether text is UTF-8, as utf8.Valid does, whose time depends on how often letters beyond ASCII begin and end.
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

// secondAllowed reports whether the lead byte at the start of text is one, and its second byte is in the range that RFC 3629
// section 4 gives; that it continues a sequence is known.
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
	return (word(b[0:])|word(b[8:])|word(b[16:])|word(b[24:])|word(b[32:])|word(b[40:])|word(b[48:])|word(b[56:]))&tops == 0
}
