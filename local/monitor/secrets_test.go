package monitor

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsOfThisMachine: the values come from the stack's own file; what is missing is named with the file it
// belongs to.
func TestSecretsOfThisMachine(t *testing.T) {
	p := Program{Root: t.TempDir(), Stack: "dev"}
	function := func(references string) *Resource {
		return &Resource{Inputs: map[string]any{"environment": map[string]any{"variables": map[string]any{"A": "1",
			"LAMBDA_WEB_SECRETS": references}}}}
	}
	const both = `{"DB":"shop/db#password","KEY":"/shop/key"}`
	if got, err := p.variables(function("")); err != nil || got["A"] != "1" {
		t.Errorf("without secrets: %v, %v", got, err)
	}
	_, err := p.variables(function(both))
	if want := "write a line DB=... and a line KEY=... into secrets.dev.env"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("without a file: %v, want %q", err, want)
	}
	file := filepath.Join(p.Root, "secrets.dev.env")
	if err := os.WriteFile(file, []byte("DB=correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.variables(function(both)); err == nil || !strings.Contains(err.Error(), "a line KEY=... into") ||
		strings.Contains(err.Error(), "horse") {
		t.Errorf("with half of them: %v", err)
	}
	if err := os.WriteFile(file, []byte("DB=correct horse\nKEY=k\nOTHER=o\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := p.variables(function(both))
	if want := map[string]string{"A": "1", "DB": "correct horse", "KEY": "k"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := (Program{Root: p.Root, Stack: "prod"}).variables(function(both)); err == nil ||
		!strings.Contains(err.Error(), "secrets.prod.env") {
		t.Errorf("another stack's secrets were taken: %v", err)
	}
}

func TestReadEnvFile(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                                 {},
		"# nothing\n\n  \n":                {},
		"A=1\nB = 2 \r\nexport C=3":        {"A": "1", "B": "2", "C": "3"},
		"A=a=b # no comment\nB=":           {"A": "a=b # no comment", "B": ""},
		`A="line 1\nline 2"` + "\nB='\\n'": {"A": "line 1\nline 2", "B": `\n`},
		`A='`:                              {"A": "'"},
	} {
		if got, err := readEnvFile(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"A":                  "line 1 is not NAME=value",
		"A=1\n=hidden":       "line 2 is not NAME=value",
		`A="hidden`:          "the value of A does not end with its quote",
		`A="hidden\q"`:       "an escape that is none",
		"A=hidden\x00hidden": "a zero byte",
	} {
		if _, err := readEnvFile(text); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: %v, want %q and nothing of the value", text, err, want)
		}
	}
}

func FuzzReadEnvFile(f *testing.F) {
	f.Add("A=1\n# b\nC=\"x\\n\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := readEnvFile(text)
		for name, value := range values {
			if err != nil || name == "" || strings.ContainsAny(name, "=\n") || strings.ContainsRune(value, 0) {
				t.Errorf("%q is %q, %v", text, values, err)
			}
		}
	})
}
