// Package cron says when a schedule of EventBridge Scheduler is due.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
package cron

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is an expression that was read.
type Schedule struct {
	every time.Duration // of rate(...); 0 for cron(...)

	minutes, hours, months, years set
	days                          func(day time.Time) bool
	zone                          *time.Location
}

// set are the values of a field, ascending; nil is every value.
type set []int

func (s set) has(n int) bool { return s == nil || slices.Contains(s, n) }

// UnsupportedError: the expression is one AWS takes and this package does not.
type UnsupportedError struct{ field string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%q in a cron expression is not known on this machine", e.field)
}

var expression = regexp.MustCompile(`^(cron|rate)\((.+)\)$`)

// Parse reads cron(...) or rate(...), and a time zone by its name; an empty one is UTC.
func Parse(text, timezone string) (*Schedule, error) {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is not known on this machine", timezone)
	}
	parts := expression.FindStringSubmatch(text)
	if parts == nil {
		return nil, fmt.Errorf("%q is neither cron(...) nor rate(...)", text)
	}
	if parts[1] == "rate" {
		every, err := rate(parts[2])
		return &Schedule{every: every, zone: zone}, err
	}
	fields := strings.Fields(parts[2])
	if len(fields) != 6 {
		return nil, fmt.Errorf("%q has %d fields, not the six of minutes, hours, day, month, weekday and year", text,
			len(fields))
	}
	s := &Schedule{zone: zone}
	var mistakes [5]error
	s.minutes, mistakes[0] = field(fields[0], 0, 59, nil)
	s.hours, mistakes[1] = field(fields[1], 0, 23, nil)
	s.months, mistakes[2] = field(fields[3], 1, 12, monthNames)
	s.years, mistakes[3] = field(fields[5], 1970, 2199, nil)
	s.days, mistakes[4] = days(fields[2], fields[4])
	return s, errors.Join(mistakes[:]...)
}

func rate(text string) (time.Duration, error) {
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	size := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour,
		"day": 24 * time.Hour}[strings.TrimSuffix(unit, "s")]
	if err != nil || n < 1 || n > 1<<20 || size == 0 {
		return 0, fmt.Errorf("rate(%s) is not a rate such as rate(5 minutes)", text)
	}
	return time.Duration(n) * size, nil
}

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"} // 1 to 7
)

// field reads values, ranges, steps and lists of them.
func field(text string, low, high int, names []string) (set, error) {
	if text == "*" {
		return nil, nil
	}
	var values set
	for part := range strings.SplitSeq(text, ",") {
		span, by, stepped := strings.Cut(part, "/")
		first, last, ranged := strings.Cut(span, "-")
		from, to, step := low, high, 1
		var errs [3]error
		if span != "*" {
			from, errs[0] = value(first, low, high, names)
			switch {
			case ranged:
				to, errs[1] = value(last, low, high, names)
			case !stepped:
				to = from
			}
		}
		if stepped {
			step, errs[2] = value(by, 1, high, nil)
		}
		if err := errors.Join(errs[:]...); err != nil || from > to {
			return nil, errors.Join(err, fmt.Errorf("%q is no field of %d to %d", text, low, high))
		}
		for n := from; n <= to; n += step {
			values = append(values, n)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// value reads one number or name.
func value(text string, low, high int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToUpper(text)); i >= 0 {
		return i + 1, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && strings.ContainsAny(text, "LW#"):
		return 0, &UnsupportedError{text}
	case err != nil || n < low || n > high:
		return 0, fmt.Errorf("%q is not from %d to %d", text, low, high)
	}
	return n, nil
}

// days joins the fields of day and weekday, of which one says ?. L is the month's last day; other letters are not
// known here.
func days(day, weekday string) (func(time.Time) bool, error) {
	switch {
	case (day == "?") == (weekday == "?"):
		return nil, errors.New("one of day and weekday is ?, and the other is not")
	case day == "L":
		return func(t time.Time) bool { return t.AddDate(0, 0, 1).Day() == 1 }, nil
	case weekday == "?":
		wanted, err := field(day, 1, 31, nil)
		return func(t time.Time) bool { return wanted.has(t.Day()) }, err
	}
	wanted, err := field(weekday, 1, 7, dayNames)
	return func(t time.Time) bool { return wanted.has(int(t.Weekday()) + 1) }, err
}

// ahead is how far Next looks: leap days on a given weekday come every 40 years at the latest.
const ahead = 41 * 366

// Next is the first time after another at which the schedule is due; false when there is none. A time that the clocks
// skip is no time of that day.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	if s.every > 0 {
		return after.Add(s.every), true
	}
	start := after.In(s.zone).Truncate(time.Minute).Add(time.Minute)
	year, month, first := start.Date()
	for i := range ahead {
		day := time.Date(year, month, first+i, 12, 0, 0, 0, s.zone)
		if !s.years.has(day.Year()) || !s.months.has(int(day.Month())) || !s.days(day) {
			continue
		}
		for hour := range 24 {
			for minute := range 60 {
				if !s.hours.has(hour) || !s.minutes.has(minute) {
					continue
				}
				due := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, s.zone)
				if earlier := due.Add(-time.Hour); earlier.Hour() == hour && earlier.Minute() == minute {
					due = earlier // a time that the clocks repeat counts once
				}
				if due.Hour() == hour && due.Minute() == minute && !due.Before(start) {
					return due, true
				}
			}
		}
	}
	return time.Time{}, false
}
