package conformance

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

func TestNextWithOddHeaders(t *testing.T) {
	t.Parallel()
	deadlines := map[string][]string{"missing": nil, "empty": {""}, "letters": {"soon"}, "negative": {"-5"},
		"huge": {"99999999999999999999"}}
	for name, values := range deadlines {
		t.Run("deadline "+name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_DEADLINE_MARGIN_MS"] = "100"
			e.startReady()
			i := e.invocation(HTTPEvent("GET", "/", ""))
			i.Header = i.Header[1:]
			for _, value := range values {
				i.Header = append(i.Header, lambda.Field{Name: "Lambda-Runtime-Deadline-Ms", Value: value})
			}
			e.run(i).status(200)
		})
	}
	t.Run("nothing but the request id", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.startReady()
		i := e.invocation(HTTPEvent("GET", "/", ""))
		i.Header = nil
		e.run(i).status(200)
		checkJSON(t, "the Lambda context", []byte(e.app.Served()[0].Header.Get("x-amzn-lambda-context")),
			map[string]any{
				"request_id": i.ID, "invoked_function_arn": "", "xray_trace_id": nil, "client_context": nil,
				"identity": nil, "tenant_id": nil})
	})
}

// The event may come in any framing and in any number of pieces.
func TestEventDelivery(t *testing.T) {
	t.Parallel()
	event := HTTPEvent("POST", "/", strings.Repeat("böse \"Grüße\"\n", 9000))
	t.Run("chunked", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.startReady()
		i := e.invocation(event)
		i.Chunked = true
		e.run(i).status(200)
		checkBody(t, e.app.Served()[0], strings.Repeat("böse \"Grüße\"\n", 9000))
		e.invoke(HTTPEvent("POST", "/", "next")).status(200)
	})
	t.Run("byte by byte", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.deliverBy(func(x *lambda.Exchange, wire string) {
			for _, b := range []byte(wire) {
				_ = x.Write(string([]byte{b}))
			}
		})
		e.startReady()
		for _, chunked := range []bool{false, true} {
			i := e.invocation(HTTPEvent("POST", "/", "größer"))
			i.Chunked = chunked
			e.run(i).status(200)
			checkBody(t, e.app.Served()[len(e.app.Served())-1], "größer")
		}
	})
	t.Run("pieces and pauses", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.deliverBy(func(x *lambda.Exchange, wire string) {
			for piece := range slices.Chunk([]byte(wire), 7001) {
				_ = x.Write(string(piece))
				time.Sleep(time.Millisecond)
			}
		})
		e.startReady()
		e.invoke(event).status(200)
		checkBody(t, e.app.Served()[0], strings.Repeat("böse \"Grüße\"\n", 9000))
	})
}

func checkBody(t testing.TB, r *lambda.Request, want string) {
	t.Helper()
	if string(r.Body) != want {
		t.Errorf("the application got %d bytes %.60q, want %d bytes %.60q", len(r.Body), r.Body, len(want), want)
	}
}

