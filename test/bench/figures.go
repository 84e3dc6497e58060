//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
)

// figure is one thing that is measured, with what is aimed at.
type figure struct {
	name, unit string
	digits     int
	// ratio is aimed at against every reference: at most this, or at least this where more is better.
	ratio float64
	// ceiling is aimed at in any case, in the figure's unit.
	ceiling    float64
	moreBetter bool
}

// results are the figures of one case: a value for each adapter and round.
type results struct {
	heading  string
	note     string
	adapters []adapter
	rows     []*row
}

type row struct {
	figure
	values [][]float64 // by adapter, then by round
}

// add notes a value of the adapter with the given index.
func (r *results) add(f figure, adapter int, value float64) {
	for _, known := range r.rows {
		if known.name == f.name {
			known.values[adapter] = append(known.values[adapter], value)
			return
		}
	}
	added := &row{figure: f, values: make([][]float64, len(r.adapters))}
	added.values[adapter] = append(added.values[adapter], value)
	r.rows = append(r.rows, added)
}

// markdown writes the table: the medians of the rounds for each adapter, and the ratio of the first adapter to each
// other one, also the median of the rounds, with the smallest and the largest.
func (r *results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", r.heading)
	if r.note != "" {
		fmt.Fprintf(&b, "%s\n\n", r.note)
	}
	head := []string{"Figure"}
	for _, a := range r.adapters {
		head = append(head, a.name)
	}
	for _, a := range r.adapters[1:] {
		head = append(head, r.adapters[0].name+" / "+a.name)
	}
	lines := [][]string{append(head, "Target")}
	for _, row := range r.rows {
		line := []string{row.label()}
		for i := range r.adapters {
			line = append(line, row.value(i))
		}
		for i := range r.adapters[1:] {
			line = append(line, row.ratioText(i+1))
		}
		lines = append(lines, append(line, row.targetText(r.adapters)))
	}
	writeTable(&b, lines)
	return b.String()
}

func (r *row) label() string { return strings.TrimSuffix(r.name+", "+r.unit, ", ") }

func (r *row) value(adapter int) string {
	if len(r.values[adapter]) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f", r.digits, median(r.values[adapter]))
}

func (r *row) ratioText(other int) string {
	all := ratios(r.values[0], r.values[other])
	if len(all) == 0 {
		return "-"
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, ratio := range all {
		least, most = min(least, ratio), max(most, ratio)
	}
	if least == most {
		return fmt.Sprintf("%.2f", least)
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", median(all), least, most)
}

// targetText says what is aimed at and whether it is reached.
func (r *row) targetText(adapters []adapter) string {
	var goals []string
	reached, known := true, false
	if r.ratio > 0 {
		sign := "<="
		if r.moreBetter {
			sign = ">="
		}
		goals = append(goals, fmt.Sprintf("%s %.2f", sign, r.ratio))
		for i, a := range adapters {
			if all := ratios(r.values[0], r.values[i]); i > 0 && a.reference && len(all) > 0 {
				known = true
				reached = reached && r.reaches(median(all))
			}
		}
	}
	if r.ceiling > 0 && len(r.values[0]) > 0 {
		goals = append(goals, fmt.Sprintf("<= %g %s", r.ceiling, r.unit))
		known = true
		reached = reached && median(r.values[0]) <= r.ceiling
	}
	switch {
	case len(goals) == 0:
		return ""
	case !known:
		return strings.Join(goals, ", ")
	case reached:
		return strings.Join(goals, ", ") + ": yes"
	}
	return strings.Join(goals, ", ") + ": **no**"
}

func (r *row) reaches(ratio float64) bool {
	if r.moreBetter {
		return ratio >= r.ratio
	}
	return ratio <= r.ratio
}

// writeTable writes a Markdown table with aligned columns, to be read in a terminal too.
func writeTable(b *strings.Builder, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			if i == 0 {
				fmt.Fprintf(b, "| %-*s ", widths[i], cell)
			} else {
				fmt.Fprintf(b, "| %*s ", widths[i], cell)
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			rule := strings.Repeat("-", width+1)
			if i == 0 {
				b.WriteString("|" + rule + "-")
			} else {
				b.WriteString("|" + rule + ":")
			}
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n")
}
