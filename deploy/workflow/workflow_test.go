// Package workflow holds the delivery workflows against what they promise.
package workflow

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

type workflow struct {
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	If          string            `yaml:"if"`
	Needs       string            `yaml:"needs"`
	Environment string            `yaml:"environment"`
	Minutes     string            `yaml:"timeout-minutes"`
	Uses        string            `yaml:"uses"`
	Permissions map[string]string `yaml:"permissions"`
	With        map[string]string `yaml:"with"`
	Concurrency struct {
		Group  string `yaml:"group"`
		Cancel string `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Strategy struct {
		Matrix map[string]any `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []struct {
		If   string            `yaml:"if"`
		Uses string            `yaml:"uses"`
		Run  string            `yaml:"run"`
		With map[string]string `yaml:"with"`
	} `yaml:"steps"`
}

func load(t *testing.T, name string) (workflow, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".github/workflows", name))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w, string(text)
}

// pinned is an action at a commit.
var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)

// TestForks: code from a fork meets no role and no secret.
func TestForks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		w, text := load(t, filepath.Base(file))
		for _, never := range []string{"pull_request_target", "workflow_run", "write-all",
			"${{ github.event.pull_request.title", "${{ github.head_ref"} {
			if strings.Contains(text, never) {
				t.Errorf("%s uses %s", file, never)
			}
		}
		onPullRequests := strings.Contains(text, "\n  pull_request:")
		for name, j := range w.Jobs {
			privileged := strings.Contains(j.Uses, "pulumi.yml") || j.Permissions["id-token"] == "write"
			if onPullRequests && privileged && !strings.Contains(j.If, "head.repo.full_name == github.repository") {
				t.Errorf("%s: job %s runs with a role for pull requests of forks", file, name)
			}
			for _, s := range j.Steps {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s: job %s puts an expression into a command: %s", file, name, s.Run)
				}
				if !strings.HasPrefix(s.Uses, "./") && s.Uses != "" && !pinned.MatchString(s.Uses) {
					t.Errorf("%s: job %s uses %s; a tag may be moved, name the commit", file, name, s.Uses)
				}
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
					t.Errorf("%s: job %s leaves its token in the checkout", file, name)
				}
			}
		}
	}
}

// TestOrder: tests, then dev, then the preview of prod, then the approval, then prod. What is not named here needs no
// environment: each role, token and passphrase belongs to one.
func TestOrder(t *testing.T) {
	w, _ := load(t, "deploy.yml")
	for name, want := range map[string]job{
		"dev": {Needs: "test", With: map[string]string{"command": "up", "stack": "dev", "environment": "dev"}},
		"preview-prod": {Needs: "dev", With: map[string]string{"command": "preview", "stack": "prod",
			"environment": "prod-preview", "plan": "true"}},
		"approve-prod": {Needs: "preview-prod", Environment: "prod-approval"},
		"prod": {Needs: "approve-prod", With: map[string]string{"command": "up", "stack": "prod",
			"environment": "prod", "plan": "true"}},
	} {
		got := w.Jobs[name]
		if got.Needs != want.Needs || got.Environment != want.Environment {
			t.Errorf("%s needs %q in environment %q, want %q in %q", name, got.Needs, got.Environment, want.Needs,
				want.Environment)
		}
		for key, value := range want.With {
			if got.With[key] != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got.With[key], value)
			}
		}
	}
	if previewed, updated := w.Jobs["preview-prod"].With["runner"],
		w.Jobs["prod"].With["runner"]; previewed != updated {
		t.Errorf("prod is previewed on %s and updated on %s", previewed, updated)
	}
}

// TestLocks: two updates of a stack never run at once, none is stopped halfway, and an approval that nobody gives holds
// none of them up.
func TestLocks(t *testing.T) {
	called, _ := load(t, "pulumi.yml")
	for name, j := range called.Jobs {
		if strings.Contains(j.Concurrency.Group, "github.run_id") || !strings.Contains(j.Concurrency.Group,
			"inputs.command == 'up' ||") {
			t.Errorf("%s: the concurrency group %s lets two updates of a stack run at once", name, j.Concurrency.Group)
		}
		if !strings.Contains(j.Concurrency.Group, "inputs.stack") || !strings.Contains(j.Concurrency.Cancel,
			"inputs.command == 'preview'") {
			t.Errorf("%s: concurrency %+v; updates of a stack wait for each other and are never stopped", name,
				j.Concurrency)
		}
		if j.Minutes != "${{ inputs.command == 'up' && 360 || 45 }}" {
			t.Errorf("%s: a limit of %s minutes stops an update", name, j.Minutes)
		}
	}
	deploy, _ := load(t, "deploy.yml")
	if approval := deploy.Jobs["approve-prod"]; approval.Concurrency.Group == "" ||
		approval.Concurrency.Cancel != "true" {
		t.Errorf("an approval nobody gives is not replaced by the next: %+v", approval.Concurrency)
	}
	environments, _ := load(t, "environment.yml")
	for name, j := range environments.Jobs {
		if !strings.Contains(j.Concurrency.Group, "pull_request.number") || j.Concurrency.Cancel != "false" ||
			j.Minutes != "360" {
			t.Errorf("%s: concurrency %+v, %s minutes; updates of an environment wait for each other", name,
				j.Concurrency, j.Minutes)
		}
	}
}

