package contract

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"lambda-web/test/verify/evidence"
)

// Function is how the function is called without the API: by Lambda's Invoke.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
type Function struct {
	Client    *lambda.Client
	Name      string
	Qualifier string
}

// Invocation is a direct call.
type Invocation struct {
	Event   string
	Name    string // another function's
	Context string // the client's, JSON
}

// Result is what Lambda says of it.
type Result struct {
	Status  int
	Error   string // FunctionError, or the code of a refusal
	Payload string
	Log     string // its end
	Version string
}

// Invoke calls the function and takes the call down.
func (r *Run) Invoke(in Invocation) Result {
	name, qualifier := r.Function.Name, aws.String(r.Function.Qualifier)
	if in.Name != "" {
		name, qualifier = in.Name, nil
	}
	input := &lambda.InvokeInput{FunctionName: &name, Qualifier: qualifier, Payload: []byte(in.Event),
		LogType: types.LogTypeTail}
	if in.Context != "" {
		input.ClientContext = aws.String(base64.StdEncoding.EncodeToString([]byte(in.Context)))
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	output, err := r.Function.Client.Invoke(ctx, input)
	var result Result
	if err != nil {
		result.Error = err.Error()
		if refusal := smithy.APIError(nil); errors.As(err, &refusal) {
			result.Error, result.Payload = refusal.ErrorCode(), refusal.ErrorMessage()
		}
		if answer := (interface{ HTTPStatusCode() int })(nil); errors.As(err, &answer) {
			result.Status = answer.HTTPStatusCode()
		}
	} else {
		log, _ := base64.StdEncoding.DecodeString(aws.ToString(output.LogResult)) // what is none is empty
		result = Result{Status: int(output.StatusCode), Error: aws.ToString(output.FunctionError),
			Payload: string(output.Payload), Log: string(log), Version: aws.ToString(output.ExecutedVersion)}
	}
	r.record.Exchanges = append(r.record.Exchanges, evidence.Exchange{
		Request: evidence.Message{Line: "Invoke", Body: text([]byte(in.Event)), Bytes: len(in.Event)},
		Answer: evidence.Message{Line: line(result.Status) + " " + result.Error, Body: text([]byte(result.Payload)),
			Bytes: len(result.Payload)},
	})
	return result
}
