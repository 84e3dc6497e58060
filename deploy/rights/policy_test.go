package rights

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var deployer = Deployer{Account: "123456789012", Region: "*", Partition: "aws", Name: "lambda-web"}

// TestDocumentedPolicy: docs/deployer-policy.json is what the command writes.
func TestDocumentedPolicy(t *testing.T) {
	text, err := os.ReadFile("../../docs/deployer-policy.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(deployer.Policy(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want)+"\n" {
		t.Error("docs/deployer-policy.json is out of date; run: go run ./deploy/policy -account 123456789012 > docs/deployer-policy.json")
	}
}

// unnamed are the actions for which AWS knows no narrower resource, or no way to keep a right to one project's,
// with the page that says so.
var unnamed = map[string]string{
	"ecr:GetAuthorizationToken":                        "list_amazonelasticcontainerregistry.html",
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
var byID = []string{"apigateway", "route53", "wafv2"}

var (
	action   = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9]+\*?$`)
	readOnly = regexp.MustCompile(`^[a-z0-9-]+:(Get|List|Describe)[A-Za-z]*\*$`)
)

// TestLeastRights: every action is named, or a prefix of reads; every resource is the project's own, with the
// exceptions above; and the policy fits a managed policy, which has 6144 characters
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func TestLeastRights(t *testing.T) {
	bounded := deployer
	bounded.Boundary = "arn:aws:iam::123456789012:policy/boundary"
	for _, d := range []Deployer{deployer, bounded} {
		p := d.Policy()
		linked := 0
		for _, s := range p.Statement {
			if len(s.Action) == 0 || len(s.Resource) == 0 {
				t.Errorf("%s: actions %v, resources %v", s.Sid, s.Action, s.Resource)
			}
			for _, a := range s.Action {
				if !action.MatchString(a) || strings.HasSuffix(a, "*") && !readOnly.MatchString(a) {
					t.Errorf("%s: %s is not an action of its own", s.Sid, a)
				}
				service, _, _ := strings.Cut(a, ":")
				for _, r := range s.Resource {
					own := strings.Contains(r, "lambda-web-*") || slices.Contains(byID, service) && r != "*"
					if !own && unnamed[a] == "" && s.Sid != "FindLogs" && s.Sid != "LinkedRoles" {
						t.Errorf("%s: %s on %s is wider than it has to be", s.Sid, a, r)
					}
					if own && unnamed[a] != "" {
						t.Errorf("%s: %s is narrow, take it off the exceptions", s.Sid, a)
					}
					if strings.Contains(r, "${") {
						t.Errorf("%s: %s is not filled in", s.Sid, r)
					}
				}
			}
			if s.Sid == "HandOverTheRole" && s.Condition["StringEquals"]["iam:PassedToService"] == nil {
				t.Error("roles can be handed to any service")
			}
			for _, a := range s.Action {
				if a == "iam:CreateServiceLinkedRole" {
					services, _ := s.Condition["StringEquals"]["iam:AWSServiceName"].([]string)
					for _, r := range s.Resource {
						if !slices.ContainsFunc(services, func(service string) bool { return strings.Contains(r, "/"+service+"/") }) {
							t.Errorf("%s: %s on %s is for no service of %v", s.Sid, a, r, services)
						}
					}
					linked += len(s.Resource)
				}
			}
			if s.Sid == "MakeRoles" && (s.Condition != nil) != (d.Boundary != "") {
				t.Errorf("boundary %q, condition %v", d.Boundary, s.Condition)
			}
		}
		if linked != 2 {
			t.Errorf("roles of %d services may be made, want those of scaling and of API Gateway, whose first domain needs it", linked)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 6144 {
			t.Errorf("the policy has %d characters; AWS takes 6144", len(text))
		}
	}
}

// TestPlain has fewer rights, and none that the whole policy has not.
func TestPlain(t *testing.T) {
	plain := deployer
	plain.Plain = true
	all := map[string]bool{}
	for _, s := range deployer.Policy().Statement {
		for _, a := range s.Action {
			all[s.Sid+a] = true
		}
	}
	count := 0
	for _, s := range plain.Policy().Statement {
		for _, a := range s.Action {
			count++
			if !all[s.Sid+a] {
				t.Errorf("%s: %s is not in the whole policy", s.Sid, a)
			}
		}
	}
	if count == 0 || count >= len(all) {
		t.Errorf("%d of %d rights", count, len(all))
	}
}

func TestCheck(t *testing.T) {
	if err := deployer.Check(); err != nil {
		t.Error(err)
	}
	err := Deployer{Account: "1", Name: "a b", Boundary: "x"}.Check()
	for _, want := range []string{"use its 12 digits", "is not a project's name", "is not the ARN of a policy"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestRead: who only looks for drift has no action that changes anything, and every look that a deployer has.
func TestRead(t *testing.T) {
	reader := deployer
	reader.Read = true
	got := map[string]bool{}
	for _, s := range reader.Policy().Statement {
		for _, a := range s.Action {
			got[a] = true
			if verb := strings.SplitN(a, ":", 2)[1]; !regexp.MustCompile(`^(Get|List|Describe|GET$)`).MatchString(verb) {
				t.Errorf("%s: %s changes something", s.Sid, a)
			}
		}
	}
	for _, a := range []string{"lambda:Get*", "apigateway:GET", "iam:GetRole*", "logs:DescribeLogGroups", "ecr:Describe*", "cloudwatch:DescribeAlarms"} {
		if !got[a] {
			t.Errorf("%s is missing", a)
		}
	}
}
