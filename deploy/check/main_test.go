package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fake is a machine on which programs answer as a table says: the command line, and its output or "!" and its error.
// A program of which there is no line is not installed.
func fake(t *testing.T, settings string, answers map[string]string, accepted bool) machine {
	t.Helper()
	root := t.TempDir()
	if settings != "" {
		if err := os.WriteFile(filepath.Join(root, "Pulumi.dev.yaml"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	return machine{root: root, stack: "dev",
		run: func(_ context.Context, name string, args ...string) (string, error) {
			line := strings.Join(append([]string{name}, args...), " ")
			for prefix, answer := range answers {
				if strings.HasPrefix(line, prefix) {
					if message, bad := strings.CutPrefix(answer, "!"); bad {
						return message, errors.New("exit status 1")
					}
					return answer, nil
				}
			}
			return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
		},
		caller: func(_ context.Context, region, profile string) (string, error) {
			if !accepted {
				return "", errors.New("the token is not valid, in " + region + " for " + profile)
			}
			return "arn:aws:iam::123456789012:user/me", nil
		},
	}
}

const region = "config:\n  aws:region: eu-central-1\n  aws:profile: work\n"

var everythingThere = map[string]string{"pulumi version": "v3.259.0", "pulumi whoami": "me", "pulumi stack": "dev", "docker version": "28.0", "aws --version": "aws-cli/2.17"}

func without(prefix, answer string) map[string]string {
	answers := map[string]string{}
	for line, output := range everythingThere {
		if !strings.HasPrefix(line, prefix) {
			answers[line] = output
		}
	}
	if answer != "" {
		answers[prefix] = answer
	}
	return answers
}

func TestCheck(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///does/not/exist")
	all := []string{"pulumi", "stack", "docker", "region", "credentials", "aws"}
	for name, c := range map[string]struct {
		settings string
		answers  map[string]string
		refused  bool
		wanted   []string
		want     []string // the start of each sentence
		says     string   // somewhere in them
	}{
		"all is there":              {settings: region, answers: everythingThere, wanted: all},
		"nothing is there":          {refused: true, wanted: all, want: []string{"The Pulumi CLI is missing", "No Docker daemon answers", "There is no region for stack \"dev\"", "The AWS CLI is missing"}},
		"not asked for":             {wanted: []string{}},
		"only what is asked for":    {settings: region, wanted: []string{"region"}},
		"no login":                  {settings: region, answers: without("pulumi whoami", "!error: PULUMI_ACCESS_TOKEN must be set"), wanted: all, want: []string{"Pulumi does not know where to keep the state"}, says: "PULUMI_ACCESS_TOKEN"},
		"a broken CLI":              {settings: region, answers: without("pulumi version", "!segmentation fault"), wanted: all, want: []string{"The Pulumi CLI does not run"}, says: "segmentation fault"},
		"no stack":                  {settings: region, answers: without("pulumi stack", "!error: no stack named 'dev' found"), wanted: all, want: []string{"There is no stack \"dev\""}, says: "pulumi stack init dev"},
		"a stopped daemon":          {settings: region, answers: without("docker version", "!Cannot connect to the Docker daemon"), wanted: all, want: []string{"No Docker daemon answers"}, says: "Cannot connect"},
		"an image of another stack": {settings: region + "  lambda-web:imageFrom: dev\n", answers: without("docker version", ""), wanted: all},
		"an image from nowhere":     {settings: region + "  lambda-web:imageFrom: \"\"\n", answers: without("docker version", ""), wanted: all, want: []string{"No Docker daemon answers"}},
		"expired credentials":       {settings: region, answers: everythingThere, refused: true, wanted: all, want: []string{"There are no AWS credentials"}, says: "in eu-central-1 for work"},
		"settings that are none":    {settings: "config: [", answers: everythingThere, wanted: []string{"region"}, want: []string{""}, says: "is not YAML"},
		"AWS CLI 1":                 {settings: region, answers: without("aws --version", "aws-cli/1.32"), wanted: all, want: []string{"The AWS CLI is not version 2"}},
		"a typing mistake":          {wanted: []string{"dokcer"}, want: []string{`check: there is no need "dokcer"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := fake(t, c.settings, c.answers, !c.refused).check(t.Context(), c.wanted)
			if len(got) != len(c.want) || !strings.Contains(strings.Join(got, "\n"), c.says) {
				t.Fatalf("%q, want %q with %q", got, c.want, c.says)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("%q, want %q", got[i], c.want[i])
				}
			}
			var shown strings.Builder
			if code := report(&shown, got); (code == 1) != (len(c.want) > 0) || strings.Count(shown.String(), "\n") < len(got) {
				t.Errorf("exit code %d, %q", code, shown.String())
			}
		})
	}
}

func TestRegionOfTheEnvironment(t *testing.T) {
	m := fake(t, "config:\n  lambda-web:memory: 512\n", nil, true)
	t.Setenv("AWS_REGION", "us-east-1")
	if got := m.check(t.Context(), []string{"region"}); len(got) > 0 {
		t.Error(got)
	}
}

// TestPing talks to a daemon's socket, as without the Docker CLI.
func TestPing(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	daemon := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			w.WriteHeader(http.StatusNotFound)
		}
	})}}
	daemon.Start()
	defer daemon.Close()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	if got := fake(t, "", nil, true).check(t.Context(), []string{"docker"}); len(got) > 0 {
		t.Error(got)
	}
}

func TestRunCommand(t *testing.T) {
	if output, err := runCommand(t.Context(), "go", "env", "GOOS"); err != nil || output == "" {
		t.Errorf("%q, %v", output, err)
	}
	if _, err := runCommand(t.Context(), "no-such-program-anywhere"); !missing(err) {
		t.Errorf("%v is not taken for a missing program", err)
	}
}
