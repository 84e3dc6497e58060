package main

import (
	"errors"
	"runtime/debug"
	"strconv"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/reply"
	"lambda-web/adapter/internal/request"
	"lambda-web/adapter/internal/webapp"
)

// largeBuffer is the size above which a buffer is given up when it is no longer needed.
const largeBuffer = 1 << 20

// worker serves invocations one after the other, in one goroutine, with one connection to the
// Runtime API and one to the app. All its buffers are reused.
type worker struct {
	*adapter
	runtime  *lambdaapi.Runtime
	app      *webapp.Client
	composer *request.Composer
	encoder  reply.Encoder

	invocation lambdaapi.Invocation
	event      event.Event
	response   reply.Response
	state      answerState
}

// answerState tells how far the answer of an invocation is.
type answerState uint8

const (
	unanswered answerState = iota
	begun                  // a streamed response has left in part
	answered
)

func newWorker(a *adapter) *worker {
	warn := func(id []byte, message string) { a.log.Write(logging.Warn, id, message) }
	w := &worker{adapter: a, runtime: lambdaapi.NewRuntime(a.config.RuntimeAddress(), warn)}
	w.setAddress()
	return w
}

// setAddress makes what knows the app's address.
func (w *worker) setAddress() {
	w.app = webapp.NewClient(w.appAddress(), w.config.IdleTimeout)
	w.app.LambdaPorts = w.lambdaPorts()
	w.composer = request.NewComposer(w.requestOptions())
}

// run serves invocations until the environment is beyond repair.
func (w *worker) run() error {
	for {
		if err := w.runtime.Poll(&w.invocation, pollPatience); err != nil {
			return err
		}
		w.termination.begin()
		err := w.serveOne()
		w.termination.end()
		if err != nil {
			return err
		}
		w.shrink()
	}
}

// serveOne sees to it that the invocation gets exactly one answer. An error means that no other
// invocation can be served.
func (w *worker) serveOne() error {
	w.state = unanswered
	err := w.recovered()
	if err == nil {
		return w.noteOutage(w.app, nil)
	}
	f, ok := errors.AsType[*failure.Failure](err)
	if ok {
		err = w.fail(f)
	} else { // the answer could not be delivered; there is nobody to tell but the log
		w.log.Write(logging.Error, w.invocation.ID, err.Error())
	}
	if errors.Is(err, lambdaapi.ErrFatal) {
		return err
	}
	if ok && f.Type == failure.AppNotReady && w.readiness.Failed() {
		return errors.New("exiting, so that Lambda starts a new environment: " + f.Message)
	}
	return w.noteOutage(w.app, f)
}

// recovered runs the exchange; a panic in it is this one invocation's failure.
func (w *worker) recovered() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			w.app.Abort()
			text := panicText(cause)
			w.log.Write(logging.Error, w.invocation.ID, "panic: "+text+"\n"+string(debug.Stack()))
			err = failure.New(failure.Adapter, "the adapter failed: "+text)
		}
	}()
	return w.exchange()
}

func panicText(cause any) string {
	switch cause := cause.(type) {
	case error:
		return cause.Error()
	case string:
		return cause
	}
	return "unknown cause"
}

// fail reports the invocation as failed, unless a part of its answer has left already.
func (w *worker) fail(f *failure.Failure) error {
	w.logFailure(f)
	if w.state != unanswered {
		w.runtime.Drop()
		return nil
	}
	w.state = answered
	err := w.runtime.Fail(&w.invocation, f)
	if err != nil {
		w.log.Write(logging.Error, w.invocation.ID, err.Error())
	}
	return err
}

// logFailure leaves out what the app wrote: bodies do not belong into the log.
func (w *worker) logFailure(f *failure.Failure) {
	message := f.Message
	if f.Type == failure.HTTPStatus {
		message = w.describe() + "the app answered with status " + strconv.Itoa(w.response.Status)
		if w.event.Schedule == nil {
			message += ", which AWS_LWA_ERROR_STATUS_CODES lists"
		}
	}
	w.log.Write(logging.Error, w.invocation.ID, f.Type+": "+message)
}

// named puts the request's name before the message of the app's failure.
func (w *worker) named(f *failure.Failure) *failure.Failure {
	return failure.New(f.Type, w.describe()+f.Message)
}

// describe names the request without its query, which may hold secrets.
func (w *worker) describe() string {
	if len(w.composer.Target) == 0 {
		return ""
	}
	return string(w.composer.Method) + " " + string(pathOf(w.composer.Target)) + ": "
}

// shrink gives up buffers that a large invocation has left behind, once an invocation did not need
// them: where large ones follow each other, making them anew each time would cost more than the
// work itself. What is given up goes back to the system at once, because the app has its memory
// from there too, and because the runtime would do it minutes later, if at all: the environment is
// frozen most of the time.
func (w *worker) shrink() {
	large := w.encoder.Shrink(largeBuffer)
	if cap(w.invocation.Payload) > largeBuffer && len(w.invocation.Payload) <= largeBuffer {
		w.invocation.Payload, large = nil, true
	}
	w.app.Shrink()
	w.runtime.Shrink()
	if large {
		w.event, w.response = event.Event{}, reply.Response{} // they point into what was given up
		w.composer.Release()
		debug.FreeOSMemory()
	}
}
