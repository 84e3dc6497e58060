package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// FunctionURLConfig describes a Lambda function URL.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
type FunctionURLConfig struct {
	// Function is what the URL invokes, FunctionARN its name in policies.
	Function    sandbox.Invoker
	FunctionARN string
	// URLID is the first label of the URL's host name on AWS, Region and AccountID are the function's.
	URLID, Region, AccountID string
	// IAM asks for signed requests (auth type AWS_IAM), Stream for invoke mode RESPONSE_STREAM.
	IAM, Stream bool
	// Principals are the callers known when IAM is set.
	Principals []Principal
	// Limits, Log and Now are as for REST APIs. StreamTimeout bounds every invocation, PayloadBytes the request body.
	Limits Limits
	Log    *slog.Logger
	Now    func() time.Time
}

// FunctionURL serves a function URL. It is safe for concurrent use.
type FunctionURL struct {
	config FunctionURLConfig
	guard  *guard
}

var _ http.Handler = (*FunctionURL)(nil)

// NewFunctionURL checks the configuration.
func NewFunctionURL(config FunctionURLConfig) (*FunctionURL, error) {
	config.Limits = config.Limits.withDefaults()
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Function == nil {
		return nil, errors.New("set up the function URL: there is no function")
	}
	if config.IAM && len(config.Principals) == 0 {
		return nil, errors.New("set up the function URL: it asks for AWS_IAM but there are no credentials: nobody could call it")
	}
	g, err := newGuard(guardConfig{
		service: "lambda", region: config.Region, account: config.AccountID, now: config.Now, principals: config.Principals,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the function URL: %w", err)
	}
	return &FunctionURL{config: config, guard: g}, nil
}

// urlExchange is one request on its way through a function URL.
type urlExchange struct {
	request
	url    *FunctionURL
	w      http.ResponseWriter
	path   string // as the client wrote it
	query  string
	caller *Principal
}

// ServeHTTP answers one request.
func (u *FunctionURL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &urlExchange{request: newRequest(r, u.config.Now()), url: u, w: w}
	x.path, x.query, _ = strings.Cut(originForm(r.RequestURI), "?")
	if failed := x.serve(); failed != nil {
		x.refuse(failed)
	}
}

func (x *urlExchange) serve() *failure {
	body, failed := readBody(x.r, min(x.url.config.Limits.BodyBytes, int64(x.url.config.Limits.PayloadBytes)))
	switch {
	case failed != nil && failed.status == http.StatusRequestEntityTooLarge:
		return failURLBodyTooLarge.because("%w", failed.cause)
	case failed != nil:
		return failed
	}
	if failed := x.authorize(body); failed != nil {
		return failed
	}
	event := x.appendEvent(nil, body)
	if limit := x.url.config.Limits.PayloadBytes; len(event) > limit {
		return failURLBodyTooLarge.because("the event has %d bytes, Lambda takes %d", len(event), limit)
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.url.config.Limits.StreamTimeout)
	defer cancel()
	// A function URL shows Lambda's id of the request.
	invocation := sandbox.Invocation{Event: event, RequestID: x.requestID, TraceID: x.trace.String()}
	if x.url.config.Stream {
		return x.invokeStreaming(ctx, invocation)
	}
	result, err := x.url.config.Function.Invoke(ctx, invocation)
	if failed := urlInvokeFailed(result, err); failed != nil {
		return failed
	}
	return x.reply(result.Payload)
}

// authorize checks the signature and the caller's policy for lambda:InvokeFunctionUrl.
func (x *urlExchange) authorize(body []byte) *failure {
	if !x.url.config.IAM {
		return nil
	}
	caller, failed := x.url.guard.identify(x.r, x.path, x.query, body)
	if failed != nil {
		if failed.errorType == failMissingToken.errorType {
			return failURLForbidden.because("%w", failed.cause)
		}
		return failed
	}
	x.caller = &caller.Principal
	if failed := x.url.guard.permit(caller, "lambda:InvokeFunctionUrl", x.url.config.FunctionARN, requestKeys(x.r, x.sourceIP, x.caller)); failed != nil {
		return failURLForbidden.because("%w", failed.cause)
	}
	return nil
}

// urlInvokeFailed is the failure of an invocation that no answer came from.
func urlInvokeFailed(result sandbox.Result, err error) *failure {
	switch {
	case errors.Is(err, sandbox.ErrThrottled):
		return failURLThrottled.because("invoke the function: %w", err)
	case errors.Is(err, sandbox.ErrTooLarge):
		return failURLBodyTooLarge.because("invoke the function: %w", err)
	case err != nil:
		return failURL.because("invoke the function: %w", err)
	case result.FunctionError != "":
		return failURL.because("the function failed (%s): %s", result.FunctionError, clip(result.Payload))
	}
	return nil
}

// reply answers with what the function returned: an object with a statusCode is a description of the response, anything
// else is the response's body.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
func (x *urlExchange) reply(payload []byte) *failure {
	a, err := urlAnswerOf(payload)
	if err == nil && a.base64 {
		a.body, err = base64.StdEncoding.AppendDecode(nil, a.body)
	}
	if err != nil {
		return failURL.because("malformed function URL response: %w", err)
	}
	x.setHeaders(a)
	writeWhole(x.w, x.r, a.status, a.body)
	return nil
}

func urlAnswerOf(payload []byte) (answer, error) {
	r := jsonReader{data: payload}
	switch r.kind() {
	case '{':
		described := false
		err := r.object(func(name string) error {
			described = described || name == "statusCode"
			return r.skip()
		})
		if err == nil && described {
			return parseAnswer(payload, urlAnswer)
		}
	case '"':
		if text, err := r.text(); err == nil && r.end() == nil {
			return answer{status: http.StatusOK, body: text}, nil
		}
	}
	return answer{status: http.StatusOK, body: payload}, nil
}

func (x *urlExchange) setHeaders(a answer) {
	h := x.w.Header()
	setHeaders(h, a, false)
	h["x-amzn-RequestId"] = []string{x.requestID}
	h["X-Amzn-Trace-Id"] = []string{x.trace.String()}
}

// refuse answers with a failure.
func (x *urlExchange) refuse(f *failure) {
	x.url.config.Log.Warn("function URL answered in place of the function", "requestId", x.requestID,
		"method", x.r.Method, "path", x.path, "status", f.status, "cause", f.cause)
	h := x.w.Header()
	h["Content-Type"] = []string{"application/json"}
	if f.bare {
		h["Content-Type"] = []string{"text/plain"}
	}
	if f.errorType != "" {
		h["x-amzn-ErrorType"] = []string{f.errorType}
	}
	h["x-amzn-RequestId"] = []string{x.requestID}
	writeWhole(x.w, x.r, f.status, []byte(f.body))
}

// metadataType is the content type of an answer that begins with metadata.
const metadataType = "application/vnd.awslambda.http-integration-response"

// invokeStreaming passes an answer on piece by piece: with its metadata if the runtime declares it, else as it is.
func (x *urlExchange) invokeStreaming(ctx context.Context, invocation sandbox.Invocation) *failure {
	d := newDownstream(ctx, x.url.config.Limits, x.w)
	bare := answer{status: http.StatusOK}
	d.start = func(contentType string) bool {
		if contentType != "" {
			bare.headers = []field{{"Content-Type", []string{contentType}}}
		}
		return mediaType(contentType) == metadataType
	}
	d.begin = func(prelude []byte) *failure {
		a, err := bare, error(nil)
		if prelude != nil {
			a, err = parseAnswer(prelude, streamPrelude)
		}
		if err != nil {
			return failURL.because("malformed metadata of a streamed answer: %w", err)
		}
		x.setHeaders(a)
		x.w.WriteHeader(a.status)
		return nil
	}
	d.bodiless = x.r.Method == http.MethodHead
	invocation.Stream = d
	result, err := x.url.config.Function.Invoke(d.ctx, invocation)
	d.close()
	failed := urlInvokeFailed(result, err)
	switch {
	case d.begun && failed != nil:
		x.url.config.Log.Warn("stream cut off", "requestId", x.requestID, "cause", failed.cause)
		panic(http.ErrAbortHandler)
	case d.begun || failed != nil:
		return failed
	case d.failed != nil:
		return failURL.because("%w", d.failed.cause)
	}
	return failURL.because("the streamed answer ended before its metadata did")
}
