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
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"lambda-web/local/console"
	"lambda-web/local/container"
	"lambda-web/local/monitor"
	"lambda-web/local/sandbox"
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
	release := takeForeground()
	defer release()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	stopWithParent()

	listener, err := net.Listen("tcp", o.address())
	if err != nil {
		return fmt.Errorf("port %d on %s cannot be used (%w); choose another one with PORT, for example: make local PORT=%d", o.port, o.host, cause(err), o.port+1)
	}
	defer listener.Close()
	engine, err := o.engine(ctx)
	if err != nil {
		return err
	}
	p := &place{options: o, docker: engine, baseURL: "http://" + listener.Addr().String()}
	if o.build {
		if err := o.buildBesides(ctx, engine == nil); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	p.openConsole(listener)
	started := time.Now()
	err = p.deploy(ctx)
	p.told(started, nil, "Started", err)
	if ctx.Err() != nil {
		return p.close(ctx) // asked to stop before anything was served
	}
	if err != nil {
		return err
	}
	if o.watch {
		p.startWatching(ctx) // before it says that it is ready: no change after that is missed
	}
	fmt.Printf("\nReady in %s. Stop with Ctrl-C.\n\n", time.Since(started).Round(10*time.Millisecond))
	return p.serve(ctx, listener)
}

// place is the local cloud and what runs in it now.
type place struct {
	options
	baseURL    string
	docker     *container.Engine // runs the sandboxes; nil is this machine itself
	app        string            // the app's folder
	watcher    *watcher          // of the files; nil until the first deployment
	deployment *monitor.Deployment
	cloud      *monitor.Cloud
	console    *console.Console // nil is CONSOLE=off
}

// deploy runs the Pulumi program and makes real what it registers.
func (p *place) deploy(ctx context.Context) error {
	fmt.Printf("Running the Pulumi program for stack %s\n", p.stack)
	deployment, err := p.run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Realising %d resources on this machine\n", len(deployment.Resources))
	program, err := p.program(p.baseURL)
	if err != nil {
		return err
	}
	p.cloud, err = monitor.Realise(ctx, deployment, monitor.Settings{
		Program: program, Docker: p.docker, Adapter: p.adapter, Freeze: p.freeze,
		Command: p.command, Cache: p.cache, Log: os.Stdout, Terminal: terminal(os.Stdout),
		ObserveGateway: p.observeGateway(), ObserveSandbox: p.observeSandbox(), Record: p.consoleMode == consoleRecord,
	})
	if err != nil {
		return err
	}
	p.deployment = deployment
	printOutputs(os.Stdout, deployment.Outputs)
	if mute := deployment.Mute(); len(mute) > 0 {
		fmt.Printf("\nWithout effect on this machine: %s\n", strings.Join(mute, ", "))
	}
	if deployment.Signed() {
		fmt.Printf("\nThe API takes signed requests only. These credentials are valid here, and nowhere else:\n    export AWS_ACCESS_KEY_ID=%s\n    export AWS_SECRET_ACCESS_KEY=%s\n",
			monitor.AccessKeyID, monitor.SecretAccessKey)
	}
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
	program.Previous = p.deployment
	return monitor.Run(ctx, program)
}

// startWatching redeploys on every change of a file, in the background, until the context ends.
func (p *place) startWatching(ctx context.Context) {
	var err error
	if p.watcher, err = watch(p.root, p.app); err != nil {
		fmt.Fprintln(os.Stderr, "local: changes of files will not be noticed:", err)
		return
	}
	go p.follow(ctx)
}

func (p *place) follow(ctx context.Context) {
	defer p.watcher.close()
	for {
		changed, err := p.watcher.next(ctx)
		if err != nil {
			return
		}
		fmt.Printf("\nChanged: %s\n", few(changed))
		started := time.Now()
		what, err := p.redeploy(ctx, changed)
		p.told(started, changed, what, err)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			fmt.Printf("Not deployed; what served before goes on serving. %v\n\n", err)
		default:
			fmt.Printf("%s, %s after the change.\n\n", what, time.Since(started).Round(10*time.Millisecond))
		}
	}
}

// redeploy brings a change up beside what serves now and then moves over to it. It says what is new.
func (p *place) redeploy(ctx context.Context, changed []string) (string, error) {
	if err := rebuild(ctx, p.options, changed); err != nil {
		return "", err
	}
	deployment, err := p.run(ctx)
	if err != nil {
		return "", err
	}
	if err := p.cloud.Update(ctx, deployment); err != nil {
		return "", err
	}
	differences := deployment.Differences(p.deployment)
	p.deployment = deployment
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
	server := &http.Server{Handler: p.handler(), MaxHeaderBytes: 1 << 20, ReadHeaderTimeout: 30 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(either) }()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	fmt.Println("\nStopping")
	p.closeConsole()
	// A request that is under way may finish; what takes longer than Lambda's own shutdown is cut off.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
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
