package main

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/policy"
	"lambda-web/adapter/internal/request"
	"lambda-web/adapter/internal/settings"
	"lambda-web/adapter/internal/webapp"
)

const (
	// asyncInitBudget is how long init may take with AWS_LWA_ASYNC_INIT, counted from the start of
	// the process: Lambda starts all over again after 10 s.
	asyncInitBudget = 9800 * time.Millisecond
	// pollPatience is how long the Runtime API may fail before the process gives up.
	pollPatience = 5 * time.Second
	// longestOutage is for how long invocations may find nobody at the app's address. After that
	// the app is taken for dead, and only a new environment helps.
	longestOutage = 20 * time.Second
)

// adapter is what all workers share.
type adapter struct {
	config    settings.Settings
	log       *logging.Logger
	started   time.Time
	readiness *webapp.Readiness
	handOver  sync.Once // of the last probe's connection to a worker, and of what it told
	hooks     policy.Hooks
	workers   []*worker
	// takesScriptName is valid behind handOver.
	takesScriptName bool

	termination *termination
	outage      outage
}

func newAdapter(config settings.Settings, log *logging.Logger, end *termination, started time.Time) *adapter {
	a := &adapter{config: config, log: log, started: started, termination: end,
		hooks: policy.NewHooks(config.BeforeCheckpointPath, config.AfterRestorePath)}
	a.readiness = webapp.NewReadiness(a.check(), started, log)
	for range config.Concurrency {
		a.workers = append(a.workers, newWorker(a))
	}
	return a
}

// check is the question whether the app is ready.
func (a *adapter) check() webapp.Check {
	c := &a.config
	return webapp.Check{
		Address:     webapp.Address{Host: c.Host, Port: c.ReadinessPort},
		TCP:         c.ReadinessTCP,
		Path:        c.ReadinessPath,
		Healthy:     c.HealthyStatus.Has,
		Limit:       c.ReadinessTimeout,
		LimitOf:     "AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS",
		LambdaPorts: a.lambdaPorts(),
		Discover:    c.PortDiscovery,
	}
}

// lambdaPorts are ports on which Lambda listens, if it does so on this machine.
func (a *adapter) lambdaPorts() (ports []int) {
	for _, address := range []string{a.config.RuntimeAPI, a.config.RuntimeAPIProxy} {
		_, port, _ := net.SplitHostPort(address)
		if number, err := strconv.Atoi(port); err == nil {
			ports = append(ports, number)
		}
	}
	return ports
}

func (a *adapter) appAddress() webapp.Address {
	return webapp.Address{Host: a.config.Host, Port: a.config.Port}
}

func (a *adapter) requestOptions() request.Options {
	c := &a.config
	return request.Options{
		AppAddress:          a.appAddress().HostField(),
		BasePath:            c.BasePath,
		PrefixHeader:        c.PrefixHeader,
		PrefixInPath:        c.PrefixInPath,
		PassThroughPath:     c.PassThroughPath,
		AuthorizationSource: c.AuthorizationSource,
		FrontDigests:        c.FrontDigests,
		RequestContext:      c.RequestContext,
		LambdaContext:       c.LambdaContext,
		CloseAfter:          c.IdleTimeout == 0,
		FindGzip:            c.Compress,
		Function: request.Function{
			Name: c.FunctionName, MemoryMB: c.FunctionMemoryMB, Version: c.FunctionVersion,
			LogStream: c.LogStream, LogGroup: c.LogGroup,
		},
	}
}

// awaitApp waits until the app is ready, or with asynchronous init until init must end; then it
// goes through the SnapStart handshake if there is one. An error was reported to Lambda already.
func (a *adapter) awaitApp() error {
	first := a.workers[0]
	go a.readiness.Run()
	if a.config.RuntimeAPIProxy != "" {
		first.runtime.AwaitListener()
	}
	var limit time.Time
	if a.config.AsyncInit {
		limit = a.started.Add(asyncInitBudget)
	}
	err := a.readiness.Wait(limit)
	a.settleAddress()
	switch {
	case err == nil:
		a.handOver.Do(first.takeOver)
	case a.config.AsyncInit && !a.readiness.Failed():
		a.log.Write(logging.Info, nil, err.Error()+"; init ends now, the first invocation will wait for the app")
		return nil
	default:
		return a.failInit(first.runtime, failure.AppNotReady, err)
	}
	if a.config.InitType == settings.SnapStart {
		return a.snapStart(first)
	}
	return nil
}

// settleAddress lets the workers use the app's address, if the app was found elsewhere. It stays
// the same from now on.
func (a *adapter) settleAddress() {
	address := a.readiness.Settle()
	if !a.config.PortDiscovery || address == a.appAddress() {
		return
	}
	a.config.Host, a.config.Port, a.config.ReadinessPort = address.Host, address.Port, address.Port
	for _, w := range a.workers {
		w.setAddress()
	}
}

// failInit reports to Lambda why there will be no invocations.
func (a *adapter) failInit(runtime *lambdaapi.Runtime, kind string, cause error) error {
	if err := runtime.FailInit(failure.New(kind, cause.Error())); err != nil {
		a.log.Write(logging.Warn, nil, "Lambda could not be told why init failed: "+err.Error())
	}
	return cause
}

// serve serves invocations, one at a time per worker, until the environment is beyond repair.
func (a *adapter) serve() error {
	if len(a.workers) == 1 {
		return a.workers[0].run()
	}
	ended := make(chan error)
	for _, w := range a.workers {
		go func() { ended <- w.run() }()
	}
	return <-ended
}

// noteOutage takes notice of how an invocation ended for the app that was asked. An error means
// that the app is dead.
func (a *adapter) noteOutage(app *webapp.Client, f *failure.Failure) error {
	if f == nil || f.Type != failure.AppConnect {
		a.outage.over()
		return nil
	}
	lasted := a.outage.add(app.Tried())
	if lasted < longestOutage {
		return nil
	}
	return errors.New("nobody listened at the app's address " + a.appAddress().String() + " during " +
		strconv.Itoa(int(lasted.Seconds())) + " s of invocations; exiting, so that Lambda starts a new environment")
}
