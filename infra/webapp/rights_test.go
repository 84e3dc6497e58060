package webapp

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/deploy/rights"
	"lambda-web/infra/webapp/names"
)

// The deployer's policy allows what the program makes under the names it makes it with: those it gives, those that get
// a suffix, with capitals, as long as they may be, and in a policy for the environment as in one for the project.
func TestDeployerMayMakeWhatIsMade(t *testing.T) {
	p := newProject(t)
	for name, of := range map[string]string{
		"lambda-web-prod": "lambda-web-prod", "lambda-web-dev": "lambda-web", "Shop-Prod": "Shop-Prod",
		strings.Repeat("Name", names.Longest/4): strings.Repeat("Name", names.Longest/4),
	} {
		c := &cloud{}
		for _, config := range []map[string]string{everySetting, frontSetting} {
			must(t, p.run(c, config, nil, func(ctx *pulumi.Context) error {
				settings, err := load(ctx, name)
				if err != nil {
					return err
				}
				_, err = newWebApp(ctx, name, settings.Args, stubCompile(""))
				return err
			}))
		}
		d := rights.Deployer{Account: account, Region: region, Partition: "aws", Name: of}
		must(t, d.Check())
		checked := 0
		for _, r := range c.records {
			action, arn := made(r)
			if action == "" {
				continue
			}
			checked++
			if !allows(d, action, arn) {
				t.Errorf("-name %s does not allow %s on %s", of, action, arn)
			}
			if other := strings.NewReplacer(name, "other-"+name, strings.ToLower(name), "other-"+
				strings.ToLower(name)).Replace(arn); allows(d, action, other) {
				t.Errorf("-name %s allows %s on %s", of, action, other)
			}
		}
		if checked < 12 {
			t.Errorf("%s: only %d resources have a name", name, checked)
		}
	}
}

// made is the action that makes a resource whose name a policy can know, and its ARN.
func made(r record) (action, arn string) {
	base := func(service string) string { return "arn:aws:" + service + ":" + region + ":" + account + ":" }
	const suffix = "-1a2b3c4"
	switch r.TypeToken {
	case "awsx:ecr:Repository":
		return "ecr:CreateRepository", base("ecr") + "repository/" + strings.ToLower(r.Name) + suffix
	case typeLogs:
		return "logs:CreateLogGroup", base("logs") + "log-group:" + r.input("name").(string) + ":*"
	case typeRole:
		return "iam:CreateRole", computed(r.MockResourceArgs)["arn"]
	case typeFunction:
		return "lambda:CreateFunction", computed(r.MockResourceArgs)["arn"]
	case typeAlarm:
		return "cloudwatch:PutMetricAlarm", base("cloudwatch") + "alarm:" + r.Name + suffix
	case typeTopic:
		return "sns:CreateTopic", base("sns") + r.Name + suffix
	case typeEdgeFunction:
		return "cloudfront:CreateFunction", computed(r.MockResourceArgs)["arn"]
	case typeQueue:
		return "sqs:CreateQueue", computed(r.MockResourceArgs)["arn"]
	case typeSchedule:
		return "scheduler:CreateSchedule", base("scheduler") + "schedule/default/" + r.Name + suffix
	case typeDashboard:
		return "cloudwatch:PutDashboard", "arn:aws:cloudwatch::" + account + ":dashboard/" +
			r.input("dashboardName").(string)
	}
	return "", ""
}

// allows reports whether one of the deployer's policies allows the action on the resource.
func allows(d rights.Deployer, action, arn string) bool {
	match := func(pattern, text string) bool {
		// In a policy * stands for slashes too.
		ok, _ := path.Match(strings.ReplaceAll(pattern, "/", "|"), strings.ReplaceAll(text, "/", "|"))
		return ok
	}
	for _, s := range slices.Concat(d.Core().Statement, d.Options().Statement, d.Front().Statement) {
		if slices.ContainsFunc(s.Action, func(p string) bool { return match(p, action) }) &&
			slices.ContainsFunc(s.Resource, func(p string) bool { return match(p, arn) }) {
			return true
		}
	}
	return false
}
