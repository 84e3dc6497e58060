package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp"
	"lambda-web/test/engine/standin"
)

// TestEverything: a stack in which each optional resource is made comes up, has nothing to do afterwards, takes a
// new app and goes down again.
func TestEverything(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "test", everything)
	s.preview(t)
	s.up(t)
	site := newStack(t, p, standin.New(p.root+"/infra"), "site", fronted)
	site.up(t)
	deployerTypes(t, false, s.cloud, site.cloud)
	acceptable(t, s.cloud.Requests())
	if got, want := slices.Compact(slices.Sorted(slices.Values(s.cloud.Unchecked()))),
		[]string{"aws:apigateway/account:Account",
			"aws:apigateway/methodSettings:MethodSettings", "docker:index/image:Image",
			"random:index/randomId:RandomId"}; !slices.Equal(got, want) {
		t.Errorf("no request is known for %v, want %v", got, want)
	}
	outputs := s.outputs(t)
	if names, _ := outputs["alarmNames"].Value.([]any); len(names) != len(s.cloud.Objects("aws:cloudwatch/metricAlarm:MetricAlarm")) || len(names) == 0 {
		t.Errorf("the output alarmNames is %v", outputs["alarmNames"].Value)
	}
	s.unchanged(t)
	if found := s.refresh(t); len(found) > 0 {
		t.Errorf("a refresh finds%v", found)
	}

	p.put(t, "app/app.py", "app = 2\n")
	planOf(s.up(t)).same(t, newTag+`
		update aws:lambda/function:Function
		create aws:lambda/invocation:Invocation
		delete aws:lambda/invocation:Invocation`)

	// Scaling moves the number of started environments; a deployment leaves it where it is.
	s.set(t, map[string]string{"provisionedConcurrency": "2"})
	if done := s.up(t); slices.Contains(planOf(done),
		"update aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig") {
		t.Errorf("the deployment set the number of started environments back: %v", done)
	}

	s.destroy(t)
	// The account's role for API Gateway logs stays: other stacks may have come to need it.
	left(t, s.cloud, "aws:apigateway/account:Account", "aws:iam/role:Role",
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment")
	for token, want := range map[string]int{"aws:apigateway/account:Account": 1, "aws:iam/role:Role": 1,
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment": 1} {
		if got := len(s.cloud.Objects(token)); got != want {
			t.Errorf("%d objects of type %s are left, want %d", got, token, want)
		}
	}
}

// TestRollout: liveVersion and canaryWeight move requests between versions and touch the alias alone.
func TestRollout(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	alias := func() *standin.Object { return s.cloud.Objects("aws:lambda/alias:Alias")[0] }
	weight := func(version string) any {
		weights, _ := standin.Plain(alias().State["routingConfig"]).(map[string]any)
		all, _ := weights["additionalVersionWeights"].(map[string]any)
		return all[version]
	}

	// Hold the live version, bring the next one out for a tenth of the requests.
	s.set(t, map[string]string{"liveVersion": "1", "canaryWeight": "10"})
	p.put(t, "app/app.py", "app = 2\n")
	s.up(t)
	if live := alias().Text("functionVersion"); live != "1" || weight("2") != 0.1 {
		t.Errorf("version %s is live and version 2 gets %v, want 1 and 0.1", live, weight("2"))
	}
	// Take it back and bring it out again, each by one setting.
	for _, step := range []struct {
		weight, live string
		share        any
	}{{"0", "1", nil}, {"50", "1", 0.5}, {"100", "2", nil}, {"10", "1", 0.1}} {
		s.set(t, map[string]string{"canaryWeight": step.weight})
		s.preview(t).same(t, `update aws:lambda/alias:Alias`)
		s.up(t)
		if live := alias().Text("functionVersion"); live != step.live || weight("2") != step.share {
			t.Errorf("canaryWeight %s: version %s is live and version 2 gets %v, want %s and %v", step.weight, live,
				weight("2"), step.live, step.share)
		}
	}
	// Promote.
	s.unset(t, "liveVersion", "canaryWeight")
	s.preview(t).same(t, `update aws:lambda/alias:Alias`)
	s.up(t)
	if live := alias().Text("functionVersion"); live != "2" || weight("2") != nil {
		t.Errorf("version %s is live, and another gets %v; want 2 alone", live, weight("2"))
	}
	// Roll back.
	s.set(t, map[string]string{"liveVersion": "1"})
	s.preview(t).same(t, `update aws:lambda/alias:Alias`)
	builds := s.cloud.Builds()
	s.up(t)
	if live := alias().Text("functionVersion"); live != "1" || s.cloud.Builds() != builds {
		t.Errorf("version %s is live after %d builds, want 1 and none", live, s.cloud.Builds()-builds)
	}
}

