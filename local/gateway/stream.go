package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"lambda-web/local/sandbox"
)

// preludeEnd divides the metadata of a streamed answer from its body.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
var preludeEnd = make([]byte, 8)

var (
	errStreamIdle   = errors.New("nothing came on the stream for too long")
	errStreamClosed = errors.New("the client's side of the stream is closed")
)

// downstream passes a streamed answer to the client: it waits for the metadata, then every piece goes out as it comes.
// The function may write from any goroutine, and after the handler has gone.
type downstream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limits Limits
	// begin sends status and headers, made of the metadata.
	begin func(prelude []byte) *failure
	w     http.ResponseWriter
	flow  *http.ResponseController
	// bodiless drops the body, as for HEAD.
	bodiless bool
	// observe, if set, sees each piece that has gone out.
	observe func(piece []byte)

	mu      sync.Mutex
	head    []byte // what came before the metadata was whole
	begun   bool   // the response has begun
	closed  bool
	failed  *failure
	written int64
	slowed  time.Time // when the unthrottled bytes were used up
	idle    *time.Timer

	// keepWriting stops the watch that ends writes with the context; writesEnded is closed when it has done so.
	keepWriting func() bool
	writesEnded chan struct{}
}

var _ io.Writer = (*downstream)(nil)

// newDownstream begins to watch the stream; its context ends with the client, with the timeout, or when nothing comes.
func newDownstream(ctx context.Context, limits Limits, w http.ResponseWriter) *downstream {
	d := &downstream{limits: limits, w: w, flow: http.NewResponseController(w)}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	d.idle = time.AfterFunc(limits.StreamIdle, func() { d.cancel(errStreamIdle) })
	// A client that does not read must not hold the handler back when the stream has to end.
	d.writesEnded = make(chan struct{})
	d.keepWriting = context.AfterFunc(d.ctx, func() {
		d.flow.SetWriteDeadline(time.Unix(1, 0))
		close(d.writesEnded)
	})
	return d
}

// Write takes a piece of the answer.
func (d *downstream) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.ctx.Err() != nil {
		return 0, errStreamClosed
	}
	d.idle.Reset(d.limits.StreamIdle)
	body := p
	if !d.begun {
		var whole bool
		if body, whole = d.prelude(p); !whole {
			if d.failed != nil {
				d.closed = true
				d.cancel(d.failed.cause) // the client need not wait for the function's end
				return 0, d.failed.cause
			}
			return len(p), nil
		}
	}
	if err := d.send(body); err != nil {
		return 0, err
	}
	return len(p), nil
}

// prelude gathers the metadata and begins the response once it is whole; what follows it is body.
func (d *downstream) prelude(p []byte) (body []byte, whole bool) {
	d.head = append(d.head, p...)
	end := bytes.Index(d.head[:min(len(d.head), d.limits.PreludeBytes)], preludeEnd)
	if end < 0 {
		if len(d.head) >= d.limits.PreludeBytes {
			d.failed = failMalformed.because("the streamed answer has no metadata in its first %d bytes",
				d.limits.PreludeBytes)
		}
		return nil, false
	}
	if d.failed = d.begin(d.head[:end]); d.failed != nil {
		return nil, false
	}
	d.begun = true
	body, d.head = d.head[end+len(preludeEnd):], nil
	return body, true
}

// send passes bytes on at once, and slowly after the first megabytes.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
func (d *downstream) send(body []byte) error {
	if len(body) > 0 && !d.bodiless {
		n, err := d.w.Write(body)
		d.written += int64(n)
		if d.observe != nil {
			d.observe(body[:n])
		}
		if err != nil {
			return errors.Join(errStreamClosed, err)
		}
	}
	if err := d.flow.Flush(); err != nil {
		return errors.Join(errStreamClosed, err)
	}
	over := d.written - d.limits.StreamFreeBytes
	if over <= 0 {
		return nil
	}
	if d.slowed.IsZero() {
		d.slowed = time.Now()
	}
	due := d.slowed.Add(time.Duration(float64(over) / float64(d.limits.StreamBytesPerSecond) * float64(time.Second)))
	select {
	case <-time.After(time.Until(due)):
		return nil
	case <-d.ctx.Done():
		return errStreamClosed
	}
}

// close ends the stream: what the function still writes goes nowhere. If the response has not begun, the gateway's own
// can be written afterwards.
func (d *downstream) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.idle.Stop()
	if d.keepWriting() {
		d.cancel(errStreamClosed)
		return
	}
	<-d.writesEnded
	if !d.begun {
		d.flow.SetWriteDeadline(time.Time{})
	}
}

// invokeStreaming calls a function whose answer goes out piece by piece.
func (x *exchange) invokeStreaming(ctx context.Context, invocation sandbox.Invocation) *failure {
	d := newDownstream(ctx, x.api.config.Limits, x.w)
	defer func() { x.responseLength = d.written }()
	d.begin = x.beginStream
	d.bodiless = x.r.Method == http.MethodHead
	if x.api.config.Observe != nil {
		d.observe = x.observePiece
	}
	invocation.Stream = d
	began := time.Now()
	result, err := x.method.invoker.Invoke(d.ctx, invocation)
	x.integrationLatency = time.Since(began)
	cause := context.Cause(d.ctx)
	d.close()
	switch {
	case !d.begun:
		return x.streamNeverBegan(d, result, err, cause)
	case err != nil || result.FunctionError != "":
		// The status has gone out: only a response that is visibly cut off tells the client.
		x.observed.cutOff = streamCutOff(result, err, cause)
		if errors.Is(x.r.Context().Err(), context.Canceled) {
			x.observed.cutOff = "the client left in the middle of the stream; the function goes on to its end"
			x.api.config.Log.Info(x.observed.cutOff, "requestId", x.requestID)
		} else {
			x.api.config.Log.Warn("stream cut off", "requestId", x.requestID, "cause", x.observed.cutOff)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// streamNeverBegan is the answer when the client has seen nothing yet.
func (x *exchange) streamNeverBegan(d *downstream, result sandbox.Result, err, cause error) *failure {
	switch {
	case d.failed != nil:
		return d.failed
	case errors.Is(cause, errStreamIdle):
		return failTimeout.because("invoke the function: %w", cause)
	case err != nil:
		return x.invokeFailed(err)
	case result.FunctionError != "":
		return failMalformed.because("the function failed: %s", reason(result.Payload))
	}
	return failMalformed.because("the streamed answer ended before its metadata did")
}

// beginStream sends status and headers.
func (x *exchange) beginStream(prelude []byte) *failure {
	a, err := parseAnswer(prelude, streamPrelude)
	if err != nil {
		return failMalformed.because("malformed metadata of a streamed answer: %w", err)
	}
	h := x.w.Header()
	setHeaders(h, a, remapStreamedHeaders)
	x.addIDs(h)
	h["X-Amzn-Trace-Id"] = []string{x.trace.String()}
	h["Connection"] = []string{"keep-alive"}
	x.status, x.integrationStatus, x.functionStatus = a.status, http.StatusOK, a.status
	x.observed.firstByte = time.Now()
	x.w.WriteHeader(a.status)
	return nil
}

// streamCutOff is why a stream ended before its time.
func streamCutOff(result sandbox.Result, err, cause error) string {
	if result.FunctionError != "" {
		return "the function failed in the middle of the stream: " + reason(result.Payload)
	}
	return errors.Join(err, cause).Error()
}
