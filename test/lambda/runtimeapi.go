// Package lambda is Lambda's side of an execution environment, for tests: a Runtime API and an
// Extensions API whose every answer can be replaced by a fault, on a Server that reads requests
// more strictly than most servers do and reports what it had to refuse.
package lambda

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The paths of the Runtime API and of the Extensions API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
const (
	PathRegister           = "/2020-01-01/extension/register"
	PathEventNext          = "/2020-01-01/extension/event/next"
	PathExtensionInitError = "/2020-01-01/extension/init/error"
	PathExtensionExitError = "/2020-01-01/extension/exit/error"
	PathNext               = "/2018-06-01/runtime/invocation/next"
	PathInvocation         = "/2018-06-01/runtime/invocation/"
	PathInitError          = "/2018-06-01/runtime/init/error"
	PathRestoreNext        = "/2018-06-01/runtime/restore/next"
	PathRestoreError       = "/2018-06-01/runtime/restore/error"
)

// ExtensionIdentifier is what register hands out.
const ExtensionIdentifier = "9c0a0a9e-3d2f-4b0a-8f0e-8a2b5c7d9e01"

// RuntimeAPI is Lambda's side: the Runtime and the Extensions API of one execution environment.
type RuntimeAPI struct {
	*Server

	queue   chan *Invocation
	stopped chan struct{}
	stop    sync.Once

	mu        sync.Mutex
	pending   map[string]*Invocation
	intercept func(*Exchange) bool
	restored  <-chan struct{}
}

// NewRuntimeAPI returns an API that does not listen yet.
func NewRuntimeAPI() *RuntimeAPI {
	a := &RuntimeAPI{queue: make(chan *Invocation, 1024), stopped: make(chan struct{}),
		pending: map[string]*Invocation{}}
	a.Server = NewServer(a.handle)
	return a
}

// Close ends the API.
func (a *RuntimeAPI) Close() {
	a.stop.Do(func() { close(a.stopped) })
	a.Server.Close()
}

// Intercept lets a script see every exchange before the API does; true means that the script has
// dealt with it.
func (a *RuntimeAPI) Intercept(script func(*Exchange) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.intercept = script
}

// HoldRestore makes restore/next wait until restored is closed.
func (a *RuntimeAPI) HoldRestore(restored <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.restored = restored
}

// Invocation is one event on its way to the adapter.
type Invocation struct {
	ID      string // Lambda-Runtime-Aws-Request-Id
	Header  Fields // of the answer to invocation/next, beside the request id
	Event   []byte
	Chunked bool          // deliver the event in chunks, as the emulator does with large ones
	Omit    bool          // leave the request id out
	Answers chan *Request // every /response and /error that names the invocation
	Refuse  int           // status to answer /response and /error with; 0 means 202
}

// NewInvocation returns an invocation of event with a deadline and the headers that Lambda always
// sends.
func NewInvocation(id string, event []byte, deadline time.Time) *Invocation {
	return &Invocation{ID: id, Event: event, Answers: make(chan *Request, 8), Header: Fields{
		{"Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10)},
		{"Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:111122223333:function:f"},
		{"Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"},
	}}
}

// Push queues an invocation for whichever worker asks next.
func (a *RuntimeAPI) Push(invocation *Invocation) { a.queue <- invocation }

// Calls returns the requests for path so far.
func (a *RuntimeAPI) Calls(path string) []*Request {
	var calls []*Request
	for _, request := range a.Requests() {
		if request.Path() == path {
			calls = append(calls, request)
		}
	}
	return calls
}

func (a *RuntimeAPI) handle(x *Exchange) {
	a.mu.Lock()
	intercept := a.intercept
	a.mu.Unlock()
	if intercept != nil && intercept(x) {
		return
	}
	if x.ReadBody() != nil {
		return
	}
	switch path := x.Method + " " + x.Path(); path {
	case "POST " + PathRegister:
		x.Reply(200, []string{"Content-Type: application/json", "Lambda-Extension-Identifier: " + ExtensionIdentifier},
			[]byte(`{"functionName":"f","functionVersion":"$LATEST","handler":""}`))
	case "GET " + PathEventNext:
		a.park(x, nil)
	case "GET " + PathRestoreNext:
		a.mu.Lock()
		restored := a.restored
		a.mu.Unlock()
		if restored == nil || a.park(x, restored) {
			x.Reply(200, nil, nil)
		}
	case "GET " + PathNext:
		a.Next(x)
	case "POST " + PathExtensionInitError, "POST " + PathExtensionExitError, "POST " + PathInitError, "POST " +
		PathRestoreError:
		x.Accept()
	default:
		a.answer(x)
	}
}

// park holds the exchange until released is closed (true), the adapter leaves, or the API closes.
func (a *RuntimeAPI) park(x *Exchange, released <-chan struct{}) bool {
	select {
	case <-released:
		return true
	case <-x.Gone():
		x.Close()
	case <-a.stopped:
	}
	return false
}

// Next answers invocation/next with the next queued invocation, which it waits for.
func (a *RuntimeAPI) Next(x *Exchange) {
	select {
	case invocation := <-a.queue:
		a.Deliver(x, invocation)
	case <-x.Gone():
		x.Close()
	case <-a.stopped:
	}
}

// Take waits for an invocation without delivering it: for interceptors that deliver in their own
// way. Nil means that the adapter or the API has gone.
func (a *RuntimeAPI) Take(x *Exchange) *Invocation {
	select {
	case invocation := <-a.queue:
		return invocation
	case <-x.Gone():
		x.Close()
	case <-a.stopped:
	}
	return nil
}

// Deliver answers invocation/next with invocation.
func (a *RuntimeAPI) Deliver(x *Exchange, invocation *Invocation) {
	a.Expect(invocation)
	head, body := invocation.Wire()
	_ = x.Write(head + body)
}

// Expect makes the API know an invocation that an interceptor delivers itself.
func (a *RuntimeAPI) Expect(invocation *Invocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending[invocation.ID] = invocation
}

// Wire returns the bytes of an answer to invocation/next.
func (i *Invocation) Wire() (head, body string) {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
	if !i.Omit {
		b.WriteString("Lambda-Runtime-Aws-Request-Id: " + i.ID + "\r\n")
	}
	for _, field := range i.Header {
		b.WriteString(field.Name + ": " + field.Value + "\r\n")
	}
	if !i.Chunked {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(i.Event))
		return b.String(), string(i.Event)
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	return b.String(), Chunked(i.Event, 4096)
}

// Chunked is body in chunks of at most size bytes, with the last chunk.
func Chunked(body []byte, size int) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

func (a *RuntimeAPI) answer(x *Exchange) {
	id, kind, found := strings.Cut(strings.TrimPrefix(x.Path(), PathInvocation), "/")
	if !found || x.Method != "POST" || kind != "response" && kind != "error" {
		x.Reply(404, nil, []byte("404 page not found\n"))
		return
	}
	a.mu.Lock()
	invocation := a.pending[id]
	a.mu.Unlock()
	if invocation == nil {
		x.Reply(400, nil, []byte(`{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`))
		return
	}
	invocation.Answers <- x.Request
	if invocation.Refuse != 0 {
		x.Reply(invocation.Refuse, nil, []byte(`{"errorMessage":"refused","errorType":"Refused"}`))
		return
	}
	x.Accept()
}

// Accept replies as the Runtime API does to an answer that it takes.
func (x *Exchange) Accept() {
	x.Reply(202, []string{"Content-Type: application/json"}, []byte(`{"status":"OK"}`+"\n"))
}

func reason(status int) string { return http.StatusText(status) }
