package webapp

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"lambda-web/secrets/reference"
)

// TestTaskFunction: commands run in what the app has, with the adapter as their runtime.
func TestTaskFunction(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, map[string]string{"tasks": "true", "taskMemory": "1024", "memory": "256",
		"environment": `{"LEVEL":"debug"}`, "environmentKmsKeyArn": keyARN, "ephemeralStorage": "1024",
		"architecture": "arm64", "tracing": "true", "reservedConcurrency": "5", "logFormat": "JSON",
		"vpcSubnetIds": `["subnet-1"]`, "vpcSecurityGroupIds": `["sg-1"]`, "logRetention": "30"})
	app, task := functionsOf(t, c)
	for _, same := range []string{"imageUri", "role", "architectures", "kmsKeyArn", "vpcConfig", "tracingConfig",
		"ephemeralStorage", "loggingConfig.logFormat", "packageType"} {
		if got, want := task.input(same), app.input(same); want == nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, and %v of the app", same, got, want)
		}
	}
	variables := app.input("environment.variables").(map[string]any)
	variables["AWS_LWA_TASK"] = "true"
	for path, want := range map[string]any{
		"imageConfig": map[string]any{"entryPoints": []any{"/opt/extensions/lambda-adapter"},
			"commands": []any{"task"}},
		"environment.variables": variables, "timeout": 900.0, "memorySize": 1024.0,
		"loggingConfig.logGroup": "/aws/lambda/lambda-web-dev-task", "reservedConcurrentExecutions": nil,
		"publish": nil, "snapStart": nil,
	} {
		if got := task.input(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	retries := c.one(t, typeEventInvoke)
	if got := retries.input("functionName"); got != "lambda-web-dev-task-1a2b3c4" ||
		retries.input("maximumRetryAttempts") != 0.0 || retries.input("qualifier") != nil {
		t.Errorf("a command that fails is started again: %v", retries.Inputs)
	}
	rights := []statement{{Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resource: []string{"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/lambda-web-dev-task:*"}}}
	if got := policies(t, c)[typeRolePolicy+" lambda-web-dev-task-logs"].Statement; !reflect.DeepEqual(got, rights) {
		t.Errorf("the rights on its log are %v", got)
	}
	// Nobody but whoever has the right: the one permission is the API's on the app.
	if got := c.one(t, typePermission).input("function"); got != app.input("name") && got != "lambda-web-dev-1a2b3c4" {
		t.Errorf("%v may be invoked", got)
	}
}

// functionsOf are the app's function and the one that runs commands.
func functionsOf(t *testing.T, c *cloud) (app, task record) {
	t.Helper()
	functions := c.all(typeFunction)
	if len(functions) != 2 {
		t.Fatalf("there are the functions %v, want two", functions)
	}
	slices.SortFunc(functions, func(a, b record) int { return strings.Compare(a.Name, b.Name) })
	return functions[0], functions[1]
}

// TestTaskSecrets: the program that fetches secrets stands in front of the commands as it does in front of the app.
func TestTaskSecrets(t *testing.T) {
	p := newProject(t)
	_, task := functionsOf(t, p.deployed(t, map[string]string{"tasks": "true", "secrets": `{"KEY":"/shop/key"}`}))
	want := []any{reference.Program, "/opt/extensions/lambda-adapter"}
	if got := task.input("imageConfig.entryPoints"); !reflect.DeepEqual(got, want) {
		t.Errorf("commands start by %v, want %v", got, want)
	}
	if got := task.input("environment.variables.LAMBDA_WEB_SECRETS"); got != `{"KEY":"/shop/key"}` {
		t.Errorf("they are told %v", got)
	}
}

// TestRelease: the command runs on the task function, again for another image or another command, and not at the
// resource's end.
func TestRelease(t *testing.T) {
	p := newProject(t)
	config := map[string]string{"releaseCommand": `["python","manage.py","migrate","<&>"]`}
	release := p.deployed(t, config).one(t, typeInvocation)
	_, task := functionsOf(t, p.deployed(t, config))
	event := `{"command":["python","manage.py","migrate","\u003c\u0026\u003e"]}`
	for path, want := range map[string]any{"functionName": "lambda-web-dev-task-1a2b3c4", "qualifier": nil,
		"lifecycleScope": "CREATE_ONLY", "input": event,
		"triggers": map[string]any{"command": event, "image": task.input("imageUri")}} {
		if got := release.input(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// TestReleaseIsSecret: what the command wrote is encrypted in the state.
func TestReleaseIsSecret(t *testing.T) {
	release := newProject(t).deployed(t, map[string]string{"releaseCommand": `["migrate"]`}).one(t, typeInvocation)
	if got := release.RegisterRPC.GetAdditionalSecretOutputs(); !slices.Equal(got, []string{"result"}) {
		t.Errorf("secret in the state are %q", got)
	}
}

// TestReleaseOrder: image, function version, task, release, and what serves comes last. A snapshot is one of the app as
// it is after the release.
func TestReleaseOrder(t *testing.T) {
	p := newProject(t)
	for name, test := range map[string]struct {
		config  map[string]string
		earlier []string
	}{
		"as usual":  {nil, []string{"function", "task", "release", "alias"}},
		"snapshots": {map[string]string{"snapStart": "true"}, []string{"task", "release", "function", "alias"}},
		"started environments": {map[string]string{"provisionedConcurrency": "1"},
			[]string{"function", "task", "release", "started", "alias"}},
	} {
		config := map[string]string{"releaseCommand": `["migrate"]`}
		for key, value := range test.config {
			config[key] = value
		}
		c := p.deployed(t, config)
		app, task := functionsOf(t, c)
		found := map[string]record{"function": app, "task": task, "release": c.one(t, typeInvocation),
			"alias": c.one(t, typeAlias)}
		if test.config["provisionedConcurrency"] != "" {
			found["started"] = c.one(t, typeProvisioned)
		}
		for i := range test.earlier[1:] {
			if earlier, later := test.earlier[i], test.earlier[i+1]; !found[later].dependsOn(found[earlier]) {
				t.Errorf("%s: %s does not wait for %s", name, later, earlier)
			}
		}
		if !task.dependsOn(c.one(t, typeImage)) {
			t.Errorf("%s: the task function does not wait for the image", name)
		}
	}
}

// TestCommandsAreNotAskedFor: without their settings nothing of them is made, and no output speaks of them.
func TestCommandsAreNotAskedFor(t *testing.T) {
	p := newProject(t)
	for name, config := range map[string]map[string]string{"nothing": nil,
		"set to off": {"tasks": "false", "releaseCommand": "[]", "taskMemory": "0"}} {
		for _, r := range p.deployed(t, config).records {
			if strings.Contains(r.Name, "task") || strings.Contains(r.Name, "release") {
				t.Errorf("%s: there is %s", name, r)
			}
		}
		for key := range p.outputs(t, config) {
			if strings.Contains(key, "task") {
				t.Errorf("%s: there is the output %s", name, key)
			}
		}
	}
	outputs := p.outputs(t, map[string]string{"tasks": "true"})
	if outputs["taskFunctionName"] != "lambda-web-dev-task-1a2b3c4" ||
		outputs["taskLogGroup"] != "/aws/lambda/lambda-web-dev-task" {
		t.Errorf("the outputs are %v", outputs)
	}
}
