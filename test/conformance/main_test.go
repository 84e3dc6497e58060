package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// adapterBinary is the adapter under test, built once for all tests. Its file name is part of the contract: it is the
// name under which the extension registers.
var adapterBinary string

// atOnce is how many tests run at a time. Most of their time they wait for a deadline, a back-off or a keep-alive to
// pass, so this is more than the machine has processors.
const atOnce = 12

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == asCommand {
		if err := runAsCommand(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(atOnce))
	}
	go machine.watch()
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
	if err := build(adapterBinary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build compiles the adapter for this machine, or for the one that is asked for (make test-arm64).
func build(path string) error {
	if architecture := os.Getenv("LAMBDA_WEB_TEST_ARCHITECTURE"); architecture != "" {
		return BuildEmulated(path, architecture, os.Getenv("LAMBDA_WEB_TEST_QEMU"))
	}
	return BuildAdapter(path, raceDetector)
}
