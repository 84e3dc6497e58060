package cron

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	const berlin = "Europe/Berlin"
	for _, c := range []struct{ expression, zone, after, want string }{
		{"cron(0 3 * * ? *)", "", "2026-11-29T02:59:59Z", "2026-11-29T03:00:00Z"},
		{"cron(0 3 * * ? *)", "", "2026-11-29T03:00:00Z", "2026-11-30T03:00:00Z"},
		{"cron(0 3 * * ? *)", berlin, "2026-11-29T01:30:00Z", "2026-11-29T02:00:00Z"},
		{"cron(0 3 * * ? *)", berlin, "2026-07-01T00:30:00Z", "2026-07-01T01:00:00Z"},
		{"cron(0/15 * * * ? *)", "", "2026-11-29T10:07:30Z", "2026-11-29T10:15:00Z"},
		{"cron(*/20 8-10 ? * MON-FRI *)", "", "2026-11-27T10:40:00Z",
			"2026-11-30T08:00:00Z"}, // from a Friday to a Monday
		{"cron(30 6 ? * 1 *)", "", "2026-11-28T00:00:00Z", "2026-11-29T06:30:00Z"}, // 1 is Sunday
		{"cron(0 0 1,15 * ? *)", "", "2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"cron(0 0 L * ? *)", "", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"cron(0 0 29 FEB ? *)", "", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"cron(0 0 1 1 ? 2030)", "", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"},
		{"cron(0 0 1 1 ? 2020)", "", "2026-01-01T00:00:00Z", ""},
		{"cron(0 0 31 FEB ? *)", "", "2026-01-01T00:00:00Z", ""},
		{"cron(30 2 * * ? *)", berlin, "2026-03-29T00:00:00Z", "2026-03-30T00:30:00Z"}, // 02:30 is skipped on the 29th
		{"cron(30 2 * * ? *)", berlin, "2026-10-24T12:00:00Z",
			"2026-10-25T00:30:00Z"}, // and there twice in October, run once
		{"rate(5 minutes)", "", "2026-11-29T10:07:30Z", "2026-11-29T10:12:30Z"},
		{"rate(1 day)", "", "2026-11-29T10:07:30Z", "2026-11-30T10:07:30Z"},
	} {
		s, err := Parse(c.expression, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		after, _ := time.Parse(time.RFC3339, c.after)
		got, ok := s.Next(after)
		if shown := got.UTC().Format(time.RFC3339); ok != (c.want != "") || ok && shown != c.want {
			t.Errorf("%s in %q after %s: %s, want %s", c.expression, c.zone, c.after, shown, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"at(2030-01-01T00:00:00)": "neither cron(...) nor rate(...)", "": "neither", "rate(0 minutes)": "not a rate",
		"rate(5 weeks)":   "not a rate",
		"cron(0 3 * * *)": "has 5 fields", "cron(60 3 * * ? *)": `"60" is not from 0 to 59`,
		"cron(0 3 * * * *)": "one of day and weekday is ?",
		"cron(0 3 ? * ? *)": "one of day and weekday is ?", "cron(0 3 5-1 * ? *)": "is no field of 1 to 31",
		"cron(0 3 * XYZ ? *)": `"XYZ" is not from 1 to 12`,
		"cron(0/0 3 * * ? *)": "is not from 1", "cron(, 3 * * ? *)": "is not from 0",
	} {
		if _, err := Parse(text, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"cron(0 3 15W * ? *)", "cron(0 3 ? * 6#3 *)", "cron(0 3 ? * 6L *)"} {
		var unsupported *UnsupportedError
		if _, err := Parse(text, ""); !errors.As(err, &unsupported) {
			t.Errorf("%q: %v, which does not say that AWS knows it", text, err)
		}
	}
	if _, err := Parse("rate(1 day)", "Europe/Nowhere"); err == nil {
		t.Error("a time zone was made up")
	}
}

// FuzzNext: whatever is read is due after the time given, to the minute.
func FuzzNext(f *testing.F) {
	for _, text := range []string{"cron(0 3 * * ? *)", "cron(*/7 1-5,8 ? 2/3 MON-FRI 2026-2030)", "rate(5 minutes)",
		"cron(0 0 L * ? *)"} {
		f.Add(text, int64(1_800_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, at int64) {
		s, err := Parse(text, "Europe/Berlin")
		if err != nil {
			return
		}
		after := time.Unix(at%4_000_000_000, 0)
		if next, ok := s.Next(after); ok && !next.After(after) {
			t.Errorf("%q after %v is %v", text, after, next)
		}
	})
}
