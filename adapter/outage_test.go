package main

import (
	"testing"
	"time"
)

func TestOutage(t *testing.T) {
	start := time.Now()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	var o outage
	rows := []struct {
		rule        string
		from, until int // seconds; equal: the app answered
		want        int
	}{
		{"the first", 0, 2, 2},
		{"at the same time", 0, 2, 2},
		{"overlapping", 1, 3, 3},
		{"within", 1, 2, 3},
		{"after a pause, in which the environment was frozen", 100, 102, 5},
		{"the app answered", 103, 103, 0},
		{"begun before that", 101, 104, 2},
		{"and so on", 104, 105, 3},
	}
	for _, row := range rows {
		if row.from == row.until {
			o.over()
			continue
		}
		if got := o.add(at(row.from), at(row.until)); got != time.Duration(row.want)*time.Second {
			t.Errorf("%s: %v, want %d s", row.rule, got, row.want)
		}
	}
}
