package engine

import (
	"slices"
	"testing"

	"lambda-web/deploy/rights"
	"lambda-web/test/engine/standin"
)

// deployerTypes compares what was made with what the deployer's policy is for.
func deployerTypes(t *testing.T, plain bool, clouds ...*standin.Cloud) {
	t.Helper()
	var made []string
	for _, cloud := range clouds {
		for _, o := range cloud.Objects("") {
			made = append(made, o.Type)
		}
	}
	slices.Sort(made)
	made = slices.Compact(made)
	if allowed := rights.Types(plain); !slices.Equal(made, allowed) {
		t.Errorf("the program makes %v\nthe deployer's policy is for %v", made, allowed)
	}
}
