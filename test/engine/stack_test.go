package engine

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp"
	"lambda-web/test/engine/standin"
)

// stack is a stack of the project, driven through the Automation API.
type stack struct {
	project
	cloud *standin.Cloud
	auto.Stack
}

// newStack makes the stack, its configuration on top of Pulumi.<name>.yaml. Nothing is deployed yet.
func newStack(t *testing.T, p project, cloud *standin.Cloud, name string, settings map[string]string) *stack {
	t.Helper()
	return newProgram(t, p, cloud, name, settings, webapp.Deploy)
}

// newProgram makes a stack of another program than the project's.
func newProgram(t *testing.T, p project, cloud *standin.Cloud, name string, settings map[string]string,
	program pulumi.RunFunc) *stack {
	t.Helper()
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: filepath.Dir(filepath.Dir(cli(t)))})
	if err != nil {
		t.Fatal(err)
	}
	debugProviders, stop, err := cloud.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p.put(t, "state/.keep", "")
	made, err := auto.UpsertStackInlineSource(t.Context(), name, "lambda-web", program,
		auto.Pulumi(command), auto.WorkDir(p.root), auto.EnvVars(p.environment(debugProviders)))
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{project: p, cloud: cloud, Stack: made}
	s.set(t, settings)
	return s
}

// set changes settings; keys without a namespace are the project's, and may be paths.
func (s *stack) set(t *testing.T, settings map[string]string) {
	t.Helper()
	if len(settings) == 0 {
		return
	}
	config := auto.ConfigMap{}
	for key, value := range settings {
		if !strings.Contains(key, ":") {
			key = "lambda-web:" + key
		}
		config[key] = auto.ConfigValue{Value: value}
	}
	if err := s.SetAllConfigWithOptions(t.Context(), config, &auto.ConfigOptions{Path: true}); err != nil {
		t.Fatal(err)
	}
}

// unset removes settings of the project.
func (s *stack) unset(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := s.RemoveConfig(t.Context(), "lambda-web:"+key); err != nil {
			t.Fatal(err)
		}
	}
}

// plan is the steps of a run other than "same", as "op type", sorted. Steps of components count too.
type plan []string

func (p plan) String() string { return "\n  " + strings.Join(p, "\n  ") }

// follow collects the steps of a run.
func follow() (chan events.EngineEvent, func() plan) {
	stream := make(chan events.EngineEvent)
	var steps plan
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		for e := range stream {
			if e.ResourcePreEvent == nil {
				continue
			}
			if m := e.ResourcePreEvent.Metadata; m.Op != "same" && m.Op != "read" {
				steps = append(steps, fmt.Sprintf("%s %s", m.Op, m.Type))
			}
		}
	}()
	return stream, func() plan {
		done.Wait()
		slices.Sort(steps)
		return steps
	}
}

// preview returns the plan.
func (s *stack) preview(t *testing.T) plan {
	t.Helper()
	stream, steps := follow()
	result, err := s.Preview(t.Context(), optpreview.EventStreams(stream))
	if err != nil {
		t.Fatalf("preview: %v\n%s", err, result.StdOut)
	}
	if done := s.cloud.Operations(); len(done) > 0 {
		t.Errorf("the preview changed the account: %v", done)
	}
	return steps()
}

// up deploys and returns what was done to the account in the order it was done.
func (s *stack) up(t *testing.T) []standin.Operation {
	t.Helper()
	result, err := s.Up(t.Context())
	if err != nil {
		t.Fatalf("up: %v\n%s", err, result.StdOut)
	}
	s.intact(t)
	return s.cloud.Operations()
}

// intact: no request was dropped on the way, and the app answers now.
func (s *stack) intact(t *testing.T) {
	t.Helper()
	for _, dropped := range s.cloud.Dropped() {
		t.Error(dropped)
	}
	if err := s.cloud.Serves(); err != nil {
		t.Error(err)
	}
}

// unchanged: another up finds nothing to do.
func (s *stack) unchanged(t *testing.T) {
	t.Helper()
	builds := s.cloud.Builds()
	result, err := s.Up(t.Context(), optup.ExpectNoChanges())
	if err != nil {
		t.Fatalf("a second up: %v\n%s", err, result.StdOut)
	}
	changes := maps.Clone(*result.Summary.ResourceChanges)
	delete(changes, "same")
	if done := s.cloud.Operations(); len(done) > 0 || len(changes) > 0 || s.cloud.Builds() != builds {
		t.Errorf("a second up changed %v (%v) and built %d images", changes, done, s.cloud.Builds()-builds)
	}
}

// refresh reads everything back; it returns the plan.
func (s *stack) refresh(t *testing.T) plan {
	t.Helper()
	stream, steps := follow()
	result, err := s.Refresh(t.Context(), optrefresh.EventStreams(stream))
	if err != nil {
		t.Fatalf("refresh: %v\n%s", err, result.StdOut)
	}
	// A refresh announces each reading; what it found is in the summary.
	steps()
	var found plan
	for op, n := range *result.Summary.ResourceChanges {
		if op != "same" {
			found = append(found, fmt.Sprintf("%s %d", op, n))
		}
	}
	slices.Sort(found)
	return found
}

func (s *stack) destroy(t *testing.T) []standin.Operation {
	t.Helper()
	result, err := s.Destroy(context.WithoutCancel(t.Context()), optdestroy.ShowSecrets(false))
	if err != nil {
		t.Fatalf("destroy: %v\n%s", err, result.StdOut)
	}
	for _, dropped := range s.cloud.Dropped() {
		t.Errorf("while being destroyed: %s", dropped)
	}
	return s.cloud.Operations()
}

// same compares a plan with what it has to be, one step a line.
func (p plan) same(t *testing.T, want string) {
	t.Helper()
	var lines plan
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	if !slices.Equal(p, lines) {
		t.Errorf("the plan is%v\nand has to be%v", p, lines)
	}
}

// planOf turns operations into a plan.
func planOf(done []standin.Operation) plan {
	var steps plan
	for _, o := range done {
		steps = append(steps, o.Op+" "+o.Type)
	}
	slices.Sort(steps)
	return steps
}

// before: one operation came before another.
func before(t *testing.T, done []standin.Operation, first, second string) {
	t.Helper()
	at := func(wanted string) int {
		return slices.IndexFunc(done, func(o standin.Operation) bool { return o.Op+" "+o.Type == wanted })
	}
	if a, b := at(first), at(second); a < 0 || b < 0 || a > b {
		t.Errorf("%q has to come before %q; the order was %v", first, second, done)
	}
}
