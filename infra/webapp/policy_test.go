package webapp

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// policies finds every IAM policy in the inputs of a run, by the resource it is part of and, for the API, which has
// its policy twice, by the input.
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
				if text = string(doc.Policy); text == "" {
					continue
				}
			}
			var p policy
			decoder := json.NewDecoder(strings.NewReader(text))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&p); err != nil {
				t.Fatalf("%s of %s is no policy: %v", key, r, err)
			}
			name := r.TypeToken + " " + r.Name
			if r.TypeToken == typeAPI {
				name += " " + string(key)
			}
			found[name] = p
		}
	}
	return found
}

func TestPolicies(t *testing.T) {
	p := newProject(t)
	got := policies(t, p.deployed(t, nil))
	want := map[string]policy{
		typeRole + " lambda-web-dev": {Version: "2012-10-17", Statement: []statement{{
			Effect: "Allow", Principal: map[string]string{"Service": "lambda.amazonaws.com"},
			Action: []string{"sts:AssumeRole"},
		}}},
		typeRolePolicy + " lambda-web-dev-logs": {Version: "2012-10-17", Statement: []statement{{
			Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/lambda-web-dev:*"},
		}}},
		typePull + " lambda-web-dev": {Version: "2012-10-17", Statement: []statement{{
			Sid: "LambdaPullsTheImage", Effect: "Allow",
			Principal: map[string]string{"Service": "lambda.amazonaws.com"},
			Action:    []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Condition: map[string]map[string][]string{"StringLike": {"aws:SourceArn": {
				"arn:*:lambda:eu-central-1:123456789012:function:*"}}},
		}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

func TestRights(t *testing.T) {
	one := func(actions, resources []string) []statement {
		return []statement{{Effect: "Allow", Action: actions, Resource: resources}}
	}
	network := []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
		"ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	tests := []struct {
		name   string
		config map[string]string
		policy string
		want   []statement
	}{
		{"tracing", map[string]string{"tracing": "true"}, "tracing", one([]string{"xray:PutTraceSegments",
			"xray:PutTelemetryRecords"}, []string{"*"})},
		{"environment key", map[string]string{"environmentKmsKeyArn": keyARN}, "environment",
			one([]string{"kms:Decrypt"}, []string{keyARN})},
		{"the app's", map[string]string{"iamStatements": `[{"actions":["s3:GetObject"],"resources":["arn:aws:s3:::b/*"],"conditions":{"Bool":{"aws:SecureTransport":["true"]}}}]`},
			"app", []statement{{Effect: "Allow", Action: []string{"s3:GetObject"},
				Resource:  []string{"arn:aws:s3:::b/*"},
				Condition: map[string]map[string][]string{"Bool": {"aws:SecureTransport": {"true"}}}}}},
		{"network, for Lambda and not for the app", map[string]string{"vpcSubnetIds": `["subnet-1"]`,
			"vpcSecurityGroupIds": `["sg-1"]`}, "network",
			append(one(network, []string{"*"}), statement{Effect: "Deny", Action: network, Resource: []string{"*"},
				Condition: map[string]map[string][]string{"ArnLike": {"lambda:SourceFunctionArn": {"arn:*:lambda:*:*:function:*"}}}})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newProject(t).deployed(t, tt.config)
			got := policies(t, c)[typeRolePolicy+" lambda-web-dev-"+tt.policy]
			if !reflect.DeepEqual(got.Statement, tt.want) {
				t.Errorf("got\n%v\nwant\n%v", got.Statement, tt.want)
			}
			for _, r := range c.all(typeRolePolicy) {
				if !c.one(t, typeFunction).dependsOn(r) {
					t.Errorf("the function does not wait for %s", r)
				}
			}
		})
	}
}

func TestCallers(t *testing.T) {
	everybody := map[string]string{"AWS": "*"}
	stage, call := []string{"arn:aws:execute-api:eu-central-1:123456789012:*/v1/*/*"}, []string{"execute-api:Invoke"}
	patterns := []string{"arn:*:*::123456789012:*", "arn:aws:iam::210987654321:role/ci"}
	condition := func(operator, key string, values ...string) map[string]map[string][]string {
		return map[string]map[string][]string{operator: {key: values}}
	}
	allow := statement{Effect: "Allow", Principal: everybody, Action: call, Resource: stage}
	allowSome, denyOthers, denyAbroad, denyPlain := allow, allow, allow, allow
	allowSome.Condition = condition("ArnLike", "aws:PrincipalArn", patterns...)
	denyOthers.Effect, denyOthers.Condition = "Deny", condition("ArnNotLike", "aws:PrincipalArn", patterns...)
	denyAbroad.Effect, denyAbroad.Condition = "Deny", condition("NotIpAddress", "aws:SourceIp", "203.0.113.0/24",
		"2001:db8::/32")
	denyPlain.Effect, denyPlain.Condition = "Deny", condition("Bool", "aws:SecureTransport", "false")
	ranges, principals := `["203.0.113.0/24","2001:db8::/32"]`, `["123456789012","arn:aws:iam::210987654321:role/ci"]`
	tests := []struct {
		name   string
		config map[string]string
		want   []statement
	}{
		{"open", nil, nil},
		{"open to some addresses", map[string]string{"allowedSourceRanges": ranges}, []statement{allow, denyAbroad,
			denyPlain}},
		{"signed: nobody gains a right, and no earlier policy stays", map[string]string{"auth": "AWS_IAM"},
			[]statement{denyPlain}},
		{"signed, from some addresses: nobody gains a right", map[string]string{"auth": "AWS_IAM",
			"allowedSourceRanges": ranges}, []statement{denyAbroad, denyPlain}},
		{"signed by some", map[string]string{"auth": "AWS_IAM", "allowedPrincipals": principals},
			[]statement{allowSome, denyOthers, denyPlain}},
		{"signed by some, from some addresses", map[string]string{"auth": "AWS_IAM", "allowedPrincipals": principals,
			"allowedSourceRanges": ranges},
			[]statement{allowSome, denyOthers, denyAbroad, denyPlain}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newProject(t).deployed(t, tt.config)
			found := policies(t, c)
			for _, where := range []string{"body", "policy"} {
				if got := found[typeAPI+" lambda-web-dev "+where]; !reflect.DeepEqual(got.Statement, tt.want) {
					t.Errorf("%s: got\n%v\nwant\n%v", where, got.Statement, tt.want)
				}
			}
		})
	}
}

// With everything switched on, no policy allows every action, and none every resource except where
// AWS knows no narrower one; services are the only principals that take on a role.
func TestEveryPolicyIsNarrow(t *testing.T) {
	// Actions AWS defines no resource for, or whose resource has no name when the right is given, with the page of
	// https://docs.aws.amazon.com/service-authorization/latest/reference/ or the guide that says so.
	anyResource := map[string]string{
		"xray:PutTraceSegments": "list_awsx-ray.html", "xray:PutTelemetryRecords": "list_awsx-ray.html",
		"ec2:DescribeNetworkInterfaces": "list_amazonec2.html", "ec2:DescribeSubnets": "list_amazonec2.html",
		// Lambda asks for these before the interface has a name
		// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html); a denial keeps them from the app.
		"ec2:CreateNetworkInterface": "list_amazonec2.html", "ec2:DeleteNetworkInterface": "list_amazonec2.html",
		"ec2:AssignPrivateIpAddresses": "list_amazonec2.html", "ec2:UnassignPrivateIpAddresses": "list_amazonec2.html",
	}
	met := map[string]bool{}
	found := policies(t, newProject(t).deployed(t, everySetting))
	if len(found) < 8 {
		t.Errorf("only %d policies with every setting on", len(found))
	}
	for name, p := range found {
		for _, s := range p.Statement {
			if s.Effect != "Allow" {
				continue
			}
			for _, action := range s.Action {
				if strings.Contains(action, "*") {
					t.Errorf("%s allows %s", name, action)
				}
				if slices.Contains(s.Resource, "*") {
					met[action] = true
					if anyResource[action] == "" {
						t.Errorf("%s allows %s on everything", name, action)
					}
				}
				if action == "sts:AssumeRole" && s.Principal["Service"] == "" {
					t.Errorf("%s lets %v take on the role", name, s.Principal)
				}
			}
		}
	}
	for action := range anyResource {
		if !met[action] {
			t.Errorf("no policy needs the exception for %s", action)
		}
	}
}

// everySetting switches on all that can be on together.
var everySetting = map[string]string{
	"tracing": "true", "environmentKmsKeyArn": keyARN, "logsKmsKeyArn": keyARN, "repositoryKmsKeyArn": keyARN,
	"iamStatements": `[{"actions":["s3:GetObject"],"resources":["arn:aws:s3:::b/*"]}]`,
	"vpcSubnetIds":  `["subnet-1"]`, "vpcSecurityGroupIds": `["sg-1"]`, "auth": "AWS_IAM",
	"allowedPrincipals":   `["123456789012"]`,
	"allowedSourceRanges": `["203.0.113.0/24"]`, "accessLog": "true", "accountLogRole": "true", "throttleRate": "50",
	"webAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/b", "domainName": "api.example.com",
	"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x", "domainHostedZoneId": "Z9",
	"domainBasePath": "shop",
	"alarmEmail":     "a@example.com", "dashboard": "true", "provisionedConcurrency": "2",
	"provisionedConcurrencyMax": "4",
	"provisionedSchedule":       `[{"schedule":"rate(1 day)","min":1,"max":5}]`, "liveVersion": "3",
	"invokeMode":     "response_stream",
	"schedules":      `[{"name":"nightly","cron":"0 3 * * ? *","timezone":"Europe/Berlin","path":"/tasks/nightly"},{"name":"often","rate":"5 minutes","path":"/tasks/often"}]`,
	"releaseCommand": `["migrate"]`, "taskMemory": "1024",
	"timeout": "300", "reservedConcurrency": "10", "permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/b",
	"protect": "true", "retainLogs": "true",
	"imageTagMutability": "IMMUTABLE",
}

// With everything on, every registration can fail, and the failure gets out.
func TestEveryFailureGetsOut(t *testing.T) {
	p := newProject(t)
	tokens := map[string]map[string]string{} // to the configuration that makes one
	for _, config := range []map[string]string{everySetting, frontSetting} {
		for _, r := range p.deployed(t, config).records {
			tokens[r.TypeToken] = config
		}
	}
	for token, config := range tokens {
		if token == Type || token == typeRepository { // without outputs of their own to fail on in the mocks
			continue
		}
		c := &cloud{failType: token}
		err := p.run(c, config, nil, func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("")) })
		if err == nil || !strings.Contains(err.Error(), "no more "+token) {
			t.Errorf("%s fails with %v", token, err)
		}
	}
}

// In GovCloud and in China nothing has the usual partition or region in it.
func TestPartitions(t *testing.T) {
	for _, region := range []string{"us-gov-west-1", "cn-northwest-1"} {
		p := newProject(t)
		c := &cloud{region: region}
		config := map[string]string{"aws:region": region}
		for key, value := range everySetting {
			config[key] = c.there(value)
		}
		must(t, p.run(c, config, nil, func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("")) }))
		arns := 0
		for _, r := range c.records {
			text := r.text()
			arns += strings.Count(text, "arn:"+partitionOf(region)+":")
			if strings.Contains(text, "arn:aws:") || strings.Contains(text, "eu-central-1") {
				t.Errorf("in %s: %s has %s", region, r, text)
			}
		}
		if arns < 20 {
			t.Errorf("in %s there are only %d ARNs of its partition", region, arns)
		}
	}
}
