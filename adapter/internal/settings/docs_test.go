package settings

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the settings table into docs/adapter.md")

const (
	docs       = "../../../docs/adapter.md"
	tableBegin = "<!-- settings: begin -->\n"
	tableEnd   = "<!-- settings: end -->\n"
)

// The table in the documentation is the table in the code.
func TestDocumentedTable(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	inside, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", docs)
	}
	want := "\n" + markdown() + "\n"
	if inside == want {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not the one in the code; go test ./adapter/internal/settings -update writes it",
			docs)
	}
	if err := os.WriteFile(docs, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func markdown() string {
	var b strings.Builder
	b.WriteString("| Variable | Older name | Default | Accepted | Meaning |\n|---|---|---|---|---|\n")
	code := func(text string) string {
		if text == "" {
			return "-"
		}
		return "`" + text + "`"
	}
	for _, s := range Table {
		b.WriteString("| `" + s.Name + "` | " + code(s.Older) + " | " + code(s.Default) + " | " + s.Accepts + " | " +
			s.Meaning + " |\n")
	}
	return b.String()
}
