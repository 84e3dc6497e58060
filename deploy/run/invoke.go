package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
)

// newInvoker is a client that never asks twice: a command that was started must not be started again because a
// connection broke. It waits for an answer without a limit, and its connection is kept alive every 30 seconds, as the
// SDK has it: a NAT gateway drops one that is idle for 350
// (https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html).
func newInvoker(account aws.Config) *lambda.Client {
	return lambda.NewFromConfig(account, func(o *lambda.Options) {
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = plainBodies{o.HTTPClient}
	})
}

// plainBodies sends the body of a request by Read alone. The SDK's has a WriteTo, which fails with io.EOF once the
// answer has begun; where net/http looks for the body's end after that, it breaks the connection, and the answer is
// lost.
type plainBodies struct{ client lambda.HTTPClient }

func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.client.Do(r)
}

// answer is what the adapter says of a command, and Lambda where the adapter cannot
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html).
type answer struct {
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
	ExitCode     *int   `json:"exitCode"`
	Output       string `json:"output"` // its end
}

func readAnswer(payload []byte) (answer, error) {
	var a answer
	if err := json.Unmarshal(payload, &a); err != nil {
		return a, fmt.Errorf("the function's answer is no JSON: %w", err)
	}
	return a, nil
}

// timedOut is the exit code of a command that ran into the time limit, as timeout(1) has it.
const timedOut = 124

// outcome is the exit code, and what to say of the end: nothing after an exit code of 0.
func (a answer) outcome(failed bool) (code int, sentence string) {
	first, _, _ := strings.Cut(a.ErrorMessage, "\n")
	switch {
	case a.ExitCode != nil && (*a.ExitCode != 0 || !failed):
		return *a.ExitCode, first
	case !failed:
		return 1, "the function has answered without an exit code: it is not the one that runs commands"
	case strings.Contains(a.ErrorType+a.ErrorMessage, "Timedout"), strings.Contains(a.ErrorMessage, "timed out"):
		return timedOut, "the command was ended by Lambda's time limit of 15 minutes"
	case strings.Contains(a.ErrorType, "OutOfMemory"), strings.Contains(a.ErrorMessage, "signal: killed"):
		return 1, "the command took more memory than there is (settings taskMemory and memory): " + first
	}
	return 1, fmt.Sprintf("the command could not run: %s: %s", a.ErrorType, first)
}

// explain says why there is no answer, and what to do.
func (r *run) explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("the connection to Lambda broke, and the command, if it was started, runs on until it ends: %w\n%s",
			err, r.howToFollow())
	}
	function := r.at.TaskFunctionName
	switch code := api.ErrorCode(); {
	case strings.Contains(code, "AccessDenied"), code == "UnrecognizedClientException",
		code == "ExpiredTokenException":
		return fmt.Errorf("you may not run commands here: it takes the right lambda:InvokeFunction on %s (%s)", function,
			api.ErrorMessage())
	case code == "ResourceNotFoundException":
		return fmt.Errorf("the function %s is gone, though stack %s says it is there: pulumi refresh, then make up",
			function, r.stack)
	case code == "TooManyRequestsException":
		return fmt.Errorf("Lambda has no room for one more environment, and did not start the command: the "+
			"account's concurrency is used up (%s); try again",
			api.ErrorMessage())
	case code == "RequestTooLargeException", code == "RequestEntityTooLarge":
		return errors.New("the command's arguments are more than an event can hold, 6 MB, and 1 MB with DETACH=1")
	case api.ErrorFault() == smithy.FaultServer:
		return fmt.Errorf("Lambda failed, and does not say whether the command was started: %w\n%s", err,
			r.howToFollow())
	}
	return fmt.Errorf("Lambda did not start the command: %w", err)
}
