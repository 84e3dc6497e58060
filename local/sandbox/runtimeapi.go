package sandbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The Runtime API, version 2018-06-01. Any process in the sandbox may call it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

const (
	headerErrorType    = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody    = "Lambda-Runtime-Function-Error-Body"
	headerResponseMode = "Lambda-Runtime-Function-Response-Mode"
	headerInvocationID = "Lambda-Runtime-Invocation-Id"
)

// maxErrorDocument bounds what a process may post as an error.
const maxErrorDocument = maxEvent

func (sb *sandbox) handleRuntime(c *conn, r *http.Request, path string) {
	id, isInvocation := strings.CutPrefix(path, "invocation/")
	id, verb, _ := strings.Cut(id, "/")
	switch {
	case path == "invocation/next":
		if allow(c, r, http.MethodGet) {
			sb.runtimeNext(c)
		}
	case isInvocation && (verb == "response" || verb == "error"):
		if allow(c, r, http.MethodPost) {
			sb.runtimeAnswer(c, r, id, verb)
		}
	case path == "restore/next" && sb.cfg.SnapStart:
		if allow(c, r, http.MethodGet) {
			sb.restoreNext(c)
		}
	case path == "restore/error" && sb.cfg.SnapStart:
		if allow(c, r, http.MethodPost) {
			sb.restoreFailed(c, r)
		}
	case path == "init/error":
		if allow(c, r, http.MethodPost) {
			sb.runtimeInitError(c, r)
		}
	default:
		notFound(c)
	}
}

// runtimeNext parks the connection until there is an invocation.
func (sb *sandbox) runtimeNext(c *conn) {
	sb.mu.Lock()
	if sb.phase == invoking && !sb.run.answered {
		run := sb.run
		sb.deliver(run)
		sb.mu.Unlock()
		sb.sendEvent(c, run) // a runtime that lost the event gets it again
		return
	}
	sb.polls = append(sb.polls, c)
	app := sb.failedApp()
	sb.mu.Unlock()
	if app != nil && app.Ending() {
		return // its end will be told in a moment; an invocation that came before that would be lost
	}
	sb.mu.Lock()
	sb.runtimeReady = true
	over := sb.advance()
	sb.mu.Unlock()
	sb.finish(over)
}

// failedApp is the app if its invocation has just failed, perhaps because it ends: the connections of a process are
// closed before its end is told. It needs the lock.
func (sb *sandbox) failedApp() Group {
	if e := sb.run; e != nil && e.answered && e.errorType != "" {
		return sb.app
	}
	return nil
}

// sendEvent answers invocation/next. If the connection is broken the runtime polls again or its
// process ends; both come back here.
func (sb *sandbox) sendEvent(c *conn, e *execution) {
	c.reply(http.StatusOK, e.Event,
		field{"Lambda-Runtime-Aws-Request-Id", e.RequestID},
		field{"Lambda-Runtime-Deadline-Ms", strconv.FormatInt(sb.deadlineMs(e), 10)},
		field{"Lambda-Runtime-Invoked-Function-Arn", sb.cfg.arn(e.Qualifier)},
		field{"Lambda-Runtime-Trace-Id", e.TraceID},
		field{headerInvocationID, e.id},
		field{"Lambda-Runtime-Client-Context", e.ClientContext},
	)
}

