package conformance

import "sync"

// WebApp is the application's side: an HTTP/1.1 server that replies with scripted bytes.
type WebApp struct {
	*Server

	mu    sync.Mutex
	ready func(*Exchange)
	serve func(*Exchange)
}

// NewWebApp returns an application that does not listen yet, is healthy, and answers every request with an empty 200.
func NewWebApp() *WebApp {
	a := &WebApp{ready: emptyOK}
	a.Server = newServer(a.handle)
	a.OnRequest(emptyOK)
	return a
}

func emptyOK(x *Exchange) { x.Reply(200, nil, nil) }

// OnReadiness scripts the answers to readiness probes.
func (a *WebApp) OnReadiness(script func(*Exchange)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ready = script
}

// OnRequest scripts the answers to invocations. The body was read unless the script was set with OnHead.
func (a *WebApp) OnRequest(script func(*Exchange)) {
	a.OnHead(func(x *Exchange) {
		if x.ReadBody() == nil {
			script(x)
		}
	})
}

// OnHead scripts the answers to invocations from the moment the head is there.
func (a *WebApp) OnHead(script func(*Exchange)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serve = script
}

func (a *WebApp) handle(x *Exchange) {
	a.mu.Lock()
	script := a.serve
	if x.IsProbe() {
		script = a.ready
	}
	a.mu.Unlock()
	script(x)
}

// IsProbe tells a readiness probe from an invocation: only invocations carry a Lambda context.
func (r *Request) IsProbe() bool { return !r.Header.Has("x-amzn-lambda-context") }

// Served returns the requests so far that were no readiness probes.
func (a *WebApp) Served() []*Request { return a.pick(false) }

// Probes returns the readiness probes so far.
func (a *WebApp) Probes() []*Request { return a.pick(true) }

func (a *WebApp) pick(probes bool) []*Request {
	var picked []*Request
	for _, request := range a.Requests() {
		if request.IsProbe() == probes {
			picked = append(picked, request)
		}
	}
	return picked
}
