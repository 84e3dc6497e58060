package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"lambda-web/local/console"
	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// What CONSOLE may be.
const (
	consoleOn     = "on"
	consoleRecord = "record" // with the traffic between adapter and app
	consoleOff    = "off"
)

// openConsole makes the page that shows invocations. It asks the cloud, which is there later.
func (p *place) openConsole(listener net.Listener) {
	if p.consoleMode == consoleOff {
		return
	}
	listening := listener.Addr().(*net.TCPAddr)
	address := net.JoinHostPort(loopback(listening.IP), strconv.Itoa(listening.Port))
	p.consoleURL = "http://" + address + "/@/"
	p.recording.Store(p.consoleMode == consoleRecord && p.docker == nil)
	p.console = console.New(console.Config{
		Address: address, Stack: p.stack, Recording: p.recording.Load, Record: p.recorder(),
		Invoke: func(ctx context.Context, function string, in sandbox.Invocation) (sandbox.Result, error) {
			if p.cloud == nil {
				return sandbox.Result{}, errors.New("the function is not there yet")
			}
			return p.cloud.Invoke(ctx, function, in)
		},
	})
}

// recorder is nil where sandboxes have networks of their own.
func (p *place) recorder() func(on bool) {
	if p.docker != nil {
		return nil
	}
	return func(on bool) {
		if p.recording.Swap(on) == on {
			return
		}
		select {
		case p.restart <- struct{}{}:
		default: // one is due already
		}
	}
}

// loopback is where this machine reaches a server that listens on an address, or on all.
func loopback(listening net.IP) string {
	if listening.IsUnspecified() {
		return "127.0.0.1"
	}
	return listening.String()
}

// observeGateway and observeSandbox are who watches the cloud.
func (p *place) observeGateway() func(gateway.Record) {
	if p.console == nil {
		return nil
	}
	return p.console.Gateway
}

func (p *place) observeSandbox() func(sandbox.Record) {
	if p.console == nil {
		return nil
	}
	return p.console.Sandbox
}

// told notes a deployment for the console.
func (p *place) told(began time.Time, changed []string, result string, err error) {
	if p.console != nil {
		p.console.Deployed(console.Deployment{
			App: filepath.Base(p.app), Began: began, Took: time.Since(began), Changed: changed, Result: result,
			Err: err,
		})
	}
}

// closeConsole lets open pages go, which would hold a shutdown up.
func (p *place) closeConsole() {
	if p.console != nil {
		p.console.Close()
	}
}

// handler is everything that is served.
func (p *place) handler() http.Handler {
	if p.console == nil {
		return p.cloud
	}
	return p.console.Front(p.cloud)
}
