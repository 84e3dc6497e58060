package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"lambda-web/deploy/stack"
)

// rollout is one version on its way to the requests of another.
type rollout struct {
	options
	out   io.Writer
	alias alias
	watch *watch

	held string // the version that served before
	next string // the one that comes
}

// hold finds out which version is held and which comes. If none is held yet, the one that serves is, and what is new
// is deployed beside it.
func (r *rollout) hold(ctx context.Context, s stack.Stack) error {
	r.held = s.Setting(ctx, liveVersion)
	held := r.held != "" && r.held != "0"
	if !held {
		if r.back {
			return errors.New("no version is held (liveVersion), so there is nothing to take back; to go " +
				"back to an earlier one set liveVersion and run make up")
		}
		if err := r.deploy(ctx, s); err != nil {
			return err
		}
	}
	at, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	if held && !r.back {
		if at, err = r.deployAgain(ctx, s, at); err != nil {
			return err
		}
	}
	r.next = at.Version
	if r.next == r.held {
		return errors.Join(fmt.Errorf("version %s serves, and there is no newer one to bring out", r.held),
			s.Unset(ctx, liveVersion, canaryWeight))
	}
	return nil
}

// deployAgain deploys what may have been mended, where no requests go to the version that comes: its deployment failed,
// or it was taken back.
func (r *rollout) deployAgain(ctx context.Context, s stack.Stack, at stack.Outputs) (stack.Outputs, error) {
	seen, err := r.alias.routes(ctx)
	if err != nil || at.Version != r.held && seen.share(at.Version) > 0 {
		return at, err
	}
	if err := r.up(ctx, s); err != nil {
		return at, err
	}
	return s.Outputs(ctx)
}

// deploy brings the new version up beside the one that serves.
func (r *rollout) deploy(ctx context.Context, s stack.Stack) error {
	seen, err := r.alias.routes(ctx)
	if err != nil {
		return err
	}
	if len(seen.weights) > 0 {
		return fmt.Errorf("alias %s shares its requests between versions %v, and liveVersion does not say "+
			"which one is held; set it", r.alias.name, seen.versions())
	}
	started, err := r.alias.started(ctx)
	if err != nil {
		return err
	}
	if started {
		return fmt.Errorf("alias %s keeps environments started, and Lambda shares no requests by weight "+
			"then; set provisionedConcurrency to 0 and deploy that first", r.alias.name)
	}
	r.held = seen.version
	if err := s.Set(ctx, liveVersion, r.held); err != nil {
		return err
	}
	return r.up(ctx, s)
}

func (r *rollout) up(ctx context.Context, s stack.Stack) error {
	fmt.Fprintf(r.out, "Version %s goes on to serve; the new one is deployed beside it.\n", r.held)
	if err := s.Up(ctx, r.yes); err != nil {
		return fmt.Errorf("%w; version %s is held (liveVersion): run again to go on, or remove liveVersion", err,
			r.held)
	}
	return nil
}

// forward goes through the steps that are left, and back when one of them is a breach.
func (r *rollout) forward(ctx context.Context) error {
	seen, err := r.alias.routes(ctx)
	if err != nil {
		return err
	}
	for _, version := range seen.versions() {
		if version != r.held && version != r.next {
			return fmt.Errorf("alias %s gives requests to version %s, which is neither held (%s) nor the "+
				"newest (%s); look at it first", r.alias.name, version, r.held, r.next)
		}
	}
	reached := seen.share(r.next)
	if reached == 0 {
		if err := r.watch.calm(ctx); err != nil {
			return fmt.Errorf("nothing was moved: %w", err)
		}
	}
	steps := slices.Clone(r.steps)
	if reached > 0 {
		steps = slices.DeleteFunc(steps, func(step int) bool { return step <= reached })
		steps = append([]int{reached}, steps...) // it is watched once more
	}
	for _, step := range steps {
		if err := r.step(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// step gives the new version its share, and watches.
func (r *rollout) step(ctx context.Context, share int) error {
	seen, err := r.alias.routes(ctx)
	if err != nil {
		return err
	}
	if seen.share(r.next) != share {
		if err := r.alias.move(ctx, seen, r.next, r.held, share); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "%s  version %s has %d %% of the requests, version %s %d %%; watching for %s\n",
		time.Now().Format(time.TimeOnly), r.next, share, r.held, 100-share, r.pause)
	var breach *breachError
	switch err := r.observe(ctx, share); {
	case errors.As(err, &breach):
		return r.takeBack(ctx, breach.Error())
	case ctx.Err() != nil:
		return fmt.Errorf("stopped: version %s has %d %% of the requests. Run again to go on from there, or "+
			"take it back: make rollout STACK=%s BACK=1", r.next, share, r.stack)
	case err != nil:
		return r.takeBack(ctx, fmt.Sprintf("it cannot be watched (%v)", err))
	}
	return nil
}

// blind is how often in a row a look may fail before nobody can be said to watch.
const blind = 3

// observe looks for as long as a step takes.
func (r *rollout) observe(ctx context.Context, share int) error {
	began := time.Now()
	end := time.NewTimer(r.pause)
	defer end.Stop()
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for failures := 0; ; {
		err := r.watch.look(ctx, began, share)
		if failures++; err == nil {
			failures = 0
		}
		var breach *breachError
		if errors.As(err, &breach) || failures == blind || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return r.watch.look(ctx, began, share) // what came in last
		case <-tick.C:
		}
	}
}

// takeBack gives the held version all requests, also when the command is being stopped.
func (r *rollout) takeBack(ctx context.Context, why string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	seen, err := r.alias.routes(ctx)
	if err == nil && (seen.version != r.held || len(seen.weights) > 0) {
		err = r.alias.move(ctx, seen, r.next, r.held, 0)
	}
	if err != nil {
		return fmt.Errorf("version %s should be taken back, %s, and is NOT: %w", r.next, why, err)
	}
	sentence := fmt.Sprintf("version %s was taken back, %s. Version %s serves alone and is held "+
		"(liveVersion): mend the app, and run again", r.next, why, r.held)
	if r.back {
		fmt.Fprintln(r.out, sentence)
		return nil
	}
	return errors.New(sentence)
}

// The settings that hold a version while another one comes out.
const (
	liveVersion  = "liveVersion"
	canaryWeight = "canaryWeight"
)

// release ends the holding: the settings say again that the newest version serves.
func release(ctx context.Context, s stack.Stack, out io.Writer, version string) error {
	if err := s.Unset(ctx, liveVersion, canaryWeight); err != nil {
		return fmt.Errorf("version %s serves alone, and the settings still hold the old one: %w", version, err)
	}
	fmt.Fprintf(out,
		"Version %s serves alone. liveVersion and canaryWeight are out of Pulumi.%s.yaml; commit that if it is in git. "+
			"The next update notes in the state what the alias points at, and changes nothing by it.\n", version,
		s.Name)
	return nil
}