// TestPlanHandedOn: the plan that a preview saved is the one the update is given, without the registry's password.
func TestPlanHandedOn(t *testing.T) {
	w, _ := load(t, "pulumi.yml")
	var done []string
	for _, s := range w.Jobs["pulumi"].Steps {
		switch action, _, _ := strings.Cut(s.Uses, "@"); {
		case action == "actions/download-artifact", action == "actions/upload-artifact":
			done = append(done, action+" "+s.With["name"]+" if "+s.If)
		case action == "pulumi/actions":
			done = append(done, "pulumi "+s.With["plan"])
		case strings.Contains(s.Run, "deploy/plan"):
			done = append(done, s.Run+" if "+s.If)
		}
	}
	want := []string{
		"actions/download-artifact plan-${{ inputs.stack }} if inputs.plan && inputs.command == 'up'",
		"pulumi ${{ inputs.plan && format('{0}/plan/plan.json', github.workspace) || '' }}",
		"go run ./deploy/plan plan/plan.json if inputs.plan && inputs.command == 'preview'",
		"actions/upload-artifact plan-${{ inputs.stack }} if inputs.plan && inputs.command == 'preview'",
	}
	if !slices.Equal(done, want) {
		t.Errorf("the steps are\n%s\nwant\n%s", strings.Join(done, "\n"), strings.Join(want, "\n"))
	}
}

// TestPullRequests: what runs for one has an environment of its own, which holds nothing of prod unless somebody says
// so.
func TestPullRequests(t *testing.T) {
	preview, _ := load(t, "preview.yml")
	j := preview.Jobs["preview"]
	if j.With["environment"] != "preview" || j.With["command"] != "preview" {
		t.Errorf("pull requests run %v", j.With)
	}
	if stacks := j.Strategy.Matrix["stack"]; stacks != `${{ fromJSON(vars.PREVIEW_STACKS || '["dev"]') }}` {
		t.Errorf("pull requests preview %v", stacks)
	}
	environment, _ := load(t, "environment.yml")
	if name := environment.Jobs["environment"].Environment; name != "review" {
		t.Errorf("environments of pull requests are made in %q", name)
	}
}

// TestNames: the stacks have settings, the runner fits the architecture, the CLI is the tested one and the Go toolchain
// the one of go.mod.
func TestNames(t *testing.T) {
	deploy, _ := load(t, "deploy.yml")
	drift, _ := load(t, "drift.yml")
	for _, stack := range []string{"dev", "prod"} {
		settings, err := os.ReadFile(filepath.Join(root, "Pulumi."+stack+".yaml"))
		if err != nil {
			t.Error(err)
		}
		arm := strings.Contains(string(settings), "architecture: arm64")
		if runner := deploy.Jobs[stack].With["runner"]; strings.HasSuffix(runner, "-arm") != arm {
			t.Errorf("%s is built on %q; for arm64: %t", stack, runner, arm)
		}
		if stacks, _ := drift.Jobs["drift"].Strategy.Matrix["stack"].([]any); !slices.Contains(stacks, any(stack)) {
			t.Errorf("nobody looks for drift of %s", stack)
		}
		if environment := drift.Jobs["drift"].Environment; environment != "drift-${{ matrix.stack }}" {
			t.Errorf("drift of %s is looked for in %s, with another stack's passphrase", stack, environment)
		}
	}
	cli := version(t, "tools/pulumi/go.mod", `pulumi/pkg/v3 v(\S+)`)
	toolchain := version(t, "go.mod", `(?m)^toolchain go(\S+)$`)
	for _, name := range []string{"pulumi.yml", "drift.yml", "environment.yml"} {
		_, text := load(t, name)
		if !strings.Contains(text, "pulumi-version: "+cli+"\n") {
			t.Errorf("%s uses another Pulumi CLI than the one tested, %s", name, cli)
		}
		if !regexp.MustCompile(`go-version: ` + regexp.QuoteMeta(toolchain) + `\s`).MatchString(text) {
			t.Errorf("%s uses another Go toolchain than go.mod, %s", name, toolchain)
		}
	}
}

// version is what the expression finds in a file.
func version(t *testing.T, file, expression string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(expression).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s says nothing of %s", file, expression)
	}
	return string(found[1])
}
