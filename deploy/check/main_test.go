package main

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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
		concurrency: func(context.Context, string, string) (int, error) {
			if answers["account"] == "" {
				return 0, errors.New("AccessDenied")
			}
			return strconv.Atoi(answers["account"])
		},
		ping: func(ctx context.Context, host string) error {
			if answers["socket"] == "" {
				return ping(ctx, host)
			}
			return nil
		},
	}
}

const region = "config:\n  aws:region: eu-central-1\n  aws:profile: work\n"

var everythingThere = map[string]string{"pulumi version": "v3.259.0", "pulumi whoami": "me", "pulumi stack": "dev",
	"docker version": "28.0", "docker context": "unix:///home/me/.docker/run/docker.sock", "account": "1000",
	"socket": "there", "aws --version": "aws-cli/2.17"}

// without is all that is there, but for pairs of a prefix and what the program answers instead.
func without(pairs ...string) map[string]string {
	answers := maps.Clone(everythingThere)
	for pair := range slices.Chunk(pairs, 2) {
		for line := range everythingThere {
			if strings.HasPrefix(line, pair[0]) {
				delete(answers, line)
			}
		}
		if pair[1] != "" {
			answers[pair[0]] = pair[1]
		}
	}
	return answers
}

func TestCheck(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	all := []string{"pulumi", "stack", "docker", "region", "credentials", "quota", "aws"}
	const context = "Docker answers at unix:///home/me/.docker/run/docker.sock, the Docker CLI's context"
	for name, c := range map[string]struct {
		settings string
		project  string // Pulumi.yaml
		answers  map[string]string
		refused  bool
		wanted   []string
		want     []string // the start of each sentence
		says     string   // somewhere in them
	}{
		"all is there": {settings: region, answers: everythingThere, wanted: all},
		"nothing is there": {refused: true, wanted: all, want: []string{"The Pulumi CLI is missing",
			"No Docker daemon answers", "There is no region for stack \"dev\"", "The AWS CLI is missing"}},
		"not asked for":          {wanted: []string{}},
		"only what is asked for": {settings: region, wanted: []string{"region"}},
		"no login": {settings: region, answers: without("pulumi whoami",
			"!error: PULUMI_ACCESS_TOKEN must be set"), wanted: all,
			want: []string{"Pulumi does not know where to keep the state"}, says: "PULUMI_ACCESS_TOKEN"},
		"a broken CLI": {settings: region, answers: without("pulumi version", "!segmentation fault"),
			wanted: all, want: []string{"The Pulumi CLI does not run"}, says: "segmentation fault"},
		"no stack": {settings: region, answers: without("pulumi stack",
			"!error: no stack named 'dev' found"), wanted: all, want: []string{"There is no stack \"dev\""},
			says: "pulumi stack init dev"},
		"a stopped daemon": {settings: region, answers: without("socket", "", "docker version",
			"!Cannot connect to the Docker daemon"), wanted: all, want: []string{"No Docker daemon answers"},
			says: "Cannot connect"},
		"an image of another stack": {settings: region + "  lambda-web:imageFrom: dev\n",
			answers: without("docker version", ""), wanted: all},
		"an image from nowhere": {settings: region + "  lambda-web:imageFrom: \"\"\n", answers: without("socket",
			"", "docker version", ""), wanted: all, want: []string{"No Docker daemon answers"}},
		"expired credentials": {settings: region, answers: everythingThere, refused: true, wanted: all,
			want: []string{"There are no AWS credentials"}, says: "in eu-central-1 for work"},
		"settings that are none": {settings: "config: [", answers: everythingThere, wanted: []string{"region"},
			want: []string{""}, says: "is not YAML"},
		"AWS CLI 1": {settings: region, answers: without("aws --version", "aws-cli/1.32"),
			wanted: all, want: []string{"The AWS CLI is not version 2"}},
		"a context that the provider does not read": {settings: region, answers: without("socket", ""), wanted: all,
			want: []string{context}, says: "export DOCKER_HOST=unix:///home/me"},
		"a role that is not handed on": {settings: region + "  aws:assumeRole:\n    roleArn: x\n",
			answers: everythingThere, wanted: all, want: []string{`Stack "dev" sets aws:assumeRole`},
			says: "name a profile"},
		"a region in the project": {project: "config:\n  aws:region:\n    value: eu-west-1\n",
			answers: everythingThere, wanted: all},
		"a region that is the project's default": {project: "config:\n  aws:region:\n    default: eu-west-1\n",
			wanted: []string{"region"}},
		"a region that Pulumi tells": {settings: "environment:\n  - aws\n",
			answers: without("pulumi config", "warning: x\n"+`{"aws:region":{"value":"eu-west-1","secret":false}}`),
			wanted:  all},
		"credentials of an environment": {settings: region + "environment:\n  - aws\n",
			answers: everythingThere, refused: true, wanted: all},
		"a new account": {settings: region + "  lambda-web:memory: 4096\n",
			answers: without("account", "10"), wanted: all,
			want: []string{"The account has 10 concurrent executions in eu-central-1, and stack \"dev\" " +
				"counts on 1000"}, says: "3008 MB at the most, and memory is 4096"},
		"a new account that the settings know": {settings: region + "  lambda-web:accountConcurrency: 10\n",
			answers: without("account", "10"), wanted: all},
		"an account that may not be asked": {settings: region, answers: without("account", ""), wanted: all},
		"a typing mistake": {wanted: []string{"dokcer"},
			want: []string{`check: there is no need "dokcer"`}},
	} {
		t.Run(name, func(t *testing.T) {
			m := fake(t, c.settings, c.answers, !c.refused)
			if c.project != "" {
				if err := os.WriteFile(filepath.Join(m.root, "Pulumi.yaml"), []byte(c.project), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := m.check(t.Context(), c.wanted)
			if len(got) != len(c.want) || !strings.Contains(strings.Join(got, "\n"), c.says) {
				t.Fatalf("%q, want %q with %q", got, c.want, c.says)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("%q, want %q", got[i], c.want[i])
				}
			}
			var shown strings.Builder
			if code := report(&shown, got); (code == 1) != (len(c.want) > 0) || strings.Count(shown.String(),
				"\n") < len(got) {
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
	daemon := &httptest.Server{Listener: listener,
		Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
