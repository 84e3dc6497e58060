package sandbox

import (
	"context"
	"errors"
	"io"
)

// Invocation is one call of a function, as the Invoke API hands it to Lambda.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
type Invocation struct {
	// Event is the payload. It reaches the runtime byte for byte.
	Event []byte
	// RequestID is a UUID; one is made when it is empty.
	RequestID string
	// TraceID is the X-Ray trace header ("Root=...;Parent=...;Sampled=0"); one is made when it is empty.
	TraceID string
	// ClientContext is the decoded JSON of X-Amz-Client-Context, or empty.
	ClientContext string
	// Qualifier is the version or alias the caller named; it ends the invoked function's ARN. An
	// Alias fills in its own name. Empty stands for the unqualified ARN.
	Qualifier string
	// Stream receives the response piece by piece while the runtime still writes it
	// (InvokeWithResponseStream). Each piece is valid only during the call; an error from Write means
	// that the client has gone. Nil asks for a buffered response.
	Stream io.Writer
}

// Result is what Lambda answers to the caller of a buffered invocation.
type Result struct {
	// Payload is what the runtime posted: its response, or its error document.
	Payload []byte
	// FunctionError is empty for a response and "Unhandled" for an error document
	// (the X-Amz-Function-Error header). A response that was streamed is not repeated in Payload: it
	// is empty then, or the error document if the function failed on the way.
	FunctionError string
	// Version is the published version that ran (the X-Amz-Executed-Version header).
	Version string
}

// Invoker runs invocations: a function, one of its versions, or an alias.
type Invoker interface {
	// Invoke runs one invocation and returns when the runtime has answered. Errors of the function
	// are in the Result. The error is ErrThrottled or ErrTooLarge when Lambda refuses the call, and
	// ctx.Err() when the caller stopped waiting; the function then runs on to its own end.
	Invoke(ctx context.Context, in Invocation) (Result, error)
}

var (
	// ErrThrottled: no sandbox was free and no more may be started (429 TooManyRequestsException).
	ErrThrottled = errors.New("rate exceeded: every sandbox of the function is busy")
	// ErrTooLarge: the event is above the 6 MB invocation payload limit (413 RequestTooLargeException).
	ErrTooLarge = errors.New("request payload is larger than 6291556 bytes")
	// ErrNotFound: the name is no function's (404 ResourceNotFoundException).
	ErrNotFound = errors.New("there is no such function")
	// ErrClosed: the function was shut down before it answered.
	ErrClosed = errors.New("the function is shutting down")
)
