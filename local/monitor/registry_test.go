package monitor

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// Each kind of resource gets the outputs that AWS would give.
func TestOutputs(t *testing.T) {
	for _, test := range []struct {
		token, name string
		inputs      map[string]any
		id          string
		outputs     map[string]string
	}{
		{"awsx:ecr:Repository", "App", nil, "", map[string]string{
			"url": "000000000000.dkr.ecr.eu-west-1.amazonaws.com/app-",
		}},
		{"docker:index/image:Image", "image", map[string]any{"imageName": "r.example:5000/app:tag"},
			"r.example:5000/app:tag", map[string]string{
				"repoDigest": "r.example:5000/app@sha256:", "imageName": "r.example:5000/app:tag",
			}},
		{"aws:lambda/function:Function", "f", map[string]any{"name": "web"}, "web", map[string]string{
			"arn": "arn:aws:lambda:eu-west-1:000000000000:function:web", "version": "1",
			"invokeArn": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:000000000000:function:web/invocations",
		}},
		{"aws:lambda/alias:Alias", "a", map[string]any{"name": "live", "functionName": "web"},
			"arn:aws:lambda:eu-west-1:000000000000:function:web:live", map[string]string{
				"name": "live", "arn": "arn:aws:lambda:eu-west-1:000000000000:function:web:live",
			}},
		{"aws:iam/role:Role", "r", map[string]any{"name": "exec"}, "exec",
			map[string]string{"arn": "arn:aws:iam::000000000000:role/exec"}},
		{"aws:apigateway/stage:Stage", "s", map[string]any{"restApi": "abc", "stageName": "v1"}, "ags-abc-v1",
			map[string]string{
				"invokeUrl":    "http://127.0.0.1:3000/v1",
				"executionArn": "arn:aws:execute-api:eu-west-1:000000000000:abc/v1",
			}},
	} {
		t.Run(test.token, func(t *testing.T) {
			r, err := register(t, newTestRegistry(&bytes.Buffer{}), test.token, test.name, test.inputs)
			if err != nil {
				t.Fatal(err)
			}
			if test.id != "" && r.Id != test.id {
				t.Errorf("id %q, want %q", r.Id, test.id)
			}
			for key, want := range test.outputs {
				if got := r.Object.AsMap()[key]; !strings.HasPrefix(got.(string), want) {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
}

// A kind of resource that has no counterpart here is refused by its name, and the user is told.
func TestUnknownResource(t *testing.T) {
	g := newTestRegistry(&bytes.Buffer{})
	if _, err := register(t, g, "aws:dynamodb/table:Table", "jobs", nil); err == nil {
		t.Fatal("no error")
	}
	if got := g.messages(); !strings.Contains(got,
		`aws:dynamodb/table:Table "jobs": the local cloud does not have this kind`) {
		t.Errorf("message %q", got)
	}
	if _, err := g.Invoke(context.Background(),
		&pulumirpc.ResourceInvokeRequest{Tok: "aws:ec2/getVpc:getVpc"}); err == nil {
		t.Error("an unknown look-up was answered")
	}
}

// What a program marks as a secret is realised by its value.
func TestSecretInputs(t *testing.T) {
	secret := func(value any) any {
		return map[string]any{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}
	}
	g := newTestRegistry(&bytes.Buffer{})
	if _, err := register(t, g, "aws:iam/role:Role", "role", map[string]any{"name": secret("exec"),
		"list": []any{map[string]any{"of": secret([]any{secret("x"), 1.0})}},
		"map":  map[string]any{"value": "y"}}); err != nil {
		t.Fatal(err)
	}
	r := g.deployment().Resources[0]
	if got := fmt.Sprint(r.Inputs); r.ID != "exec" || got != "map[list:[map[of:[x 1]]] map:map[value:y] name:exec]" {
		t.Errorf("%s: %s", r.ID, got)
	}
}

// Components are not resources of AWS: any type may be one.
func TestComponent(t *testing.T) {
	g := newTestRegistry(&bytes.Buffer{})
	response, err := g.RegisterResource(context.Background(), &pulumirpc.RegisterResourceRequest{
		Type: "shop:index:WebApp", Name: "web", Parent: "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev",
		Object: &structpb.Struct{},
	})
	if err != nil || response.Urn != "urn:pulumi:dev::shop::shop:index:WebApp::web" {
		t.Fatalf("%v, %v", response, err)
	}
	child, err := g.RegisterResource(context.Background(), &pulumirpc.RegisterResourceRequest{
		Type: "aws:iam/role:Role", Name: "role", Parent: response.Urn, Custom: true, Object: &structpb.Struct{},
	})
	if err != nil || child.Urn != "urn:pulumi:dev::shop::shop:index:WebApp$aws:iam/role:Role::role" {
		t.Errorf("%v, %v", child, err)
	}
}

// Warnings of the program are shown, its own error becomes the message.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	g := newTestRegistry(&out)
	g.log(pulumirpc.LogSeverity_INFO, "quiet")
	g.log(pulumirpc.LogSeverity_WARNING, "mind this")
	g.log(pulumirpc.LogSeverity_ERROR,
		"an unhandled error occurred: program failed: \n1 error occurred:\n\t* memory is 64")
	if out.String() != "warning: mind this\n" {
		t.Errorf("printed %q", out.String())
	}
	if got := g.messages(); got != "memory is 64" {
		t.Errorf("message %q", got)
	}
}

func newTestRegistry(out *bytes.Buffer) *registry {
	return newRegistry(Program{
		Project: "shop", Stack: "dev", BaseURL: "http://127.0.0.1:3000", Output: out,
		Config: map[string]string{"aws:region": "eu-west-1"},
	})
}

func register(t *testing.T, g *registry, token, name string,
	inputs map[string]any) (*pulumirpc.RegisterResourceResponse, error) {
	t.Helper()
	object, err := structpb.NewStruct(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return g.RegisterResource(context.Background(), &pulumirpc.RegisterResourceRequest{Type: token, Name: name,
		Custom: true, Object: object})
}
