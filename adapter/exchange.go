package main

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/reply"
	"lambda-web/adapter/internal/webapp"
)

const (
	// readyMargin is kept before the deadline for saying that the app is not ready.
	readyMargin = 200 * time.Millisecond
	// albLimit is what a load balancer takes from a function.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
	albLimit = 1 << 20
)

// exchange is the way of one invocation: event, request, response, answer. A *failure.Failure is
// still to be reported; any other error means that the answer could not be delivered.
func (w *worker) exchange() error {
	began := time.Now()
	inv := &w.invocation
	deadline := inv.Deadline()
	if err := w.awaitReady(deadline); err != nil {
		return err
	}
	w.event.Scan(inv.Payload)
	if err := w.composer.Compose(&w.event, inv); err != nil {
		w.log.Write(logging.Warn, inv.ID, failure.BadEvent+": "+err.Error())
		return w.refuse(400, err.Error())
	}
	w.logRemarks()
	if w.leadsToHook() {
		return w.refuse(403, "Forbidden")
	}
	head, f := w.app.Do(&w.composer.Request, w.limits(deadline))
	if f != nil {
		return w.named(f)
	}
	w.response = reply.Response{
		Status: head.Status, Fields: head.Fields, Length: head.Length,
		Head: w.composer.IsHead(), Body: w.app.Body(),
	}
	if w.config.PrefixAuto {
		w.response.Prefix, w.response.Host = w.composer.Prefix, w.composer.Host
		w.response.Secure = w.event.Kind == event.V1 || w.event.Kind == event.V2 // they have no http
	}
	err := w.answerFromApp()
	if w.log.Enabled(logging.Debug) {
		w.log.Write(logging.Debug, inv.ID, w.describe()+strconv.Itoa(w.response.Status)+" in "+
			strconv.FormatInt(time.Since(began).Microseconds(), 10)+" us")
	}
	return err
}

// awaitReady waits for an app that was not ready when init ended.
func (w *worker) awaitReady(deadline time.Time) error {
	if !deadline.IsZero() {
		deadline = deadline.Add(-readyMargin)
	}
	if err := w.readiness.Wait(deadline); err != nil {
		return err
	}
	w.handOver.Do(w.takeOver)
	w.composer.ScriptName = w.takesScriptName
	return nil
}

// leadsToHook reports whether a request from outside asks for a SnapStart hook, with its prefix or
// without.
func (w *worker) leadsToHook() bool {
	r := &w.composer.Request
	return w.event.Kind != event.PassThrough && (w.hooks.Guards(r.Target) ||
		r.PrefixInTarget && w.hooks.Guards(r.Target[len(r.Prefix):]))
}

func (w *worker) limits(deadline time.Time) webapp.Limits {
	limits := webapp.Limits{Deadline: deadline}
	if w.config.DeadlineMargin > 0 && !deadline.IsZero() {
		limits.GiveUp = deadline.Add(-w.config.DeadlineMargin)
	}
	return limits
}

// answerFromApp sends on the response that the app has begun.
func (w *worker) answerFromApp() error {
	var err error
	contentType, stream := w.streamType()
	switch {
	case w.config.ErrorStatus.Has(w.response.Status), w.event.Schedule != nil && w.response.Status >= 400:
		err = reply.StatusFailure(w.response.Status, w.app.Body())
	case stream:
		err = w.stream(contentType)
	default:
		err = w.buffer(w.config.Compress && w.composer.AcceptsGzip)
	}
	w.warnOfIgnoredStatus()
	if err != nil {
		w.app.Abort()
	} else {
		w.app.Finish()
	}
	return err
}

// streamType decides whether this response is streamed, and as what.
func (w *worker) streamType() (contentType string, stream bool) {
	switch {
	case !w.config.Stream, w.event.WebSocket:
		return "", false
	case w.event.Kind == event.PassThrough:
		return reply.RawStreamType(&w.response)
	case w.event.CanStream():
		return reply.PreludeType, true
	}
	source := w.event.Kind.String()
	w.log.Once("no stream "+source, logging.Warn, w.invocation.ID,
		"AWS_LWA_INVOKE_MODE=response_stream has no effect on "+source+" events: their source cannot stream")
	return "", false
}

