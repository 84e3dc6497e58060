package conformance

import (
	"sync"

	"lambda-web/test/lambda"
)

// WebApp is the application's side: an HTTP/1.1 server that replies with scripted bytes.
type WebApp struct {
	*lambda.Server

	mu    sync.Mutex
	ready func(*lambda.Exchange)
	serve func(*lambda.Exchange)
}

// NewWebApp returns an application that does not listen yet, is healthy, and answers every request with an empty 200.
func NewWebApp() *WebApp {
	a := &WebApp{ready: emptyOK}
	a.Server = lambda.NewServer(a.handle)
	a.OnRequest(emptyOK)
	return a
}

func emptyOK(x *lambda.Exchange) { x.Reply(200, nil, nil) }

// OnReadiness scripts the answers to readiness probes.
func (a *WebApp) OnReadiness(script func(*lambda.Exchange)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ready = script
}

// OnRequest scripts the answers to invocations. The body was read unless the script was set with OnHead.
func (a *WebApp) OnRequest(script func(*lambda.Exchange)) {
	a.OnHead(func(x *lambda.Exchange) {
		if x.ReadBody() == nil {
			script(x)
		}
	})
}

// OnHead scripts the answers to invocations from the moment the head is there.
func (a *WebApp) OnHead(script func(*lambda.Exchange)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serve = script
}

func (a *WebApp) handle(x *lambda.Exchange) {
	a.mu.Lock()
	script := a.serve
	if isProbe(x.Request) {
		script = a.ready
	}
	a.mu.Unlock()
	script(x)
}

// isProbe tells a readiness probe from an invocation: only invocations carry a Lambda context.
func isProbe(r *lambda.Request) bool { return !r.Header.Has("x-amzn-lambda-context") }

// Served returns the requests so far that were no readiness probes.
func (a *WebApp) Served() []*lambda.Request { return a.pick(false) }

// Probes returns the readiness probes so far.
func (a *WebApp) Probes() []*lambda.Request { return a.pick(true) }

func (a *WebApp) pick(probes bool) []*lambda.Request {
	var picked []*lambda.Request
	for _, request := range a.Requests() {
		if isProbe(request) == probes {
			picked = append(picked, request)
		}
	}
	return picked
}
