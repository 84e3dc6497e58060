package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// engine answers registrations with what the program goes on with, and remembers them.
type engine struct {
	mu     sync.Mutex
	inputs map[string]resource.PropertyMap // by type and name
}

func (e *engine) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := args.TypeToken + " " + args.Name
	if _, taken := e.inputs[key]; taken {
		return "", nil, fmt.Errorf("two resources are %s", key)
	}
	e.inputs[key] = args.Inputs
	outputs := args.Inputs.Copy()
	outputs["arn"] = resource.NewStringProperty("arn:aws:service:eu-central-1:123456789012:" + args.Name)
	outputs["name"] = resource.NewStringProperty(args.Name + "-1a2b3c4")
	outputs["url"] = resource.NewStringProperty("123456789012.dkr.ecr.eu-central-1.amazonaws.com/" + args.Name)
	return args.Name + "-id", outputs, nil
}

func (e *engine) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if strings.HasSuffix(args.Token, "getPolicyDocument") {
		resources := args.Args["statements"].ArrayValue()[0].ObjectValue()["resources"].ArrayValue()
		return resource.PropertyMap{"json": resource.NewStringProperty("publish to " + resources[0].StringValue())}, nil
	}
	return resource.PropertyMap{"userName": resource.NewStringProperty("AWS"),
		"password": resource.NewStringProperty("x")}, nil
}

// run is what the program registers in a stack.
func run(t *testing.T, stack string) *engine {
	t.Helper()
	e := &engine{inputs: map[string]resource.PropertyMap{}}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	err = pulumi.RunErr(program, pulumi.WithMocks("embed", stack, e),
		func(info *pulumi.RunInfo) { info.RootDirectory = root })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestStacks: two environments in one account and region share no name.
func TestStacks(t *testing.T) {
	named := map[string]string{}
	for _, stack := range []string{"dev", "prod"} {
		for key, inputs := range run(t, stack).inputs {
			token, _, _ := strings.Cut(key, " ")
			name := inputs["name"]
			if !name.IsString() || token == "aws:lambda/alias:Alias" { // an alias belongs to its function
				continue
			}
			if other := named[token+name.StringValue()]; other != "" {
				t.Errorf("%s and %s of %s are both named %s", other, key, stack, name.StringValue())
			}
			named[token+name.StringValue()] = key
		}
	}
	if len(named) < 8 { // two log groups and two APIs for each
		t.Errorf("only %d resources have a name of their own: %v", len(named), named)
	}
}

func TestProgram(t *testing.T) {
	e := run(t, "test")
	for _, name := range []string{"blog-test", "shop-test"} {
		for _, token := range []string{"lambda-web:index:WebApp", "docker:index/image:Image",
			"aws:lambda/function:Function", "aws:apigateway/restApi:RestApi"} {
			if _, ok := e.inputs[token+" "+name]; !ok {
				t.Errorf("there is no %s %s", token, name)
			}
		}
	}
	policy := e.inputs["aws:iam/rolePolicy:RolePolicy shop-orders"]
	if got := fmt.Sprint(policy["role"].Mappable(), " ",
		policy["policy"].Mappable()); got != "shop-test-1a2b3c4 publish to arn:aws:service:eu-central-1:123456789012:orders" {
		t.Errorf("the shop's right is %q", got)
	}
	environment := e.inputs["aws:lambda/function:Function shop-test"]["environment"].ObjectValue()["variables"].ObjectValue()
	if got := environment["ORDERS_TOPIC"].Mappable(); got != "arn:aws:service:eu-central-1:123456789012:orders" {
		t.Errorf("the shop's topic is %v", got)
	}
}
