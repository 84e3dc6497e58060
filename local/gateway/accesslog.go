package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// accessLog writes one line per request. A nil access log writes nothing.
type accessLog struct {
	config AccessLog
	parts  []logPart
	mu     sync.Mutex
}

// logPart is text, or a variable when value is set.
type logPart struct {
	text  string
	value func(x *exchange) string
}

var contextVariable = regexp.MustCompile(`\$context\.([A-Za-z0-9]+(?:\.[A-Za-z0-9_-]+)*)`)

func newAccessLog(config AccessLog) (*accessLog, error) {
	if config.Writer == nil {
		return nil, nil
	}
	l := &accessLog{config: config}
	var names []string
	rest := 0
	for _, at := range contextVariable.FindAllStringSubmatchIndex(config.Format, -1) {
		name := config.Format[at[2]:at[3]]
		value, err := logVariable(name)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		l.parts = append(l.parts, logPart{text: config.Format[rest:at[0]]}, logPart{value: value})
		rest = at[1]
	}
	l.parts = append(l.parts, logPart{text: config.Format[rest:] + "\n"})
	if !slices.Contains(names, "requestId") && !slices.Contains(names, "extendedRequestId") {
		return nil, errors.New("access log format: it must contain $context.requestId or $context.extendedRequestId")
	}
	if strings.Contains(config.Format, "\n") {
		return nil, errors.New("access log format: it must be one line")
	}
	return l, nil
}

func (l *accessLog) write(x *exchange) {
	if l == nil {
		return
	}
	var line []byte
	for _, part := range l.parts {
		if part.value == nil {
			line = append(line, part.text...)
			continue
		}
		value := part.value(x)
		if value == "" {
			value = "-"
		}
		line = append(line, value...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.config.Writer.Write(line); err != nil {
		x.api.config.Log.Error("write the access log", "error", err)
	}
}

// absentVariables have no value on this machine; a name ending in a dot stands for all below it.
var absentVariables = []string{
	"authorizer.", "authenticate.", "authorize.", "awsEndpointRequestId2", "customDomain.", "tlsVersion", "cipherSuite",
	"error.validationErrorString", "identity.apiKey", "identity.apiKeyId", "identity.clientCert.",
	"identity.cognitoAuthenticationProvider", "identity.cognitoAuthenticationType", "identity.cognitoIdentityId",
	"identity.cognitoIdentityPoolId", "identity.principalOrgId", "identity.vpcId", "identity.vpceId",
	"isCanaryRequest", "waf.", "wafResponseCode", "webaclArn",
}

// logVariable finds a variable of access logs.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html#context-variable-reference-access-logging-only
func logVariable(name string) (func(*exchange) string, error) {
	if value, ok := logVariables[name]; ok {
		return value, nil
	}
	for _, absent := range absentVariables {
		if name == absent || strings.HasSuffix(absent, ".") && strings.HasPrefix(name, absent) {
			return func(*exchange) string { return "" }, nil
		}
	}
	return nil, fmt.Errorf("access log format: $context.%s is not a variable the gateway knows", name)
}

var logVariables = map[string]func(*exchange) string{
	"requestId":         func(x *exchange) string { return x.requestID },
	"extendedRequestId": func(x *exchange) string { return x.extendedRequestID },
	"accountId":         func(x *exchange) string { return x.api.config.AccountID },
	"apiId":             func(x *exchange) string { return x.api.config.APIID },
	"deploymentId":      func(x *exchange) string { return x.api.deploymentID },
	"stage":             func(x *exchange) string { return x.api.config.Stage },
	"domainName":        func(x *exchange) string { return quoteless(hostName(x.r.Host)) },
	"domainPrefix": func(x *exchange) string {
		prefix, _, _ := strings.Cut(hostName(x.r.Host), ".")
		return quoteless(prefix)
	},
	"httpMethod":       func(x *exchange) string { return quoteless(x.verb) },
	"path":             func(x *exchange) string { return quoteless(x.target.contextPath) },
	"protocol":         func(x *exchange) string { return x.r.Proto },
	"resourceId":       func(x *exchange) string { return x.routed().resourceID },
	"resourcePath":     func(x *exchange) string { return x.routed().resource },
	"requestTime":      func(x *exchange) string { return x.began.UTC().Format(requestTimeLayout) },
	"requestTimeEpoch": func(x *exchange) string { return strconv.FormatInt(x.began.UnixMilli(), 10) },
	"status":           func(x *exchange) string { return number(x.status) },
	"responseLength":   func(x *exchange) string { return strconv.FormatInt(x.responseLength, 10) },
	"responseLatency":  func(x *exchange) string { return millis(x.api.config.Now().Sub(x.began)) },
	"xrayTraceId":      func(x *exchange) string { return quoteless(x.trace.root) },

	"identity.sourceIp":  func(x *exchange) string { return x.sourceIP },
	"identity.userAgent": func(x *exchange) string { return quoteless(x.r.Header.Get("User-Agent")) },
	"identity.user":      func(x *exchange) string { return x.identified().UserID },
	"identity.caller":    func(x *exchange) string { return x.identified().UserID },
	"identity.userArn":   func(x *exchange) string { return x.identified().ARN },
	"identity.accessKey": func(x *exchange) string { return x.identified().AccessKeyID },
	"identity.accountId": func(x *exchange) string { return x.identified().AccountID },

	"error.message":       func(x *exchange) string { return quoteless(x.errorMessage()) },
	"error.messageString": func(x *exchange) string { return quoted(x.errorMessage()) },
	"error.responseType":  func(x *exchange) string { return x.failure().responseType },

	"integration.requestId":         (*exchange).lambdaRequestID,
	"awsEndpointRequestId":          (*exchange).lambdaRequestID,
	"integration.error":             (*exchange).integrationError,
	"integrationErrorMessage":       (*exchange).integrationError,
	"integration.latency":           func(x *exchange) string { return millis(x.integrationLatency) },
	"integrationLatency":            func(x *exchange) string { return millis(x.integrationLatency) },
	"integration.integrationStatus": func(x *exchange) string { return number(x.integrationStatus) },
	"integrationStatus":             func(x *exchange) string { return number(x.integrationStatus) },
	"integration.status":            func(x *exchange) string { return number(x.functionStatus) },
}

// lambdaRequestID is the id of the invocation, the one in the function's log.
func (x *exchange) lambdaRequestID() string {
	if !x.invoked {
		return ""
	}
	return x.invocationID
}

func (x *exchange) routed() *method {
	if x.method == nil {
		return &method{}
	}
	return x.method
}

func (x *exchange) identified() *Principal {
	if x.caller == nil {
		return &Principal{}
	}
	return x.caller
}

func (x *exchange) failure() *failure {
	if x.failed == nil {
		return &failure{}
	}
	return x.failed
}

// errorMessage is what the client was told.
func (x *exchange) errorMessage() string {
	f := x.failure()
	if f.bare {
		return f.body
	}
	var body struct{ Message string }
	if json.Unmarshal([]byte(f.body), &body) != nil {
		return ""
	}
	return body.Message
}

// integrationError is why a function's answer did not pass; there is none before the function is called.
func (x *exchange) integrationError() string {
	if !x.invoked || x.failure().cause == nil {
		return ""
	}
	return quoteless(x.failure().cause.Error())
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func millis(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return string(appendString(nil, s))
}

// quoteless escapes a client's text for the inside of a JSON string, so that a line stays one line and JSON stays JSON.
func quoteless(s string) string {
	escaped := appendString(nil, s)
	return string(escaped[1 : len(escaped)-1])
}
