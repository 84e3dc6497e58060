package webapp

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each variable the adapter reads is in the list.
func TestAdapterVariables(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(repositoryRoot, "adapter", "internal", "settings", "*.go"))
	must(t, err)
	found := 0
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		text, err := os.ReadFile(source)
		must(t, err)
		for _, m := range regexp.MustCompile(`"(AWS_LWA_[A-Z_]*[A-Z])"`).FindAllStringSubmatch(string(text), -1) {
			if found++; !slices.Contains(adapterVariables, m[1]) {
				t.Errorf("%s reads %s, which is not in adapterVariables", source, m[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d variables were found in %v", found, sources)
	}
	if !slices.IsSorted(adapterVariables) {
		t.Error("adapterVariables are not in order")
	}
}
