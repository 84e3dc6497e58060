package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"lambda-web/local/sandbox"
)

func TestAccessLog(t *testing.T) {
	line, id := make(lineWriter, 1), make(chan string, 1)
	config := iamConfig(func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		id <- in.RequestID
		return echo(ctx, in)
	})
	config.AccessLog.Writer = line
	config.AccessLog.Format = `{"id":"$context.requestId","x":"$context.extendedRequestId","ip":"$context.identity.sourceIp","user":"$context.identity.userArn",` +
		`"agent":"$context.identity.userAgent","time":"$context.requestTime","epoch":$context.requestTimeEpoch,"method":"$context.httpMethod",` +
		`"path":"$context.path","resource":"$context.resourcePath","status":"$context.status","length":"$context.responseLength",` +
		`"integration":"$context.integration.integrationStatus/$context.integration.status","error":$context.error.messageString,` +
		`"type":"$context.error.responseType","why":"$context.integrationErrorMessage","principal":"$context.authorizer.principalId","lambda":"$context.integration.requestId"}`
	server := serve(t, config)
	ok := signed(t, server, "GET", "/v1/x?q=1", "", signing{})
	want := fmt.Sprintf(`{"id":"%s","x":"%s","ip":"127.0.0.1","user":"arn:aws:iam::123456789012:user/tester","agent":"Go-http-client/1.1",`+
		`"time":"10/Jul/2026:19:19:04 +0000","epoch":1783711144000,"method":"GET","path":"/v1/x","resource":"/{proxy+}","status":"200","length":"%d",`+
		`"integration":"200/200","error":-,"type":"-","why":"-","principal":"-","lambda":"%s"}`+"\n",
		ok.header.Get("X-Amzn-Requestid"), ok.header.Get("X-Amz-Apigw-Id"), len(ok.body), <-id)
	if got := <-line; got != want {
		t.Errorf("line %s\nwant %s", got, want)
	}
}

// TestAccessLogOfRefusals: a hostile client cannot break a line or its JSON.
func TestAccessLogOfRefusals(t *testing.T) {
	for _, check := range []struct {
		name     string
		function function
		request  string
		want     string
	}{
		{"no_route", echo, requestText("GET", "/v2", "", "User-Agent: a\"b\\\tc"),
			`a\"b\\\tc|403|-|"Forbidden"|Forbidden|RESOURCE_NOT_FOUND|-` + "\n"},
		{"malformed", returns("x"), requestText("GET", "/v1", ""),
			`-|502|/|"Internal server error"|Internal server error|DEFAULT_5XX|malformed Lambda proxy response: the answer is not a JSON object` + "\n"},
		{"body_limit", echo, "POST /v1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\n",
			`-|413|-|"HTTP content length exceeded 10485760 bytes."|HTTP content length exceeded 10485760 bytes.|REQUEST_TOO_LARGE|-` + "\n"},
	} {
		t.Run(check.name, func(t *testing.T) {
			line := make(lineWriter, 1)
			config := testConfig(check.function)
			config.AccessLog = AccessLog{Writer: line,
				Format: "$context.requestId $context.identity.userAgent|$context.status|$context.resourcePath|" +
					"$context.error.messageString|$context.error.message|$context.error.responseType|$context.integration.error"}
			exchangeRaw(t, serve(t, config), check.request)
			if _, got, _ := strings.Cut(<-line, " "); got != check.want {
				t.Errorf("line %s\nwant %s", got, check.want)
			}
		})
	}
}

// lineWriter hands lines to the test.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}
