package rawjson

import (
	"math/rand/v2"
	"testing"
)

// Each byte at each place, and mixtures: the instructions of this processor find what the Go code finds.
func TestBlocks(t *testing.T) {
	check := func(b *block) {
		t.Helper()
		if got, want := stops(b), stopsIn(b); got != want {
			t.Fatalf("stops in %q: %064b, want %064b", b[:], got, want)
		}
		cont, lead2, lead3, lead4, odd := classes(b)
		got := [...]uint64{cont, lead2, lead3, lead4, odd}
		cont, lead2, lead3, lead4, odd = classesIn(b)
		if want := [...]uint64{cont, lead2, lead3, lead4, odd}; got != want {
			t.Fatalf("classes in %q: %x, want %x", b[:], got, want)
		}
	}
	for c := range 256 {
		for i := range 64 {
			b := block{}
			b[i] = byte(c)
			check(&b)
			for k := range b {
				b[k] = 'x'
			}
			b[i] = byte(c)
			check(&b)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var b block
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		check(&b)
	}
}

// What the masks mean, said once more byte by byte.
func TestMasks(t *testing.T) {
	for c := range 256 {
		b := block{}
		for i := range b {
			b[i] = 'x'
		}
		b[17] = byte(c)
		cont, lead2, lead3, lead4, odd := classes(&b)
		for _, mask := range []struct {
			name string
			got  uint64
			want bool
		}{
			{"stops", stops(&b), c < 0x20 || c == '"' || c == '\\'},
			{"cont", cont, c >= 0x80 && c < 0xC0},
			{"lead2", lead2, c >= 0xC0},
			{"lead3", lead3, c >= 0xE0},
			{"lead4", lead4, c >= 0xF0},
			{"odd", odd, c == 0xC0 || c == 0xC1 || c == 0xE0 || c == 0xED || c >= 0xF0},
		} {
			want := uint64(0)
			if mask.want {
				want = 1 << 17
			}
			if mask.got != want {
				t.Errorf("%02X: %s is %x, want %x", c, mask.name, mask.got, want)
			}
		}
	}
}
