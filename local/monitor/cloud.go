package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lambda-web/local/container"
	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// Cloud is a deployment made real on this machine: functions as pools of sandboxes, REST APIs as one
// HTTP handler. It can be moved to another deployment without losing a request.
type Cloud struct {
	settings Settings
	stages   atomic.Pointer[map[string]*gateway.API]    // by stage name
	site     atomic.Pointer[gateway.Site]               // nil is none
	callable atomic.Pointer[map[string]sandbox.Invoker] // functions by their names and ARNs
	// schedules are events by the names of schedules.
	schedules atomic.Pointer[map[string]string]

	updating  sync.Mutex // one Update or Close at a time
	functions map[string]*function
	written   writing // what of the app's folder is followed
	writable  atomic.Pointer[[]string]
	released  map[string]map[string]any // the inputs of the release commands that have succeeded, by URN
	transport *http.Transport           // of the site, to the stage
}

// Settings are what the local cloud needs beside the deployment.
type Settings struct {
	Program Program
	Docker  *container.Engine // runs the sandboxes; nil is this machine itself
	// Adapter is the one built for this machine, for sandboxes without Docker; its file name is the extension's name.
	Adapter string
	Freeze  bool      // stop the processes of a sandbox between invocations
	Command string    // starts the app in the place of what its files say; without Docker
	Debug   bool      // for a debugger: one sandbox per function, and no time limits
	Cold    bool      // the first request starts the app, and not the deployment
	Cache   string    // folder for packages
	Lines   io.Writer // log lines of the functions and of the gateway, as in CloudWatch; nil drops them
	Log     io.Writer // what is said of builds and of what differs from AWS

	// Observers of what passes; nil observes nothing.
	ObserveGateway func(gateway.Record)
	ObserveSandbox func(sandbox.Record)
	Record         func() bool // whether sandboxes that start record the traffic between adapter and app; nil is no

	Terminal *os.File // shows the progress of package managers; nil is none
}

// New makes a cloud in which nothing is deployed yet.
func New(s Settings) *Cloud {
	if s.Lines == nil {
		s.Lines = io.Discard
	}
	c := &Cloud{settings: s, functions: map[string]*function{}, released: map[string]map[string]any{},
		transport: gateway.NewSiteTransport()}
	c.stages.Store(&map[string]*gateway.API{})
	c.callable.Store(&map[string]sandbox.Invoker{})
	return c
}

// Realise makes a deployment real, in a cloud of its own. On an error nothing is left running.
func Realise(ctx context.Context, d *Deployment, s Settings) (*Cloud, error) {
	c := New(s)
	if err := c.Update(ctx, d); err != nil {
		return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// Update moves the cloud to another deployment of the same program. A function that changed gets a new
// version, which has to be ready before it takes over; the old one finishes its invocations. On an error
// what served before goes on serving; it is a *sandbox.StartError where an app does not start.
func (c *Cloud) Update(ctx context.Context, d *Deployment) error { return c.update(ctx, d, false) }

// Restart is an Update that gives every function a new version, also where nothing has changed.
func (c *Cloud) Restart(ctx context.Context, d *Deployment) error { return c.update(ctx, d, true) }

func (c *Cloud) update(ctx context.Context, d *Deployment, afresh bool) error {
	c.updating.Lock()
	defer c.updating.Unlock()
	// An API that cannot be made keeps the functions as they are, too.
	if _, err := c.makeStages(d, io.Discard); err != nil {
		return err
	}
	site, err := c.makeSite(d, c.settings.Lines)
	if err != nil {
		return err
	}
	c.followWrites(d.App, d.Writable)
	for _, r := range d.apps() {
		if err := c.updateFunction(ctx, d, r, afresh); err != nil {
			return fmt.Errorf("function %s: %w", r.ID, err)
		}
	}
	stages, err := c.makeStages(d, c.settings.Lines)
	if err != nil {
		return err
	}
	c.stages.Store(&stages)
	c.site.Store(site) // after the function, which knows the secret of the site before, too
	events := schedules(d)
	c.schedules.Store(&events)
	callable := map[string]sandbox.Invoker{}
	for arn, f := range c.functions {
		callable[arn], callable[f.config.Name] = f.alias, f.alias
	}
	c.callable.Store(&callable)
	return nil
}

// Invoke calls a function by its name or ARN, as Lambda's Invoke API does; the empty name is the only function there
// is.
func (c *Cloud) Invoke(ctx context.Context, function string, in sandbox.Invocation) (sandbox.Result, error) {
	callable := *c.callable.Load()
	if function == "" {
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(callable)), func(name string) bool {
			return strings.HasPrefix(name, "arn:")
		})
		switch len(names) {
		case 0:
			return sandbox.Result{}, fmt.Errorf("%w yet: nothing is deployed", sandbox.ErrNotFound)
		case 1:
			function = names[0]
		default:
			return sandbox.Result{}, fmt.Errorf("%w without a name: there are %s", sandbox.ErrNotFound,
				strings.Join(names, ", "))
		}
	}
	f := callable[function]
	if f == nil {
		return sandbox.Result{}, fmt.Errorf("%w: %s", sandbox.ErrNotFound, function)
	}
	var err error
	if in.Event, err = scheduled(in.Event, *c.schedules.Load(), in.RequestID, time.Now()); err != nil {
		return sandbox.Result{}, err
	}
	return f.Invoke(ctx, in)
}

// ServeHTTP hands a request to the stage that its path names; a path without a known stage is answered
// as API Gateway does, by any of the APIs.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stages := *c.stages.Load()
	first, _, _ := strings.Cut(strings.TrimLeft(r.RequestURI, "/"), "/")
	first, _, _ = strings.Cut(first, "?")
	if api, ok := stages[first]; ok {
		api.ServeHTTP(w, r)
		return
	}
	for _, api := range stages {
		api.ServeHTTP(w, r)
		return
	}
	http.Error(w, "Nothing is deployed yet: the local cloud says why.", http.StatusServiceUnavailable)
}

// Close stops every sandbox in Lambda's order of shutdown.
func (c *Cloud) Close(ctx context.Context) error {
	c.updating.Lock()
	defer c.updating.Unlock()
	c.transport.CloseIdleConnections()
	c.stopFollowingWrites()
	var group sync.WaitGroup
	errs := make(chan error, len(c.functions))
	for _, f := range c.functions {
		group.Go(func() { errs <- f.alias.Close(ctx) })
	}
	group.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}
