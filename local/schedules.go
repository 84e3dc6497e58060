package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lambda-web/local/cron"
	"lambda-web/local/monitor"
)

// listSchedules says when each schedule is due next, and how it runs here.
func (p *place) listSchedules(d *monitor.Deployment) {
	list := d.Schedules()
	if len(list) == 0 {
		return
	}
	lines := []string{"\nSchedules run on this machine with make event SCHEDULE=name, and by the clock with SCHEDULES=on:"}
	if p.schedules {
		lines[0] = "\nSchedules that run by the clock of this machine:"
	}
	for _, s := range list {
		when := "never again"
		if plan, err := cron.Parse(s.Expression, s.Timezone); err != nil {
			when = err.Error()
		} else if next, ok := plan.Next(time.Now()); ok {
			when = "next " + next.Format("2006-01-02 15:04 MST")
		}
		lines = append(lines, fmt.Sprintf("    %-15s %s, %s", s.Name, s.Expression, when))
	}
	p.tell("%s", strings.Join(lines, "\n"))
}

// timetable is when schedules are due. One that was changed is another one.
type timetable map[monitor.Schedule]time.Time

// due returns the names of those that are due by now, and how long nothing will be.
func (t timetable) due(now time.Time, list []monitor.Schedule) (names []string, wait time.Duration) {
	wait = look
	known := timetable{}
	for _, s := range list {
		next, ok := t[s]
		plan, err := cron.Parse(s.Expression, s.Timezone)
		if err != nil {
			continue // the list says so
		}
		if ok && !next.After(now) {
			names, ok = append(names, s.Name), false
		}
		if !ok {
			if next, ok = plan.Next(now); !ok {
				continue
			}
		}
		known[s] = next
		wait = min(wait, next.Sub(now))
	}
	clear(t)
	for s, next := range known {
		t[s] = next
	}
	return names, wait
}

// look is how often changes of the schedules are noticed.
const look = 5 * time.Second

// keepTime sends the events of schedules when they are due. One that takes longer than until the next time overlaps
// with itself, as on AWS; nothing that fails is tried again.
func (p *place) keepTime(ctx context.Context) {
	table := timetable{}
	for ctx.Err() == nil {
		var list []monitor.Schedule
		if d := p.deployment.Load(); d != nil {
			list = d.Schedules()
		}
		names, wait := table.due(time.Now(), list)
		for _, name := range names {
			go p.runSchedule(ctx, name)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (p *place) runSchedule(ctx context.Context, name string) {
	result, err := p.cloud.InvokeSchedule(ctx, name)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.tell("Schedule %s: %v", name, err)
	case result.FunctionError != "":
		p.tell("Schedule %s failed: %s", name, result.Payload)
	default:
		p.tell("Schedule %s ran", name)
	}
}
