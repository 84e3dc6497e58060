package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// BuildAdapter compiles the adapter to path the way it is released, or with the race detector.
func BuildAdapter(path string, race bool) error {
	if race {
		return buildAdapter(path, nil, "-race")
	}
	return buildAdapter(path, []string{"CGO_ENABLED=0"})
}

// BuildEmulated compiles the adapter for another architecture, and makes path a program that runs it under QEMU.
func BuildEmulated(path, architecture, qemu string) error {
	qemu, err := exec.LookPath(qemu) // the adapter's own PATH may be another one
	if err != nil {
		return fmt.Errorf("run the adapter for %s: %w", architecture, err)
	}
	program := path + "." + architecture
	if err := buildAdapter(program, []string{"CGO_ENABLED=0", "GOARCH=" + architecture}); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s -0 %s %s \"$@\"\n", qemu, path, program)
	return os.WriteFile(path, []byte(script), 0o755)
}

func buildAdapter(path string, environment []string, flags ...string) error {
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	build := exec.Command("go", slices.Concat([]string{"build", "-trimpath", "-ldflags", "-s -w -funcalign=16",
		"-o", path}, flags,
		[]string{"./adapter"})...)
	build.Dir = root
	build.Env = append(os.Environ(), environment...)
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
