package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// replyEvent is the event to which the application of the vector replies.
func (v vector) replyEvent(t testing.TB) []byte {
	if v.For == "PASS" {
		return []byte(`{"Records":[{"messageId":"m1","eventSource":"aws:sqs"}]}`)
	}
	event := v.file.bases[v.For]
	if event == nil {
		t.Fatalf("no base event %q", v.For)
	}
	var err error
	set := func(path string, value string) {
		if event, err = setMember(event, strings.Split(path, "."), json.RawMessage(quote(value))); err != nil {
			t.Fatal(err)
		}
	}
	if v.Method != "" {
		path := "httpMethod"
		if v.For == "V2" || v.For == "FU" {
			path = "requestContext.http.method"
		}
		set(path, v.Method)
	}
	for name, value := range v.ReqH {
		set("headers."+name, value)
	}
	return event
}

// reply runs an application that replies as the vector says, and returns the answer.
func (v vector) reply(t testing.TB, f framing) (*environment, answer) {
	e := v.environment(t)
	if v.streams() {
		e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
	}
	raw, closes := v.App.wire(t, f, v.Method)
	e.app.OnRequest(func(x *lambda.Exchange) {
		_ = x.Write(raw)
		if closes {
			x.Close()
		}
	})
	e.startReady()
	if v.App.Refused {
		e.app.Refuse()
		e.app.CloseIdle()
	}
	got := e.run(v.invocation(v.replyEvent(t)))
	return e, got
}

// runReply runs a vector of section 4.2, once for each way in which the reply can end.
func (v vector) runReply(t *testing.T) {
	framings := []framing{byChunks, byClose}
	if v.App.Raw != "" || v.App.Chunks != nil {
		framings = framings[:1]
	}
	for _, f := range framings {
		t.Run(string(f), func(t *testing.T) {
			e, got := v.reply(t, f)
			v.checkReply(e, got)
		})
	}
}

func (v vector) checkReply(e *environment, got answer) {
	var raw, log string
	switch {
	case v.Want.has("POST"):
		v.checkPost(e, got)
	case v.Want.get(e, "raw", &raw):
		if got.isError() || string(got.Body) != raw {
			e.Errorf("%s with %q, want the reply %q", got.Path(), got.Body, raw)
		}
	default:
		if got.isError() {
			e.Fatalf("the invocation failed: %s", got.Body)
		}
		want := map[string]json.RawMessage{}
		for _, name := range []string{"statusCode", "statusDescription", "headers", "multiValueHeaders", "cookies",
			"body", "isBase64Encoded"} {
			if value := json.RawMessage(nil); v.Want.get(e, name, &value) {
				want[name] = value
			}
		}
		text, err := json.Marshal(want)
		e.must(err)
		checkEnvelope(e, got.Body, text)
	}
	if got.Chunked || got.Header.Get("content-length") != fmt.Sprint(len(got.Body)) {
		e.Errorf("a buffered reply was posted without its length: %q", got.Head)
	}
	if v.Want.get(e, "log", &log) {
		e.logs(v.logParts(e, log)...)
	}
}

// logParts turns the prose of a vector's log member into texts that the line must hold.
func (v vector) logParts(t testing.TB, prose string) []string {
	parts := map[string][]string{
		"WARN naming the status and AWS_LWA_ERROR_STATUS_CODES": {"WARN", "500", "AWS_LWA_ERROR_STATUS_CODES"},
		"WARN use AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=100-399": {"WARN",
			"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=100-399"},
	}[prose]
	if parts == nil {
		t.Fatalf("the test does not understand the log line %q", prose)
	}
	return parts
}

// checkPost checks an answer of which the vector names path, headers and JSON members.
func (v vector) checkPost(e *environment, got answer) {
	var path string
	v.Want.get(e, "POST", &path)
	if got.Path() != path {
		e.Errorf("posted %s to %s, want %s", got.Body, got.Path(), path)
	}
	headers, want := map[string]string{}, map[string]any{}
	v.Want.get(e, "h", &headers)
	for name, value := range headers {
		if got.Header.Get(name) != value {
			e.Errorf("header %s is %q, want %q", name, got.Header.Values(name), value)
		}
	}
	if v.Want.get(e, "json", &want) {
		checkJSON(e, "the error", got.Body, want)
	}
}

// nuls separate the prelude of a streamed reply from its body.
var nuls = strings.Repeat("\x00", 8)

