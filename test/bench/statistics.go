//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// quantile is the value below which the part q of the values lies, by the nearest rank. The values must be sorted.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// median does not change the order of the values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// microseconds are durations as sorted numbers.
func microseconds(durations []time.Duration) []float64 {
	values := make([]float64, len(durations))
	for i, d := range durations {
		values[i] = float64(d.Nanoseconds()) / 1e3
	}
	slices.Sort(values)
	return values
}

// ratios divides round by round, so that what disturbs a whole round does not count. Both must have the same rounds.
func ratios(over, under []float64) []float64 {
	var r []float64
	for i := range min(len(over), len(under)) {
		if under[i] != 0 {
			r = append(r, over[i]/under[i])
		}
	}
	return r
}
