package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// adapterBinary is the adapter under test, built once for all tests. Its file name is part of the contract: it is the name under
// which the extension registers.
var adapterBinary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	directory, err := os.MkdirTemp("", "conformance")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	adapterBinary = filepath.Join(directory, "lambda-adapter")
	if err := BuildAdapter(adapterBinary, raceDetector); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
