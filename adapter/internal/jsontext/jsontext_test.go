package jsontext

import (
	"bytes"
	"encoding/json"
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

func TestIncompleteTail(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a": 0, "é": 0, "\xc3": 1, "a\xe2\x82": 2, "\xf0\x9d\x84": 3, "\x82": 0, "\xff": 0, "€": 0, "\xe2": 1,
	} {
		if got := IncompleteTail([]byte(text)); got != want {
			t.Errorf("IncompleteTail(%q) = %d, want %d", text, got, want)
		}
	}
}

// Whatever the bytes, the scanner and encoding/json agree on what is JSON, and on the text of strings.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"\ud834\udd1e",null]}`, `"\ud800x"`, "\"\xff\"", `[[[[{}]]]]`, `{"a":1`, `1e400`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		valid := Valid(data)
		if want := json.Valid(data); valid != want {
			t.Fatalf("Valid(%q) = %v, encoding/json says %v", data, valid, want)
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
			if got := Value(bytes.Clone(v)).DecodeInPlace(); string(got) != want {
				t.Fatalf("in place, the text of %s is %q, want %q", v, got, want)
			}
		}
	})
}

// Every text comes back from the string it is escaped to.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "a\"b\\c\n\r\t\x00\x1f", "é€𝄞", "\xff\xfe", "\x7f", strings.Repeat("x", 100) + "\""} {
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
		if utf8.Valid(text) {
			inner := AppendEscaped(nil, text)
			if back := DecodeText(nil, inner); !bytes.Equal(back, text) {
				t.Fatalf("%q came back as %q", text, back)
			}
		}
	})
}

func BenchmarkEscapeHTML(b *testing.B) {
	page := bytes.Repeat([]byte("<a href=\"/x\">Grüße &amp; text</a>\n"), 30000)
	out := make([]byte, 0, 2*len(page))
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		out = AppendEscaped(out[:0], page)
	}
}