// TestRolloutWithStartedEnvironments: they go before the rollout and come back with its end.
func TestRolloutWithStartedEnvironments(t *testing.T) {
	const provisioned = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"provisionedConcurrency": "2"})
	s.up(t)
	s.set(t, map[string]string{"provisionedConcurrency": "0"})
	s.preview(t).same(t, "delete "+provisioned)
	s.up(t)
	s.set(t, map[string]string{"liveVersion": "1", "canaryWeight": "10"})
	p.put(t, "app/app.py", "app = 2\n")
	s.up(t)
	s.set(t, map[string]string{"canaryWeight": "100", "provisionedConcurrency": "2"})
	s.preview(t).same(t, `
		update aws:lambda/alias:Alias
		create `+provisioned)
	before(t, s.up(t), "create "+provisioned, "update aws:lambda/alias:Alias")
	s.unchanged(t)
}

// TestRename: a web app of another program gets another name, and with an alias for what it was keeps its API, its
// images, and its front with the secret.
func TestRename(t *testing.T) {
	p := newProject(t)
	name, options := "blog", []pulumi.ResourceOption{}
	s := newProgram(t, p, standin.New(p.root+"/infra"), "dev", nil, func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String(standin.Region)})
		if err != nil {
			return err
		}
		_, err = webapp.New(ctx, name, webapp.Args{Front: webapp.FrontCloudFront, Tasks: true},
			append(options, pulumi.Providers(provider))...)
		return err
	})
	s.up(t)
	kept := func() (ids []string) {
		for _, token := range []string{"aws:apigateway/restApi:RestApi", "aws:apigateway/stage:Stage",
			"aws:ecr/repository:Repository", "aws:lambda/function:Function", "aws:cloudfront/distribution:Distribution",
			"random:index/randomPassword:RandomPassword"} {
			for _, o := range s.cloud.Objects(token) {
				ids = append(ids, o.Type+" "+o.ID)
			}
		}
		return ids
	}
	before := kept()
	name, options = "journal", []pulumi.ResourceOption{pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("blog")}})}
	s.up(t)
	if after := kept(); !slices.Equal(after, before) {
		t.Errorf("there was %v, and is %v", before, after)
	}
	s.unchanged(t)
	s.destroy(t)
	left(t, s.cloud)
}

// TestProtect: a protected stack is not destroyed by mistake.
func TestProtect(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"protect": "true"})
	s.up(t)
	if _, err := s.Destroy(t.Context()); err == nil {
		t.Fatal("a protected stack was destroyed")
	}
	s.cloud.Operations()
	s.set(t, map[string]string{"protect": "false"})
	s.up(t)
	s.destroy(t)
	left(t, s.cloud)
}

