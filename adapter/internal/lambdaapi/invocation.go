package lambdaapi

import (
	"strconv"
	"time"
)

// Invocation is what the answer of `invocation/next` says about one invocation. Its buffers are reused from one
// invocation to the next.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next
type Invocation struct {
	ID            []byte // Lambda-Runtime-Aws-Request-Id
	DeadlineMs    int64  // Lambda-Runtime-Deadline-Ms, epoch; 0 if absent
	ARN           []byte // Lambda-Runtime-Invoked-Function-Arn
	Trace         []byte // Lambda-Runtime-Trace-Id
	ClientContext []byte // Lambda-Runtime-Client-Context, JSON
	Identity      []byte // Lambda-Runtime-Cognito-Identity, JSON
	Tenant        []byte // Lambda-Runtime-Aws-Tenant-Id
	Echo          []byte // Lambda-Runtime-Invocation-Id, sent back with the answer
	Payload       []byte // the event
}

// Deadline returns the time at which Lambda ends the invocation, the zero time if it is not known.
func (inv *Invocation) Deadline() time.Time {
	if inv.DeadlineMs <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(inv.DeadlineMs)
}

func (inv *Invocation) reset() {
	inv.ID, inv.ARN, inv.Trace = inv.ID[:0], inv.ARN[:0], inv.Trace[:0]
	inv.ClientContext, inv.Identity = inv.ClientContext[:0], inv.Identity[:0]
	inv.Tenant, inv.Echo, inv.Payload = inv.Tenant[:0], inv.Echo[:0], inv.Payload[:0]
	inv.DeadlineMs = 0
}

// readField takes over one header field; its name is in lower case.
func (inv *Invocation) readField(name, value []byte) {
	switch string(name) {
	case "lambda-runtime-aws-request-id":
		inv.ID = append(inv.ID[:0], value...)
	case "lambda-runtime-deadline-ms":
		inv.DeadlineMs, _ = strconv.ParseInt(string(value), 10, 64)
	case "lambda-runtime-invoked-function-arn":
		inv.ARN = append(inv.ARN[:0], value...)
	case "lambda-runtime-trace-id":
		inv.Trace = append(inv.Trace[:0], value...)
	case "lambda-runtime-client-context":
		inv.ClientContext = append(inv.ClientContext[:0], value...)
	case "lambda-runtime-cognito-identity":
		inv.Identity = append(inv.Identity[:0], value...)
	case "lambda-runtime-aws-tenant-id":
		inv.Tenant = append(inv.Tenant[:0], value...)
	case "lambda-runtime-invocation-id":
		inv.Echo = append(inv.Echo[:0], value...)
	}
}
