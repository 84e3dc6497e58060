package container_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lambda-web/test/docker"
)

// testVariable in the environment makes the tests with real containers run: they may install Docker and
// take minutes ("make test-container").
const testVariable = "LAMBDA_WEB_TEST_CONTAINER"

// baseImage is the one that the sample app's Dockerfile starts from.
const baseImage = docker.Python

// testDaemon is a Docker daemon for the tests.
type testDaemon struct {
	*docker.Daemon
	root string // of the project
}

// useDaemon finds a daemon or starts one; without one the test is skipped with a reason.
func useDaemon(t testing.TB) *testDaemon {
	t.Helper()
	if os.Getenv(testVariable) == "" {
		t.Skip("needs Docker and minutes: start it with make test-container")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST")) // as it was, after the test
	daemon, err := docker.Use(root)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(daemon.Stop)
	return &testDaemon{daemon, root}
}

// provideBase makes sure that the base image is there.
func (d *testDaemon) provideBase(t testing.TB) {
	t.Helper()
	if err := d.Provide(baseImage); err != nil {
		t.Skip(err)
	}
}

// run runs a command and fails the test when the command fails.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	command := exec.Command(name, args...)
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, docker.Last(out),
			docker.Last([]byte(stderr.String())))
	}
	return strings.TrimSpace(string(out))
}
