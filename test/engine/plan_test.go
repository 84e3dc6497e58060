package engine

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// TestSavedPlan is what the delivery workflow promises of prod: what was approved is what is done. The plan that the
// preview saved is carried out; where something else would happen by then, nothing does.
func TestSavedPlan(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	c := newCommands(t, p, cloud)
	c.run(t, "stack", "init", "prod")
	c.run(t, "config", "set", "--stack", "prod", "--path", "releaseCommand[0]", "migrate")
	plan, tool := filepath.Join(p.root, "plan.json"), buildTool(t, "plan")
	preview := func() {
		t.Helper()
		c.run(t, "preview", "--stack", "prod", "--save-plan", plan)
		if output, err := exec.Command(tool, plan).CombinedOutput(); err != nil {
			t.Fatalf("plan: %v\n%s", err, output)
		}
	}
	up := func() (string, error) {
		return c.try("up", "--stack", "prod", "--yes", "--skip-preview", "--plan", plan)
	}

	preview()
	if output, err := up(); err != nil {
		t.Fatalf("the first deployment by its plan: %v\n%s", err, output)
	}
	if err := cloud.Serves(); err != nil {
		t.Fatal(err)
	}

	p.put(t, "app/app.py", "app = 2\n")
	preview()
	if output, err := up(); err != nil {
		t.Fatalf("a new app by its plan: %v\n%s", err, output)
	}
	preview()
	if output, err := up(); err != nil {
		t.Fatalf("nothing by its plan: %v\n%s", err, output)
	}
	if invoked := cloud.Invoked(); len(invoked) != 2 {
		t.Errorf("the release command ran on %v, want two images", invoked)
	}

	// A secret that is drawn in the update is unknown in the plan.
	c.run(t, "config", "set", "--stack", "prod", "auth", "NONE") // signed requests and a front exclude each other
	for _, setting := range [][]string{{"front", "cloudfront"}, {"frontSecretRotation", "1"}} {
		c.run(t, "config", "set", "--stack", "prod", setting[0], setting[1])
		preview()
		if output, err := up(); err != nil {
			t.Fatalf("%s by its plan: %v\n%s", setting[0], err, output)
		}
	}

	for _, change := range []struct {
		name   string
		change func()
	}{
		{"a setting", func() { c.run(t, "config", "set", "--stack", "prod", "memory", "2048") }},
		{"the app", func() { p.put(t, "app/app.py", "app = 3\n") }},
		{"the adapter", func() { p.put(t, "tools/adapter", "adapter 2\n") }},
	} {
		preview()
		cloud.Operations()
		change.change()
		output, err := up()
		if err == nil {
			t.Errorf("%s changed after the preview, and the update went through", change.name)
		}
		if !strings.Contains(output, "violates plan") {
			t.Errorf("%s: the output does not say that the plan is violated:\n%s", change.name, output)
		}
		if done := cloud.Operations(); len(done) > 0 {
			t.Errorf("%s changed after the preview, and the update did %v", change.name, done)
		}
	}
}

// buildTool builds a command of deploy/.
func buildTool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	command := exec.Command(goTool, "build", "-o", path, "lambda-web/deploy/"+name)
	command.Dir = repository
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, output)
	}
	return path
}
