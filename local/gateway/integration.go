package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// invoke calls the function behind the method and answers the client.
func (x *exchange) invoke(event []byte) *failure {
	if err := x.method.denied[x.verb]; err != nil {
		return failIntegration.because("invoke the function: %w", err)
	}
	x.invoked = true
	ctx, cancel := context.WithTimeout(x.r.Context(), x.method.timeout)
	defer cancel()
	invocation := sandbox.Invocation{Event: event, RequestID: x.invocationID, TraceID: x.trace.String()}
	if x.method.stream {
		return x.invokeStreaming(ctx, invocation)
	}
	began := time.Now()
	result, err := x.method.invoker.Invoke(ctx, invocation)
	x.integrationLatency = time.Since(began)
	if err != nil {
		return x.invokeFailed(err)
	}
	x.integrationStatus = 200
	if result.FunctionError != "" {
		return failMalformed.because("the function failed: %s", reason(result.Payload))
	}
	if limit := x.api.config.Limits.PayloadBytes; len(result.Payload) > limit {
		return failMalformed.because("the function's answer has %d bytes, Lambda passes %d", len(result.Payload), limit)
	}
	return x.reply(result.Payload)
}

// invokeFailed is for invocations that Lambda refused or that took too long. The function runs on after a timeout.
func (x *exchange) invokeFailed(err error) *failure {
	switch {
	case errors.Is(x.r.Context().Err(), context.Canceled):
		return failClientLeft.because("the client left before the function answered; the function goes on to its end")
	case errors.Is(err, context.DeadlineExceeded):
		return failTimeout.because("the function did not answer in %v%s", x.method.timeout,
			strings.TrimPrefix(err.Error(), context.DeadlineExceeded.Error()))
	case errors.Is(err, sandbox.ErrTooLarge):
		return failEventTooLarge.because("invoke the function: %w", err)
	case errors.Is(err, sandbox.ErrSnapStart):
		x.integrationStatus = http.StatusBadRequest
	case errors.Is(err, sandbox.ErrSnapStartTimeout):
		x.integrationStatus = http.StatusRequestTimeout
	case errors.Is(err, sandbox.ErrThrottled):
		x.integrationStatus = 429
		return failFunctionThrottled.because("invoke the function: %w", err)
	}
	return failIntegration.because("invoke the function: %w", err)
}
