package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// Alias is a named pointer to one version of a function, or to two with a weight, that can be moved
// to another version without losing an invocation.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
type Alias struct {
	name string

	mu     sync.RWMutex
	routes []*route      // the primary version first
	paused chan struct{} // not nil while invocations wait for an update
	closed bool

	updating sync.Mutex // one Update or Close at a time
}

// Route is one version behind an alias.
type Route struct {
	Function *Function
	// Weight is the share of invocations, 0 to 1, that an additional version takes. The first route
	// of an alias takes the rest; its own Weight is not looked at.
	Weight float64
}

// route counts the invocations on their way into a function, so that it can be drained.
type route struct {
	Route
	calls *sync.WaitGroup
}

var _ Invoker = (*Alias)(nil)

// NewAlias makes an alias that points to one version. The function must have been started.
func NewAlias(name string, f *Function) *Alias {
	return &Alias{name: name, routes: []*route{{Route{Function: f}, new(sync.WaitGroup)}}}
}

// Invoke implements Invoker.
func (a *Alias) Invoke(ctx context.Context, in Invocation) (Result, error) {
	if in.Qualifier == "" {
		in.Qualifier = a.name
	}
	to, err := a.enter(ctx)
	if err != nil {
		return Result{}, err
	}
	defer to.calls.Done()
	return to.Function.Invoke(ctx, in)
}

// enter chooses the version for an invocation and counts it in.
func (a *Alias) enter(ctx context.Context) (*route, error) {
	for {
		a.mu.RLock()
		paused := a.paused
		switch {
		case a.closed:
			a.mu.RUnlock()
			return nil, ErrClosed
		case paused == nil:
			to := a.routes[0]
			if len(a.routes) == 2 && rand.Float64() < a.routes[1].Weight {
				to = a.routes[1]
			}
			to.calls.Add(1)
			a.mu.RUnlock()
			return to, nil
		}
		a.mu.RUnlock()
		select {
		case <-paused:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Update moves the alias. It warms the versions that are new (one sandbox at least, so that a version
// that cannot start never replaces one that can), sends new invocations to them, waits until the
// versions that are gone have finished theirs, and closes them. If a new version does not start, the
// alias stays as it is and the new version is closed. The context cuts waiting short.
func (a *Alias) Update(ctx context.Context, routes ...Route) error {
	if err := validateRoutes(routes); err != nil {
		return fmt.Errorf("update the alias %s: %w", a.name, err)
	}
	a.updating.Lock()
	defer a.updating.Unlock()
	defer a.resume()
	for i, r := range routes {
		if a.has(r.Function) {
			continue
		}
		err := r.Function.warm(ctx)
		if err != nil && ctx.Err() == nil && a.holdsPort() {
			err = a.takePort(ctx, r.Function)
		}
		if err != nil {
			for _, started := range routes[:i+1] {
				if !a.has(started.Function) {
					err = errors.Join(err, started.Function.Close(ctx))
				}
			}
			return fmt.Errorf("update the alias %s: %w", a.name, err)
		}
	}
	gone := a.swap(routes)
	a.resume()
	return a.retire(ctx, gone)
}

// holdsPort is true when a version behind the alias may keep an app that ignores PORT from starting.
func (a *Alias) holdsPort() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.ContainsFunc(a.routes, func(r *route) bool { return r.Function.pool.holdsPort() })
}

// takePort warms a version whose app may know no port but the declared one: invocations wait while
// the versions behind the alias give it up. They start over if the new version cannot start.
func (a *Alias) takePort(ctx context.Context, f *Function) error {
	a.mu.Lock()
	a.paused = make(chan struct{})
	routes := a.routes
	a.mu.Unlock()
	for _, r := range routes {
		if err := r.drain(ctx); err != nil {
			return err
		}
		r.Function.pool.suspend()
	}
	return f.warm(ctx)
}

// resume lets invocations go on.
func (a *Alias) resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paused != nil {
		close(a.paused)
		a.paused = nil
	}
}

func validateRoutes(routes []Route) error {
	if len(routes) < 1 || len(routes) > 2 {
		return fmt.Errorf("an alias points to one or two versions, not %d", len(routes))
	}
	if len(routes) == 2 && (routes[1].Weight < 0 || routes[1].Weight > 1) {
		return fmt.Errorf("the weight of version %s is %g; it must be between 0 and 1", routes[1].Function.Version(), routes[1].Weight)
	}
	return nil
}

func (a *Alias) has(f *Function) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.ContainsFunc(a.routes, func(r *route) bool { return r.Function == f })
}

// swap sets the routes and returns those that are gone.
func (a *Alias) swap(routes []Route) (gone []*route) {
	next := make([]*route, len(routes))
	for i, r := range routes {
		next[i] = &route{r, new(sync.WaitGroup)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, old := range a.routes {
		kept := slices.IndexFunc(next, func(r *route) bool { return r.Function == old.Function })
		if kept < 0 {
			gone = append(gone, old)
			continue
		}
		next[kept].calls = old.calls
	}
	a.routes = next
	return gone
}

// retire drains and closes versions.
func (a *Alias) retire(ctx context.Context, routes []*route) error {
	var errs []error
	for _, r := range routes {
		errs = append(errs, r.drain(ctx), r.Function.Close(ctx))
	}
	return errors.Join(errs...)
}

// drain waits for the invocations on their way into the function and then for those in it.
func (r *route) drain(ctx context.Context) error {
	entered := make(chan struct{})
	go func() {
		r.calls.Wait()
		close(entered)
	}()
	select {
	case <-entered:
		return r.Function.Drain(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close refuses new invocations and closes the versions; invocations in progress are answered with
// ErrClosed.
func (a *Alias) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.updating.Lock()
	defer a.updating.Unlock()
	var errs []error
	for _, r := range a.routes {
		errs = append(errs, r.Function.Close(ctx))
	}
	return errors.Join(errs...)
}