// TestStartedEnvironments: the environment this project ships for production keeps environments started. A new version
// takes over when its own are, nothing is left to do afterwards, and their number may change in the same update.
func TestStartedEnvironments(t *testing.T) {
	const provisioned = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	const deployed = `
		create-replacement ` + provisioned + `
		replace ` + provisioned + `
		delete-replaced ` + provisioned + `
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "prod", nil)
	s.up(t)
	s.unchanged(t)
	version := func() string { return s.cloud.Objects("aws:lambda/alias:Alias")[0].Text("functionVersion") }
	for _, c := range []struct {
		name   string
		change func()
		plan   string
	}{
		{"the app", func() { p.put(t, "app/app.py", "app = 2\n") }, deployed + `
			update docker:index/image:Image`},
		{"the app and the number", func() {
			p.put(t, "app/app.py", "app = 3\n")
			s.set(t, map[string]string{"provisionedConcurrency": "3"})
		}, deployed + `
			update docker:index/image:Image`},
		{"the number", func() { s.set(t, map[string]string{"provisionedConcurrency": "2"}) }, "update " + provisioned},
		{"what is reserved", func() { s.set(t, map[string]string{"reservedConcurrency": "4"}) },
			"update aws:lambda/function:Function"},
		{"memory, with twice as many reserved", func() { s.set(t, map[string]string{"memory": "2048"}) }, deployed},
		{"back to an older version", func() { s.set(t, map[string]string{"liveVersion": "2"}) },
			strings.Replace(deployed, "update aws:lambda/function:Function", "", 1)},
		{"the newest again", func() { s.unset(t, "liveVersion") }, strings.Replace(deployed,
			"update aws:lambda/function:Function", "", 1)},
		{"how answers travel", func() { s.set(t, map[string]string{"invokeMode": "response_stream"}) }, otherMode + apiOnly + `
			create ` + provisioned + `
			delete ` + provisioned},
	} {
		c.change()
		s.preview(t).same(t, c.plan)
		done := s.up(t)
		if strings.Contains(c.plan, "create") {
			moved := "update aws:lambda/alias:Alias"
			if strings.Contains(c.plan, "create aws:lambda/alias:Alias") {
				moved = "create aws:lambda/alias:Alias"
			}
			before(t, done, "create "+provisioned, moved)
			before(t, done, moved, "delete "+provisioned)
		}
		started := s.cloud.Objects(provisioned)
		if len(started) != 1 || started[0].Text("qualifier") != version() {
			t.Errorf("%s: environments are started for %v, and version %s serves", c.name, started, version())
		}
		s.unchanged(t)
		if found := s.refresh(t); len(found) > 0 {
			t.Errorf("%s: a refresh finds%v", c.name, found)
		}
		if t.Failed() {
			t.Fatalf("while changing %s", c.name)
		}
	}
	s.destroy(t)
	left(t, s.cloud)
}

// TestScalingOfStartedEnvironments: their number moves for the alias. Lambda gives it weights of its own while it moves
// them to a new version, which a refresh finds gone; scaling is turned on and off with none started in between.
func TestScalingOfStartedEnvironments(t *testing.T) {
	const provisioned = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"provisionedConcurrency": "1",
		"provisionedConcurrencyMax": "4"})
	s.up(t)
	s.unchanged(t)
	p.put(t, "app/app.py", "app = 2\n")
	s.up(t)
	s.preview(t).same(t, "update aws:lambda/alias:Alias")
	s.refresh(t)
	s.unchanged(t)

	s.set(t, map[string]string{"provisionedConcurrencyMax": "0"})
	if result, err := s.Up(t.Context()); err == nil || !strings.Contains(result.StdOut+err.Error(),
		"has a provisioned concurrency configuration already") {
		t.Errorf("a version has two configurations: %v", err)
	}
	s.intact(t)
	s.cloud.Operations()
	s.set(t, map[string]string{"provisionedConcurrency": "0"})
	s.up(t)
	s.set(t, map[string]string{"provisionedConcurrency": "1"})
	s.preview(t).same(t, "create "+provisioned)
	s.up(t)
	s.unchanged(t)
}

// newTag is what a change of the app does where tags are immutable.
const newTag = appOnly + `
	create random:index/randomId:RandomId
	delete random:index/randomId:RandomId`

// TestRevert: where no tag is pushed twice, going back to earlier content deploys it, and the same content still is not
// pushed again.
func TestRevert(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"imageTagMutability": "IMMUTABLE"})
	s.up(t)
	for _, content := range []string{"app = 2\n", "app = 1\n", "app = 2\n"} {
		p.put(t, "app/app.py", content)
		builds := s.cloud.Builds()
		planOf(s.up(t)).same(t, newTag)
		if built := s.cloud.Builds() - builds; built != 1 {
			t.Errorf("%q: %d images were built", content, built)
		}
		s.unchanged(t)
	}
	s.destroy(t)
	left(t, s.cloud)
}
