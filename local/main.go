// Command local is the cloud on a laptop: it runs the Pulumi program of this repository against this
// machine instead of an AWS account, and serves the REST API it makes.
//
//	local [-stack dev] [-port 3000] [-app FOLDER] [-mode process|container|auto]
//
// "make local" builds it and what it needs, then starts it. SIGINT and SIGTERM stop it: the app gets
// SIGTERM, as on Lambda, and nothing is left running.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"lambda-web/local/console"
	"lambda-web/local/container"
	"lambda-web/local/monitor"
	"lambda-web/local/sandbox"
	"lambda-web/local/terminal"
)

func main() {
	sandbox.RunWatchdog() // returns at once unless this process was started as the watchdog
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.oneOff != "" {
		code, err := o.runOneOff(ctx)
		if err == nil {
			os.Exit(code)
		}
		return err
	}
	release := takeForeground()
	defer release()
	stopWithParent()

	listener, err := net.Listen("tcp", o.address())
	if err != nil {
		return fmt.Errorf("port %d on %s cannot be used (%w); choose another one with PORT, for example: "+
			"make local PORT=%d", o.port, o.host, cause(err), o.port+1)
	}
	defer listener.Close()
	p := &place{
		options: o, screen: newScreen(o), began: time.Now(), end: stop, restart: make(chan struct{}, 1),
		baseURL: "http://" + listener.Addr().String(),
	}
	p.say = p.tell
	if p.screen != nil && terminal.Is(os.Stdin) {
		p.keys = true
		defer terminal.Keys(os.Stdin, func(key byte) { p.press(ctx, key) })()
	}
	if p.docker, err = p.engine(ctx); err != nil {
		return err
	}
	if o.build {
		if err := o.buildBesides(ctx, p.docker == nil); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	p.openConsole(listener)
	err = p.deploy(ctx)
	if ctx.Err() != nil {
		return p.close(ctx) // asked to stop before anything was served
	}
	if err != nil {
		return errors.Join(err, p.close(ctx))
	}
	if p.schedules {
		go p.keepTime(ctx)
	}
	return p.serve(ctx, listener)
}

// place is the local cloud and what runs in it now.
type place struct {
	options
	baseURL    string
	began      time.Time
	docker     *container.Engine                  // runs the sandboxes; nil is this machine itself
	app        string                             // the app's folder
	watcher    *watcher                           // of the files; nil until the first deployment
	deployment atomic.Pointer[monitor.Deployment] // that serves; nil until one does
	cloud      *monitor.Cloud
	site       site
	console    *console.Console // nil is CONSOLE=off
	consoleURL string
	recording  atomic.Bool // sandboxes that start record the traffic of the app

	screen  *terminal.Screen // nil where lines are printed as in CloudWatch
	keys    bool             // the terminal's keys do something
	restart chan struct{}    // the user wants the app started afresh
	end     func()           // what Ctrl-C does
}

// deploy runs the Pulumi program and makes real what it registers. An app that does not start is no error as long as a
// change of its files may mend it.
func (p *place) deploy(ctx context.Context) error {
	p.tell("Running the Pulumi program for stack %s", p.stack)
	deployment, err := p.run(ctx)
	if err != nil {
		return err
	}
	p.tell("Realising %d resources on this machine", len(deployment.Resources))
	program, err := p.program(p.baseURL)
	if err != nil {
		return err
	}
	settings := monitor.Settings{
		Program: program, Docker: p.docker, Adapter: p.adapter, Freeze: p.freeze, Debug: p.debug, Cold: p.cold,
		Command: p.command, Cache: p.cache,
		ObserveGateway: p.observeGateway(), ObserveSandbox: p.observeSandbox(), Record: p.recording.Load,
	}
	p.observe(&settings)
	p.cloud = monitor.New(settings)
	err = p.cloud.Update(ctx, deployment)
	p.startWatching(ctx) // before it says that it is ready: no change after that is missed
	switch failed := (*sandbox.StartError)(nil); {
	case errors.As(err, &failed) && p.watch && ctx.Err() == nil:
		p.told(p.began, nil, "Started", err)
		p.failed("Not started; the next change is tried again.", err)
		return nil
	case err != nil:
		return err
	}
	p.deployment.Store(deployment)
	if err := p.serveSite(deployment.HasSite()); err != nil {
		return err
	}
	p.told(p.began, nil, "Started", nil)
	p.ready(deployment)
	return nil
}

func (p *place) run(ctx context.Context) (*monitor.Deployment, error) {
	program, err := p.program(p.baseURL)
	if err != nil {
		return nil, err
	}
	p.app = program.App.Folder
	if err := p.watcher.move(p.app); err != nil {
		return nil, err
	}
	if p.docker == nil {
		if err := p.standIn(&program); err != nil {
			return nil, err
		}
	}
	program.Previous, program.OpenSite = p.deployment.Load(), p.openSite
	if p.screen != nil {
		program.Output = p.screen
	}
	return monitor.Run(ctx, program)
}

// startWatching follows, in the background, the changes of files and the keys of the user.
func (p *place) startWatching(ctx context.Context) {
	if p.watch {
		var err error
		if p.watcher, err = watch(p.root, p.app); err != nil {
			fmt.Fprintln(os.Stderr, "local: changes of files will not be noticed:", err)
		}
	}
	go p.follow(ctx)
}

// follow deploys changes of files, and what the user wants started afresh, one after the other.
func (p *place) follow(ctx context.Context) {
	changes := make(chan []string)
	if p.watcher != nil {
		defer p.watcher.close()
		go p.watcher.follow(ctx, changes)
	}
	for {
		var changed []string
		select {
		case <-ctx.Done():
			return
		case <-p.restart:
			p.tell("\nRestarting")
		case changed = <-changes:
			p.tell("\nChanged: %s", few(changed))
		}
		began := time.Now()
		what, err := p.redeploy(ctx, changed)
		p.told(began, changed, what, err)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && p.deployment.Load() == nil:
			p.failed("Not started; the next change is tried again.", err)
		case err != nil:
			p.failed("Not deployed; what served before goes on serving.", err)
		case what != "":
			p.deployed(what, time.Since(began), changed != nil)
		}
	}
}

