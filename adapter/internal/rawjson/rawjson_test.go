package rawjson

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{
		`null`: true, ` true `: true, `-0.5e+3`: true, `"a\u00e9\n"`: true, `[1,{"a":[]},"x"]`: true,
		`{"a":1,"b":{}}`: true, "[\t1 ,\r\n2 ]": true,
		strings.Repeat("[", 100000) + strings.Repeat("]", 100000): true,
		``: false, `nul`: false, `01`: false, `1.`: false, `.5`: false, `1e`: false, `+1`: false, `-`: false,
		`"a`: false, "\"a\nb\"": false, `"\x"`: false, `"\u12"`: false, `[1,]`: false, `[1 2]`: false, `{"a"}`: false,
		`{"a":1,}`: false, `{a:1}`: false, `{1:1}`: false, `[}`: false, `{]`: false, `1 2`: false, `[`: false,
	} {
		if got := Valid([]byte(text)); got != want {
			t.Errorf("Valid(%.40q) = %v, want %v", text, got, want)
		}
	}
}

func TestAppendASCII(t *testing.T) {
	for text, want := range map[string]string{
		`{ "a" : 1.00 , "b" : [ true , null ] }`: `{"a":1.00,"b":[true,null]}`,
		`{"k":"é  x"}`:                           `{"k":"\u00e9  x"}`,
		`"𝄞"`:                                    `"\ud834\udd1e"`,
		"\"\x7f\\\"\\u00e9\"":                    `"\u007f\"\u00e9"`,
		"\"\xff\"":                               `"\ufffd"`,
	} {
		if got := string(AppendASCII(nil, Value(text))); got != want {
			t.Errorf("AppendASCII(%s) = %s, want %s", text, got, want)
		}
	}
}

func TestMembersAndElements(t *testing.T) {
	var got []string
	for m := MembersOf(Value(`{ "a" : [ "x" , null , 2 ] , "\u0062":{"c":"}"},"":"" }`)); m.Next(); {
		got = append(got, string(m.Name)+"="+string(m.Value))
		for e := ElementsOf(m.Value); e.Next(); {
			got = append(got, string(e.Value.AppendText(nil)))
		}
	}
	want := `a=[ "x" , null , 2 ]|x||2|b={"c":"}"}||=""|`
	if strings.Join(got, "|") != want {
		t.Errorf("walked %s, want %s", strings.Join(got, "|"), want)
	}
	for m := MembersOf(Value(`[1]`)); m.Next(); {
		t.Error("an array has no members")
	}
}

// Whatever the bytes, the scanner and encoding/json agree on what is JSON, and on the text of strings.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"\ud834\udd1e",null]}`, `"\ud800x"`, "\"\xff\"", `[[[[{}]]]]`,
		`{"a":1`, `1e400`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		valid := Valid(data)
		if want := json.Valid(data); valid != want {
			t.Fatalf("Valid(%q) = %v, encoding/json says %v", data, valid, want)
		}
		for _, inner := range everywhere(data) { // as the inside of a string
			quoted := slices.Concat([]byte{'"'}, inner, []byte{'"'})
			if got, want := Valid(quoted), json.Valid(quoted); got != want {
				t.Fatalf("Valid(%q) = %v, encoding/json says %v", quoted, got, want)
			}
		}
		if !valid {
			return
		}
		start := SkipSpace(data, 0)
		end, _ := ValueEnd(data, start)
		v := Value(data[start:end])
		ascii := AppendASCII(nil, v)
		if !Valid(ascii) || bytes.ContainsFunc(ascii, func(r rune) bool { return r < 0x20 || r > 0x7E }) {
			t.Fatalf("AppendASCII(%q) = %q", v, ascii)
		}
		var before, after any
		if json.Unmarshal(v, &before) == nil && json.Unmarshal(ascii, &after) == nil {
			one, _ := json.Marshal(before)
			two, _ := json.Marshal(after)
			if !bytes.Equal(one, two) {
				t.Fatalf("AppendASCII changed %q to %q", v, ascii)
			}
		}
		if v.IsString() && utf8.Valid(v) {
			var want string
			if err := json.Unmarshal(v, &want); err != nil {
				t.Fatal(err)
			}
			if got := v.AppendText(nil); string(got) != want {
				t.Fatalf("text of %s is %q, want %q", v, got, want)
			}
			for _, inner := range everywhere(v[1 : len(v)-1]) {
				// Enough escapes before it that the text is far behind what is read.
				long := slices.Concat([]byte{'"'}, bytes.Repeat([]byte(`\n`), 2*blockSize), inner, []byte{'"'})
				if err := json.Unmarshal(long, &want); err != nil {
					t.Fatal(err)
				}
				if got := Value(bytes.Clone(long)).DecodeInPlace(); string(got) != want {
					t.Fatalf("in place, the text of %s is %q, want %q", long, got, want)
				}
			}
			if got := Value(bytes.Clone(v)).DecodeInPlace(); !bytes.Equal(got, v.AppendText(nil)) {
				t.Fatalf("in place, the text of %s is %q", v, got)
			}
		}
	})
}

