package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseSteps(t *testing.T) {
	for text, want := range map[string][]int{"100": {100}, "10,50,100": {10, 50, 100}, " 1, 99 ,100 ": {1, 99, 100}} {
		if got, err := parseSteps(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q are %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "0,100", "10,10,100", "50,10,100", "10,101", "-1,100", "10;100",
		"ten,100", "100,"} {
		if got, err := parseSteps(text); err == nil {
			t.Errorf("%q are taken for the steps %v", text, got)
		}
	}
}

// FuzzParseSteps: steps that are taken grow from more than 0 to 100.
func FuzzParseSteps(f *testing.F) {
	f.Add("10,50,100")
	f.Add("100,")
	f.Fuzz(func(t *testing.T, text string) {
		steps, err := parseSteps(text)
		if err != nil {
			return
		}
		last := 0
		for _, step := range steps {
			if step <= last {
				t.Errorf("%q are %v", text, steps)
			}
			last = step
		}
		if last != 100 {
			t.Errorf("%q end with %d", text, last)
		}
	})
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		routes  routes
		version string
		want    int
	}{
		{routes{version: "1"}, "1", 100}, {routes{version: "1"}, "2", 0},
		{routes{version: "1", weights: map[string]float64{"2": 0.1}}, "2", 10},
		{routes{version: "1", weights: map[string]float64{"2": 0.1}}, "1", 90},
		{routes{version: "1", weights: map[string]float64{"2": 0.29}}, "2", 29}, // 0.29 * 100 is less than 29
	} {
		if got := c.routes.share(c.version); got != c.want {
			t.Errorf("version %s of %+v has %d %%, want %d", c.version, c.routes, got, c.want)
		}
	}
}

// TestJudge: at a bound is not above it, and what nobody called is no breach.
func TestJudge(t *testing.T) {
	w := watch{errors: 5, latency: 300}
	for _, c := range []struct {
		invocations, failed, throttled, latency float64
		want                                    string
	}{
		{0, 0, 0, 0, ""}, {100, 5, 0, 300, ""}, {100, 6, 0, 0, "6 of its 100 invocations failed"}, {1, 1, 0, 0,
			"1 of its 1 invocations failed"},
		{100, 0, 1, 0, "turned 1 of its invocations away"}, {100, 0, 0, 301, "took longer than 301 ms"},
	} {
		err := w.judge(c.invocations, c.failed, c.throttled, c.latency)
		var is *breachError
		if (c.want != "") != errors.As(err, &is) || !strings.Contains(fmt.Sprint(err), c.want) && c.want != "" {
			t.Errorf("%+v: %v, want %q", c, err, c.want)
		}
	}
}
