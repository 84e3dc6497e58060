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
	routes []*route // the primary version first
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
	a.mu.RLock()
	if a.closed {
		a.mu.RUnlock()
		return Result{}, ErrClosed
	}
	to := a.routes[0]
	if len(a.routes) == 2 && rand.Float64() < a.routes[1].Weight {
		to = a.routes[1]
	}
	to.calls.Add(1)
	a.mu.RUnlock()
	defer to.calls.Done()
	return to.Function.Invoke(ctx, in)
}

// Update moves the alias. It starts the versions that are new, sends new invocations to them, waits
// until the versions that are gone have finished theirs, and closes them. If a new version does not
// start, the alias stays as it is and the new version is closed. The context cuts waiting short.
func (a *Alias) Update(ctx context.Context, routes ...Route) error {
	if err := validateRoutes(routes); err != nil {
		return fmt.Errorf("update the alias %s: %w", a.name, err)
	}
	a.updating.Lock()
	defer a.updating.Unlock()
	for i, r := range routes {
		if a.find(r.Function) != nil {
			continue
		}
		if err := r.Function.Start(ctx); err != nil {
			for _, started := range routes[:i+1] {
				if a.find(started.Function) == nil {
					err = errors.Join(err, started.Function.Close(ctx))
				}
			}
			return fmt.Errorf("update the alias %s: %w", a.name, err)
		}
	}
	return a.retire(ctx, a.swap(routes))
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

// find returns the route to a function, if the alias has one.
func (a *Alias) find(f *Function) *route {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, r := range a.routes {
		if r.Function == f {
			return r
		}
	}
	return nil
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
