package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// TestNew: "pulumi new" makes a project of this repository that runs as it is, and asks for what most people set.
func TestNew(t *testing.T) {
	p := newProject(t)
	template := tracked(t)
	c := newCommands(t, p, standin.New(p.root+"/new/infra"))
	said := c.run(t, "new", template, "--yes", "--name", "lambda-web", "--stack", "dev", "--dir", "new",
		"--config", "aws:region=eu-west-1", "--config", "memory=1024")
	says(t, said, "make local")
	made := p.read(t, "new/Pulumi.yaml")
	if strings.Contains(made, "\ntemplate:") || !strings.Contains(made, "name: lambda-web\n") {
		t.Errorf("Pulumi.yaml is\n%.300s", made)
	}
	says(t, p.read(t, "new/Pulumi.dev.yaml"), "aws:region: eu-west-1", "lambda-web:app: app",
		"lambda-web:memory: \"1024\"", "lambda-web:logRetention:")
	if _, err := os.Stat(filepath.Join(p.root, "new", "infra", "webapp", "webapp.go")); err != nil {
		t.Error(err)
	}
	says(t, c.run(t, "preview", "--stack", "dev", "--cwd", "new"), "+ 17 to create")

	// The settings that come along are those of a project lambda-web: under another name nothing would read them.
	c.run(t, "new", template, "--yes", "--name", "shop", "--stack", "dev", "--dir", "shop")
	output, err := c.try("preview", "--stack", "dev", "--cwd", "shop")
	if err == nil {
		t.Errorf("the preview ignores settings:\n%s", output)
	}
	says(t, output, "lambda-web:logRetention: is a setting of a project lambda-web, and the name in Pulumi.yaml is "+
		"shop; call it shop:logRetention")
}

// tracked is a copy of this repository's files, as a clone has them.
func tracked(t *testing.T) string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = repository
	names, err := list.Output()
	if err != nil {
		t.Skipf("what a clone has cannot be told here: %v", err)
	}
	folder := t.TempDir()
	pack := exec.Command("tar", "-c", "--null", "--files-from=-")
	pack.Dir, pack.Stdin = repository, strings.NewReader(string(names))
	unpack := exec.Command("tar", "-x", "-C", folder)
	if unpack.Stdin, err = pack.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := pack.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := pack.Wait(); err != nil {
		t.Fatal(err)
	}
	return folder
}

func (p project) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
