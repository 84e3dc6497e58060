package standin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// account has one stage that answers.
func account(t *testing.T) *Cloud {
	t.Helper()
	c := New(t.TempDir())
	function := arn("lambda", "function:f:live")
	document := fmt.Sprintf(`{"paths":{"/":{"x-amazon-apigateway-any-method":{"x-amazon-apigateway-integration":{"uri":%q}}}}}`, invokeARN(function))
	image := registry + "/r@sha256:1"
	object := func(token, id string, state map[string]any) Object {
		return Object{Type: token, Name: id, ID: id, State: resource.NewPropertyMapFromMap(state)}
	}
	c.Adopt([]Object{
		object(imageType, "i", map[string]any{"imageName": registry + "/r:1", "repoDigest": image}),
		object(functionType, "f", map[string]any{"name": "f", "version": "1", "imageUri": image}),
		object(aliasType, function, map[string]any{"name": "live", "arn": function, "functionName": "f",
			"functionVersion": "1"}),
		object(restAPIType, "a", map[string]any{"body": document}),
		object(permissionType, "p", map[string]any{"function": "f", "qualifier": "live",
			"action":    "lambda:InvokeFunction",
			"principal": "apigateway.amazonaws.com", "sourceArn": arn("execute-api", "a/v1/*/*")}),
		object(deploymentType, "d", map[string]any{"restApi": "a"}),
		object(stageType, "s", map[string]any{"restApi": "a", "stageName": "v1", "deployment": "d"}),
	})
	if err := c.Serves(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestServes: whatever a request needs on its way is missed when it goes, and the operation is named.
func TestServes(t *testing.T) {
	for token, want := range map[string]string{
		deploymentType: "its deployment d is gone",
		aliasType:      "does not exist",
		functionType:   "the function f is gone",
		permissionType: "no permission lets",
	} {
		c := account(t)
		c.record("create", c.all(stageType)[0])
		lost := c.all(token)[0]
		c.remove(lost)
		c.record("delete", lost)
		dropped := c.Dropped()
		if len(dropped) != 1 || !strings.Contains(dropped[0], want) || !strings.Contains(dropped[0], "after delete "+
			token) {
			t.Errorf("without %s: %q, want %q", token, dropped, want)
		}
	}
	c := account(t)
	c.images = map[string][]pushed{}
	if err := c.Serves(); err == nil || !strings.Contains(err.Error(), "version 1 of the function has no image") {
		t.Errorf("without the image: %v", err)
	}
}

// TestAnswersAreUnderstood: the version answers in the mode the deployed API asks in, and the API lets in whom its
// document says.
func TestAnswersAreUnderstood(t *testing.T) {
	c := account(t)
	c.all(functionType)[0].versions["1"] = version{image: registry + "/r@sha256:1",
		mode: "response_stream", state: active}
	if err := c.Serves(); err == nil || !strings.Contains(err.Error(),
		"takes answers buffered, and version 1 of the function gives them response_stream") {
		t.Errorf("another mode: %v", err)
	}
	c = account(t)
	c.all(deploymentType)[0].api.policy = `{"Statement":[]}`
	if err := c.Serves(); err == nil || !strings.Contains(err.Error(),
		`the policy of the deployed API is {"Statement":[]}`) {
		t.Errorf("another policy: %v", err)
	}
}

// TestPolicyOutlivesTheDocument: without a policy in its inputs an API keeps the one it has, whatever a new document
// says.
func TestPolicyOutlivesTheDocument(t *testing.T) {
	c := New(t.TempDir())
	o := &Object{Type: restAPIType, Inputs: resource.PropertyMap{},
		State: resource.NewPropertyMapFromMap(map[string]any{
			"body": `{"x-amazon-apigateway-policy":{"Version":"1"}}`})}
	for _, step := range []struct{ input, body, want string }{
		{"", `{"x-amazon-apigateway-policy":{"Version":"1"}}`, `{"Version":"1"}`},
		{"", `{"x-amazon-apigateway-policy":{"Version":"2"}}`, `{"Version":"1"}`},
		{`{"Version":"2"}`, `{"x-amazon-apigateway-policy":{"Version":"2"}}`, `{"Version":"2"}`},
		{"", `{}`, `{"Version":"2"}`},
	} {
		o.State["body"] = resource.NewStringProperty(step.body)
		o.Inputs["policy"] = resource.NewStringProperty(step.input)
		made, err := makeAPI(c, o)
		if err != nil || made["policy"] != step.want {
			t.Errorf("%+v: %v, %v", step, made["policy"], err)
		}
		o.State["policy"] = resource.NewStringProperty(step.want)
	}
}

// TestRules: what AWS refuses is refused.
func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		op, token string
		state     map[string]any
		want      string
	}{
		"a deployment that a stage points at": {op: "delete", token: deploymentType, want: "active stages"},
		"a stage without its deployment": {"update", stageType, map[string]any{"restApi": "a",
			"deployment": "none"}, "there is no " + deploymentType},
		"a second function of a name": {"create", functionType, map[string]any{"name": "f"}, "there is a " +
			functionType + " f already"},
		"a function without its image": {"update", functionType, map[string]any{"name": "f",
			"imageUri": registry + "/r@sha256:2"}, "does not exist"},
		"an alias of no version": {"update", aliasType, map[string]any{"functionName": "f",
			"functionVersion": "2"}, `no version "2"`},
		"weights and started environments": {"update", aliasType, map[string]any{"name": "live", "functionName": "f",
			"functionVersion": "1",
			"routingConfig":   map[string]any{"additionalVersionWeights": map[string]any{"2": 0.1}}},
			"with weights has a provisioned concurrency configuration"},
		"a permission on no alias": {"create", permissionType, map[string]any{"function": "f", "qualifier": "x"},
			"has no alias x"},
		"access logs without the role": {"update", stageType, map[string]any{"restApi": "a", "deployment": "d",
			"accessLogSettings": map[string]any{"destinationArn": "l"}}, "role ARN must be set"},
	} {
		cloud := account(t)
		if strings.Contains(name, "started environments") {
			cloud.all(functionType)[0].versions["2"] = cloud.all(functionType)[0].versions["1"]
			cloud.objects = append(cloud.objects, &Object{Type: provisionedType, ID: "p",
				State: resource.NewPropertyMapFromMap(map[string]any{
					"functionName": "f", "qualifier": "live"})})
		}
		o := *cloud.all(c.token)[0]
		if c.state != nil {
			o.State = resource.NewPropertyMapFromMap(c.state)
		}
		if err := cloud.permit(c.op, &o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
