//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	adapters := []adapter{{name: "ours"}, {name: "old", reference: true}, {name: "new", reference: true},
		{name: "naive"}}
	tests := []struct {
		name   string
		figure figure
		values [][]float64
		want   string
	}{
		{"less is better, reached", figure{ratio: 0.6}, [][]float64{{3}, {6}, {5}, {1}}, "<= 0.60: yes"},
		{"every reference counts", figure{ratio: 0.6}, [][]float64{{4}, {8}, {5}, {9}}, "<= 0.60: **no**"},
		{"more is better, reached", figure{ratio: 1.5, moreBetter: true}, [][]float64{{3}, {2}, {1}, {9}},
			">= 1.50: yes"},
		{"more is better, missed", figure{ratio: 1.5, moreBetter: true}, [][]float64{{3}, {2.1}, {1}, {9}},
			">= 1.50: **no**"},
		{"no reference, nothing to say", figure{ratio: 0.6}, [][]float64{{3}, nil, nil, {1}}, "<= 0.60"},
		{"a ceiling needs no reference", figure{unit: "ms", ratio: 0.6, ceiling: 2}, [][]float64{{3}, nil, nil, {1}},
			"<= 0.60, <= 2 ms: **no**"},
		{"the median of the rounds counts", figure{unit: "ms", ceiling: 2}, [][]float64{{1, 9, 2}, nil, nil, nil},
			"<= 2 ms: yes"},
		{"no target", figure{}, [][]float64{{1}, {1}, {1}, {1}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := row{figure: test.figure, values: test.values}
			if got := r.targetText(adapters); got != test.want {
				t.Errorf("%q, not %q", got, test.want)
			}
		})
	}
}

func TestMarkdownHasACellForEachAdapterAndRatio(t *testing.T) {
	r := &results{heading: "Small", adapters: []adapter{{name: "a"}, {name: "b"}}}
	for round := range 3 {
		r.add(figure{name: "latency", unit: "us"}, 0, float64(round+1))
		r.add(figure{name: "latency", unit: "us"}, 1, float64(2*(round+1)))
	}
	r.add(figure{name: "count"}, 0, 7)
	want := "### Small\n\n" +
		"| Figure      | a | b | a / b | Target |\n" +
		"|-------------|--:|--:|------:|-------:|\n" +
		"| latency, us | 2 | 4 |  0.50 |        |\n" +
		"| count       | 7 | - |     - |        |\n\n"
	if got := r.markdown(); got != want {
		t.Errorf("\n%s\nnot\n%s", got, want)
	}
	if strings.Count(r.markdown(), "\n") != strings.Count(want, "\n") {
		t.Error("the table changes when it is written again")
	}
}
