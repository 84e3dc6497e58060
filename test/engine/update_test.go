package engine

import (
	"slices"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// Plans that a change of one kind has.
const (
	appOnly = `
		update docker:index/image:Image
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`
	apiOnly = `
		update aws:apigateway/restApi:RestApi
		create-replacement aws:apigateway/deployment:Deployment
		replace aws:apigateway/deployment:Deployment
		delete-replaced aws:apigateway/deployment:Deployment
		update aws:apigateway/stage:Stage`
	otherMode = `
		update aws:lambda/function:Function
		create aws:lambda/alias:Alias
		create-replacement aws:lambda/permission:Permission
		replace aws:lambda/permission:Permission
		delete-replaced aws:lambda/permission:Permission
		delete aws:lambda/alias:Alias`
)

// TestPlans is the contract of every kind of change: what the preview shows, that `up` does just that, that no
// request is dropped on the way, and that nothing is left to do afterwards.
func TestPlans(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)

	s.preview(t).same(t, firstPlan)
	done := s.up(t)
	planOf(done).same(t, firstOperations)
	deployerTypes(t, true, s.cloud)
	s.unchanged(t)

	for _, c := range []struct {
		name   string
		change func()
		plan   string
	}{
		{"the app", func() { p.put(t, "app/app.py", "app = 2\n") }, appOnly},
		{"the adapter", func() { p.put(t, "tools/adapter", "adapter 2\n") }, appOnly},
		{"the app's Dockerfile", func() {
			p.put(t, "app/Dockerfile",
				"FROM python:3.14-slim\nCOPY . .\nCMD [\"python\", \"app.py\"]\n")
		}, appOnly},
		{"layers of the last image", func() { s.set(t, map[string]string{"buildCache": "true"}) }, appOnly},
		{"memory", func() { s.set(t, map[string]string{"memory": "1024"}) }, `
			update aws:lambda/function:Function
			update aws:lambda/alias:Alias`},
		{"a variable of the environment", func() { s.set(t, map[string]string{"environment.GREETING": "hello"}) }, `
			update aws:lambda/function:Function
			update aws:lambda/alias:Alias`},
		{"authorization", func() { s.set(t, map[string]string{"auth": "AWS_IAM"}) }, apiOnly},
		{"who may call", func() { s.set(t, map[string]string{"allowedSourceRanges[0]": "203.0.113.0/24"}) }, apiOnly},
		{"who may call, once more",
			func() { s.set(t, map[string]string{"allowedSourceRanges[0]": "198.51.100.0/24"}) }, apiOnly},
		{"from everywhere again", func() { s.unset(t, "allowedSourceRanges") }, apiOnly},
		{"calls by pages of another site",
			func() { s.set(t, map[string]string{"cors.origins[0]": "https://www.example.com"}) }, apiOnly},
		{"calls by pages of two sites",
			func() { s.set(t, map[string]string{"cors.origins[1]": "https://other.example.com"}) }, apiOnly},
		{"the time the API waits", func() { s.set(t, map[string]string{"apiTimeout": "20", "timeout": "20"}) }, apiOnly + `
			update aws:lambda/function:Function
			update aws:lambda/alias:Alias`},
		{"streaming", func() { s.set(t, map[string]string{"invokeMode": "response_stream", "apiTimeout": "60"}) },
			apiOnly + otherMode},
		{"no streaming", func() { s.set(t, map[string]string{"invokeMode": "buffered", "apiTimeout": "20"}) },
			apiOnly + otherMode},
		{"throttling", func() { s.set(t, map[string]string{"throttleRate": "100"}) }, `
			create aws:apigateway/methodSettings:MethodSettings`},
		{"log retention", func() { s.set(t, map[string]string{"logRetention": "30"}) }, `
			update aws:cloudwatch/logGroup:LogGroup`},
		{"how many images are kept", func() { s.set(t, map[string]string{"imageRetention": "20"}) }, `
			update aws:ecr/lifecyclePolicy:LifecyclePolicy`},
		{"the stage's name", func() { s.set(t, map[string]string{"stage": "v2"}) }, apiOnly[:strings.LastIndex(apiOnly, "\n")] + `
			create-replacement aws:apigateway/stage:Stage
			replace aws:apigateway/stage:Stage
			delete-replaced aws:apigateway/stage:Stage
			create-replacement aws:apigateway/methodSettings:MethodSettings
			replace aws:apigateway/methodSettings:MethodSettings
			delete-replaced aws:apigateway/methodSettings:MethodSettings
			create-replacement aws:lambda/permission:Permission
			replace aws:lambda/permission:Permission
			delete-replaced aws:lambda/permission:Permission`},
		{"the repository's key", func() {
			s.set(t, map[string]string{"repositoryKmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"})
		}, appOnly + `
			create-replacement aws:ecr/repository:Repository
			replace aws:ecr/repository:Repository
			delete-replaced aws:ecr/repository:Repository
			create-replacement aws:ecr/lifecyclePolicy:LifecyclePolicy
			replace aws:ecr/lifecyclePolicy:LifecyclePolicy
			delete-replaced aws:ecr/lifecyclePolicy:LifecyclePolicy
			create-replacement aws:ecr/repositoryPolicy:RepositoryPolicy
			replace aws:ecr/repositoryPolicy:RepositoryPolicy
			delete-replaced aws:ecr/repositoryPolicy:RepositoryPolicy`},
		{"a dashboard", func() { s.set(t, map[string]string{"dashboard": "true"}) }, `
			create aws:cloudwatch/dashboard:Dashboard`},
		{"two started environments", func() { s.set(t, map[string]string{"provisionedConcurrency": "2"}) }, `
			create aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig`},
	} {
		// No subtests: each change stands on the one before.
		c.change()
		builds := s.cloud.Builds()
		planned := s.preview(t)
		planned.same(t, c.plan)
		done := s.up(t)
		if operations := planOf(done); !slices.Equal(operations, doable(planned)) {
			t.Errorf("%s: planned %v\ndone %v", c.name, planned, operations)
		}
		if slices.Contains(planned, "update aws:apigateway/stage:Stage") {
			before(t, done, "create aws:apigateway/deployment:Deployment", "update aws:apigateway/stage:Stage")
			before(t, done, "update aws:apigateway/stage:Stage", "delete aws:apigateway/deployment:Deployment")
			before(t, done, "update aws:apigateway/restApi:RestApi", "create aws:apigateway/deployment:Deployment")
		}
		if built, wanted := s.cloud.Builds() > builds, strings.Contains(c.plan, "Image"); built != wanted {
			t.Errorf("%s: an image was built: %t", c.name, built)
		}
		// What a change left undone would be in the plan of the next one.
		if t.Failed() {
			t.Fatalf("while changing %s", c.name)
		}
	}
	s.unchanged(t)
	acceptable(t, s.cloud.Requests())
	s.destroy(t)
	left(t, s.cloud)
}

