package rights

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lambda-web/infra/webapp/names"
)

var deployer = Deployer{Account: "123456789012", Region: "*", Partition: "aws", Name: "lambda-web"}

// parts are the policies of a deployer by the name that the command has for them.
func parts(d Deployer) map[string]Policy {
	return map[string]Policy{"core": d.Core(), "options": d.Options(), "front": d.Front(), "run": d.Run()}
}

// TestDocumentedPolicies: docs/deployer-policy-*.json are what the command writes.
func TestDocumentedPolicies(t *testing.T) {
	for part, policy := range parts(deployer) {
		text, err := os.ReadFile("../../docs/deployer-policy-" + part + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.MarshalIndent(policy, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != string(want)+"\n" {
			t.Errorf("docs/deployer-policy-%s.json is out of date; run: go run ./deploy/policy -account "+
				"123456789012 -part %s > docs/deployer-policy-%s.json", part, part, part)
		}
	}
}

// unnamed are the actions for which AWS knows no narrower resource, or no way to keep a right to one project's,
// with the page that says so.
var unnamed = map[string]string{
	"ecr:GetAuthorizationToken":                        "list_amazonelasticcontainerregistry.html",
	"lambda:GetAccountSettings":                        "list_awslambda.html",
	"ec2:DescribeNetworkInterfaces":                    "list_amazonec2.html",
	"ec2:DescribeSecurityGroups":                       "list_amazonec2.html",
	"ec2:DescribeSubnets":                              "list_amazonec2.html",
	"ec2:DescribeVpcs":                                 "list_amazonec2.html",
	"sns:GetSubscriptionAttributes":                    "list_amazonsns.html",
	"sns:SetSubscriptionAttributes":                    "list_amazonsns.html",
	"sns:Unsubscribe":                                  "list_amazonsns.html",
	"application-autoscaling:Describe*":                "list_awsapplicationautoscaling.html",
	"application-autoscaling:ListTagsForResource":      "list_awsapplicationautoscaling.html",
	"application-autoscaling:TagResource":              "list_awsapplicationautoscaling.html",
	"application-autoscaling:UntagResource":            "list_awsapplicationautoscaling.html",
	"application-autoscaling:RegisterScalableTarget":   "kept to Lambda by a condition",
	"application-autoscaling:DeregisterScalableTarget": "kept to Lambda by a condition",
	"application-autoscaling:PutScalingPolicy":         "kept to Lambda by a condition",
	"application-autoscaling:DeleteScalingPolicy":      "kept to Lambda by a condition",
	"application-autoscaling:PutScheduledAction":       "kept to Lambda by a condition",
	"application-autoscaling:DeleteScheduledAction":    "kept to Lambda by a condition",
}

// byID are the services that give their objects ids when they are made: a policy cannot name them before.
var byID = []string{"apigateway", "cloudfront", "execute-api", "route53", "wafv2"}

var (
	action   = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9]+\*?$`)
	readOnly = regexp.MustCompile(`^[a-z0-9-]+:(Get|List|Describe)[A-Za-z]*\*$`)
)

// deployers are those with the longest names there can be, and the others that are written in another way.
func deployers() map[string]Deployer {
	all := map[string]Deployer{"of the project": deployer}
	d := deployer
	d.Name, d.Region = "lambda-web-prod", "eu-central-1"
	all["of one environment"] = d
	d.Name = "Shop-Prod"
	all["with capitals"] = d
	d.Boundary = "arn:aws:iam::123456789012:policy/boundary"
	all["with a boundary"] = d
	d.Name, d.Partition, d.Region = strings.Repeat("Name", names.Longest/4), "aws-us-gov", "us-gov-west-1"
	d.Boundary = "arn:aws-us-gov:iam::123456789012:policy/" + strings.Repeat("p", 128)
	all["with the longest names"] = d
	d.Partition, d.Region = "aws", "ap-southeast-1"
	d.Boundary = strings.Replace(d.Boundary, "aws-us-gov", "aws", 1)
	all["with the longest names where CloudFront is"] = d
	return all
}

// managedPolicy and inlinePolicies are how many characters AWS takes in a managed policy, and in all inline policies of
// a role together, white space not counted (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	managedPolicy  = 6144
	inlinePolicies = 10240
)

// TestSizes: each part is a managed policy, and core and options together are inline policies of one role.
func TestSizes(t *testing.T) {
	for name, d := range deployers() {
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		both := 0
		for part, policy := range parts(d) {
			text, err := json.Marshal(policy)
			if err != nil {
				t.Fatal(err)
			}
			if part == "core" || part == "options" {
				both += len(text)
			}
			if len(text) > managedPolicy {
				t.Errorf("%s: the part %s has %d characters; AWS takes %d", name, part, len(text), managedPolicy)
			}
		}
		if text, err := json.Marshal(d.Read()); err != nil || len(text) > managedPolicy {
			t.Errorf("%s: the part read has %d characters (%v); AWS takes %d", name, len(text), err, managedPolicy)
		}
		if both > inlinePolicies {
			t.Errorf("%s: the parts have %d characters; AWS takes %d", name, both, inlinePolicies)
		}
	}
}

// TestLeastRights: every action is named, or a prefix of reads; every resource is the project's own, with the
// exceptions above.
func TestLeastRights(t *testing.T) {
	for name, d := range deployers() {
		linked := 0
		for part, p := range parts(d) {
			for _, s := range p.Statement {
				where := name + ", " + part + ", " + s.Sid
				leastRights(t, where, d, s)
				if slices.Contains(s.Action, "iam:CreateServiceLinkedRole") {
					linked += linkedServices(t, where, s)
				}
			}
		}
		if linked != 2 {
			t.Errorf("%s: roles of %d services may be made, want those of scaling and of API Gateway, whose "+
				"first domain needs it", name, linked)
		}
	}
}

func leastRights(t *testing.T, where string, d Deployer, s Statement) {
	t.Helper()
	if len(s.Action) == 0 || len(s.Resource) == 0 {
		t.Errorf("%s: actions %v, resources %v", where, s.Action, s.Resource)
	}
	for _, a := range s.Action {
		if !action.MatchString(a) || strings.HasSuffix(a, "*") && !readOnly.MatchString(a) {
			t.Errorf("%s: %s is not an action of its own", where, a)
		}
		service, _, _ := strings.Cut(a, ":")
		for _, r := range s.Resource {
			own := strings.Contains(strings.ToLower(r), strings.ToLower(d.Name)) || slices.Contains(byID, service) &&
				r != "*"
			if !own && unnamed[a] == "" && !slices.Contains([]string{"FindLogs", "LinkedRoles", "ScalingAlarms"},
				s.Sid) {
				t.Errorf("%s: %s on %s is wider than it has to be", where, a, r)
			}
			if own && unnamed[a] != "" {
				t.Errorf("%s: %s is narrow, take it off the exceptions", where, a)
			}
			if strings.Contains(r, "${") || !strings.HasPrefix(r, "arn:"+d.Partition+":") && r != "*" {
				t.Errorf("%s: %s is not filled in", where, r)
			}
		}
	}
	if s.Sid == "HandOverTheRole" && s.Condition["StringEquals"]["iam:PassedToService"] == nil {
		t.Errorf("%s: roles can be handed to any service", where)
	}
	if s.Sid == "MakeRoles" && (s.Condition != nil) != (d.Boundary != "") {
		t.Errorf("%s: boundary %q, condition %v", where, d.Boundary, s.Condition)
	}
}

// linkedServices counts the services whose roles may be made, each of which the condition names.
func linkedServices(t *testing.T, where string, s Statement) int {
	t.Helper()
	services, _ := s.Condition["StringEquals"]["iam:AWSServiceName"].([]string)
	for _, r := range s.Resource {
		if !slices.ContainsFunc(services, func(service string) bool { return strings.Contains(r, "/"+service+"/") }) {
			t.Errorf("%s: %s is for no service of %v", where, r, services)
		}
	}
	return len(s.Resource)
}

// TestRun: who runs commands may do that, and see their output, and nothing else.
func TestRun(t *testing.T) {
	var got []string
	for _, s := range deployer.Run().Statement {
		for _, a := range s.Action {
			got = append(got, fmt.Sprint(a, s.Resource))
		}
	}
	want := []string{"logs:FilterLogEvents[arn:aws:logs:*:123456789012:log-group:/aws/lambda/lambda-web-*-task:* " +
		"arn:aws:logs:*:123456789012:log-group:/aws/lambda/lambda-web-task:*]",
		"lambda:InvokeFunction[arn:aws:lambda:*:123456789012:function:lambda-web-*-task-* " +
			"arn:aws:lambda:*:123456789012:function:lambda-web-task-*]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestParts: no right is in two of them.
func TestParts(t *testing.T) {
	in := map[string]string{}
	for part, policy := range parts(deployer) {
		for _, s := range policy.Statement {
			for _, a := range s.Action {
				if right := s.Sid + " " + a; in[right] != "" {
					t.Errorf("%s is in %s and in %s", right, in[right], part)
				}
				in[s.Sid+" "+a] = part
			}
		}
	}
}

func TestCheck(t *testing.T) {
	if err := deployer.Check(); err != nil {
		t.Error(err)
	}
	err := Deployer{Account: "1", Name: "a b", Boundary: "x", Region: "Frankfurt", Partition: "arn"}.Check()
	for _, want := range []string{"use its 12 digits", "is not a project's name", "is not the ARN of a policy",
		"is not a region", "is not one of aws, aws-cn"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestRead: who only looks for drift has no action that changes anything, and every look that a deployer has.
func TestRead(t *testing.T) {
	got := map[string]bool{}
	for _, s := range deployer.Read().Statement {
		for _, a := range s.Action {
			got[a] = true
			if verb := strings.SplitN(a, ":",
				2)[1]; !regexp.MustCompile(`^(Get|List|Describe|GET$)`).MatchString(verb) {
				t.Errorf("%s: %s changes something", s.Sid, a)
			}
		}
	}
	for _, a := range []string{"lambda:Get*", "apigateway:GET", "iam:GetRole*", "logs:DescribeLogGroups",
		"ecr:Describe*", "cloudwatch:DescribeAlarms"} {
		if !got[a] {
			t.Errorf("%s is missing", a)
		}
	}
}
