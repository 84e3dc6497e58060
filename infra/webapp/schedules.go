package webapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // the names of time zones, on machines that have none

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Task is a path of the app that is posted to by the clock: by a cron expression or at a rate
// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
type Task struct {
	Name     string `json:"name"`
	Cron     string `json:"cron,omitempty"` // six fields, such as 0 3 * * ? *
	Rate     string `json:"rate,omitempty"` // such as 5 minutes
	Timezone string `json:"timezone,omitempty"`
	Path     string `json:"path"`
}

// expression is the schedule as EventBridge Scheduler has it.
func (t Task) expression() string {
	if t.Rate != "" {
		return "rate(" + t.Rate + ")"
	}
	return "cron(" + t.Cron + ")"
}

// event is what the function gets, with what EventBridge Scheduler fills in
// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html). The
// adapter knows it by its first member.
func (t Task) event() string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // Scheduler looks for < and >
	encoder.Encode(struct {      // texts always can be
		Schedule map[string]string `json:"lambda-web-schedule"`
		ID       string            `json:"id"`
		Time     string            `json:"time"`
		Attempt  string            `json:"attempt"`
	}{map[string]string{"name": t.Name, "path": t.Path},
		"<aws.scheduler.execution-id>", "<aws.scheduler.scheduled-time>", "<aws.scheduler.attempt-number>"})
	return strings.TrimSpace(b.String())
}

var (
	// taskAllowed leaves room in the name of a schedule, which has at most 64 characters.
	taskAllowed = regexp.MustCompile(`^[a-z][a-z0-9-]{0,14}$`)
	cronAllowed = regexp.MustCompile(`^[^\s()]+( [^\s()]+){5}$`)
	rateAllowed = regexp.MustCompile(`^(1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))$`)
)

// oneDay reports whether a cron expression says which days by the day of the month or by that of the week: the other
// field is ?.
func oneDay(cron string) bool {
	fields := strings.Fields(cron)
	return (fields[2] == "?") != (fields[4] == "?")
}

// timezoneKnown reports whether there is a time zone of the name, which is UTC where it is empty.
func timezoneKnown(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}

func checkSchedules(args Args, found *mistakes) {
	seen := map[string]bool{}
	for i, t := range args.Schedules {
		wrong := func(format string, values ...any) {
			found.add("schedules", "number %d: %s", i+1, fmt.Sprintf(format, values...))
		}
		switch {
		case !taskAllowed.MatchString(t.Name):
			wrong("%q is not a name; use lower case letters, digits and hyphens, 15 at the most, starting with a letter", t.Name)
		case seen[t.Name]:
			wrong("there are two of the name %s", t.Name)
		}
		seen[t.Name] = true
		switch {
		case (t.Cron == "") == (t.Rate == ""):
			wrong("set either cron or rate")
		case t.Cron != "" && !cronAllowed.MatchString(t.Cron):
			wrong("%q is not a cron expression; use six fields, minutes hours day month weekday year, "+
				"such as 0 3 * * ? *", t.Cron)
		case t.Cron != "" && !oneDay(t.Cron):
			wrong("%q needs a ? for either day or weekday, whichever is not meant, such as 0 3 * * ? *", t.Cron)
		case t.Rate != "" && !rateAllowed.MatchString(t.Rate):
			wrong("%q is not a rate; use one such as 5 minutes or 1 day", t.Rate)
		}
		if !timezoneKnown(t.Timezone) {
			wrong("%q is not a time zone; use a name such as Europe/Berlin, or leave it out for UTC", t.Timezone)
		}
		if !strings.HasPrefix(t.Path, "/") || strings.ContainsAny(t.Path, " \t\r\n#\"\\") {
			wrong("%q is not a path of the app; use one such as /tasks/nightly", t.Path)
		}
	}
}

// schedules post to the app by the clock. EventBridge Scheduler hands an event to Lambda and is done; Lambda invokes
// the alias, again if the app fails, and puts what fails for good into a queue.
func (b builder) schedules(fn *appFunction) error {
	if len(b.args.Schedules) == 0 {
		return nil
	}
	name := b.name + "-schedules"
	failed, err := b.queue(name)
	if err != nil {
		return fmt.Errorf("queue of failed events: %w", err)
	}
	fn.failedEvents = failed.Name
	keep, err := iam.NewRolePolicy(b.ctx, name+"-failed", &iam.RolePolicyArgs{
		Role: fn.role.Name, Policy: allow(failed.ARN, "sqs:SendMessage"),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("right to keep failed events: %w", err)
	}
	if err := b.retries(name, fn, failed, keep); err != nil {
		return fmt.Errorf("retries: %w", err)
	}
	role, invoke, err := b.schedulerRole(name, fn, failed)
	if err != nil {
		return err
	}
	for _, t := range b.args.Schedules {
		if err := b.schedule(b.name+"-"+t.Name, t, fn.alias.Arn, role.Arn, failed.ARN, invoke); err != nil {
			return fmt.Errorf("schedule %s: %w", t.Name, err)
		}
	}
	return nil
}

// schedulerRole is what EventBridge Scheduler may do, for schedules of this account alone
// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html).
func (b builder) schedulerRole(name string, fn *appFunction, failed *queue) (*iam.Role, pulumi.Resource, error) {
	role, err := iam.NewRole(b.ctx, name, &iam.RoleArgs{
		Description: pulumi.String("What the schedules of " + b.name + " may do"),
		AssumeRolePolicy: fn.logs.Arn.ApplyT(func(near string) (string, error) {
			return document(statement{
				Effect: "Allow", Action: []string{"sts:AssumeRole"},
				Principal: map[string]string{"Service": "scheduler.amazonaws.com"},
				Condition: map[string]map[string][]string{"StringEquals": {"aws:SourceAccount": {cutARN(near,
					arnAccount)}}},
			})
		}).(pulumi.StringOutput),
		PermissionsBoundary: optional(b.args.PermissionsBoundary),
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("role of the schedules: %w", err)
	}
	invoke, err := iam.NewRolePolicy(b.ctx, name, &iam.RolePolicyArgs{
		Role: role.Name,
		Policy: pulumi.All(fn.alias.Arn, failed.ARN).ApplyT(func(v []any) (string, error) {
			return document(
				statement{Effect: "Allow", Action: []string{"lambda:InvokeFunction"},
					Resource: []string{v[0].(string)}},
				statement{Effect: "Allow", Action: []string{"sqs:SendMessage"}, Resource: []string{v[1].(string)}})
		}).(pulumi.StringOutput),
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("rights of the schedules: %w", err)
	}
	return role, invoke, nil
}

// allow is a policy of one action on one resource.
func allow(arn pulumi.StringOutput, action string) pulumi.StringOutput {
	return arn.ApplyT(func(arn string) (string, error) {
		return document(statement{Effect: "Allow", Action: []string{action}, Resource: []string{arn}})
	}).(pulumi.StringOutput)
}
