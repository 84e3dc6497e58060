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

	mu       sync.RWMutex
	routes   []*route      // the primary version first
	paused   chan struct{} // not nil while invocations wait for an update
	closed   bool
	retiring []*retirement // oldest first

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
	for {
		to, err := a.enter(ctx)
		if err != nil {
			return Result{}, err
		}
		result, err := to.Function.Invoke(ctx, in)
		to.calls.Done()
		if !errors.Is(err, errSuspended) {
			return result, err
		}
	}
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
// that cannot start never replaces one that can) and sends new invocations to them. The versions that are
// gone finish their invocations and end later: Update does not wait for them. If a new version does not
// start, the alias stays as it is and the new version is closed.
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
		if failed := (*StartError)(nil); errors.As(err, &failed) && failed.wantedPort && a.holdsPort() {
			err = a.handOver(ctx, r.Function)
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
	for _, r := range gone {
		a.retire(r)
	}
	return nil
}

// holdsPort is true when a version behind the alias listens on a port that a new one may want.
func (a *Alias) holdsPort() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.ContainsFunc(a.routes, func(r *route) bool { return r.Function.pool.holdsPort() })
}

// handOver warms a version that got as far as its port, which the versions behind the alias hold: new
// invocations wait, those in progress have a moment to end, and then the port changes hands. If the new
// version cannot start all the same, the old ones start over.
func (a *Alias) handOver(ctx context.Context, f *Function) error {
	a.mu.Lock()
	a.paused = make(chan struct{})
	routes := a.routes
	a.mu.Unlock()
	moment, cancel := context.WithTimeout(ctx, f.cfg.Limits.HandOver)
	defer cancel()
	for _, r := range routes {
		r.drain(moment) // what is still open then is cut off
		r.Function.pool.suspend()
	}
	err := f.warm(ctx)
	if err != nil {
		for _, r := range routes {
			r.Function.pool.resume()
		}
	}
	return err
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
		return fmt.Errorf("the weight of version %s is %g; it must be between 0 and 1", routes[1].Function.Version(),
			routes[1].Weight)
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

// maxRetiring is how many old versions may finish their invocations at once: each has processes.
const maxRetiring = 2

// retirement is an old version that finishes its invocations.
type retirement struct {
	cutShort context.CancelFunc
	over     chan struct{}
}

// retire lets a version finish its invocations, each of which ends with the function's timeout at the latest, and
// then ends it. It does not wait. Too many such versions at once cut the oldest short.
func (a *Alias) retire(r *route) {
	ctx, cancel := context.WithCancel(context.Background())
	this := &retirement{cutShort: cancel, over: make(chan struct{})}
	a.mu.Lock()
	a.retiring = append(a.retiring, this)
	for _, old := range a.retiring[:max(0, len(a.retiring)-maxRetiring)] {
		old.cutShort()
	}
	a.mu.Unlock()
	go func() {
		defer cancel()
		r.drain(ctx)
		r.Function.Close(context.Background())
		a.mu.Lock()
		a.retiring = slices.DeleteFunc(a.retiring, func(other *retirement) bool { return other == this })
		a.mu.Unlock()
		close(this.over)
	}()
}

// drain waits for the invocations on their way into the function and then for those in it.
func (r *route) drain(ctx context.Context) {
	entered := make(chan struct{})
	go func() {
		r.calls.Wait()
		close(entered)
	}()
	select {
	case <-entered:
		r.Function.Drain(ctx)
	case <-ctx.Done():
	}
}

// Close refuses new invocations and closes the versions, also those that are about to end; invocations in
// progress are answered with ErrClosed.
func (a *Alias) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.updating.Lock()
	defer a.updating.Unlock()
	a.mu.Lock()
	retiring := slices.Clone(a.retiring)
	a.mu.Unlock()
	for _, old := range retiring {
		old.cutShort()
	}
	var errs []error
	for _, r := range a.routes {
		errs = append(errs, r.Function.Close(ctx))
	}
	for _, old := range retiring {
		select {
		case <-old.over:
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
	}
	return errors.Join(errs...)
}
