package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// schedules are the events of a deployment's schedules by their names, as EventBridge Scheduler would send them.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func schedules(d *Deployment) map[string]string {
	found := map[string]string{}
	for _, r := range d.OfType("aws:scheduler/schedule:Schedule") {
		input := text(object(r.Inputs, "target"), "input")
		if name := scheduleOf([]byte(input)).Name; name != "" {
			found[name] = input
		}
	}
	return found
}

// schedule is the member of an event that says which schedule it is of.
type schedule struct{ Name, Path string }

func scheduleOf(event []byte) schedule {
	var e struct {
		Schedule schedule `json:"lambda-web-schedule"`
	}
	if json.Unmarshal(event, &e) != nil {
		return schedule{}
	}
	return e.Schedule
}

// Schedule is a schedule of the deployment that serves.
type Schedule struct {
	Name       string
	Expression string // cron(...) or rate(...)
	Timezone   string // empty for UTC
}

// Schedules are those of a deployment, by name.
func (d *Deployment) Schedules() []Schedule {
	var found []Schedule
	for _, r := range d.OfType("aws:scheduler/schedule:Schedule") {
		if name := scheduleOf([]byte(text(object(r.Inputs, "target"), "input"))).Name; name != "" {
			found = append(found, Schedule{name, text(r.Inputs, "scheduleExpression"), text(r.Inputs,
				"scheduleExpressionTimezone")})
		}
	}
	slices.SortFunc(found, func(a, b Schedule) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// InvokeSchedule sends a schedule's event to the function, as EventBridge Scheduler does when it is due.
func (c *Cloud) InvokeSchedule(ctx context.Context, name string) (sandbox.Result, error) {
	event, err := json.Marshal(map[string]any{"lambda-web-schedule": map[string]string{"name": name}})
	if err != nil {
		return sandbox.Result{}, err
	}
	return c.Invoke(ctx, "", sandbox.Invocation{Event: event})
}

// scheduled completes an event that only names a schedule, as `make event SCHEDULE=nightly` sends it. Every other
// event is as it was.
func scheduled(event []byte, schedules map[string]string, id string, now time.Time) ([]byte, error) {
	s := scheduleOf(event)
	if s.Name == "" || s.Path != "" {
		return event, nil
	}
	input, ok := schedules[s.Name]
	if !ok {
		return nil, fmt.Errorf("there is no schedule %q; there are: %s", s.Name,
			strings.Join(slices.Sorted(maps.Keys(schedules)), ", "))
	}
	return []byte(strings.NewReplacer("<aws.scheduler.execution-id>", id, "<aws.scheduler.scheduled-time>",
		now.UTC().Format(time.RFC3339),
		"<aws.scheduler.attempt-number>", "1").Replace(input)), nil
}
