package cloud

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestChecksHaveTests: the table of the documentation lists 70 checks, and each test it names exists.
func TestChecksHaveTests(t *testing.T) {
	text, err := os.ReadFile("docs/local.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| .+ \| ([RDES?])[^|]* \| [^|]+ \| (.+) \|$`).FindAllStringSubmatch(string(text), -1)
	if len(rows) != 70 {
		t.Fatalf("the table lists %d checks, want 70", len(rows))
	}
	sources := map[string]string{}
	folders := map[string]string{".": "test/cloud", "gateway": "local/gateway", "sandbox": "local/sandbox"}
	for folder := range folders {
		files, err := filepath.Glob(filepath.Join(folders[folder], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources[folder] += string(source)
		}
	}
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) {
			t.Errorf("row %d is about check %s", i+1, row[1])
		}
		tests := regexp.MustCompile("(?:(\\w+) )?`(\\w+)(?:/(Check\\d+))?[^`]*`").FindAllStringSubmatch(row[3], -1)
		if len(tests) == 0 {
			t.Errorf("check %s names no test", row[1])
		}
		for _, test := range tests {
			folder, function, subtest := test[1], test[2], test[3]
			if folder == "" {
				folder = "."
			}
			if !strings.Contains(function+subtest, "Check"+twoDigits(row[1])) {
				t.Errorf("check %s names %s/%s, which is not numbered so", row[1], function, subtest)
			}
			if !strings.Contains(sources[folder], "func "+function) || !strings.Contains(sources[folder], `"`+subtest) {
				t.Errorf("check %s: there is no test %s %s/%s", row[1], folder, function, subtest)
			}
		}
	}
}

func twoDigits(n string) string {
	if len(n) == 1 {
		return "0" + n
	}
	return n
}
