//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// The lines between which a report stands in a file that says more.
const (
	reportBegin = "<!-- bench -->"
	reportEnd   = "<!-- /bench -->"
)

// writeReport writes what was measured, and under which conditions.
func writeReport(path, conditions string, all []*results) error {
	var report strings.Builder
	fmt.Fprintf(&report, "%s\n\n### Targets\n\n%s", conditions, summary(all))
	for _, r := range all {
		report.WriteString(r.markdown())
	}
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read the file of -out: %w", err)
	}
	return os.WriteFile(path, within(before, report.String()), 0o644)
}

// within puts a report into a file: between the marks if it has them, else in the place of everything.
func within(file []byte, report string) []byte {
	head, rest, begins := bytes.Cut(file, []byte(reportBegin+"\n"))
	_, tail, ends := bytes.Cut(rest, []byte(reportEnd))
	if !begins || !ends {
		return []byte(report)
	}
	return fmt.Appendf(nil, "%s%s\n\n%s%s%s", head, reportBegin, report, reportEnd, tail)
}

// summary is a table of the figures that something is aimed at.
func summary(all []*results) string {
	if len(all) == 0 {
		return ""
	}
	adapters := all[0].adapters
	head := []string{"Case", "Figure", adapters[0].name}
	for _, a := range adapters[1:] {
		if a.reference {
			head = append(head, "/ "+a.name)
		}
	}
	lines := [][]string{append(head, "Target")}
	for _, r := range all {
		for _, row := range r.rows {
			if row.ratio == 0 && row.ceiling == 0 {
				continue
			}
			line := []string{r.heading, row.label(), row.value(0)}
			for i, a := range adapters {
				if a.reference {
					line = append(line, row.ratioText(i))
				}
			}
			lines = append(lines, append(line, row.targetText(adapters)))
		}
	}
	var b strings.Builder
	writeTable(&b, lines)
	return b.String()
}

// machine says on what the bench runs.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(text), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		if name := strings.TrimLeft(line, "\t: "); name != "" {
			model += " (" + name + ")"
		}
	}
	kernel := "an unknown kernel"
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		kernel = "Linux " + unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("%d cores, %s, %s, %s", runtime.NumCPU(), model, kernel, runtime.Version())
}

// load is how many tasks wanted to run, on average over the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	minute, _, _ := strings.Cut(string(text), " ")
	return minute
}
