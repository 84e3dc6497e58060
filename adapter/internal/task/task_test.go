package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"lambda-web/adapter/internal/failure"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for event, want := range map[string][]string{
		`{"command":["python","manage.py","migrate"]}`:             {"python", "manage.py", "migrate"},
		` { "x" : {"command":["no"]}, "command" : [ "a" , "" ] } `: {"a", ""},
		`{"command":["a"],"command":["b","\u00e9\"\\\n"]}`:         {"b", "é\"\\\n"},
		`{"c\u006fmmand":["a"]}`:                                   {"a"},
	} {
		if got, err := Parse([]byte(event)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", event, got, err)
		}
	}
	for event, want := range map[string]string{
		``:                                      "no JSON object",
		`[]`:                                    "no JSON object",
		`["python"]`:                            "no JSON object",
		`{"command":["a"]`:                      "no JSON object",
		`{}`:                                    "no list",
		`null`:                                  "no JSON object",
		`{"command":null}`:                      "no list",
		`{"command":"python manage.py"}`:        "no list",
		`{"command":{"0":"python"}}`:            "no list",
		`{"command":["a"],"command":"b"}`:       "no list",
		`{"command":[]}`:                        "names no program",
		`{"command":["","a"]}`:                  "names no program",
		`{"command":["a",1]}`:                   "something else than texts",
		`{"command":[["a"]]}`:                   "something else than texts",
		`{"command":["a",null]}`:                "something else than texts",
		`{"command":["a","b\u0000c"]}`:          "a NUL",
		`{"command":["\u0000"]}`:                "a NUL",
		`{"Records":[{"body":"from a queue"}]}`: "no list",
	} {
		_, err := Parse([]byte(event))
		f, ok := errors.AsType[*failure.Failure](err)
		if !ok || f.Type != failure.TaskInvalidCommand || !strings.Contains(f.Message, want) {
			t.Errorf("%s: %v, want %q", event, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, event := range []string{`{"command":["a","b"]}`, `{"command":["\ud800\u0000"]}`, `{"command":[{}]}`, `{`} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		kept := bytes.Clone(event)
		command, err := Parse(event)
		if !bytes.Equal(event, kept) {
			t.Fatal("the event was changed")
		}
		if err != nil {
			return
		}
		if len(command) == 0 || command[0] == "" || strings.Contains(strings.Join(command, ""), "\x00") {
			t.Fatalf("%q gave %q", event, command)
		}
		// The standard library takes names in any case, and differs where text is not valid.
		plain := utf8.Valid(event) && strings.Count(string(event), `"command"`) == 1 &&
			strings.Count(string(event), "ommand") == 1 && !bytes.Contains(event, []byte(`\u`))
		var want struct{ Command []string }
		if plain && json.Unmarshal(event, &want) == nil && !slices.Equal(command, want.Command) {
			t.Fatalf("%q gave %q, want %q", event, command, want.Command)
		}
	})
}

// pieces is a writer that keeps what it got in each call.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

func TestOutputPassesWholeLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", longestLine)
	for name, row := range map[string]struct{ written, want []string }{
		"lines":                {[]string{"a\nb\n", "c\n"}, []string{"a\nb\n", "c\n"}},
		"halves of lines":      {[]string{"a", "b\nc", "d", "\n"}, []string{"ab\n", "cd\n"}},
		"no end":               {[]string{"a\nb"}, []string{"a\n", "b", "\n"}},
		"nothing":              {[]string{""}, nil},
		"an empty line":        {[]string{"\n"}, []string{"\n"}},
		"a long line":          {[]string{"a", long, "b\n"}, []string{"a" + long, "b\n"}},
		"a long one without":   {[]string{long}, []string{long, "\n"}},
		"carriage returns":     {[]string{"10%\r", "20%\r\n"}, []string{"10%\r20%\r\n"}},
		"an end comes by self": {[]string{"a", "\n"}, []string{"a\n"}},
	} {
		var got pieces
		o := output{to: &got}
		for _, piece := range row.written {
			o.write([]byte(piece))
		}
		o.close()
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %.80q, want %.80q", name, got, row.want)
		}
		if whole := strings.Join(row.written, ""); !bytes.HasSuffix([]byte(whole), o.end()) {
			t.Errorf("%s: the end is %.80q", name, o.end())
		}
	}
}

func TestOutputKeepsTheEnd(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, kept - 1, kept, kept + 1, 4 * kept, 4*kept + 1, 50 * kept} {
		for _, character := range []string{"x", "é", "€", "😀"} {
			text := strings.Repeat(character, size)[:size] + "end"
			o := output{to: &pieces{}}
			for rest := text; rest != ""; rest = rest[min(777, len(rest)):] {
				o.write([]byte(rest[:min(777, len(rest))]))
			}
			got := string(o.end())
			if len(got) > kept || len(got) < min(len(text), kept-3) || !strings.HasSuffix(text, got) ||
				len(text) > kept && !utf8.RuneStart(got[0]) {
				t.Errorf("%d bytes of %s: %d bytes, %.20q", size, character, len(got), got)
			}
			if cap(o.tail) > 16*kept {
				t.Errorf("%d bytes need %d", size, cap(o.tail))
			}
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("a line\n", 30)
	for name, row := range map[string]struct{ output, want string }{
		"nothing":             {"", ""},
		"empty lines":         {"\n\r\n\n", ""},
		"one":                 {"a\n", "a"},
		"few":                 {"a\nb\n\nc\n", "a\nb\n\nc"},
		"begins with one":     {"\nb", "\nb"},
		"many":                {many, strings.TrimSuffix(many[:quotedLines*7], "\n")},
		"a long one":          {strings.Repeat("é", quotedBytes), strings.Repeat("é", quotedBytes/2)},
		"a long one, cut":     {strings.Repeat("é", quotedBytes) + "x", strings.Repeat("é", quotedBytes/2-1) + "x"},
		"a long one before":   {strings.Repeat("x", quotedBytes) + "\nb\nc", "b\nc"},
		"bytes that are none": {strings.Repeat("\x80", 2*quotedBytes), ""},
	} {
		if got := string(quote([]byte(row.output))); got != row.want {
			t.Errorf("%s: %d bytes %.60q, want %d %.60q", name, len(got), got, len(row.want), row.want)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		command []string
		want    string
	}{
		{[]string{"python", "manage.py", "migrate"}, "python manage.py migrate"},
		{[]string{strings.Repeat("x", longestName)}, strings.Repeat("x", longestName)},
		{[]string{strings.Repeat("x", longestName-1) + "é"}, strings.Repeat("x", longestName-1) + "..."},
	} {
		if got := Name(row.command); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}