// runtimeAnswer takes the response or the error of the invocation in progress.
func (sb *sandbox) runtimeAnswer(c *conn, r *http.Request, id, verb string) {
	mode := r.Header.Get(headerResponseMode)
	if verb == "response" && mode != "" && mode != "streaming" {
		c.refuse(http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	echoed := r.Header.Get(headerInvocationID)
	sb.mu.Lock()
	e := sb.inProgress(id, echoed)
	switch {
	case sb.phase == ending:
		sb.mu.Unlock()
		refuseDuringReset(c)
		return
	case e == nil:
		sb.mu.Unlock()
		c.refuse(http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	case e.responding || e.answered:
		sb.mu.Unlock()
		c.refuse(http.StatusForbidden, "InvalidStateTransition", "State transition from RuntimeResponseSentState to "+
			map[string]string{"response": "InvocationResponse", "error": "InvocationErrorResponse"}[verb]+
			" failed for runtime. Error: State transition is not allowed")
		return
	}
	e.responding, e.observed.responded = true, time.Now()
	sb.mu.Unlock()
	switch {
	case verb == "error":
		sb.takeError(c, r, e)
	case e.isStreamed():
		sb.takeStream(c, r, e)
	default:
		sb.takeResponse(c, r, e)
	}
}

// inProgress is the invocation in progress, named by its request and, if the runtime sends that back, by its run. It
// needs the lock.
func (sb *sandbox) inProgress(requestID, run string) *execution {
	if e := sb.run; e != nil && e.RequestID == requestID && (run == "" || run == e.id) {
		return e
	}
	return nil
}

// settle makes r the answer of the invocation, unless the sandbox failed in the meantime.
func (sb *sandbox) settle(e *execution, r Result, errorType string) {
	r.Version = sb.cfg.Version
	if errorType != "" {
		r.FunctionError = unhandled
	}
	sb.mu.Lock()
	if sb.phase != invoking || sb.run != e {
		sb.mu.Unlock()
		return
	}
	e.errorType, e.answered, e.observed.answered = errorType, true, time.Now()
	if sb.cfg.Observe != nil && r.Payload != nil {
		e.observed.response = BodyOf(r.Payload)
	}
	over := sb.advance()
	sb.mu.Unlock()
	sb.owner.answered(sb)
	e.answer(r, nil)
	sb.finish(over)
}

func (sb *sandbox) takeResponse(c *conn, r *http.Request, e *execution) {
	limit := sb.cfg.Limits.Response
	body, err := readBody(r, limit)
	errorType, document := trailerError(r)
	switch {
	case errors.Is(err, errTooLong):
		sb.settle(e, Result{Payload: tooLargeDocument(limit)}, responseTooLarge)
		c.refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", limit))
	case err != nil:
		sb.settle(e, Result{Payload: truncated(e)}, truncatedResponse)
		c.refuse(http.StatusBadRequest, truncatedResponse, "The response was cut off: "+err.Error())
	case errorType != "":
		sb.settle(e, Result{Payload: document}, errorType)
		c.accept()
	default:
		sb.settle(e, Result{Payload: body}, "")
		c.accept()
	}
}

func (sb *sandbox) takeError(c *conn, r *http.Request, e *execution) {
	body, err := readBody(r, maxErrorDocument)
	if err != nil {
		sb.settle(e, Result{Payload: truncated(e)}, truncatedResponse)
		c.refuse(http.StatusBadRequest, truncatedResponse, "The error document was cut off or too long: "+err.Error())
		return
	}
	sb.settle(e, Result{Payload: body}, either(r.Header.Get(headerErrorType), "Runtime.Unknown"))
	c.accept()
}

func (sb *sandbox) runtimeInitError(c *conn, r *http.Request) {
	body, err := readBody(r, maxErrorDocument)
	if err != nil {
		c.refuse(http.StatusBadRequest, "InvalidRequestFormat", "The error document was cut off or too long: "+
			err.Error())
		return
	}
	f := &failure{errorType: either(r.Header.Get(headerErrorType), "Runtime.Unknown"), document: body, reason: failed}
	sb.mu.Lock()
	early, app := sb.phase == initialising && !sb.runtimeReady, sb.app
	if early {
		sb.initFault = f
	}
	sb.mu.Unlock()
	if !early {
		c.refuse(http.StatusForbidden, "InvalidStateTransition",
			"State transition from Running to InitError failed for runtime. Error: State transition is not allowed")
		return
	}
	c.accept()
	if app != nil {
		endsBefore(app, time.Now().Add(sb.cfg.lastWords())) // a runtime logs what happened and exits
	}
	sb.fail(f)
}

const responseTooLarge = "Function.ResponseSizeTooLarge"

func tooLargeDocument(limit int) []byte {
	return errorDocument(responseTooLarge,
		fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit))
}

// trailerError is the error a runtime sent after the first bytes of its response, in trailers. The
// body must have been read to its end. Runtimes send them with and without the streaming mode.
func trailerError(r *http.Request) (errorType string, document []byte) {
	errorType = r.Trailer.Get(headerErrorType)
	encoded := r.Trailer.Get(headerErrorBody)
	if errorType == "" && encoded == "" {
		return "", nil
	}
	document, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		document = []byte(encoded)
	}
	return either(errorType, "Runtime.Unknown"), document
}

var errTooLong = errors.New("the body is too long")

// readBody reads a whole body of at most limit bytes; a longer one is read to its end and refused.
func readBody(r *http.Request, limit int) ([]byte, error) {
	if n := r.ContentLength; n >= 0 && n <= int64(limit) {
		body := make([]byte, n)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	var body bytes.Buffer
	n, err := io.Copy(&body, io.LimitReader(r.Body, int64(limit)+1))
	if err == nil && n > int64(limit) {
		_, err = io.Copy(io.Discard, r.Body)
		return nil, errors.Join(errTooLong, err)
	}
	return body.Bytes(), err
}