// buffer answers with the whole response at once.
func (w *worker) buffer(compress bool) error {
	body, err := w.encoder.Encode(&w.event, &w.response, compress)
	switch {
	case reply.IsTooLarge(err):
		return err
	case err != nil:
		return w.named(w.app.BodyFailed(err))
	}
	if w.event.Kind == event.ALB && len(body) > albLimit {
		w.log.Once("alb limit", logging.Warn, w.invocation.ID, "a response of "+strconv.Itoa(len(body))+
			" bytes is more than the 1 MB that a load balancer takes from a function; its client will see 502")
	}
	if w.event.Kind == event.Lattice && w.response.CountOf("set-cookie") > 1 {
		w.log.Once("lattice cookies", logging.Warn, w.invocation.ID, "VPC Lattice takes one value of each header: "+
			"clients see only the first of several Set-Cookie")
	}
	w.state = answered
	return w.runtime.Respond(&w.invocation, body)
}

// stream answers with the bytes of the body as they come.
func (w *worker) stream(contentType string) error {
	var prelude, first []byte
	var err error
	if contentType == reply.PreludeType {
		prelude = w.encoder.Prelude(&w.event, &w.response)
		if len(prelude) > reply.MaxPrelude {
			w.log.Write(logging.Warn, w.invocation.ID, "the response's header fields make a prelude of "+
				strconv.Itoa(len(prelude))+" bytes; API Gateway takes at most 16 KB")
		}
	}
	body := w.app.Body()
	if body.HasBody() && body.HasNext() { // the head of the response waits for nothing else
		if first, err = body.Next(); err != nil && err != io.EOF {
			return w.named(w.app.BodyFailed(err))
		}
	}
	whole := !body.HasBody()
	w.state = begun
	out, err := w.runtime.OpenStream(&w.invocation, contentType, prelude, first, whole)
	if err != nil {
		return err
	}
	for !whole {
		piece, err := body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return w.failStream(out, w.named(w.app.BodyFailed(err)))
		}
		if err := out.Write(piece); err != nil {
			return err
		}
	}
	w.state = answered
	return out.Close(whole)
}

// failStream ends a response that has begun with an error.
func (w *worker) failStream(out lambdaapi.Stream, f *failure.Failure) error {
	w.state = answered
	w.logFailure(f)
	w.app.Abort()
	return out.Fail(f)
}

// refuse answers without the app.
func (w *worker) refuse(status int, message string) error {
	body := reply.Text(message + "\n")
	w.response = reply.Response{
		Status: status,
		Fields: []http1.Field{{Name: []byte("content-type"), Value: []byte("text/plain; charset=utf-8")}},
		Length: int64(len(body)),
		Body:   &body,
	}
	if w.config.Stream && w.event.CanStream() {
		w.state = answered
		prelude := w.encoder.Prelude(&w.event, &w.response)
		out, err := w.runtime.OpenStream(&w.invocation, reply.PreludeType, prelude, body, true)
		if err != nil {
			return err
		}
		return out.Close(true)
	}
	return w.buffer(false)
}

// warnOfIgnoredStatus: a queue takes any response to its event for success, whatever the app's
// status.
func (w *worker) warnOfIgnoredStatus() {
	status := w.response.Status
	if w.event.Kind != event.PassThrough || w.event.WebSocket || w.event.Schedule != nil ||
		status < 400 || w.config.ErrorStatus.Has(status) {
		return
	}
	w.log.Write(logging.Warn, w.invocation.ID, "the app answered an event with status "+strconv.Itoa(status)+
		", and the event counts as handled all the same; with AWS_LWA_ERROR_STATUS_CODES="+strconv.Itoa(status)+
		" it counts as failed")
}

func (w *worker) logRemarks() {
	for _, remark := range w.composer.Remarks {
		switch {
		case remark.Minor:
			w.log.Write(logging.Debug, w.invocation.ID, remark.Text)
		case remark.Topic != "":
			w.log.Once(remark.Topic, logging.Warn, w.invocation.ID, remark.Text)
		default:
			w.log.Write(logging.Warn, w.invocation.ID, remark.Text)
		}
	}
}

func pathOf(target []byte) []byte {
	path, _, _ := bytes.Cut(target, []byte{'?'})
	return path
}
