package conformance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// virtualEnvironment is one of Python, with the packages of a file. It is made once, under .lambda-web.
type virtualEnvironment struct {
	name, requirements string

	once      sync.Once
	path, gap string
}

var (
	servers = virtualEnvironment{name: "venv-conformance", requirements: "testdata/servers/requirements.txt"}
	sites   = virtualEnvironment{name: "venv-prefix", requirements: "testdata/prefix/requirements.txt"}
)

// python returns the folder of commands of the servers' virtual environment.
func python(t testing.TB) string { return servers.commands(t) }

// commands returns the folder of the environment's commands; the test is skipped when it cannot be made.
func (v *virtualEnvironment) commands(t testing.TB) string {
	t.Helper()
	v.once.Do(func() { v.path, v.gap = v.make() })
	if v.gap != "" {
		t.Skip(v.gap)
	}
	return v.path
}

func (v *virtualEnvironment) make() (path, gap string) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err.Error()
	}
	requirements, err := os.ReadFile(v.requirements)
	if err != nil {
		return "", err.Error()
	}
	folder := filepath.Join(root, ".lambda-web", v.name)
	unlock, err := Lock(folder + ".lock")
	if err != nil {
		return "", err.Error()
	}
	defer unlock()
	commands, stamp := filepath.Join(folder, "bin"), filepath.Join(folder, "requirements.installed")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, requirements) {
		return commands, ""
	}
	if output, err := exec.Command("python3", "-m", "venv", "--clear", folder).CombinedOutput(); err != nil {
		return "", fmt.Sprintf("python3 with its venv module is missing: %v %s", err, output)
	}
	if gap := install(commands, "--requirement", v.requirements); gap != "" {
		return "", gap
	}
	if err := os.WriteFile(stamp, requirements, 0o644); err != nil {
		return "", err.Error()
	}
	return commands, ""
}

// install installs Python packages; gap says why it could not.
func install(commands string, what ...string) (gap string) {
	pip := exec.Command(filepath.Join(commands, "pip"), append([]string{"install", "--quiet",
		"--disable-pip-version-check"}, what...)...)
	if output, err := pip.CombinedOutput(); err != nil {
		return fmt.Sprintf("Python packages are missing and the package index gave no answer: %v %s", err, output)
	}
	return ""
}
