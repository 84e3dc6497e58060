package engine

import (
	"context"
	"fmt"
	"io"
	"os"
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
	cli *sparing
}

// sparing is the CLI without what the Automation API asks it after each update, for outputs and history: that takes as
// long as the update, and is thrown away here.
type sparing struct {
	auto.PulumiCommand
	asked bool // a test wants to know
}

func (c *sparing) Run(ctx context.Context, folder string, in io.Reader, out, failures []io.Writer, environment []string,
	args ...string) (string, string, int, error) {
	switch what := strings.Join(args[:min(2, len(args))], " "); {
	case c.asked:
	case what == "stack output":
		return "{}", "", 0, nil
	case what == "stack history":
		return "[]", "", 0, nil
	}
	return c.PulumiCommand.Run(ctx, folder, in, out, failures, environment, args...)
}

// command finds the CLI and its version, once for all tests.
var command = sync.OnceValues(func() (auto.PulumiCommand, error) {
	return auto.NewPulumiCommand(&auto.PulumiCommandOptions{
		Root: filepath.Dir(filepath.Dir(os.Getenv("LAMBDA_WEB_PULUMI")))})
})

// newStack makes the stack, its configuration on top of Pulumi.<name>.yaml. Nothing is deployed yet.
func newStack(t *testing.T, p project, cloud *standin.Cloud, name string, settings map[string]string) *stack {
	t.Helper()
	return newProgram(t, p, cloud, name, settings, webapp.Deploy)
}

// newProgram makes a stack of another program than the project's.
func newProgram(t *testing.T, p project, cloud *standin.Cloud, name string, settings map[string]string,
	program pulumi.RunFunc) *stack {
	t.Helper()
	cli(t)
	found, err := command()
	if err != nil {
		t.Fatal(err)
	}
	c := &sparing{PulumiCommand: found}
	debugProviders, stop, err := cloud.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p.put(t, "state/.keep", "")
	made, err := auto.UpsertStackInlineSource(t.Context(), name, "lambda-web", program,
		auto.Pulumi(c), auto.WorkDir(p.root), auto.EnvVars(p.environment(debugProviders)))
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{project: p, cloud: cloud, Stack: made, cli: c}
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

// follow collects the steps of a run, and how many of each kind its summary counts.
func follow() (chan events.EngineEvent, func() (steps, counted plan)) {
	stream := make(chan events.EngineEvent)
	var steps, counted plan
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		for e := range stream {
			if e.SummaryEvent != nil {
				for op, n := range e.SummaryEvent.ResourceChanges {
					if op != "same" {
						counted = append(counted, fmt.Sprintf("%s %d", op, n))
					}
				}
			}
			if e.ResourcePreEvent == nil {
				continue
			}
			if m := e.ResourcePreEvent.Metadata; m.Op != "same" && m.Op != "read" {
				steps = append(steps, fmt.Sprintf("%s %s", m.Op, m.Type))
			}
		}
	}()
	return stream, func() (plan, plan) {
		done.Wait()
		slices.Sort(steps)
		slices.Sort(counted)
		return steps, counted
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
	planned, _ := steps()
	return planned
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
	stream, steps := follow()
	result, err := s.Up(t.Context(), optup.ExpectNoChanges(), optup.EventStreams(stream))
	if err != nil {
		t.Fatalf("a second up: %v\n%s", err, result.StdOut)
	}
	_, changes := steps()
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
	_, found := steps() // a refresh announces each reading; what it found is in the summary
	return found
}

// outputs are those of the last update.
func (s *stack) outputs(t *testing.T) auto.OutputMap {
	t.Helper()
	s.cli.asked = true
	defer func() { s.cli.asked = false }()
	outputs, err := s.Outputs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return outputs
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
