//go:build linux

package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestQuantileIsTheNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	tests := []struct {
		sorted []float64
		q      float64
		want   float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{7}, 0.99, 7},
		{[]float64{1, 2}, 0.5, 1},
		{[]float64{1, 2, 3}, 0.5, 2},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	}
	for _, test := range tests {
		if got := quantile(test.sorted, test.q); got != test.want {
			t.Errorf("quantile of %d values at %v is %v, not %v", len(test.sorted), test.q, got, test.want)
		}
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing is %v", got)
	}
}

func TestMedianLeavesTheOrderAlone(t *testing.T) {
	values := []float64{9, 1, 5, 3}
	if got := median(values); got != 4 {
		t.Errorf("median of %v is %v, not 4", values, got)
	}
	if !slices.Equal(values, []float64{9, 1, 5, 3}) {
		t.Errorf("median has sorted its argument: %v", values)
	}
	if got := median([]float64{2, 8, 4}); got != 4 {
		t.Errorf("median of three is %v, not 4", got)
	}
}

func TestMeanAndMicroseconds(t *testing.T) {
	values := microseconds([]time.Duration{3 * time.Microsecond, 1500 * time.Nanosecond})
	if !slices.Equal(values, []float64{1.5, 3}) {
		t.Errorf("microseconds: %v", values)
	}
	if got := mean(values); got != 2.25 {
		t.Errorf("mean is %v", got)
	}
}

func TestRatiosCompareTheSameRound(t *testing.T) {
	// The second round was disturbed for both; the ratio is as in the others.
	got := ratios([]float64{1, 10, 3}, []float64{2, 20, 6, 8})
	if !slices.Equal(got, []float64{0.5, 0.5, 0.5}) {
		t.Errorf("ratios: %v", got)
	}
	if got := ratios([]float64{1}, []float64{0}); len(got) != 0 {
		t.Errorf("a ratio to nothing: %v", got)
	}
}
