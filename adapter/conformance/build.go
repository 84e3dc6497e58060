package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildAdapter compiles the adapter to path the way it is released, or with the race detector.
func BuildAdapter(path string, race bool) error {
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	arguments := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}
	if race {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./adapter")...)
	build.Dir = root
	build.Env = os.Environ()
	if !race {
		build.Env = append(build.Env, "CGO_ENABLED=0")
	}
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the adapter: %w\n%s", err, output)
	}
	return nil
}

// ModuleRoot is the nearest folder upwards that holds go.mod.
func ModuleRoot() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("find the module: no go.mod in this folder or above")
		}
		directory = parent
	}
}
