package webapp

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
)

func TestOutputs(t *testing.T) {
	const url = "https://id-lambda-web-dev.execute-api.eu-central-1.amazonaws.com/v1"
	tests := []struct {
		name   string
		config map[string]string
		want   map[string]any
	}{
		{"open", nil, map[string]any{
			"url": url, "apiId": "id-lambda-web-dev", "stage": "v1", "region": region,
			"logGroup":     "/aws/lambda/lambda-web-dev",
			"functionName": "lambda-web-dev-1a2b3c4", "functionArn": lambdaBase + "lambda-web-dev-1a2b3c4",
			"aliasArn":      lambdaBase + "lambda-web-dev-1a2b3c4:live",
			"repositoryUrl": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/lambda-web-dev",
			"curl":          "curl " + url + "/",
		}},
		{"at the domain alone", map[string]string{"domainName": "api.example.com", "domainBasePath": "shop",
			"disableExecuteApiEndpoint": "true",
			"domainCertificateArn":      "arn:aws:acm:eu-central-1:123456789012:certificate/x"}, map[string]any{
			"url": "https://api.example.com/shop", "domainUrl": "https://api.example.com/shop",
			"curl": "curl https://api.example.com/shop/",
		}},
		{"signed", map[string]string{"auth": "AWS_IAM"}, map[string]any{
			"curl": `curl --aws-sigv4 "aws:amz:eu-central-1:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-security-token: $AWS_SESSION_TOKEN" ` + url + "/",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t)
			got := p.outputs(t, tt.config)
			if digest, _ := got["imageDigest"].(string); !strings.Contains(digest, "/lambda-web-dev@sha256:") {
				t.Errorf("imageDigest is %v", got["imageDigest"])
			}
			for key, want := range tt.want {
				if got[key] != want {
					t.Errorf("%s is %v, want %v", key, got[key], want)
				}
			}
		})
	}
}

// outputs are the component's outputs, read inside the program since mocks do not see exports.
func (p project) outputs(t *testing.T, config map[string]string) map[string]any {
	t.Helper()
	values := map[string]any{}
	must(t, p.run(&cloud{}, config, nil, func(ctx *pulumi.Context) error {
		settings, err := load(ctx, "lambda-web-dev")
		if err != nil {
			return err
		}
		app, err := newWebApp(ctx, "lambda-web-dev", settings.Args, stubCompile(""))
		if err != nil {
			return err
		}
		for key, output := range app.Outputs() {
			value, err := internals.UnsafeAwaitOutput(context.Background(), output.(pulumi.Output))
			if err != nil {
				return err
			}
			if id, ok := value.Value.(pulumi.ID); ok {
				value.Value = string(id)
			}
			values[key] = value.Value
		}
		return nil
	}))
	return values
}

func TestTwoWebAppsSideBySide(t *testing.T) {
	p := newProject(t)
	p.put(t, "shop/Dockerfile", "FROM alpine\n")
	c := &cloud{}
	must(t, p.run(c, nil, nil, func(ctx *pulumi.Context) error {
		if _, err := newWebApp(ctx, "blog", Args{}, stubCompile("")); err != nil {
			return err
		}
		_, err := newWebApp(ctx, "shop", Args{App: "shop", Auth: AuthIAM, ProvisionedConcurrency: 1}, stubCompile(""))
		return err
	}))
	seen := map[string]bool{}
	for _, r := range c.records {
		if seen[r.urn] {
			t.Errorf("two resources are %s", r.urn)
		}
		seen[r.urn] = true
		for _, name := range []string{"blog", "shop"} {
			other := map[string]string{"blog": "shop", "shop": "blog"}[name]
			if r.parent() == Type+" "+name && strings.Contains(r.text(), other) {
				t.Errorf("%s of %s speaks of %s: %v", r, name, other, r.Inputs)
			}
		}
	}
	for _, name := range []string{"blog", "shop"} {
		if _, err := os.Stat(filepath.Join(p.root, ".lambda-web", "build", "dev", name, "Dockerfile")); err != nil {
			t.Errorf("the context of %s: %v", name, err)
		}
	}
}

func TestComponentInputsMayBeOutputs(t *testing.T) {
	p := newProject(t)
	c := &cloud{}
	must(t, p.run(c, nil, nil, func(ctx *pulumi.Context) error {
		database := pulumi.ToSecret(pulumi.String("postgres://")).(pulumi.StringOutput)
		_, err := newWebApp(ctx, "blog", Args{Environment: pulumi.StringMap{"DATABASE_URL": database}}, stubCompile(""))
		return err
	}))
	function := c.one(t, typeFunction)
	if got := function.input("environment.variables.DATABASE_URL"); got != "postgres://" ||
		!function.Inputs["environment"].ContainsSecrets() {
		t.Errorf("DATABASE_URL is %v, secret %v", got, function.Inputs["environment"].ContainsSecrets())
	}
}

func TestAdapterThatDoesNotCompileRegistersNothing(t *testing.T) {
	p := newProject(t)
	c := &cloud{}
	broken := func(context.Context, string, string, string) error { return errors.New("no compiler") }
	err := p.run(c, nil, nil, func(ctx *pulumi.Context) error { return deploy(ctx, broken) })
	if err == nil || !strings.Contains(err.Error(), "prepare the image of lambda-web-dev") ||
		!strings.Contains(err.Error(), "no compiler") {
		t.Errorf("got %v", err)
	}
	for _, r := range c.records {
		if r.TypeToken != typeProvider {
			t.Errorf("%s was registered", r)
		}
	}
}

func TestProjectIsFoundWithoutPulumisWord(t *testing.T) {
	p := newProject(t)
	want := p.deployed(t, nil)
	p.root = "" // no root directory in the run's information
	got := p.deployed(t, nil)
	if only, changed := difference(want, got); len(only)+len(changed) > 0 {
		t.Errorf("new or gone %q, changed %q", only, changed)
	}
}