// Events that are no events: whatever the bytes, there is one answer and the loop goes on.
func TestMalformedEvents(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	events := []string{"", " ", "{", `{"version":"2.0"`, "nul", "\x00", "\xff\xfe",
		`{"requestContext":{"http":{"method":"GET"}},"rawPath":`,
		`{"httpMethod":"GET","requestContext":{"httpMethod":"GET"},"path":"/\ud800"}`, `{"a":1}{"b":2}`,
		strings.Repeat("[", 100000),
		strings.Repeat(`{"requestContext":`, 5000), `{"requestContext":{"http":{"method":"GET"}},"body":5}`,
		`{"requestContext":{"http":{"method":"GET"}},"headers":[1,2],"rawPath":7,"cookies":"x","rawQueryString":{}}`,
		`{"httpMethod":"GET","requestContext":{"httpMethod":"GET"},"multiValueHeaders":{"a":"b","c":[1,null,true,{"x":1}]},"multiValueQueryStringParameters":{"q":"x","r":[null,2]}}`}
	for _, event := range events {
		i := e.invocation(event)
		got := e.run(i)
		if got.isError() {
			got.failed("Function.BadEvent")
		}
		e.awaitNext(e.count + 1)
		if len(i.Answers) != 0 {
			t.Errorf("event %.40q was answered twice", event)
		}
	}
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// No event can make the application see a second request, or a header that the event did not have as a header.
func TestNothingIsSmuggled(t *testing.T) {
	t.Parallel()
	const second = " HTTP/1.1\r\nhost: evil\r\ninjected: 1\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: evil\r\n\r\n"
	events := map[string]string{
		"method":    HTTPEvent("GET /smuggled"+second, "/", ""),
		"path":      HTTPEvent("GET", "/"+second, ""),
		"path only": HTTPEvent("GET", second, ""),
		"content":   HTTPEvent("POST", "/", second),
		"query": strings.Replace(HTTPEvent("GET", "/", ""), `"rawQueryString":""`, `"rawQueryString":`+
			quote(second), 1),
		"header value": strings.Replace(HTTPEvent("GET", "/", ""), `"headers":{`, `"headers":{"x-a":`+
			quote("1"+second)+`,`, 1),
		"header name": strings.Replace(HTTPEvent("GET", "/", ""), `"headers":{`, `"headers":{`+quote("x-a: 1"+
			second)+`:"1",`, 1),
		"host": strings.Replace(HTTPEvent("GET", "/", ""), `api.example.com`, strings.Trim(quote("a"+second),
			`"`), 1),
		"no host": strings.Replace(strings.Replace(HTTPEvent("GET", "/", ""), `"host":"api.example.com"`, ``, 1),
			"abc123.execute-api.us-east-1.amazonaws.com", strings.Trim(quote("a"+second), `"`), 1),
		"cookies": strings.Replace(HTTPEvent("GET", "/", ""), `"headers":{`, `"cookies":[`+quote("a=1"+second)+
			`],"headers":{`, 1),
		"context": strings.Replace(HTTPEvent("GET", "/", ""), `"stage":"$default"`, `"stage":`+quote(second), 1),
		"latin": strings.Replace(HTTPEvent("GET", "/", ""), `"headers":{`,
			`"headers":{"x-a":"1\u010d\u010ainjected: 1",`, 1),
		"separators": strings.Replace(HTTPEvent("GET", "/", ""), `"headers":{`,
			`"headers":{"x-a":"1\u2028\u0085\u000b\u000cinjected: 1","x b":"","x\t":"","":"1","\u0000":"1","é":"1",`,
			1),
		"v1 query":  `{"httpMethod":"GET","path":"/","requestContext":{"httpMethod":"GET"},"queryStringParameters":{` + quote(second) + `:` + quote(second) + `}}`,
		"alb query": `{"httpMethod":"GET","path":"/","requestContext":{"elb":{"targetGroupArn":"a"}},"queryStringParameters":{` + quote(second) + `:` + quote(second) + `}}`,
	}
	for name, event := range events {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.OnRequest(func(x *lambda.Exchange) { x.Reply(200, nil, nil) })
			e.startReady()
			i := e.invocation(event)
			i.Header = append(i.Header, lambda.Field{Name: "Lambda-Runtime-Client-Context",
				Value: `{"a":"\r\ninjected: 1"}`})
			got := e.run(i)
			if got.isError() {
				got.failed("Function.BadEvent")
			}
			e.invoke(HTTPEvent("GET", "/after", "")).status(200)
			calls := e.app.Served()
			if len(calls) > 2 || countPath(e.app, "/after") != 1 || len(e.app.Probes()) != 1 {
				t.Errorf("the application saw %d requests and %d without context", len(calls), len(e.app.Probes()))
			}
			for _, call := range e.app.Requests() {
				if call.Header.Has("injected") || slices.Contains(call.Header.Values("host"), "evil") {
					t.Errorf("the application saw a header that no event had: %q", call.Head)
				}
			}
		})
	}
}

// The Runtime API may be named by host name as well, and may be far slower than the loopback.
func TestRuntimeAPIByName(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	_, port, err := net.SplitHostPort(e.api.Address())
	e.must(err)
	e.variables["AWS_LAMBDA_RUNTIME_API"] = "localhost:" + port
	e.startReady()
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// deliverBy hands out invocations by writing them in a way of its own.
func (e *environment) deliverBy(write func(x *lambda.Exchange, wire string)) {
	e.api.Intercept(func(x *lambda.Exchange) bool {
		if x.Path() != lambda.PathNext {
			return false
		}
		if i := e.api.Take(x); i != nil {
			e.api.Expect(i)
			head, body := i.Wire()
			write(x, head+body)
		}
		return true
	})
}
