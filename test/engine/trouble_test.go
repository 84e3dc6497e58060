package engine

import (
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// TestFailureAndRecovery: whatever fails, what was made is kept, and the next `up` does the rest.
func TestFailureAndRecovery(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	for _, token := range []string{"aws:ecr/repository:Repository", "docker:index/image:Image",
		"aws:lambda/function:Function", "aws:apigateway/stage:Stage"} {
		s.cloud.Fail("create", token, "ServiceException: try again later")
		result, err := s.Up(t.Context())
		if err == nil || !strings.Contains(result.StdOut+result.StdErr+err.Error(),
			"ServiceException: try again later") {
			t.Fatalf("up without %s: %v", token, err)
		}
		for _, o := range s.cloud.Operations() {
			if o.Op != "create" {
				t.Errorf("after the failure of %s: %s", token, o)
			}
		}
	}
	planOf(s.up(t)).same(t, `create aws:apigateway/stage:Stage`)

	// In the middle of an update: the API serves the old deployment until the new one is there.
	s.set(t, map[string]string{"auth": "AWS_IAM", "memory": "1024"})
	s.cloud.Fail("create", "aws:apigateway/deployment:Deployment", "TooManyRequestsException")
	if _, err := s.Up(t.Context()); err == nil {
		t.Fatal("up succeeded without its deployment")
	}
	s.intact(t)
	s.cloud.Operations()
	s.cloud.Fail("update", "aws:apigateway/stage:Stage", "TooManyRequestsException")
	if _, err := s.Up(t.Context()); err == nil {
		t.Fatal("up succeeded without its stage")
	}
	s.intact(t)
	done := s.cloud.Operations()
	planOf(done).same(t, `create aws:apigateway/deployment:Deployment`)
	done = s.up(t)
	planOf(done).same(t, `
		update aws:apigateway/stage:Stage
		delete aws:apigateway/deployment:Deployment`)
	s.unchanged(t)

	// And when it is taken down.
	s.cloud.Fail("delete", "aws:lambda/function:Function", "ResourceConflictException")
	if _, err := s.Destroy(t.Context()); err == nil {
		t.Fatal("destroy succeeded without deleting the function")
	}
	s.cloud.Operations()
	s.destroy(t)
	left(t, s.cloud)
}

// TestLoss: a refresh finds what somebody deleted by hand, and `up` makes it again.
func TestLoss(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	if found := s.refresh(t); len(found) > 0 {
		t.Errorf("a refresh of an untouched stack finds%v", found)
	}
	for _, c := range []struct{ lost, plan string }{
		{"aws:lambda/alias:Alias", `create aws:lambda/alias:Alias`},
		{"aws:lambda/permission:Permission", `create aws:lambda/permission:Permission`},
		{"aws:apigateway/stage:Stage", `create aws:apigateway/stage:Stage`},
		{"aws:iam/rolePolicy:RolePolicy", `create aws:iam/rolePolicy:RolePolicy`},
		{"aws:ecr/lifecyclePolicy:LifecyclePolicy", `create aws:ecr/lifecyclePolicy:LifecyclePolicy`},
	} {
		if err := s.cloud.Lose(c.lost); err != nil {
			t.Fatal(err)
		}
		s.refresh(t).same(t, "delete 1")
		s.cloud.Dropped() // the loss took the app down; that is not the program's doing
		planOf(s.up(t)).same(t, c.plan)
	}
	s.unchanged(t)
}

// TestWrongSettings: nothing is made, and every mistake is in the one message.
func TestWrongSettings(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"memory": "64", "timeout": "901",
		"auth": "BASIC"})
	result, err := s.Preview(t.Context())
	if err == nil {
		t.Fatal("the preview succeeded")
	}
	for _, want := range []string{"memory", "128 to 10240", "timeout", "auth", "NONE or AWS_IAM"} {
		if text := result.StdOut + result.StdErr + err.Error(); !strings.Contains(text, want) {
			t.Errorf("the message does not say %q:\n%s", want, text)
		}
	}
	if made := s.cloud.Objects(""); len(made) > 0 {
		t.Errorf("%d objects were made", len(made))
	}
}
