package webapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// record is one registered resource.
type record struct {
	pulumi.MockResourceArgs
	urn string
}

func (r record) String() string { return r.TypeToken + " " + r.Name }

// parent, dependencies and provider come from the request the engine would get.

func (r record) parent() string { return urnName(r.RegisterRPC.GetParent()) }

func (r record) provider() string {
	urn, _, _ := strings.Cut(r.RegisterRPC.GetProvider(), "::id-")
	return urnName(urn)
}

func (r record) dependsOn(other record) bool {
	return slices.Contains(r.RegisterRPC.GetDependencies(), other.urn)
}

func urnName(urn string) string {
	if urn == "" {
		return ""
	}
	u := resource.URN(urn)
	return string(u.Type()) + " " + u.Name()
}

// cloud answers the program like Pulumi's engine and AWS would, and remembers what it asked for.
type cloud struct {
	mu       sync.Mutex
	records  []record
	failType string // a type whose registration fails
	region   string // where it is, if not the usual one
}

const (
	account    = "123456789012"
	region     = "eu-central-1"
	lambdaBase = "arn:aws:lambda:" + region + ":" + account + ":function:"
)

func (c *cloud) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.TypeToken == c.failType {
		return "", nil, fmt.Errorf("no more %s today", args.TypeToken)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	parentType := ""
	if parent := args.RegisterRPC.GetParent(); parent != "" {
		parentType = string(resource.URN(parent).QualifiedType()) + "$"
	}
	// The stack is not part of a qualified type.
	parentType = strings.TrimPrefix(parentType, "pulumi:pulumi:Stack$")
	urn := fmt.Sprintf("urn:pulumi:dev::lambda-web::%s%s::%s", parentType, args.TypeToken, args.Name)
	c.records = append(c.records, record{args, urn})
	if !args.Custom && args.TypeToken != "awsx:ecr:Repository" {
		return "", args.Inputs, nil
	}
	outputs := args.Inputs.Copy()
	for key, value := range computed(args) {
		outputs[resource.PropertyKey(key)] = resource.NewStringProperty(c.there(value))
	}
	return "id-" + args.Name, outputs, nil
}

// there is a text as it is in the cloud's region.
func (c *cloud) there(text string) string {
	if c.region == "" {
		return text
	}
	return strings.NewReplacer("arn:aws:", "arn:"+partitionOf(c.region)+":", region, c.region).Replace(text)
}

// partitionOf: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// computed are the outputs AWS makes up.
func computed(args pulumi.MockResourceArgs) map[string]string {
	name := args.Name
	switch args.TypeToken {
	case "awsx:ecr:Repository":
		return map[string]string{"url": account + ".dkr.ecr." + region + ".amazonaws.com/" + strings.ToLower(name)}
	case typeRandom:
		return map[string]string{"hex": "a1b2c3"}
	case typeSecret:
		return map[string]string{"result": secretOf(name)}
	case typeDistribution:
		return map[string]string{"domainName": "d1.cloudfront.net", "hostedZoneId": "Z2FDTNDATAQYW2"}
	case typeEdgeFunction:
		return map[string]string{"arn": "arn:aws:cloudfront::" + account + ":function/" + name + "-1a2b3c4"}
	case "docker:index/image:Image":
		repository, _, _ := strings.Cut(args.Inputs["imageName"].StringValue(), ":")
		return map[string]string{"repoDigest": repository + "@sha256:" +
			sha256Hex(args.Inputs["imageName"].StringValue())}
	case "aws:cloudwatch/logGroup:LogGroup":
		return map[string]string{"arn": "arn:aws:logs:" + region + ":" + account + ":log-group:" +
			args.Inputs["name"].StringValue()}
	case "aws:iam/role:Role":
		return map[string]string{"name": name + "-1a2b3c4", "arn": "arn:aws:iam::" + account + ":role/" + name +
			"-1a2b3c4"}
	case "aws:lambda/function:Function":
		return map[string]string{"name": name + "-1a2b3c4", "arn": lambdaBase + name + "-1a2b3c4", "version": "7"}
	case "aws:lambda/alias:Alias":
		arn := lambdaBase + args.Inputs["functionName"].StringValue() + ":" + args.Inputs["name"].StringValue()
		return map[string]string{"arn": arn, "invokeArn": "arn:aws:apigateway:" + region +
			":lambda:path/2015-03-31/functions/" + arn + "/invocations"}
	case "aws:apigateway/restApi:RestApi":
		return map[string]string{"executionArn": "arn:aws:execute-api:" + region + ":" + account + ":id-" + name}
	case "aws:sqs/queue:Queue":
		return map[string]string{"name": name + "-1a2b3c4", "arn": "arn:aws:sqs:" + region + ":" + account + ":" +
			name + "-1a2b3c4"}
	case "aws:sns/topic:Topic":
		return map[string]string{"arn": "arn:aws:sns:" + region + ":" + account + ":" + name}
	case "aws:apigateway/domainName:DomainName":
		return map[string]string{"regionalDomainName": "d-1.execute-api." + region + ".amazonaws.com",
			"regionalZoneId": "Z1"}
	case "aws:apigateway/stage:Stage":
		return map[string]string{"arn": "arn:aws:apigateway:" + region + "::/restapis/" +
			args.Inputs["restApi"].StringValue() + "/stages/" + args.Inputs["stageName"].StringValue(),
			"invokeUrl": "https://" + args.Inputs["restApi"].StringValue() + ".execute-api." + region +
				".amazonaws.com/" + args.Inputs["stageName"].StringValue()}
	}
	return nil
}

