package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// gh is GitHub's command line for pull requests that are files: <number> holds "state label", comments/<number> what
// was said there.
const gh = `#!/bin/sh
cd "$(dirname "$0")/github"
case "$1 $2" in
"pr view")
  [ -f "$3" ] || { echo "no pull request $3" >&2; exit 1; }
  read -r state label < "$3"
  [ "$state" != OPEN ] || echo "$label" ;;
*)
  for argument; do
    case $argument in
    repos/*/issues/comments/*) number=${argument##*/}; number=${number#c} ;;
    repos/*/issues/*/comments) number=${argument%/comments}; number=${number##*/} ;;
    PATCH | POST) method=$argument ;;
    body=*) body=${argument#body=} ;;
    esac
  done
  mkdir -p comments
  case ${method:-GET} in
  GET) [ ! -f "comments/$number" ] || echo "c$number" ;;
  *) echo "$method $body" >> "comments/$number" ;;
  esac ;;
esac
`

// TestPullRequestEnvironment goes through the life of the environments of two pull requests as environment.yml does.
func TestPullRequestEnvironment(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	c := newCommands(t, p, cloud)
	p.put(t, "tools/gh", gh)
	if err := os.Chmod(filepath.Join(p.root, "tools/gh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(c.cli, filepath.Join(p.root, "tools/pulumi")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(repository, "deploy/environment/environment.sh")
	do := func(arguments ...string) (string, error) {
		t.Helper()
		// What GitHub checks out has no settings of such a stack.
		os.Remove(filepath.Join(p.root, "Pulumi.pr-12.yaml"))
		return c.execute(script, arguments...)
	}
	must := func(arguments ...string) {
		t.Helper()
		if output, err := do(arguments...); err != nil {
			t.Fatalf("environment.sh %v: %v\n%s", arguments, err, output)
		}
	}
	c.run(t, "stack", "init", "dev")
	c.run(t, "config", "set", "--stack", "dev", "--secret", "--path", "environment.TOKEN", "dev's token")
	p.put(t, "tools/github/12", "OPEN environment\n")
	p.put(t, "tools/github/13", "OPEN environment\n")

	must("up", "12")
	must("up", "13")
	if err := cloud.Serves(); err != nil {
		t.Fatal(err)
	}
	functions := func() (names []string) {
		for _, o := range cloud.Objects("aws:lambda/function:Function") {
			names = append(names, strings.TrimSuffix(o.Name, "-live"))
			if token := o.Text("environment.variables.TOKEN"); token != "dev's token" {
				t.Errorf("%s has the token %q", o.Name, token)
			}
		}
		slices.Sort(names)
		return names
	}
	if got := functions(); !slices.Equal(got, []string{"lambda-web-pr-12", "lambda-web-pr-13"}) {
		t.Fatalf("the functions are %v", got)
	}
	url := cloud.Objects("aws:apigateway/stage:Stage")[0].Text("invokeUrl")
	comments := func() string { return files(t, filepath.Join(p.root, "tools/github/comments"))["12"] }
	says(t, comments(), "POST ", url)

	// Another commit, and a front: the same environment, the same comment, with the URL that has no prefix.
	p.put(t, "app/app.py", "app = 2\n")
	c.run(t, "config", "set", "--stack", "dev", "front", "cloudfront")
	must("up", "12")
	site := cloud.Objects("aws:cloudfront/distribution:Distribution")[0].Text("domainName")
	says(t, comments(), "PATCH ", "https://"+site+"/ ")
	if got := len(functions()); got != 2 {
		t.Errorf("there are %d environments", got)
	}

	// The sweep leaves what is wanted, and takes a closed one. One it cannot judge stays, and it fails.
	must("sweep")
	if got := len(functions()); got != 2 {
		t.Errorf("after a sweep there are %d environments", got)
	}
	p.put(t, "tools/github/12", "CLOSED environment\n")
	os.Remove(filepath.Join(p.root, "tools/github/13"))
	if output, err := do("sweep"); err == nil {
		t.Errorf("the sweep does not fail:\n%s", output)
	}
	if got := functions(); !slices.Equal(got, []string{"lambda-web-pr-13"}) {
		t.Errorf("after a sweep there are %v", got)
	}
	says(t, comments(), "was destroyed")
	p.put(t, "tools/github/13", "OPEN \n") // the label went
	must("sweep")
	left(t, cloud)
	must("down", "13")
	if stacks := c.run(t, "stack", "ls"); strings.Contains(stacks, "pr-") {
		t.Errorf("stacks are left:\n%s", stacks)
	}
	if output, err := do("up"); err == nil {
		t.Errorf("without a number: %s", output)
	}
}

// TestDrift: what `make drift` runs says nothing of an account as it was left, names what was changed in it, and fails.
func TestDrift(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	c := newCommands(t, p, cloud)
	c.run(t, "stack", "init", "dev")
	c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview")
	drift := []string{"refresh", "--stack", "dev", "--preview-only", "--expect-no-changes", "--diff"}
	recipe, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil || !strings.Contains(string(recipe), "\t@pulumi refresh $(ON) "+strings.Join(drift[3:], " ")+
		" --non-interactive\n") {
		t.Errorf("make drift does not run %v (%v)", drift, err)
	}
	c.run(t, drift...)
	before := c.run(t, "stack", "export", "--stack", "dev")
	if err := cloud.Lose("aws:iam/rolePolicy:RolePolicy"); err != nil {
		t.Fatal(err)
	}
	output, err := c.try(drift...)
	if err == nil {
		t.Errorf("the loss of a policy is no difference:\n%s", output)
	}
	says(t, output, "aws:iam/rolePolicy:RolePolicy")
	cloud.Operations()
	if after := c.run(t, "stack", "export", "--stack", "dev"); after != before {
		t.Error("looking for differences changed the state")
	}
}
