package webapp

import (
	"reflect"
	"testing"
)

// TestSchedules: each schedule posts its event to the alias, with the rights for that and nothing else; what fails
// for good is kept and reported.
func TestSchedules(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, map[string]string{
		"schedules":       `[{"name":"nightly","cron":"0 3 * * ? *","timezone":"Europe/Berlin","path":"/tasks/nightly?full=1&x=<y>"}]`,
		"scheduleRetries": "1", "alarmEmail": "a@example.com",
	})
	alias, queue := lambdaBase+"lambda-web-dev-1a2b3c4:live",
		"arn:aws:sqs:eu-central-1:123456789012:lambda-web-dev-schedules-1a2b3c4"
	schedule := c.one(t, typeSchedule)
	for path, want := range map[string]any{
		"scheduleExpression": "cron(0 3 * * ? *)", "scheduleExpressionTimezone": "Europe/Berlin", "target.arn": alias,
		"flexibleTimeWindow.mode":     "OFF",
		"target.deadLetterConfig.arn": queue,
		"target.roleArn":              "arn:aws:iam::123456789012:role/lambda-web-dev-schedules-1a2b3c4",
		"target.input": `{"lambda-web-schedule":{"name":"nightly","path":"/tasks/nightly?full=1&x=<y>"},"id":"<aws.scheduler.execution-id>",` +
			`"time":"<aws.scheduler.scheduled-time>","attempt":"<aws.scheduler.attempt-number>"}`,
	} {
		if got := schedule.input(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	retries := c.one(t, typeEventInvoke)
	if got := retries.input("maximumRetryAttempts"); got != 1.0 || retries.input("qualifier") != "live" ||
		retries.input("destinationConfig.onFailure.destination") != queue {
		t.Errorf("a failed event is tried %v times again: %v", got, retries.Inputs)
	}
	found := policies(t, c)
	for name, want := range map[string][]statement{
		typeRole + " lambda-web-dev-schedules": {{Effect: "Allow",
			Principal: map[string]string{"Service": "scheduler.amazonaws.com"}, Action: []string{"sts:AssumeRole"},
			Condition: map[string]map[string][]string{"StringEquals": {"aws:SourceAccount": {account}}}}},
		typeRolePolicy + " lambda-web-dev-schedules": {{Effect: "Allow", Action: []string{"lambda:InvokeFunction"},
			Resource: []string{alias}},
			{Effect: "Allow", Action: []string{"sqs:SendMessage"}, Resource: []string{queue}}},
		typeRolePolicy + " lambda-web-dev-schedules-failed": {{Effect: "Allow", Action: []string{"sqs:SendMessage"},
			Resource: []string{queue}}},
	} {
		if got := found[name].Statement; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, a := range c.all(typeAlarm) {
		if a.Name == "lambda-web-dev-schedules" {
			if got := a.input("dimensions.QueueName"); got != "lambda-web-dev-schedules-1a2b3c4" {
				t.Errorf("the alarm watches %v", got)
			}
			return
		}
	}
	t.Error("nobody hears of a task that failed for good")
}
