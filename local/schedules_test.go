package main

import (
	"slices"
	"testing"
	"time"

	"lambda-web/local/monitor"
)

// TestTimetable: each schedule is due once at each of its times; one that is changed starts anew, and one that is
// gone is forgotten.
func TestTimetable(t *testing.T) {
	nightly := monitor.Schedule{Name: "nightly", Expression: "cron(0 3 * * ? *)"}
	often := monitor.Schedule{Name: "often", Expression: "rate(1 minute)"}
	oftener := monitor.Schedule{Name: "often", Expression: "cron(* * * * ? *)"}
	broken := monitor.Schedule{Name: "broken", Expression: "cron(0 3 15W * ? *)"}
	table := timetable{}
	for i, c := range []struct {
		at   string
		list []monitor.Schedule
		due  []string
		wait time.Duration
	}{
		{"02:58:58", []monitor.Schedule{nightly, often, broken}, nil, look},
		{"02:59:56", []monitor.Schedule{nightly, often}, nil, 2 * time.Second},
		{"02:59:58", []monitor.Schedule{nightly, often}, []string{"often"}, 2 * time.Second},
		{"03:00:00", []monitor.Schedule{nightly, often}, []string{"nightly"}, look},
		{"03:00:01", []monitor.Schedule{nightly, often}, nil, look},
		{"03:00:57", []monitor.Schedule{nightly, oftener}, nil, 3 * time.Second},
		{"03:01:00", []monitor.Schedule{oftener}, []string{"often"}, look},
		{"03:02:00", nil, nil, look},
	} {
		now, err := time.Parse("2006-01-02 15:04:05", "2026-11-29 "+c.at)
		if err != nil {
			t.Fatal(err)
		}
		due, wait := table.due(now, c.list)
		if !slices.Equal(due, c.due) || wait != c.wait {
			t.Errorf("%d: at %s %v are due and nothing for %s, want %v and %s", i, c.at, due, wait, c.due, c.wait)
		}
	}
	if len(table) > 0 {
		t.Errorf("schedules that are gone are remembered: %v", table)
	}
}
