package engine

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

const botocoreVersion = "1.43.11"

// botocore returns a Python that has botocore, installed once, or nothing where it cannot be had.
func botocore(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join(filepath.Dir(program), "..", "venv-botocore-"+botocoreVersion))
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(folder, "bin", "python")
	if exec.Command(python, "-c", "import botocore").Run() == nil {
		return python
	}
	if output, err := exec.Command("python3", "-m", "venv", folder).CombinedOutput(); err != nil {
		t.Logf("requests are not held against the services' models: a virtual environment cannot be made: %v\n%s",
			err, output)
		return ""
	}
	install := exec.Command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "botocore=="+
		botocoreVersion)
	if output, err := install.CombinedOutput(); err != nil {
		t.Logf("requests are not held against the services' models: botocore cannot be installed: %v\n%s", err, output)
		return ""
	}
	return python
}

// acceptable: AWS would take the requests that make what there is, as far as its services' own models say.
func acceptable(t *testing.T, requests []standin.Request) {
	t.Helper()
	for _, problem := range refusals(t, requests) {
		t.Error(problem)
	}
}

func refusals(t *testing.T, requests []standin.Request) (problems []string) {
	t.Helper()
	python := botocore(t)
	if python == "" {
		return nil
	}
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, validator)
	command.Stdin, command.Stderr = bytes.NewReader(input), os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("hold the requests against the models: %v", err)
	}
	if err := json.Unmarshal(output, &problems); err != nil {
		t.Fatal(err)
	}
	return append(problems, lifecycleProblems(requests)...)
}

// lifecycleProblems: no model says what a lifecycle policy's text holds.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
func lifecycleProblems(requests []standin.Request) (problems []string) {
	for _, r := range requests {
		if r.Operation != "PutLifecyclePolicy" {
			continue
		}
		var policy struct {
			Rules []struct {
				RulePriority int
				Description  string
				Selection    struct {
					TagStatus, CountType string
					CountNumber          int
					TagPrefixList        []string
					CountUnit            string
				}
				Action struct{ Type string }
			}
		}
		decoder := json.NewDecoder(strings.NewReader(r.Params["lifecyclePolicyText"].(string)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&policy); err != nil || len(policy.Rules) == 0 {
			problems = append(problems, r.Object+": the lifecycle policy is none: "+
				r.Params["lifecyclePolicyText"].(string))
		}
		for _, rule := range policy.Rules {
			s := rule.Selection
			if rule.RulePriority < 1 || rule.Action.Type != "expire" || s.CountNumber < 1 ||
				!slices.Contains([]string{"any", "tagged", "untagged"}, s.TagStatus) ||
				!slices.Contains([]string{"imageCountMoreThan", "sinceImagePushed"}, s.CountType) {
				problems = append(problems, r.Object+": AWS refuses the rule "+rule.Description)
			}
		}
	}
	return problems
}

// TestRefusals: what a service's model forbids is found.
func TestRefusals(t *testing.T) {
	cli(t)
	request := func(service, operation string, params map[string]any) standin.Request {
		return standin.Request{Object: "o", Service: service, Operation: operation, Params: params}
	}
	name := strings.Repeat("n", 65)
	for _, c := range []struct {
		request standin.Request
		want    string
	}{
		{request("iam", "CreateRole", map[string]any{"RoleName": name, "AssumeRolePolicyDocument": "{}"}),
			"RoleName has 65, not 1 to 64"},
		{request("iam", "CreateRole", map[string]any{"RoleName": "a"}), "AssumeRolePolicyDocument is missing"},
		{request("ecr", "CreateRepository", map[string]any{"repositoryName": "Shop"}),
			"repositoryName is 'Shop', which is not"},
		{request("apigateway", "CreateDomainName", map[string]any{"domainName": "a", "securityPolicy": "TLS_2"}),
			"securityPolicy is 'TLS_2', not one of"},
		{request("lambda", "CreateAlias", map[string]any{"Name": "a", "FunctionName": "f", "FunctionVersion": "1",
			"RoutingConfig": map[string]any{"x": 1}}), "RoutingConfig has no x"},
		{request("ecr", "PutLifecyclePolicy", map[string]any{"repositoryName": "shop",
			"lifecyclePolicyText": `[{"description":"` + name + name + `"}]`}), "the lifecycle policy is none"},
	} {
		if got := refusals(t, []standin.Request{c.request}); botocore(t) != "" && !strings.Contains(strings.Join(got,
			"\n"), c.want) {
			t.Errorf("%+v: %q, want %q", c.request, got, c.want)
		}
	}
}
