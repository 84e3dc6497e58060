package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lambda-web/test/verify/contract"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func isCheck(id string) bool {
	return slices.ContainsFunc(contract.All(), func(c contract.Check) bool { return c.ID == id })
}

// The page lists the checks as they are, and says how many there are.
func TestPage(t *testing.T) {
	page := read(t, "docs/contract.md")
	_, rest, _ := strings.Cut(page, "<!-- checks: begin -->\n")
	table, _, ok := strings.Cut(rest, "\n<!-- checks: end -->")
	if !ok || table != list() {
		t.Error("docs/contract.md does not list the checks as they are: go run ./test/verify -list")
	}
	for _, phase := range contract.Phases {
		if !strings.Contains(page, "| `"+string(phase)+"` |") {
			t.Errorf("docs/contract.md has no row for the phase %s", phase)
		}
	}
	for _, k := range betweenModes {
		if !strings.Contains(page, "| `"+k.check+"` | ") {
			t.Errorf("docs/contract.md does not tell the difference of %s", k.check)
		}
	}
	if count := strconv.Itoa(len(contract.All())) + " checks"; !strings.Contains(read(t, "docs/local.md"), count) {
		t.Errorf("docs/local.md does not say that there are %s", count)
	}
}

// Every row of the documentation says where it was seen, and names checks that there are.
func TestRowsHaveEvidence(t *testing.T) {
	page := read(t, "docs/local.md")
	link := regexp.MustCompile(`\[([^\]]+)\]\(contract\.md#([a-z-]+)\)`)
	row := regexp.MustCompile(`(?m)^\| (\d+) \| .+ \| ([RDES?])(?: \[[^\]]+\]\[([a-z0-9-]+)\])? \| ([^|]+) \| .+ \|$`)
	rows := row.FindAllStringSubmatch(page, -1)
	if len(rows) != 70 {
		t.Fatalf("%d rows have evidence, want 70", len(rows))
	}
	used := map[string]bool{}
	for _, m := range rows {
		number, mark, source, seen := m[1], m[2], m[3], m[4]
		if strings.Contains("RDS", mark) == (source == "") {
			t.Errorf("row %s is %s with the source %q: recordings and pages have one, decisions and measurements none",
				number, mark, source)
		}
		used[source] = true
		for _, l := range link.FindAllStringSubmatch(seen, -1) {
			if group, _, _ := strings.Cut(l[1], "/"); !isCheck(l[1]) || group != l[2] {
				t.Errorf("row %s links %s at %s", number, l[1], l[2])
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\[([a-z0-9-]+)\]: (\S+)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[2], "https://") {
			t.Errorf("the source %s is %s, which is no URL", m[1], m[2])
		}
		if !used[m[1]] {
			t.Errorf("no row has the source %s", m[1])
		}
		delete(used, m[1])
	}
	delete(used, "")
	if len(used) > 0 {
		t.Errorf("rows have sources without a URL: %v", used)
	}
}

// Every assumption names the check that would settle it, or why there is none.
func TestAssumptionsNameChecks(t *testing.T) {
	line := regexp.MustCompile(`(?m)^(?:Check: ([a-z-]+/[a-z0-9-]+)\.|No check: .+\.)$`)
	for _, file := range []string{"local/gateway/assumptions.go", "local/sandbox/assumptions.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		declarations := 0
		for _, d := range parsed.Decls {
			var doc, name string
			switch d := d.(type) {
			case *ast.FuncDecl:
				doc, name = d.Doc.Text(), d.Name.Name
			case *ast.GenDecl:
				if d.Tok == token.IMPORT {
					continue
				}
				doc, name = d.Doc.Text(), d.Specs[0].(*ast.ValueSpec).Names[0].Name
			}
			declarations++
			m := line.FindStringSubmatch(doc)
			if m == nil || m[1] != "" && !isCheck(m[1]) {
				t.Errorf("%s: %s names no check that would settle it, nor why there is none", file, name)
			}
		}
		if declarations < 5 {
			t.Errorf("%s has %d declarations", file, declarations)
		}
	}
}
