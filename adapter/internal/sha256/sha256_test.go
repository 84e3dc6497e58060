package sha256

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The example values that NIST publishes for FIPS 180-4.
// https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values
func TestVectors(t *testing.T) {
	for text, want := range map[string]string{
		"":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":                                                         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
		"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu": "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
		string(bytes.Repeat([]byte{'a'}, 1_000_000)):                                                                       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
	} {
		if digest := Sum([]byte(text)); hex.EncodeToString(digest[:]) != want {
			t.Errorf("%.20q (%d bytes): %x, want %s", text, len(text), digest, want)
		}
	}
}

// Every length around the borders of blocks gives what the standard library gives.
func TestLengths(t *testing.T) {
	for n := range 300 {
		data := bytes.Repeat([]byte{byte(n), 0xFF}, n/2+1)[:n]
		if Sum(data) != sha256.Sum256(data) {
			t.Errorf("the digest of %d bytes is another one", n)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte("abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sum(data) != sha256.Sum256(data) {
			t.Errorf("%x", data)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	secret := bytes.Repeat([]byte{'a'}, 64)
	b.ReportAllocs()
	for b.Loop() {
		_ = Sum(secret)
	}
}
