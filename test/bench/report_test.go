//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestReportReplacesWhatIsBetweenTheMarks(t *testing.T) {
	const marks = reportBegin + "\n" + reportEnd
	for _, row := range []struct{ rule, file, want string }{
		{"a new file", "", "NEW\n"},
		{"a file without marks", "old\n", "NEW\n"},
		{"marks with nothing between", "a\n" + marks + "\nz\n", "a\n" + reportBegin + "\n\nNEW\n" + reportEnd +
			"\nz\n"},
		{"marks around an old report", "a\n" + reportBegin + "\nold\n\n" + reportEnd + "\nz", "a\n" + reportBegin +
			"\n\nNEW\n" + reportEnd + "\nz"},
		{"an end without a begin", reportEnd + "\nold", "NEW\n"},
	} {
		if got := string(within([]byte(row.file), "NEW\n")); got != row.want {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
	}
}

func TestSummaryHasTheFiguresWithATarget(t *testing.T) {
	r := &results{heading: "Case", adapters: []adapter{{name: "ours"}, {name: "reference 1", reference: true},
		{name: "naive"}}}
	for i := range r.adapters {
		r.add(figure{name: "p50", unit: "us", ratio: 0.6}, i, float64(10*(i+1)))
		r.add(figure{name: "p99", unit: "us"}, i, 1)
	}
	text := summary([]*results{r})
	for _, want := range []string{"/ reference 1", "p50, us", "0.50", "<= 0.60: yes"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for _, other := range []string{"p99", "naive"} {
		if strings.Contains(text, other) {
			t.Errorf("%q has no target and stands in\n%s", other, text)
		}
	}
}