// Every text comes back from the string it is escaped to.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "a\"b\\c\n\r\t\x00\x1f", "é€𝄞", "\xff\xfe", "\x7f", strings.Repeat("x", 100) +
		"\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got string
		lossy := AppendString(nil, text)
		if err := json.Unmarshal(lossy, &got); err != nil {
			t.Fatalf("%q does not parse: %v", lossy, err)
		}
		if utf8.Valid(text) && got != string(text) {
			t.Fatalf("%q came back as %q", text, got)
		}
		if err := json.Unmarshal(AppendASCIIString(nil, text), &got); err != nil {
			t.Fatal(err)
		}
		field := append(AppendFieldText([]byte{'"'}, text), '"')
		if err := json.Unmarshal(field, &got); err != nil || !utf8.ValidString(got) {
			t.Fatalf("%q does not parse: %v", field, err)
		}
		for _, long := range everywhere(text) {
			if !utf8.Valid(long) {
				continue
			}
			inner := AppendEscaped(make([]byte, 0, 7*len(long)+EscapeRoom), long)
			if back := appendDecoded(nil, inner); !bytes.Equal(back, long) {
				t.Fatalf("%q came back as %q", long, back)
			}
			if size := EscapedLen(long); size != len(inner) {
				t.Fatalf("%q is escaped to %d bytes, want %d", long, size, len(inner))
			}
		}
	})
}

// Whatever the bytes, and wherever in a block they stand, the check agrees with the standard library's.
func FuzzUTF8(f *testing.F) {
	for _, seed := range []string{"", "é€𝄞", "€", "𝄞", "\xff", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\x98"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, padded := range everywhere(text) {
			if got, want := ValidUTF8(padded), utf8.Valid(padded); got != want {
				t.Fatalf("ValidUTF8(%q) = %v, want %v", padded, got, want)
			}
		}
	})
}

// everywhere puts bytes at the start of a long text, across its blocks, at the end of one, and at the end of all.
func everywhere(text []byte) [][]byte {
	pad := bytes.Repeat([]byte{'x'}, 4*blockSize)
	all := [][]byte{text, slices.Concat(text, pad)}
	for _, before := range []int{1, 30, blockSize - 3, blockSize - 2, blockSize - 1, blockSize, blockSize + 33} {
		all = append(all, slices.Concat(pad[:before], text, pad[:100]), slices.Concat(pad[:before], text))
	}
	return append(all, bytes.Repeat(text, 2*blockSize/max(1, len(text))+1))
}

// Long texts take another way than short ones. Both have the same result, however much there is to escape.
func TestLongText(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pieces := []string{`"`, `\`, "\n", "\x00", "\x1f", "a", "plain text of some length without an end", "é", "日本",
		"😀", "/", "u0041"}
	for range 5_000 {
		var text []byte
		length, dense := random.IntN(1000), random.IntN(len(pieces))+1
		for len(text) < length {
			text = append(text, pieces[random.IntN(dense)]...)
		}
		want := appendEscapedRuns(nil, text)
		room := random.IntN(2*len(want) + 1)
		if got := AppendEscaped(make([]byte, 0, room), text); !bytes.Equal(got, want) {
			t.Fatalf("%q with room for %d is escaped to %q, want %q", text, room, got, want)
		}
		whole := slices.Concat([]byte(`["`), want, []byte(`"]`))
		if end, ok := stringEnd(whole, 1); !ok || end != len(whole)-1 {
			t.Fatalf("the string in %q ends at %d, %v", whole, end, ok)
		}
		if text := Value(whole[1 : len(whole)-1]).DecodeInPlace(); !bytes.Equal(appendEscapedRuns(nil, text), want) {
			t.Fatalf("%q is decoded to %q", want, text)
		}
	}
}

func BenchmarkLongText(b *testing.B) {
	for _, text := range []struct{ name, sample string }{
		{"page", "<a href=\"/x\">Grüße &amp; text</a>\n"},
		{"JSON", `{"id":17,"name":"item 17","price":17.99,"available":true},`},
		{"ASCII", "plain text of some length without anything that stands out "},
		{"Russian", "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. "},
		{"Japanese", "吾輩は猫である。名前はまだ無い。"},
		{"emoji", "so 😀 many 🎉 emoji 👍 here "},
	} {
		plain := bytes.Repeat([]byte(text.sample), 1<<16/len(text.sample))
		escaped := append(AppendEscaped([]byte{'"'}, plain), '"')
		out, work := make([]byte, 0, 2*len(escaped)), make([]byte, len(escaped))
		for _, step := range []struct {
			name string
			run  func()
		}{
			{"check UTF-8", func() { ValidUTF8(plain) }},
			{"escape", func() { AppendEscaped(out, plain) }},
			{"find the end", func() { stringEnd(escaped, 0) }},
			{"copy and decode", func() {
				copy(work, escaped)
				Value(work).DecodeInPlace()
			}},
		} {
			b.Run(text.name+"/"+step.name, func(b *testing.B) {
				b.SetBytes(int64(len(plain)))
				b.ReportAllocs()
				for b.Loop() {
					step.run()
				}
			})
		}
	}
}
