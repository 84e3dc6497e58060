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
	Uses        string            `yaml:"uses"`
	Permissions map[string]string `yaml:"permissions"`
	With        map[string]string `yaml:"with"`
	Concurrency struct {
		Group  string `yaml:"group"`
		Cancel string `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Strategy struct {
		Matrix map[string][]string `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []struct {
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
		for _, never := range []string{"pull_request_target", "workflow_run", "write-all", "${{ github.event.pull_request.title", "${{ github.head_ref"} {
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

// TestOrder: tests, then dev, then the preview of prod, then prod behind its approval.
func TestOrder(t *testing.T) {
	w, _ := load(t, "deploy.yml")
	for name, want := range map[string]job{
		"dev":          {Needs: "test", With: map[string]string{"command": "up", "stack": "dev", "environment": "dev"}},
		"preview-prod": {Needs: "dev", With: map[string]string{"command": "preview", "stack": "prod"}},
		"prod":         {Needs: "preview-prod", With: map[string]string{"command": "up", "stack": "prod", "environment": "prod"}},
	} {
		got := w.Jobs[name]
		if got.Needs != want.Needs {
			t.Errorf("%s needs %q, want %q", name, got.Needs, want.Needs)
		}
		for key, value := range want.With {
			if got.With[key] != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got.With[key], value)
			}
		}
	}
	called, _ := load(t, "pulumi.yml")
	for name, j := range called.Jobs {
		if strings.Contains(j.Concurrency.Group, "github.run_id") || !strings.Contains(j.Concurrency.Group, "inputs.command == 'up' ||") {
			t.Errorf("%s: the concurrency group %s lets two updates of a stack run at once", name, j.Concurrency.Group)
		}
		if !strings.Contains(j.Concurrency.Group, "inputs.stack") || !strings.Contains(j.Concurrency.Cancel, "inputs.command == 'preview'") {
			t.Errorf("%s: concurrency %+v; updates of a stack wait for each other and are never stopped", name, j.Concurrency)
		}
	}
}

// TestNames: the stacks have settings, the runner fits the architecture and the CLI is the tested one.
func TestNames(t *testing.T) {
	preview, _ := load(t, "preview.yml")
	stacks := preview.Jobs["preview"].Strategy.Matrix["stack"]
	if !slices.Equal(stacks, []string{"dev", "prod"}) {
		t.Errorf("previews of %v", stacks)
	}
	deploy, _ := load(t, "deploy.yml")
	for _, stack := range stacks {
		settings, err := os.ReadFile(filepath.Join(root, "Pulumi."+stack+".yaml"))
		if err != nil {
			t.Error(err)
		}
		arm := strings.Contains(string(settings), "architecture: arm64")
		if runner := deploy.Jobs[stack].With["runner"]; strings.HasSuffix(runner, "-arm") != arm {
			t.Errorf("%s is built on %q; for arm64: %t", stack, runner, arm)
		}
	}
	module, err := os.ReadFile(filepath.Join(root, "tools/pulumi/go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	tested := regexp.MustCompile(`pulumi/pkg/v3 v(\S+)`).FindSubmatch(module)
	_, text := load(t, "pulumi.yml")
	if tested == nil || !strings.Contains(text, "pulumi-version: "+string(tested[1])+"\n") {
		t.Errorf("the workflows use another Pulumi CLI than the one tested, %s", tested)
	}
}
