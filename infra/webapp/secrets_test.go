package webapp

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TestSecretRights: the role may read what is named, where it is named, and nothing else.
func TestSecretRights(t *testing.T) {
	p := newProject(t)
	p.put(t, "app/Dockerfile", "FROM python:3.13-slim\nCMD [\"python\", \"app.py\"]\n")
	c := p.deployed(t, map[string]string{
		"secrets": `{"USER":"shop/db#user","PASSWORD":"shop/db#password","KEY":"/shop/key",` +
			`"MAIL":"arn:aws:secretsmanager:us-east-1:210987654321:secret:mail-AbC123"}`,
		"secretsKmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1",
	})
	want := policy{Version: "2012-10-17", Statement: []statement{
		{Effect: "Allow", Action: []string{"secretsmanager:GetSecretValue"}, Resource: []string{
			"arn:aws:secretsmanager:us-east-1:210987654321:secret:mail-AbC123",
			"arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/db-??????"}},
		{Effect: "Allow", Action: []string{"ssm:GetParameter"},
			Resource: []string{"arn:aws:ssm:eu-central-1:123456789012:parameter/shop/key"}},
		{Effect: "Allow", Action: []string{"kms:Decrypt"},
			Resource: []string{"arn:aws:kms:eu-central-1:123456789012:key/1"}},
	}}
	if got := policies(t, c)[typeRolePolicy+" lambda-web-dev-secrets"]; !reflect.DeepEqual(got, want) {
		t.Errorf("the policy is\n%v\nwant\n%v", got, want)
	}
	function := c.one(t, typeFunction)
	if got, want := function.input("environment.variables.LAMBDA_WEB_SECRETS"),
		`{"KEY":"/shop/key","MAIL":"arn:aws:secretsmanager:us-east-1:210987654321:secret:mail-AbC123","PASSWORD":"shop/db#password","USER":"shop/db#user"}`; got != want {
		t.Errorf("the function is told %v, want %s", got, want)
	}
	for _, name := range []string{"USER", "PASSWORD", "KEY", "MAIL"} {
		if got := function.input("environment.variables." + name); got != nil {
			t.Errorf("%s is %v in the function's configuration", name, got)
		}
	}
}

// TestOneSecretOfMany: an encrypted value in environment is a secret, and what stands beside it in clear stays
// readable. Where the file does not say so, all are secrets.
func TestOneSecretOfMany(t *testing.T) {
	for _, c := range []struct {
		name, file string
		secret     []string
	}{
		{"one of three",
			"config:\n  lambda-web:environment:\n    LEVEL: debug\n    COUNT: 3\n    TOKEN: {secure: v1:abc}\n",
			[]string{"TOKEN"}},
		{"another value in the file", "config:\n  lambda-web:environment:\n    LEVEL: info\n    COUNT: 3\n",
			[]string{"LEVEL", "TOKEN"}},
		{"no file", "", []string{"COUNT", "LEVEL", "TOKEN"}},
		{"no map", "config:\n  lambda-web:environment: {secure: v1:abc}\n", []string{"COUNT", "LEVEL", "TOKEN"}},
		{"no YAML", "config: [", []string{"COUNT", "LEVEL", "TOKEN"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProject(t)
			if c.file != "" {
				p.put(t, "Pulumi.dev.yaml", c.file)
			}
			made := &cloud{}
			config := map[string]string{"environment": `{"LEVEL":"debug","COUNT":3,"TOKEN":"hidden"}`}
			must(t, p.run(made, config, []string{"environment"}, func(ctx *pulumi.Context) error {
				return deploy(ctx,
					stubCompile(""))
			}))
			variables := made.one(t, typeFunction).Inputs["environment"]
			if variables.IsSecret() {
				t.Fatal("the whole environment is a secret")
			}
			all := variables.ObjectValue()["variables"]
			if all.IsSecret() {
				t.Fatal("the whole environment is a secret")
			}
			var got []string
			for _, name := range []string{"COUNT", "LEVEL", "PORT", "TOKEN"} {
				if value := all.ObjectValue()[resource.PropertyKey(name)]; value.IsSecret() {
					got = append(got, name)
				}
			}
			if !reflect.DeepEqual(got, c.secret) {
				t.Errorf("%v are secrets, want %v", got, c.secret)
			}
		})
	}
}
