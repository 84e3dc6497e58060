package webapp

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// policies finds every IAM policy in the inputs of a run, by the resource it is part of.
func policies(t testing.TB, c *cloud) map[string]policy {
	t.Helper()
	found := map[string]policy{}
	for _, r := range c.records {
		for key, value := range r.Inputs {
			if !value.IsString() || !strings.Contains(value.StringValue(), `"Statement"`) {
				continue
			}
			text := value.StringValue()
			if key == "body" {
				var doc struct {
					Policy json.RawMessage `json:"x-amazon-apigateway-policy"`
				}
				must(t, json.Unmarshal([]byte(text), &doc))
				text = string(doc.Policy)
			}
			var p policy
			decoder := json.NewDecoder(strings.NewReader(text))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&p); err != nil {
				t.Fatalf("%s of %s is no policy: %v", key, r, err)
			}
			found[r.TypeToken+" "+r.Name] = p
		}
	}
	return found
}

func TestPolicies(t *testing.T) {
	p := newProject(t)
	got := policies(t, p.deployed(t, nil))
	want := map[string]policy{
		typeRole + " lambda-web-dev": {Version: "2012-10-17", Statement: []statement{{
			Effect: "Allow", Principal: map[string]string{"Service": "lambda.amazonaws.com"}, Action: []string{"sts:AssumeRole"},
		}}},
		typeRolePolicy + " lambda-web-dev-logs": {Version: "2012-10-17", Statement: []statement{{
			Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/lambda-web-dev:*"},
		}}},
		typePull + " lambda-web-dev": {Version: "2012-10-17", Statement: []statement{{
			Sid: "LambdaPullsTheImage", Effect: "Allow", Principal: map[string]string{"Service": "lambda.amazonaws.com"},
			Action: []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Condition: map[string]map[string][]string{"StringLike": {"aws:SourceArn": {
				"arn:*:lambda:eu-central-1:123456789012:function:*"}}},
		}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}
