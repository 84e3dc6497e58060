package engine

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"lambda-web/test/engine/standin"
)

// commands are Pulumi commands in the project, as people type them, with the program as it is built.
type commands struct {
	project
	cli string
	env []string
}

func newCommands(t *testing.T, p project, cloud *standin.Cloud) commands {
	t.Helper()
	c := commands{project: p, cli: cli(t)}
	debugProviders, stop, err := cloud.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	debugLanguages, end, err := standin.ServeLanguage(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	c.env = append(os.Environ(), "PULUMI_DEBUG_LANGUAGES="+debugLanguages)
	for name, value := range p.environment(debugProviders) {
		c.env = append(c.env, name+"="+value)
	}
	p.put(t, "state/.keep", "")
	return c
}

// try runs a command and returns what it prints.
func (c commands) try(args ...string) (string, error) {
	return c.execute(c.cli, append(args, "--non-interactive")...)
}

// execute runs any program where the project is.
func (c commands) execute(program string, args ...string) (string, error) {
	command := exec.Command(program, args...)
	command.Dir = c.root
	command.Env = c.env
	output, err := command.CombinedOutput()
	return string(output), err
}

func (c commands) run(t *testing.T, args ...string) string {
	t.Helper()
	output, err := c.try(args...)
	if err != nil {
		t.Fatalf("pulumi %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return output
}

// TestCommands goes through a web app's life as the guide tells it.
func TestCommands(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	c := newCommands(t, p, cloud)

	c.run(t, "stack", "init", "dev")
	preview := c.run(t, "preview", "--stack", "dev")
	says(t, preview, "+ 17 to create", "aws:apigateway:RestApi", "lambda-web-dev")
	if strings.Contains(preview, "warning") {
		t.Errorf("the preview warns:\n%s", preview)
	}
	says(t, c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview"), "created", "url")
	if err := cloud.Serves(); err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(c.run(t, "stack", "output", "url", "--stack", "dev"))
	if want := cloud.Objects("aws:apigateway/stage:Stage")[0].Text("invokeUrl"); url != want {
		t.Errorf("the output url is %q, want %q", url, want)
	}
	var outputs map[string]any
	if err := json.Unmarshal([]byte(c.run(t, "stack", "output", "--json", "--stack", "dev")), &outputs); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"aliasArn", "apiId", "architecture", "curl", "functionArn", "functionName", "imageDigest",
		"logGroup", "port", "region", "repositoryUrl", "stage", "url", "version"}
	if got := slices.Sorted(maps.Keys(outputs)); !slices.Equal(got, wanted) {
		t.Errorf("the outputs are %v, want %v", got, wanted)
	}
	c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes")
	p.put(t, "app/app.py", "app = 2\n")
	says(t, c.run(t, "preview", "--stack", "dev", "--diff"), "~ 3 to update")
	c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview")
	c.run(t, "refresh", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes")
	c.run(t, "destroy", "--stack", "dev", "--yes", "--skip-preview")
	left(t, cloud)
	for _, dropped := range cloud.Dropped() {
		t.Error(dropped)
	}

	// A setting with a typing mistake.
	c.run(t, "config", "set", "memry", "1024", "--stack", "dev")
	output, err := c.try("preview", "--stack", "dev")
	if err == nil {
		t.Fatal("the preview succeeded")
	}
	says(t, output, "memry", "did you mean memory?")
}

func says(t *testing.T, output string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(output, want) {
			t.Errorf("the output does not say %q:\n%s", want, output)
		}
	}
}

// TestTwoStacks: two environments, with the settings this project ships for them, come up at the same time in one
// account, and one goes without the other noticing.
func TestTwoStacks(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	names := []string{"dev", "prod"}
	run := map[string]commands{}
	for _, name := range names {
		run[name] = newCommands(t, p, cloud)
		run[name].run(t, "stack", "init", name)
	}
	both := func(args ...string) {
		t.Helper()
		var done sync.WaitGroup
		for _, name := range names {
			done.Go(func() {
				if output, err := run[name].try(append(args, "--stack", name, "--yes",
					"--skip-preview")...); err != nil {
					t.Errorf("pulumi %s of %s: %v\n%s", args[0], name, err, output)
				}
			})
		}
		done.Wait()
	}
	both("up")
	if err := cloud.Serves(); err != nil {
		t.Fatal(err)
	}
	both("up", "--expect-no-changes")
	seen := map[string]string{}
	for _, o := range cloud.Objects("") {
		if other, ok := seen[o.Type+o.ID]; ok {
			t.Errorf("%s and %s are one %s", other, o.Name, o.Type)
		}
		seen[o.Type+o.ID] = o.Name
	}
	cloud.Operations()
	run["dev"].run(t, "destroy", "--stack", "dev", "--yes", "--skip-preview")
	for _, o := range cloud.Operations() {
		if !strings.Contains(o.Name, "lambda-web-dev") {
			t.Errorf("destroying dev: %s", o)
		}
	}
	if err := cloud.Serves(); err != nil || len(cloud.Objects("aws:apigateway/stage:Stage")) != 1 {
		t.Errorf("prod after dev is gone: %v", err)
	}
	run["prod"].run(t, "destroy", "--stack", "prod", "--yes", "--skip-preview")
	left(t, cloud)
}

// TestSecrets: a secret of the configuration reaches the function and nothing else that anybody reads.
func TestSecrets(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	c := newCommands(t, p, cloud)
	c.run(t, "stack", "init", "dev")
	c.run(t, "config", "set", "--stack", "dev", "--secret", "--path", "environment.TOKEN", secret)
	texts := map[string]string{
		"the preview":           c.run(t, "preview", "--stack", "dev", "--diff"),
		"the preview as JSON":   c.run(t, "preview", "--stack", "dev", "--json"),
		"up":                    c.run(t, "up", "--stack", "dev", "--yes", "--diff"),
		"the outputs":           c.run(t, "stack", "output", "--stack", "dev", "--json"),
		"the exported state":    c.run(t, "stack", "export", "--stack", "dev"),
		"the list of resources": c.run(t, "stack", "--stack", "dev", "--show-urns", "--show-ids"),
		"the configuration":     c.run(t, "config", "--stack", "dev"),
	}
	p.put(t, "app/app.py", "app = 2\n")
	c.run(t, "config", "set", "--stack", "dev", "memory", "1024")
	texts["the preview of a change"] = c.run(t, "preview", "--stack", "dev", "--diff")
	c.run(t, "config", "set", "--stack", "dev", "--path", "environment.APP_ENV", "review")
	texts["the preview of a plain variable"] = c.run(t, "preview", "--stack", "dev", "--diff")
	says(t, texts["the preview of a plain variable"], `"dev" => "review"`) // one secret does not hide the others
	texts["a refresh"] = c.run(t, "refresh", "--stack", "dev", "--yes", "--diff")

	function := cloud.Objects("aws:lambda/function:Function")[0]
	if got := function.Text("environment.variables.TOKEN"); got != secret {
		t.Fatalf("the function got %q", got)
	}
	for _, o := range cloud.Objects("") {
		if text := plainText(t, o); o != function && strings.Contains(text, secret) {
			t.Errorf("%s %s holds the secret: %s", o.Type, o.Name, text)
		}
	}
	for name, text := range files(t, p.root) {
		if !strings.HasPrefix(name, "home"+string(filepath.Separator)+"bin") {
			texts[name] = text
		}
	}
	for where, text := range texts {
		for _, never := range []string{secret, "registry-password-"} {
			if strings.Contains(text, never) {
				t.Errorf("%s: %q is in clear", where, never)
			}
		}
	}
	if texts["the exported state"] == "" || !strings.Contains(texts["the exported state"], `"ciphertext"`) {
		t.Error("the state holds nothing encrypted")
	}
}

func plainText(t *testing.T, o *standin.Object) string {
	t.Helper()
	all := map[string]any{}
	for key, value := range o.State {
		all[string(key)] = standin.Plain(value)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
