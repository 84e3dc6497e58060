package engine

import (
	"testing"

	"lambda-web/test/engine/standin"
)

// TestSchedules: schedules come, change and go by themselves, and follow the alias when the mode changes.
func TestSchedules(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	s.set(t, map[string]string{"schedules[0].name": "nightly", "schedules[0].cron": "0 3 * * ? *",
		"schedules[0].path": "/tasks/nightly"})
	s.preview(t).same(t, `
		create aws:sqs/queue:Queue
		create aws:iam/role:Role
		create aws:iam/rolePolicy:RolePolicy
		create aws:iam/rolePolicy:RolePolicy
		create aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig
		create aws:scheduler/schedule:Schedule`)
	before(t, s.up(t), "create aws:iam/rolePolicy:RolePolicy", "create aws:scheduler/schedule:Schedule")
	s.unchanged(t)
	s.set(t, map[string]string{"schedules[0].cron": "0 4 * * ? *"})
	s.preview(t).same(t, `update aws:scheduler/schedule:Schedule`)
	s.up(t)
	s.set(t, map[string]string{"invokeMode": "response_stream"})
	before(t, s.up(t), "update aws:scheduler/schedule:Schedule", "delete aws:lambda/alias:Alias")
	s.unchanged(t)
	s.unset(t, "schedules")
	s.up(t)
	for _, token := range []string{"aws:sqs/queue:Queue", "aws:scheduler/schedule:Schedule"} {
		if left := s.cloud.Objects(token); len(left) > 0 {
			t.Errorf("%s is left", token)
		}
	}
	s.destroy(t)
	left(t, s.cloud)
}