func (c *cloud) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if args.Token != "aws:ecr/getAuthorizationToken:getAuthorizationToken" {
		return nil, fmt.Errorf("the program calls %s, which nothing answers", args.Token)
	}
	if got := args.Args["registryId"].StringValue(); got != account {
		return nil, fmt.Errorf("token of registry %q", got)
	}
	return resource.PropertyMap{
		"userName":      resource.NewStringProperty("AWS"),
		"password":      resource.NewStringProperty("a token of twelve hours"),
		"proxyEndpoint": resource.NewStringProperty("https://" + account + ".dkr.ecr." + region + ".amazonaws.com"),
	}, nil
}

// all are the records of a type.
func (c *cloud) all(token string) []record {
	var found []record
	for _, r := range c.records {
		if r.TypeToken == token {
			found = append(found, r)
		}
	}
	return found
}

// one is the only record of a type.
func (c *cloud) one(t testing.TB, token string) record {
	t.Helper()
	found := c.all(token)
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s, want one; there are %v", len(found), token, c.records)
	}
	return found[0]
}

// input is the value at a dotted path of a resource's inputs, secrets opened.
func (r record) input(path string) any {
	value := resource.NewObjectProperty(r.Inputs)
	for _, key := range strings.Split(path, ".") {
		if value.IsSecret() {
			value = value.SecretValue().Element
		}
		if !value.IsObject() {
			return nil
		}
		value = value.ObjectValue()[resource.PropertyKey(key)]
	}
	return plain(value)
}

// project is a project on disk: an app, and a program folder that is the working directory.
type project struct {
	root string
}

func newProject(t testing.TB) project {
	t.Helper()
	p := project{root: t.TempDir()}
	p.put(t, "Pulumi.yaml", "name: lambda-web\n")
	p.put(t, "app/Dockerfile", "FROM python:3.13-slim\nCMD [\"gunicorn\", \"app:app\"]\n")
	p.put(t, "app/app.py", "app = 1\n")
	p.put(t, "infra/main.go", "package main\n")
	if tt, ok := t.(*testing.T); ok {
		tt.Chdir(filepath.Join(p.root, "infra"))
	}
	return p
}

func (p project) put(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// stubCompile stands for the Go compiler.
func stubCompile(content string) compileProgram {
	return func(_ context.Context, program, architecture, file string) error {
		return os.WriteFile(file, []byte(program+content+architecture), 0o755)
	}
}

// run runs a program as the stack dev of the project.
func (p project) run(c *cloud, config map[string]string, secrets []string, program pulumi.RunFunc) error {
	return pulumi.RunErr(program, pulumi.WithMocks("lambda-web", "dev", c), func(info *pulumi.RunInfo) {
		info.RootDirectory = p.root
		info.Config = map[string]string{"aws:region": region}
		for key, value := range config {
			if !strings.Contains(key, ":") {
				key = "lambda-web:" + key
			}
			info.Config[key] = value
		}
		for _, key := range secrets {
			info.ConfigSecretKeys = append(info.ConfigSecretKeys, "lambda-web:"+key)
		}
	})
}

// deployed is what Deploy registers under a configuration.
func (p project) deployed(t testing.TB, config map[string]string) *cloud {
	t.Helper()
	c := &cloud{}
	err := p.run(c, config, nil, func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("adapter ")) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// difference compares two runs: the resources only one of them has, and those whose inputs differ.
func difference(a, b *cloud) (only, changed []string) {
	index := func(c *cloud) map[string]record {
		found := map[string]record{}
		for _, r := range c.records {
			found[r.String()] = r
		}
		return found
	}
	left, right := index(a), index(b)
	for key, r := range left {
		other, ok := right[key]
		switch {
		case !ok:
			only = append(only, "-"+key)
		case !r.Inputs.DeepEquals(other.Inputs):
			changed = append(changed, key)
		}
	}
	for key := range maps.Keys(right) {
		if _, ok := left[key]; !ok {
			only = append(only, "+"+key)
		}
	}
	slices.Sort(only)
	slices.Sort(changed)
	return only, changed
}

// text is all of the inputs, secrets opened, to search in.
func (r record) text() string {
	opened, err := json.Marshal(plain(resource.NewObjectProperty(r.Inputs)))
	if err != nil {
		return err.Error()
	}
	return string(opened)
}

func plain(value resource.PropertyValue) any {
	switch {
	case value.IsSecret():
		return plain(value.SecretValue().Element)
	case value.IsObject():
		object := map[string]any{}
		for key, v := range value.ObjectValue() {
			object[string(key)] = plain(v)
		}
		return object
	case value.IsArray():
		var list []any
		for _, v := range value.ArrayValue() {
			list = append(list, plain(v))
		}
		return list
	}
	return value.Mappable()
}

// judged: a configuration can be deployed, or has one mistake, which contains want.
func (p project) judged(t *testing.T, config map[string]string, want string) {
	t.Helper()
	if want == "" {
		p.deployed(t, config)
		return
	}
	if err := p.refused(t, config); len(err.Mistakes) != 1 || !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want %q alone", err, want)
	}
}

// refused runs the program and returns the error, having seen that nothing was registered.
func (p project) refused(t *testing.T, config map[string]string) *ArgsError {
	t.Helper()
	c := &cloud{}
	err := p.run(c, config, nil, func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("")) })
	var wrong *ArgsError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v, want an ArgsError", err)
	}
	if len(c.records) > 0 {
		t.Errorf("registered all the same: %v", c.records)
	}
	if _, err := os.Stat(filepath.Join(p.root, ".lambda-web")); err == nil {
		t.Error("staged all the same")
	}
	return wrong
}
