package console

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lambda-web/local/sandbox"
)

// TestInvokeByTheSDK: the Go SDK calls a function at the console's address as it does on AWS.
func TestInvokeByTheSDK(t *testing.T) {
	var c *Console
	c = New(Config{Invoke: func(_ context.Context, function string, in sandbox.Invocation) (sandbox.Result, error) {
		if function != "web" {
			return sandbox.Result{}, sandbox.ErrNotFound
		}
		c.Sandbox(sandbox.Start{Source: box, RequestID: in.RequestID})
		c.Sandbox(sandbox.Line{Source: box, RequestID: in.RequestID, Text: "handled"})
		go func() { // the end of an invocation comes after its answer
			c.Sandbox(sandbox.Line{Source: box, RequestID: in.RequestID, Text: "END"})
			c.Sandbox(sandbox.Report{Source: box, RequestID: in.RequestID, Status: "success"})
		}()
		return sandbox.Result{Payload: in.Event, Version: "7"}, nil
	}})
	server := httptest.NewServer(c.Front(http.NotFoundHandler()))
	defer server.Close()
	client := lambda.New(lambda.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL + "/@"), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "none", SecretAccessKey: "none"}, nil
		}),
	})
	out, err := client.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("web"), Payload: []byte(`{"Records":[]}`), LogType: types.LogTypeTail,
	})
	if err != nil {
		t.Fatal(err)
	}
	log, _ := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if string(out.Payload) != `{"Records":[]}` || aws.ToString(out.ExecutedVersion) != "7" ||
		string(log) != "handled\nEND\n" || out.FunctionError != nil {
		t.Errorf("the answer is %s, version %s, log %q", out.Payload, aws.ToString(out.ExecutedVersion), log)
	}
	_, err = client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("other")})
	if err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("the error for an unknown function is %v", err)
	}
}
