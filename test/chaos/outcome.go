package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"lambda-web/test/lambda"
)

// lost is the outcome of an answer that the Runtime API refused to read.
const lost = "lost by the Runtime API"

// errorTypes are the types that the adapter may report.
var errorTypes = []string{"Function.AppConnectError", "Function.AppBadResponse", "Function.AppTimeout",
	"Function.AppNotReady",
	"Function.HttpStatusError", "Function.BadEvent", "Function.ResponseSizeTooLarge", "Runtime.AdapterError"}

// outcome judges an answer: what kind it is, and whether its bytes are those that the application sent.
func (l *lane) outcome(n int, p plan, kind string, answer *lambda.Request) string {
	if kind == "error" {
		return l.errorType(n, answer.Header.Get("Lambda-Runtime-Function-Error-Type"), answer.Body)
	}
	if answer.Chunked {
		return l.streamed(n, p, answer)
	}
	var reply struct {
		StatusCode      int
		Body            string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(answer.Body, &reply); err != nil || reply.StatusCode != 200 {
		l.finding("invocation %d: the reply is %.200q: %v", n, answer.Body, err)
		return "malformed"
	}
	content := []byte(reply.Body)
	if reply.IsBase64Encoded {
		var err error
		if content, err = base64.StdEncoding.DecodeString(reply.Body); err != nil {
			l.finding("invocation %d: the body is not base64: %v", n, err)
		}
	}
	l.compare(n, p, content)
	return served
}

func (l *lane) streamed(n int, p plan, answer *lambda.Request) string {
	if kind := answer.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		report, err := base64.StdEncoding.DecodeString(answer.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			l.finding("invocation %d: the error in the trailer is not base64: %v", n, err)
		}
		return l.errorType(n, kind, report)
	}
	prelude, content, found := bytes.Cut(answer.Body, []byte(strings.Repeat("\x00", 8)))
	var head struct{ StatusCode int }
	if err := json.Unmarshal(prelude, &head); err != nil || !found || head.StatusCode != 200 {
		l.finding("invocation %d: the prelude is %.200q: %v", n, prelude, err)
		return "malformed"
	}
	l.compare(n, p, content)
	return served
}

func (l *lane) compare(n int, p plan, content []byte) {
	if !bytes.Equal(content, p.reply) {
		l.finding("invocation %d: the client got %d bytes, the application sent %d", n, len(content), len(p.reply))
	}
}

func (l *lane) errorType(n int, header string, report []byte) string {
	var body struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(report, &body); err != nil || body.ErrorType != header || body.ErrorMessage == "" {
		l.finding("invocation %d: error %s with body %.200q: %v", n, header, report, err)
	}
	if !slices.Contains(errorTypes, header) {
		l.finding("invocation %d: error type %q", n, header)
	}
	return header
}
