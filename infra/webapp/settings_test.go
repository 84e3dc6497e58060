package webapp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// A secret is kept by the environment alone, and no message repeats it.
func TestSecretsElsewhereAreRefused(t *testing.T) {
	p := newProject(t)
	tests := []struct{ key, value, want string }{
		{"environment", `{"PORT":"hunter2"}`, "PORT is set by lambda-web"},
		{"environment", `hunter2`, "is not a map"},
		{"environment", `{"A1":["hunter2"]}`, `the value of "A1" is not a text`},
		{"memory", "hunter2", "would be in clear in the state"},
		{"buildArgs", `{"TOKEN":"hunter2"}`, "would be in clear in the state"},
		{"tags", `{"TOKEN":"hunter2"}`, "would be in clear in the state"},
		{"alarmEmail", "hunter2@example.com", "would be in clear in the state"},
	}
	for _, tt := range tests {
		err := p.run(&cloud{}, map[string]string{tt.key: tt.value}, []string{tt.key},
			func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("")) })
		if err == nil || !strings.Contains(err.Error(), tt.key+": ") || !strings.Contains(err.Error(), tt.want) ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s: got %v", tt.key, tt.value, err)
		}
	}
}

func TestUnknownKeys(t *testing.T) {
	p := newProject(t)
	tests := []struct{ key, want string }{
		{"lambda-web:memroy", "memroy: there is no such setting; did you mean memory?"},
		{"lambda-web:Auth", "Auth: there is no such setting; did you mean auth?"},
		{"lambda-web:provisioned", "did you mean provisionedConcurrency?"},
		{"lambda-web:kubernetes", "kubernetes: there is no such setting; Pulumi.yaml lists those there are"},
		{"aws:assumeRole", "aws:assumeRole: is not handed on to AWS"},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			t.Setenv(pulumi.EnvConfig,
				fmt.Sprintf(`{"aws:region":"eu-central-1","lambda-web:memory":"512","other:key":"x",%q:"1"}`, tt.key))
			err := p.refused(t, nil)
			if len(err.Mistakes) != 1 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
}

func TestRegionFallsBackToTheEnvironment(t *testing.T) {
	p := newProject(t)
	tests := []struct{ config, region, other, want string }{
		{"eu-west-1", "us-east-1", "us-east-2", "eu-west-1"},
		{"", "us-east-1", "us-east-2", "us-east-1"},
		{"", "", "us-east-2", "us-east-2"},
	}
	for _, tt := range tests {
		t.Setenv("AWS_REGION", tt.region)
		t.Setenv("AWS_DEFAULT_REGION", tt.other)
		c := p.deployed(t, map[string]string{"aws:region": tt.config})
		if got := c.one(t, typeProvider).input("region"); got != tt.want {
			t.Errorf("got %v, want %s", got, tt.want)
		}
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	os.RemoveAll(filepath.Join(p.root, ".lambda-web"))
	if err := p.refused(t, map[string]string{"aws:region": ""}); !strings.Contains(err.Error(),
		"pulumi config set aws:region") {
		t.Errorf("got %v", err)
	}
}

// Whatever the configuration holds: a value is taken as it stands or named as a mistake.
func FuzzSettings(f *testing.F) {
	for _, seed := range [][2]string{
		{"memory", "512"}, {"memory", "0x10"}, {"environment", `{"A1":"b"}`}, {"environment", `{"A1":null}`},
		{"environment", "[]"},
		{"tags", `{"a":1e9}`}, {"asyncInit", "TRUE"}, {"stage", "\x00"}, {"readinessPath", "/%zz"}, {"buildArgs",
			"null"},
		{"dockerfile", "./././Dockerfile"}, {"auth", " NONE "},
	} {
		f.Add(seed[0], seed[1])
	}
	p := newProject(f)
	f.Fuzz(func(t *testing.T, key, value string) {
		if key == "app" { // reads whatever folder it names
			return
		}
		err := p.run(&cloud{}, map[string]string{key: value}, nil, func(ctx *pulumi.Context) error {
			_, err := load(ctx, "lambda-web-dev")
			return err
		})
		var wrong *ArgsError
		if err != nil && !errors.As(err, &wrong) {
			t.Errorf("%s=%q: %v", key, value, err)
		}
	})
}
