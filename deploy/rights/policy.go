// Package rights says what whoever deploys a web app has to be allowed in AWS.
package rights

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"lambda-web/infra/webapp/names"
)

// Deployer is whom a policy is for.
type Deployer struct {
	Account   string // 12 digits
	Region    string // "*" for all
	Partition string // aws, aws-cn or aws-us-gov
	Name      string // what the names of the resources start with: project, or project and stack
	Boundary  string // ARN of the permissions boundary every role has to have; empty for none
}

// Types are the types of resources that the rights are for.
func Types(plain bool) []string {
	if plain {
		return slices.Sorted(slices.Values(plainTypes))
	}
	return slices.Sorted(maps.Keys(byType))
}

var (
	accountAllowed = regexp.MustCompile(`^\d{12}$`)
	nameAllowed    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
	regionAllowed  = regexp.MustCompile(`^(\*|[a-z]{2,4}(-[a-z]+)+-\d)$`)
)

// Check says what is wrong with the fields, all of it.
func (d Deployer) Check() error {
	var mistakes []error
	if !accountAllowed.MatchString(d.Account) {
		mistakes = append(mistakes, fmt.Errorf("account %q is not an account id; use its 12 digits", d.Account))
	}
	if !nameAllowed.MatchString(d.Name) || len(d.Name) > names.Longest {
		mistakes = append(mistakes,
			fmt.Errorf("name %q is not a project's name, or a project's and a stack's, of %d characters at the most",
				d.Name, names.Longest))
	}
	if !regionAllowed.MatchString(d.Region) {
		mistakes = append(mistakes,
			fmt.Errorf("region %q is not a region; use a name such as eu-central-1, or * for all", d.Region))
	}
	if !slices.Contains([]string{"aws", "aws-cn", "aws-us-gov"}, d.Partition) {
		mistakes = append(mistakes, fmt.Errorf("partition %q is not one of aws, aws-cn and aws-us-gov", d.Partition))
	}
	if d.Boundary != "" && !strings.Contains(d.Boundary, ":policy/") {
		mistakes = append(mistakes, fmt.Errorf("boundary %q is not the ARN of a policy", d.Boundary))
	}
	return errors.Join(mistakes...)
}

// Policy is an IAM policy document
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html).
type Policy struct {
	Version   string      `json:"Version"`
	Statement []Statement `json:"Statement"`
}

// Statement allows actions on resources.
type Statement struct {
	Sid       string                    `json:"Sid"`
	Effect    string                    `json:"Effect"`
	Action    []string                  `json:"Action"`
	Resource  []string                  `json:"Resource"`
	Condition map[string]map[string]any `json:"Condition,omitempty"`
}

// plainTypes are what a web app without optional settings is made of.
var plainTypes = []string{
	"aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy",
	"aws:ecr/repositoryPolicy:RepositoryPolicy",
	"docker:index/image:Image", "aws:cloudwatch/logGroup:LogGroup", "aws:iam/role:Role",
	"aws:iam/rolePolicy:RolePolicy",
	"aws:lambda/function:Function", "aws:lambda/alias:Alias", "aws:lambda/permission:Permission",
	"aws:apigateway/restApi:RestApi", "aws:apigateway/deployment:Deployment", "aws:apigateway/stage:Stage",
}

// frontTypes are what a distribution in front of the API is made of.
var frontTypes = []string{"aws:cloudfront/distribution:Distribution", "aws:cloudfront/cachePolicy:CachePolicy",
	"aws:cloudfront/function:Function"}

// Core is the policy for a web app without optional settings. Options is what these need beyond it, but for a front,
// whose rights Front has. They are several because a managed policy has 6144 characters at the most
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func (d Deployer) Core() Policy {
	return d.policy(func(token string, r right) bool { return isCore(token, r) })
}

// Options is the policy for what optional settings need beyond Core, but for the setting front.
func (d Deployer) Options() Policy {
	return d.policy(func(token string, r right) bool {
		return !isCore(token, r) && !r.commands && !slices.Contains(frontTypes, token)
	})
}

// Front is the policy for what the setting front needs beyond both.
func (d Deployer) Front() Policy {
	return d.policy(func(token string, r right) bool { return slices.Contains(frontTypes, token) })
}

// Run is the policy of whoever runs commands of the app, and does not deploy; and what a deployer with a release
// command needs beyond the others.
func (d Deployer) Run() Policy {
	return d.policy(func(_ string, r right) bool { return r.commands })
}

// Read is the policy of whoever only looks, for a search for drift.
func (d Deployer) Read() Policy {
	p := d.policy(func(string, right) bool { return true })
	for i := range p.Statement {
		p.Statement[i].Action = slices.DeleteFunc(p.Statement[i].Action,
			func(action string) bool { return !looks.MatchString(action) })
	}
	p.Statement = slices.DeleteFunc(p.Statement, func(s Statement) bool { return len(s.Action) == 0 })
	return p
}

// looks are the actions that change nothing. Those of API Gateway are HTTP methods.
var looks = regexp.MustCompile(`^apigateway:GET$|:(Get|List|Describe)`)

func isCore(token string, r right) bool { return !r.optional && slices.Contains(plainTypes, token) }

// policy brings the chosen rights of all types together, one statement for each sid.
func (d Deployer) policy(chosen func(token string, r right) bool) Policy {
	statements := map[string]*Statement{}
	for _, token := range Types(false) {
		for _, r := range byType[token] {
			s := statements[r.sid]
			if s == nil {
				s = &Statement{Sid: r.sid, Effect: "Allow"}
				statements[r.sid] = s
			}
			s.Resource = append(s.Resource, d.expand(r.resources)...)
			if r.condition != nil {
				s.Condition = d.conditions(r.condition)
			}
			if r.roles && d.Boundary != "" {
				s.Condition = map[string]map[string]any{"ArnEquals": {"iam:PermissionsBoundary": d.Boundary}}
			}
			if chosen(token, r) {
				s.Action = append(s.Action, r.actions...)
			}
		}
	}
	p := Policy{Version: "2012-10-17"}
	for _, sid := range slices.Sorted(maps.Keys(statements)) {
		s := statements[sid]
		if len(s.Action) == 0 {
			continue
		}
		slices.Sort(s.Action)
		slices.Sort(s.Resource)
		s.Action, s.Resource = slices.Compact(s.Action), slices.Compact(s.Resource)
		p.Statement = append(p.Statement, *s)
	}
	return p
}

// expand fills the patterns in. A name that the program gives stands alone or, when Name is the project's, at the
// start.
func (d Deployer) expand(patterns []string) []string {
	fill := strings.NewReplacer("${PARTITION}", d.Partition, "${REGION}", d.Region, "${ACCOUNT}", d.Account,
		"${NAME}", d.Name, "${name}", strings.ToLower(d.Name)).Replace
	var expanded []string
	for _, p := range patterns {
		if strings.Contains(p, "${GIVEN}") {
			expanded = append(expanded, fill(strings.ReplaceAll(p, "${GIVEN}", names.Generated("${NAME}"))))
		}
		expanded = append(expanded, fill(strings.ReplaceAll(p, "${GIVEN}", "${NAME}")))
	}
	return expanded
}

func (d Deployer) conditions(c map[string]map[string]any) map[string]map[string]any {
	expanded := map[string]map[string]any{}
	for operator, keys := range c {
		expanded[operator] = map[string]any{}
		for key, value := range keys {
			if text, ok := value.(string); ok {
				value = d.expand([]string{text})[0]
			}
			expanded[operator][key] = value
		}
	}
	return expanded
}
