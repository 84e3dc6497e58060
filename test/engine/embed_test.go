package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestEmbedElsewhere: a program of another module imports the component as the page in examples/embed says, and the
// adapter can be compiled from there.
func TestEmbedElsewhere(t *testing.T) {
	cli(t)
	folder := t.TempDir()
	for from, to := range map[string]string{"examples/embed/main.go": "main.go", "go.sum": "go.sum"} {
		text, err := os.ReadFile(filepath.Join(repository, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, to), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	module := "module shop\n\ngo 1.26\n\nrequire lambda-web v0.0.0\n\nreplace lambda-web => " + repository + "\n"
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mod", "tidy"}, {"vet", "."}, {"build", "-o", "adapter", "lambda-web/adapter"}} {
		command := exec.Command(goTool, args...)
		command.Dir = folder
		command.Env = append(os.Environ(), "GOFLAGS=-trimpath -buildvcs=false")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}
