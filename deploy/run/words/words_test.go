package words

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"python manage.py migrate":      {"python", "manage.py", "migrate"},
		"  a\t b\nc  ":                  {"a", "b", "c"},
		`echo 'a b' "c d" e\ f`:         {"echo", "a b", "c d", "e f"},
		`echo '' ""`:                    {"echo", "", ""},
		`sh -c 'cd /tmp && ls | wc -l'`: {"sh", "-c", "cd /tmp && ls | wc -l"},
		`a "x\"y\\z\$HOME\n"`:           {"a", `x"y\z$HOME\n`},
		`a 'x\y'`:                       {"a", `x\y`},
		`a b'c'"d"e`:                    {"a", "bcde"},
		`a *.py ~ {x,y} #no #comment`:   {"a", "*.py", "~", "{x,y}", "#no", "#comment"},
		"a \"x\\\ny\"":                  {"a", "xy"},
		"ü 'ß'":                         {"ü", "ß"},
	} {
		if got, err := Split(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "there is no command", " \n": "there is no command", "'' a": "there is no command",
		"a 'b": "a ' without its end", `a "b\"`: `a " without its end`, `a \`: `ends with a \`,
		"a | b": "its | would be", "a && b": "its & would be", "a > b": "its > would be", "a $B": "its $ would be",
		"a `b`": "its ` would be", "a; b": "its ; would be", "(a)": "its ( would be",
	} {
		if got, err := Split(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

// FuzzSplit: quoted for a shell, words come out as they were; and what is taken is what a shell would take.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{"a b", `'a b' "c\"d" e\ f`, "a\\\nb", "a '", "| x", "a \x00", "a #b", "~ *"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := Split(text)
		if err != nil {
			return
		}
		var quoted []string
		for _, word := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
		}
		if again, err := Split(strings.Join(quoted, " ")); err != nil || !slices.Equal(again, words) {
			t.Errorf("%q are %q, and quoted %q, %v", text, words, again, err)
		}
	})
}

// TestSplitAsAShell compares with the shell of this machine what both take.
func TestSplitAsAShell(t *testing.T) {
	for _, text := range []string{`a 'b c' "d e" f\ g`, `a "\\ \" \a \$ x"`, `a ''"" 'x'y"z"`, `a \'b\"`,
		`a 'b"c' "d'e"`, "a b\\\nc \\\n d"} {
		output, err := exec.Command("sh", "-c", `printf '%s\n' `+text).Output()
		if err != nil {
			t.Fatal(err)
		}
		words, err := Split(text)
		if got := strings.Join(words, "\n") + "\n"; err != nil || got != string(output) {
			t.Errorf("%s: %q, %v; a shell has %q", text, got, err, output)
		}
	}
}
