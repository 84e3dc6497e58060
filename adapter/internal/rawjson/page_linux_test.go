package rawjson

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
)

// fenced returns memory of two pages between two that nobody may touch.
func fenced(t *testing.T) []byte {
	t.Helper()
	page := os.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 4*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(all) })
	for _, fence := range [][]byte{all[:page], all[3*page:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[page : 3*page]
}

// Texts of every length, against a page behind them and a page before them that cannot be read: nothing
// looks beyond a text, nor writes beyond its buffer, and the results are those of texts elsewhere.
func TestUnreadablePage(t *testing.T) {
	room, out := fenced(t), fenced(t)
	for _, sample := range []string{"plain text", `<a href=\"/x\">Gr\u00fc\u00dfe</a>\n`, `\"\\\n\t`,
		"日本語", "é", "😀 many \\ud83d\\ude00", "a\xe2\x82", "\x00\x1f\"", "{\"a\":[1,2.5e3,true,null,\"b\"]} "} {
		long := []byte(strings.Repeat(sample, 400/len(sample)+1))
		for length := range 400 {
			want := results(bytes.Clone(long[:length]), make([]byte, 0, 8*length+EscapeRoom))
			for name, place := range map[string][]byte{"end": room[len(room)-length:], "start": room[:length]} {
				copy(place, long)
				// The text in front of the page that cannot be written: room for it, and a byte more.
				size := len(AppendEscaped(nil, long[:length]))
				if got := results(place, out[len(out)-size:len(out)-size]); got != want {
					t.Fatalf("%d bytes of %q at the %s: %q, want %q", length, sample, name, got, want)
				}
			}
		}
	}
}

// results is what the functions of this package find in a text, as one text.
func results(text, escaped []byte) string {
	var all []byte
	for _, found := range []bool{ValidUTF8(text), Valid(text)} {
		if found {
			all = append(all, '+')
		} else {
			all = append(all, '-')
		}
	}
	end, _ := ValueEnd(text, 0)
	all = append(all, byte(end), byte(end>>8), byte(EscapedLen(text)), byte(EscapedLen(text)>>8))
	all = append(all, AppendEscaped(escaped, text)...)
	all = AppendString(append(all, '|'), text)
	if end, ok := stringEnd(append([]byte{'"'}, append(bytes.Clone(text), '"')...), 0); ok && end == len(text)+2 {
		all = append(append(all, '|'), inPlace(text)...)
	}
	return string(all)
}

// inPlace decodes the text where it is, as the inside of a string.
func inPlace(text []byte) []byte {
	if i := bytes.IndexByte(text, '\\'); i >= 0 {
		return decodeInPlace(text, i)
	}
	return text
}
