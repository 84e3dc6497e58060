package engine

import (
	"os"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"

	"lambda-web/test/engine/standin"
	"lambda-web/test/verify/contract"
)

// TestVerifyPhases: what "make verify STACK=scratch" deploys, one phase after the other with a settings file of its
// own, can be deployed so, serves each time, and leaves nothing.
func TestVerifyPhases(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	c := newCommands(t, p, cloud)
	c.run(t, "stack", "init", "scratch")
	c.run(t, "config", "set", "aws:region", "eu-west-1", "--stack", "scratch")
	var own map[string]any
	text, err := os.ReadFile(filepath.Join(p.root, "Pulumi.scratch.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &own)
	}
	if err != nil || own["encryptionsalt"] == nil {
		t.Fatalf("the stack's own file: %v\n%s", err, text)
	}
	file := filepath.Join(t.TempDir(), "settings.yaml")
	for _, phase := range contract.Phases {
		settings, err := phase.File("app", own, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, settings, 0o600); err != nil {
			t.Fatal(err)
		}
		c.run(t, "up", "--config-file", file, "--yes", "--skip-preview", "--stack", "scratch")
		if err := cloud.Serves(); err != nil {
			t.Errorf("phase %s: %v", phase, err)
		}
	}
	c.run(t, "destroy", "--config-file", file, "--yes", "--skip-preview", "--stack", "scratch")
	left(t, cloud)
	for _, dropped := range cloud.Dropped() {
		t.Error(dropped)
	}
	if after, err := os.ReadFile(filepath.Join(p.root, "Pulumi.scratch.yaml")); err != nil ||
		string(after) != string(text) {
		t.Errorf("the stack's own file has changed: %v\n%s", err, after)
	}
}
