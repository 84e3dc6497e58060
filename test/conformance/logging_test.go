package conformance

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// secrets are put into every place of an exchange that must never be logged.
var secrets = map[string]string{
	"authorization":      "Bearer topsecret-authorization",
	"cookie":             "session=topsecret-cookie",
	"set-cookie":         "session=topsecret-setcookie",
	"request body":       "topsecret-request-body",
	"response body":      "topsecret-response-body",
	"context":            "topsecret-claim",
	"client context":     "topsecret-client",
	"x-auth":             "topsecret-source",
	"proxyauthorization": "topsecret-proxy",
}

func TestNoSecretsInTheLog(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "JSON"} {
		for _, level := range []string{"DEBUG", "TRACE"} {
			t.Run(format+" "+level, func(t *testing.T) {
				t.Parallel()
				e := newEnvironment(t)
				e.variables["AWS_LAMBDA_LOG_FORMAT"] = format
				e.variables["AWS_LAMBDA_LOG_LEVEL"] = level
				e.variables["AWS_LWA_ERROR_STATUS_CODES"] = "500"
				e.variables["AWS_LWA_AUTHORIZATION_SOURCE"] = "x-auth"
				e.app.OnRequest(func(x *lambda.Exchange) {
					switch x.Path() {
					case "/bad":
						_ = x.Write("HTTP/1.1 200 OK\r\nSet-Cookie: " +
							secrets["set-cookie"] + "\r\nContent-Length: 99\r\n\r\n" + secrets["response body"])
						x.Close()
					default:
						x.Reply(200, []string{"Set-Cookie: " + secrets["set-cookie"], "Content-Type: text/plain"},
							[]byte(secrets["response body"]))
					}
				})
				e.startReady()
				for _, path := range []string{"/visible-path", "/bad"} {
					event := HTTPEvent("POST", path, secrets["request body"])
					event = strings.Replace(event, `"headers":{`, `"headers":{"authorization":"`+
						secrets["authorization"]+`","proxy-authorization":"`+
						secrets["proxyauthorization"]+`","x-auth":"`+secrets["x-auth"]+`","cookie":"`+
						secrets["cookie"]+`","bad name":"topsecret-bad-name",`, 1)
					event = strings.Replace(event, `"stage":`, `"authorizer":{"lambda":{"claim":"`+
						secrets["context"]+`"}},"stage":`, 1)
					i := e.invocation(event)
					i.Header = append(i.Header, lambda.Field{Name: "Lambda-Runtime-Client-Context",
						Value: `{"custom":{"k":"` + secrets["client context"] + `"}}`},
						lambda.Field{Name: "Lambda-Runtime-Cognito-Identity", Value: `not JSON topsecret-identity`})
					e.run(i)
				}
				e.invoke(strings.Replace(binaryEvent("POST", "/", nil), `"body":""`, `"body":"*topsecret-base64"`,
					1)).status(400)
				e.invoke(`{"topsecret-event":"topsecret-value"`)
				log := e.finish().Text()
				if strings.Contains(log, "topsecret") {
					t.Error("a secret is in the log")
				}
				if strings.Contains(log, base64.StdEncoding.EncodeToString([]byte("topsecret"))[:8]) {
					t.Error("an encoded secret is in the log")
				}
				if !strings.Contains(log, "/visible-path") {
					t.Error("the access line at DEBUG is missing")
				}
				if got := e.app.Served()[0].Header.Get("authorization"); got != secrets["x-auth"] {
					t.Errorf("the application got authorization %q", got)
				}
			})
		}
	}
}

func TestJSONLogs(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LAMBDA_LOG_FORMAT"] = "json"
	e.variables["AWS_LAMBDA_LOG_LEVEL"] = "debug"
	e.variables["READINESS_CHECK_PATH"] = `/"quoted"\é`
	e.app.OnRequest(func(x *lambda.Exchange) { _ = x.Write("bad \"reply\" \x01\xff\r\n\r\n"); x.Close() })
	e.startReady()
	e.invoke(HTTPEvent("POST", `/pa"th`, "")).failed("Function.AppBadResponse")
	withID := 0
	for _, line := range e.finish().Lines() {
		var members map[string]any
		if err := json.Unmarshal([]byte(line.Text), &members); err != nil {
			t.Fatalf("the line %q is not JSON: %v", line.Text, err)
		}
		for _, name := range []string{"timestamp", "level", "message"} {
			if text, ok := members[name].(string); !ok || text == "" {
				t.Errorf("the line %s has no %s", line.Text, name)
			}
		}
		if at, err := time.Parse(time.RFC3339Nano, members["timestamp"].(string)); err != nil ||
			time.Since(at).Abs() > time.Minute {
			t.Errorf("timestamp %v: %v", members["timestamp"], err)
		}
		switch members["level"] {
		case "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
		default:
			t.Errorf("level %v is none of Lambda's", members["level"])
		}
		if members["requestId"] == "id1" {
			withID++
		}
	}
	if withID == 0 {
		t.Errorf("no line has the request id of the failed invocation:\n%s", e.adapter.Log().Text())
	}
}

func TestTextLogsHaveLevelAndRequestID(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnRequest(func(x *lambda.Exchange) { x.Close() })
	e.startReady()
	i := e.invocation(HTTPEvent("POST", "/", ""))
	i.ID = "0f6c1f6e-request"
	e.run(i).failed("Function.AppBadResponse")
	e.logs("ERROR", "0f6c1f6e-request")
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		variables map[string]string
		warn      bool
		access    bool
	}{
		"default": {warn: true},
		"ERROR":   {variables: map[string]string{"AWS_LAMBDA_LOG_LEVEL": "ERROR"}},
		"FATAL":   {variables: map[string]string{"AWS_LAMBDA_LOG_LEVEL": "FATAL"}},
		"debug, lower case": {variables: map[string]string{"AWS_LAMBDA_LOG_LEVEL": "debug"}, warn: true,
			access: true},
		"RUST_LOG": {variables: map[string]string{"RUST_LOG": "debug"}, warn: true, access: true},
		"RUST_LOG comes second": {variables: map[string]string{"RUST_LOG": "debug",
			"AWS_LAMBDA_LOG_LEVEL": "warn"}, warn: true},
		"RUST_LOG with filter syntax": {variables: map[string]string{"RUST_LOG": "hyper=trace,lambda"}, warn: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			for name, value := range c.variables {
				e.variables[name] = value
			}
			e.app.OnRequest(func(x *lambda.Exchange) { x.Reply(500, nil, nil) })
			e.startReady()
			e.invoke(`{"Records":[]}`) // a 500 for a queue is worth a warning
			e.invoke(HTTPEvent("GET", "/visible-path", ""))
			log := e.finish()
			if warned := len(log.Lines("AWS_LWA_ERROR_STATUS_CODES")) > 0; warned != c.warn {
				t.Errorf("warned %v", warned)
			}
			if access := len(log.Lines("/visible-path")) > 0; access != c.access {
				t.Errorf("access line %v", access)
			}
		})
	}
}
