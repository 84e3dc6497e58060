// Command local is the cloud on a laptop: it runs the Pulumi program of this repository against this
// machine instead of an AWS account, and serves the REST API it makes.
//
//	local [-stack dev] [-port 3000] [-app FOLDER]
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
	"syscall"
	"time"

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
	started := time.Now()
	cloud, err := deploy(ctx, o, "http://"+listener.Addr().String())
	if ctx.Err() != nil {
		return nil // asked to stop before anything was served
	}
	if err != nil {
		return err
	}
	fmt.Printf("\nReady in %s. Stop with Ctrl-C.\n\n", time.Since(started).Round(10*time.Millisecond))
	return serve(ctx, cloud, listener)
}

// deploy runs the Pulumi program and makes real what it registers.
func deploy(ctx context.Context, o options, baseURL string) (*monitor.Cloud, error) {
	program, err := o.program(baseURL)
	if err != nil {
		return nil, err
	}
	fmt.Printf("Running the Pulumi program for stack %s\n", o.stack)
	deployment, err := monitor.Run(ctx, program)
	if err != nil {
		return nil, err
	}
	fmt.Printf("Realising %d resources on this machine\n", len(deployment.Resources))
	cloud, err := monitor.Realise(ctx, deployment, monitor.Settings{
		Program: program, Adapter: o.adapter, Cache: o.cache, Log: os.Stdout,
	})
	if err != nil {
		return nil, err
	}
	printOutputs(os.Stdout, deployment.Outputs)
	return cloud, nil
}

// serve answers requests until the context ends, then stops every sandbox.
func serve(ctx context.Context, cloud *monitor.Cloud, listener net.Listener) error {
	server := &http.Server{Handler: cloud, MaxHeaderBytes: 1 << 20, ReadHeaderTimeout: 30 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	fmt.Println("\nStopping")
	// A request that is under way may finish; what takes longer than Lambda's own shutdown is cut off.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	return errors.Join(err, cloud.Close(context.WithoutCancel(ctx)))
}

// cause is the operating system's part of a network error: "address already in use".
func cause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}