// redeploy brings a change up beside what serves now and then moves over to it; without a change it starts everything
// afresh. It says what is new, unless that is all that there is.
func (p *place) redeploy(ctx context.Context, changed []string) (string, error) {
	if err := rebuild(ctx, p.options, changed); err != nil {
		return "", err
	}
	deployment, err := p.run(ctx)
	if err != nil {
		return "", err
	}
	update := p.cloud.Update
	if changed == nil {
		update = p.cloud.Restart
	}
	if err := update(ctx, deployment); err != nil {
		return "", err
	}
	before := p.deployment.Swap(deployment)
	if err := p.serveSite(deployment.HasSite()); err != nil {
		return "", err
	}
	switch {
	case before == nil:
		p.ready(deployment)
		return "", nil
	case changed == nil:
		return "Restarted", nil
	}
	differences := deployment.Differences(before)
	if len(differences) == 0 {
		return "Nothing to deploy", nil
	}
	return "Deployed " + strings.Join(differences, ", "), nil
}

// serve answers requests until the context ends, then stops every sandbox.
func (p *place) serve(ctx context.Context, listener net.Listener) error {
	either, err := newEitherListener(listener)
	if err != nil {
		return errors.Join(err, p.close(ctx))
	}
	server := newServer(p.handler())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(either) }()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	p.tell("\nStopping")
	p.closeConsole()
	// A request that is under way may finish; what takes longer than Lambda's own shutdown is cut off.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err = errors.Join(err, p.shutDownSite(grace))
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	return errors.Join(err, p.close(ctx))
}

func (p *place) close(ctx context.Context) error {
	if p.cloud == nil {
		return nil
	}
	return p.cloud.Close(context.WithoutCancel(ctx))
}

// cause is the operating system's part of a network error: "address already in use".
func cause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}
