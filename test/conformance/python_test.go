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

var (
	pythonOnce sync.Once
	pythonPath string
	pythonGap  string
)

// python returns the folder of commands of a virtual environment with the packages of testdata/servers/requirements.txt. It is made
// once, under .lambda-web; the test is skipped when it cannot be.
func python(t testing.TB) string {
	t.Helper()
	pythonOnce.Do(func() { pythonPath, pythonGap = makePython() })
	if pythonGap != "" {
		t.Skip(pythonGap)
	}
	return pythonPath
}

func makePython() (path, gap string) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err.Error()
	}
	requirements, err := os.ReadFile("testdata/servers/requirements.txt")
	if err != nil {
		return "", err.Error()
	}
	folder := filepath.Join(root, ".lambda-web", "venv-conformance")
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
	install := exec.Command(filepath.Join(commands, "pip"), "install", "--quiet", "--disable-pip-version-check", "--requirement", "testdata/servers/requirements.txt")
	if output, err := install.CombinedOutput(); err != nil {
		return "", fmt.Sprintf("gunicorn and uvicorn are missing and the package index gave no answer: %v %s", err, output)
	}
	if err := os.WriteFile(stamp, requirements, 0o644); err != nil {
		return "", err.Error()
	}
	return commands, ""
}
