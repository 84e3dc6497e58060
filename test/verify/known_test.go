package main

import (
	"slices"
	"testing"

	"lambda-web/test/verify/contract"
)

// Each known difference is of a check that there is, and has its reason.
func TestKnown(t *testing.T) {
	for _, k := range slices.Concat(betweenModes, betweenClouds) {
		if k.why == "" || !slices.ContainsFunc(contract.All(), func(c contract.Check) bool { return c.ID == k.check }) {
			t.Errorf("%+v", k)
		}
	}
}