// firstPlan is the preview of a new stack, components and providers with it. There is one AWS provider: the
// repository's component would bring a second one, with the plugin of another version, if it were not handed ours.
const firstPlan = `
	create pulumi:pulumi:Stack
	create pulumi:providers:aws
	create pulumi:providers:awsx
	create pulumi:providers:docker
	create pulumi:providers:pulumi
	create lambda-web:index:WebApp
	create awsx:ecr:Repository` + firstOperations

// firstOperations is what the plainest web app is made of.
const firstOperations = `
	create aws:ecr/repository:Repository
	create aws:ecr/lifecyclePolicy:LifecyclePolicy
	create aws:ecr/repositoryPolicy:RepositoryPolicy
	create docker:index/image:Image
	create aws:cloudwatch/logGroup:LogGroup
	create aws:iam/role:Role
	create aws:iam/rolePolicy:RolePolicy
	create aws:lambda/function:Function
	create aws:lambda/alias:Alias
	create aws:lambda/permission:Permission
	create aws:apigateway/restApi:RestApi
	create aws:apigateway/deployment:Deployment
	create aws:apigateway/stage:Stage`

// doable turns the plan's words for a replacement into what happens to the account.
func doable(p plan) plan {
	var steps plan
	for _, step := range p {
		op, token, _ := strings.Cut(step, " ")
		switch op {
		case "create-replacement":
			op = "create"
		case "delete-replaced":
			op = "delete"
		case "replace":
			continue
		}
		steps = append(steps, op+" "+token)
	}
	slices.Sort(steps)
	return steps
}

// left: nothing remains of a destroyed stack but the types named.
func left(t *testing.T, cloud *standin.Cloud, but ...string) {
	t.Helper()
	for _, o := range cloud.Objects("") {
		if !slices.Contains(but, o.Type) {
			t.Errorf("%s %s is left", o.Type, o.ID)
		}
	}
}

// TestRebuild: another text in rebuild is another build, and a deployment where that gives another image.
func TestRebuild(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	s.set(t, map[string]string{"rebuild": "2026-W48"})
	s.preview(t).same(t, appOnly)
	// The base image is the one it was: the image is, too.
	planOf(s.up(t)).same(t, "update docker:index/image:Image")
	s.unchanged(t)
}
