package engine

import (
	"slices"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

const (
	// taskMade are the resources behind commands.
	taskMade = `
		create aws:cloudwatch/logGroup:LogGroup
		create aws:iam/rolePolicy:RolePolicy
		create aws:lambda/function:Function
		create aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig`
	releasedAnew = `
		create-replacement aws:lambda/invocation:Invocation
		replace aws:lambda/invocation:Invocation
		delete-replaced aws:lambda/invocation:Invocation`
	bothFunctions = `
		update aws:lambda/function:Function
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`
	migrate = `{"command":["python","manage.py","migrate"]}`
)

// releasing is a stack with a release command that has not been deployed.
func releasing(t *testing.T, settings map[string]string) *stack {
	t.Helper()
	p := newProject(t)
	all := map[string]string{"releaseCommand[0]": "python", "releaseCommand[1]": "manage.py",
		"releaseCommand[2]": "migrate"}
	for key, value := range settings {
		all[key] = value
	}
	return newStack(t, p, standin.New(p.root+"/infra"), "dev", all)
}

// image is what the app's function runs.
func (s *stack) image() string { return s.function("lambda-web-dev").Text("imageUri") }

func (s *stack) function(name string) *standin.Object {
	for _, o := range s.cloud.Objects("aws:lambda/function:Function") {
		if o.Name == name {
			return o
		}
	}
	return &standin.Object{}
}

func (s *stack) live() string {
	return s.cloud.Objects("aws:lambda/alias:Alias")[0].Text("functionVersion")
}

// released compares what was invoked since the last look with the events that were to be, each on the newest image.
func (s *stack) released(t *testing.T, version string, events ...string) {
	t.Helper()
	var got []string
	for _, i := range s.cloud.Invoked() {
		got = append(got, i.Event)
		if task := s.function("lambda-web-dev-task"); i.Function != task.ID || i.Image != s.image() ||
			i.Image != task.Text("imageUri") || i.Version != version {
			t.Errorf("%+v; the image is %s, and version %q was to serve meanwhile", i, s.image(), version)
		}
	}
	if !slices.Equal(got, events) {
		t.Errorf("invoked with %q, want %q", got, events)
	}
}

// inOrder: the first operations of these names were done in this order.
func inOrder(t *testing.T, done []standin.Operation, names ...string) {
	t.Helper()
	last := -1
	for _, name := range names {
		at := slices.IndexFunc(done, func(o standin.Operation) bool { return o.String() == name })
		if at <= last {
			t.Errorf("%s is at %d of %v, want the order %q", name, at, done, names)
		}
		last = at
	}
}

// TestReleases: what each kind of change plans, that the release command runs exactly once for another image or another
// command, after the new version is there and before the alias moves, and at no other time.
func TestReleases(t *testing.T) {
	s := releasing(t, nil)
	s.preview(t).same(t, firstPlan+taskMade+`
		create aws:lambda/invocation:Invocation`)
	s.released(t, "")
	inOrder(t, s.up(t), "create docker:index/image:Image lambda-web-dev",
		"create aws:lambda/function:Function lambda-web-dev", "create aws:lambda/function:Function lambda-web-dev-task",
		"create aws:lambda/invocation:Invocation lambda-web-dev-release", "create aws:lambda/alias:Alias lambda-web-dev-live")
	s.released(t, "", migrate)
	s.unchanged(t)
	if found := s.refresh(t); len(found) > 0 {
		t.Errorf("a refresh finds%v", found)
	}
	for name, text := range files(t, s.backend()) {
		if strings.Contains(text, standin.Wrote) {
			t.Errorf("%s has what the command wrote in clear", name)
		}
	}
	for _, c := range []struct {
		name   string
		change func()
		plan   string
		events []string
		live   string // before
	}{
		{"the app", func() { s.put(t, "app/app.py", "app = 2\n") },
			"update docker:index/image:Image" + bothFunctions + releasedAnew, []string{migrate}, "1"},
		{"a variable", func() { s.set(t, map[string]string{"environment.A1": "b"}) }, bothFunctions, nil, "2"},
		{"the command", func() { s.set(t, map[string]string{"releaseCommand[2]": "check"}) }, releasedAnew,
			[]string{strings.Replace(migrate, "migrate", "check", 1)}, "3"},
		{"back to an older version", func() { s.set(t, map[string]string{"liveVersion": "1"}) },
			"update aws:lambda/alias:Alias", nil, "3"},
		{"a new app beside the one that is held", func() { s.put(t, "app/app.py", "app = 3\n") },
			"update docker:index/image:Image" + strings.Replace(bothFunctions, "update aws:lambda/alias:Alias", "",
				1) + releasedAnew, []string{strings.Replace(migrate, "migrate", "check", 1)}, "1"},
		{"a share of the requests for it", func() { s.set(t, map[string]string{"canaryWeight": "10"}) },
			"update aws:lambda/alias:Alias", nil, "1"},
		{"and all of them", func() { s.unset(t, "liveVersion", "canaryWeight") }, "update aws:lambda/alias:Alias",
			nil, "1"},
		{"how answers travel", func() { s.set(t, map[string]string{"invokeMode": "response_stream"}) },
			apiOnly + otherMode + `
			update aws:lambda/function:Function`, nil, "4"},
		{"no release command, but commands", func() {
			s.unset(t, "releaseCommand")
			s.set(t, map[string]string{"tasks": "true"})
		}, "delete aws:lambda/invocation:Invocation", nil, "5"},
		{"none of it", func() { s.unset(t, "tasks") },
			strings.ReplaceAll(taskMade, "create", "delete"), nil, "5"},
	} {
		c.change()
		planned := s.preview(t)
		planned.same(t, c.plan)
		s.released(t, c.live) // nothing, in a preview
		done := s.up(t)
		s.released(t, c.live, c.events...)
		if operations := planOf(done); !slices.Equal(operations, doable(planned)) {
			t.Errorf("planned %v\ndone %v", planned, operations)
		}
		if c.events != nil && slices.Contains(planned, "update aws:lambda/alias:Alias") {
			inOrder(t, done, "update docker:index/image:Image lambda-web-dev",
				"update aws:lambda/function:Function lambda-web-dev",
				"update aws:lambda/function:Function lambda-web-dev-task",
				"create aws:lambda/invocation:Invocation lambda-web-dev-release",
				"update aws:lambda/alias:Alias lambda-web-dev-live")
		}
		// What a change left undone would be in the plan of the next one.
		if t.Failed() {
			t.Fatalf("while changing %s", c.name)
		}
	}
	s.released(t, "")
	s.destroy(t)
	left(t, s.cloud)
}

// TestReleaseFails: the update fails with what the command wrote, the version before serves on, and the next update
// runs the command again.
func TestReleaseFails(t *testing.T) {
	const answer = `{"errorType":"Task.ExitStatus","errorMessage":"python manage.py migrate: exit status 3\nno such table: shop","exitCode":3,"output":"no such table: shop\n"}`
	s := releasing(t, map[string]string{"provisionedConcurrency": "2"})
	s.up(t)
	s.released(t, "", migrate)
	for _, app := range []string{"app = 2\n", "app = 3\n"} { // mended, or not
		s.put(t, "app/app.py", app)
		s.cloud.FailNextInvocation(answer)
		result, err := s.Up(t.Context())
		if err == nil {
			t.Fatal("the update went through")
		}
		says(t, result.StdOut+result.StdErr+err.Error(), "python manage.py migrate: exit status 3")
		says(t, result.StdOut+result.StdErr+err.Error(), "no such table: shop")
		s.intact(t)
		s.released(t, "1", migrate)
		done := s.cloud.Operations()
		for _, o := range done {
			if o.Type == "aws:lambda/alias:Alias" ||
				o.Type == "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig" {
				t.Errorf("after a failed release there was %s", o)
			}
		}
	}
	if s.live() != "1" {
		t.Errorf("version %s serves", s.live())
	}
	// Back to the code that serves: it has been released.
	s.put(t, "app/app.py", "app = 1\n")
	s.up(t)
	s.released(t, "1")
	s.put(t, "app/app.py", "app = 3\n")
	inOrder(t, s.up(t), "create aws:lambda/invocation:Invocation lambda-web-dev-release",
		"create aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig lambda-web-dev-live",
		"update aws:lambda/alias:Alias lambda-web-dev-live")
	s.released(t, "4", migrate)
	if s.live() != "5" {
		t.Errorf("version %s serves after the release", s.live())
	}
	s.unchanged(t)
	// Once it has run it is done, whatever fails after it.
	s.put(t, "app/app.py", "app = 4\n")
	s.cloud.Fail("update", "aws:lambda/alias:Alias", "TooManyRequestsException")
	if _, err := s.Up(t.Context()); err == nil {
		t.Error("the alias was to fail")
	}
	s.released(t, "5", migrate)
	s.cloud.Operations()
	s.up(t)
	s.released(t, "6")
}

// TestReleaseBeforeSnapshot: a snapshot is one of the app after the release.
func TestReleaseBeforeSnapshot(t *testing.T) {
	s := releasing(t, nil)
	s.up(t)
	s.set(t, map[string]string{"snapStart": "true"})
	s.put(t, "app/app.py", "app = 2\n")
	inOrder(t, s.up(t), "update docker:index/image:Image lambda-web-dev",
		"update aws:lambda/function:Function lambda-web-dev-task",
		"create aws:lambda/invocation:Invocation lambda-web-dev-release",
		"update aws:lambda/function:Function lambda-web-dev", "update aws:lambda/alias:Alias lambda-web-dev-live")
}

// TestReleaseOfAPromotedImage: what another stack built is released here when it comes here, and not before.
func TestReleaseOfAPromotedImage(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	dev := newStack(t, p, cloud, "dev", nil)
	prod := newStack(t, p, cloud, "prod", map[string]string{"imageFrom": "dev", "architecture": "x86_64",
		"provisionedConcurrency": "0", "releaseCommand[0]": "migrate"})
	dev.up(t)
	prod.up(t)
	for range 2 {
		if got := cloud.Invoked(); len(got) != 1 || got[0].Image != dev.image() {
			t.Errorf("invoked %+v for the image %s", got, dev.image())
		}
		p.put(t, "app/app.py", "app = 2\n")
		dev.up(t)
		if got := cloud.Invoked(); len(got) > 0 {
			t.Errorf("dev's update invoked %+v", got)
		}
		prod.up(t)
	}
	if got := cloud.Invoked(); len(got) > 0 {
		t.Errorf("for the same image once more there was %+v", got)
	}
}