// runStream runs a vector of section 4.3.
func (v vector) runStream(t *testing.T) {
	e, got := v.reply(t, byChunks)
	if v.Want.has("statusCode", "raw", "POST") {
		v.checkReply(e, got)
		if v.Want.has("statusCode") {
			e.logs("WARN", "stream")
		}
		return
	}
	if got.isError() || !got.Chunked || got.Header.Get("Lambda-Runtime-Function-Response-Mode") != "streaming" {
		t.Fatalf("not a streamed reply: %q %q", got.Head, got.Body)
	}
	headers := map[string]string{}
	v.Want.get(t, "h", &headers)
	for name, value := range headers {
		if got.Header.Get(name) != value {
			t.Errorf("header %s is %q, want %q", name, got.Header.Values(name), value)
		}
	}
	var body, after, declared, ends string
	if v.Want.get(t, "body", &body) && string(got.Body) != body {
		t.Errorf("body\n%q, want\n%q", got.Body, body)
	}
	prelude, rest, _ := bytes.Cut(got.Body, []byte(nuls))
	if want := json.RawMessage(nil); v.Want.get(t, "prelude", &want) {
		checkEnvelope(t, prelude, want)
	}
	if v.Want.get(t, "body_after_nuls", &after) && string(rest) != after {
		t.Errorf("body after the prelude %q, want %q", rest, after)
	}
	v.checkTrailers(e, got)
	if v.Want.get(t, "declared_in", &declared) {
		v.checkDeclared(e, got, declared)
	}
	if v.Want.get(t, "ends", &ends) {
		v.checkOneWrite(t, ends)
	}
}

func (v vector) checkTrailers(e *environment, got answer) {
	want := map[string]string{}
	v.Want.get(e, "trailers", &want)
	if len(want) == 0 && len(got.Trailer) != 0 {
		e.Errorf("a complete reply has trailers %v", got.Trailer)
	}
	for name, value := range want {
		text := got.Trailer.Get(name)
		pattern, encoded := strings.CutPrefix(value, "@base64 of ")
		if !encoded {
			if text != value {
				e.Errorf("trailer %s is %q, want %q", name, text, value)
			}
			continue
		}
		if pattern != `{"errorType":"Function.AppBadResponse","errorMessage":...}` {
			e.Fatalf("the test does not understand the trailer %q", value)
		}
		var report failure
		decoded, err := base64.StdEncoding.DecodeString(text)
		e.must(err)
		e.must(json.Unmarshal(decoded, &report))
		if report.ErrorType != "Function.AppBadResponse" || !strings.Contains(report.ErrorMessage, e.appAddress()) {
			e.Errorf("the error in the trailer is %s", decoded)
		}
	}
}

func (v vector) checkDeclared(e *environment, got answer, where string) {
	if where != "trailer header of the request" {
		e.Fatalf("the test does not understand %q", where)
	}
	declared := strings.ToLower(strings.Join(got.Header.Values("trailer"), ","))
	for _, field := range got.Trailer {
		if !strings.Contains(declared, strings.ToLower(field.Name)) {
			e.Errorf("trailer %s was not announced in %q", field.Name, declared)
		}
	}
}

// checkOneWrite repeats the vector behind an API that counts the segments in which the reply arrives: on the
// loopback, with TCP_NODELAY, each write of the sender is a segment of its own. The head may be one, the rest must be
// one.
func (v vector) checkOneWrite(t *testing.T, ends string) {
	if ends != "prelude, NULs and the last chunk in one write" {
		t.Fatalf("the test does not understand the end %q", ends)
	}
	e := v.environment(t)
	e.variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
	raw, _ := v.App.wire(t, byChunks, "")
	e.app.OnRequest(func(x *lambda.Exchange) { _ = x.Write(raw) })
	segments := make(chan int, 1)
	var before sync.Map // segments of a connection up to invocation/next
	e.api.Intercept(func(x *lambda.Exchange) bool {
		switch {
		case x.Path() == lambda.PathNext:
			before.Store(x.Conn, segmentsOf(t, x))
		case strings.HasSuffix(x.Path(), "/response") && x.ReadBody() == nil:
			earlier, _ := before.LoadOrStore(x.Conn, 0)
			segments <- segmentsOf(t, x) - earlier.(int)
		}
		return false
	})
	e.startReady()
	e.run(v.invocation(v.replyEvent(t)))
	select {
	case n := <-segments:
		if n > 2 {
			t.Errorf("the reply arrived in %d segments, want the head and one", n)
		}
	case <-time.After(patience):
		t.Fatal("the reply was not read")
	}
}
