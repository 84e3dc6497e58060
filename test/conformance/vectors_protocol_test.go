package conformance

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// protocolVectors runs the vectors of section 4.4, each of which is a small story of its own. Every member of given
// and want is read by the story, so that a vector that changes does not pass unnoticed.
var protocolVectors = map[int]func(vector, *testing.T){
	124: vector.registrationRequest,
	125: vector.runtimeProxy,
	126: vector.invocationIDEchoed,
	128: vector.replyTooLarge,
	129: vector.noListener,
	130: vector.idleClosed,
	132: vector.reusedDied,
	133: vector.nextReset,
	134: vector.nextForbidden,
}

func (v vector) runProtocol(t *testing.T) {
	run := protocolVectors[v.N]
	if run == nil {
		t.Fatal("no test tells the story of this vector")
	}
	run(v, t)
}

// expect asserts that a member of the vector is the value that the story was written for.
func expect(t testing.TB, m *members, name string, value any) {
	t.Helper()
	var got, want any
	text, err := json.Marshal(value)
	if err != nil || json.Unmarshal(text, &want) != nil {
		t.Fatal(err)
	}
	if !m.get(t, name, &got) || !reflect.DeepEqual(got, want) {
		t.Fatalf("the test tells the story of %q = %v, the vector says %v", name, want, got)
	}
}

func (v vector) registrationRequest(t *testing.T) {
	expect(t, v.Given, "AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
	e := v.environment(t)
	e.startReady()
	first := e.api.Requests()[0]
	var wire, body string
	v.Want.get(t, "wire", &wire)
	if got := first.Method + " " + first.Target; got != wire {
		t.Errorf("the first request is %s, want %s", got, wire)
	}
	headers := map[string]string{}
	v.Want.get(t, "h", &headers)
	for name, value := range headers {
		if got := first.Header.Values(name); !slices.Equal(got, []string{value}) {
			t.Errorf("header %s is %q, want %q", name, got, value)
		}
	}
	v.Want.get(t, "body", &body)
	if string(first.Body) != body {
		t.Errorf("body %q, want %q", first.Body, body)
	}
	if host := first.Header.Get("host"); host != e.api.Address() {
		t.Errorf("Host %q, want %q", host, e.api.Address())
	}
	e.must(e.api.Await(patience, "event/next", func() bool { return len(e.api.Calls(lambda.PathEventNext)) > 0 }))
	polls := e.api.Calls(lambda.PathEventNext)
	if len(polls) != 1 || polls[0].Header.Get("Lambda-Extension-Identifier") != lambda.ExtensionIdentifier {
		t.Errorf("the extension's poll: %v", polls)
	}
}

func (v vector) runtimeProxy(t *testing.T) {
	expect(t, v.Given, "AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
	expect(t, v.Given, "AWS_LWA_LAMBDA_RUNTIME_API_PROXY", "http://127.0.0.1:9009")
	expect(t, v.Want, "register_at", "127.0.0.1:9001")
	expect(t, v.Want, "extension_next_at", "127.0.0.1:9001")
	expect(t, v.Want, "invocation_next_at", "127.0.0.1:9009")
	for _, scheme := range []string{"http://", ""} {
		e := v.environment(t)
		proxy := lambda.NewRuntimeAPI()
		t.Cleanup(proxy.Close)
		e.must(proxy.Listen("tcp", "127.0.0.1:0"))
		e.variables["AWS_LWA_LAMBDA_RUNTIME_API_PROXY"] = scheme + proxy.Address()
		e.start()
		i := e.invocation(HTTPEvent("GET", "/", ""))
		proxy.Push(i)
		e.answered(i).status(200)
		e.must(e.api.Await(patience, "event/next at the Extensions API's own address",
			func() bool { return len(e.api.Calls(lambda.PathEventNext)) == 1 }))
		if len(e.api.Calls(lambda.PathRegister)) != 1 || len(proxy.Calls(lambda.PathEventNext)) != 0 {
			t.Errorf("the Extensions API was not asked at its own address")
		}
		if len(e.api.Calls(lambda.PathNext)) != 0 || len(proxy.Calls(lambda.PathRegister)) != 0 {
			t.Errorf("the calls went to the wrong side")
		}
	}
}

func (v vector) invocationIDEchoed(t *testing.T) {
	expect(t, v.Given, "next", map[string]any{"Lambda-Runtime-Invocation-Id": "inv-7"})
	expect(t, v.Want, "on", []string{"/response", "/error"})
	headers := map[string]string{}
	v.Want.get(t, "h", &headers)
	e := v.environment(t)
	e.variables["AWS_LWA_ERROR_STATUS_CODES"] = "500"
	e.app.OnRequest(func(x *lambda.Exchange) {
		if x.Path() == "/fail" {
			x.Reply(500, nil, nil)
			return
		}
		x.Reply(200, nil, nil)
	})
	e.startReady()
	for path, kind := range map[string]string{"/": "/response", "/fail": "/error"} {
		i := e.invocation(HTTPEvent("GET", path, ""))
		i.Header = append(i.Header, lambda.Field{Name: "Lambda-Runtime-Invocation-Id", Value: "inv-7"})
		got := e.run(i)
		if !strings.HasSuffix(got.Path(), kind) {
			t.Errorf("%s was answered with %s", path, got.Path())
		}
		for name, value := range headers {
			if !slices.Equal(got.Header.Values(name), []string{value}) {
				t.Errorf("%s: header %s is %q, want %q", kind, name, got.Header.Values(name), value)
			}
		}
	}
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	if last := e.api.Requests()[len(e.api.Requests())-1]; last.Header.Has("Lambda-Runtime-Invocation-Id") {
		t.Errorf("an invocation without an id got one: %q", last.Head)
	}
}

// responseLimit is the largest buffered reply in bytes of JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const responseLimit = 6291556

func (v vector) replyTooLarge(t *testing.T) {
	expect(t, v.Given, "encoded_len", responseLimit+1)
	expect(t, v.Want, "POST", "/error")
	expect(t, v.Want, "json", map[string]any{"errorType": "Function.ResponseSizeTooLarge",
		"errorMessage": "@size, limit and the streaming hint"})
	e := v.environment(t)
	var size atomic.Int64
	e.app.OnRequest(func(x *lambda.Exchange) {
		_ = x.Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" +
			lambda.Chunked([]byte(strings.Repeat("a", int(size.Load()))), 1<<20))
	})
	e.startReady()
	size.Store(10)
	frame := len(e.invoke(HTTPEvent("GET", "/", "")).Body) - 10
	size.Store(int64(responseLimit - frame))
	if got := e.invoke(HTTPEvent("GET", "/", "")); got.isError() || len(got.Body) != responseLimit {
		t.Errorf("a reply of exactly the limit was posted to %s with %d bytes", got.Path(), len(got.Body))
	}
	size.Add(1)
	e.invoke(HTTPEvent("GET", "/", "")).failed("Function.ResponseSizeTooLarge", "6291557", "6291556", "response_stream")
	size.Store(10)
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

var duration = regexp.MustCompile(`\d ?(ms|s|seconds|milliseconds)\b`)

func (v vector) noListener(t *testing.T) {
	expect(t, v.Given, "app", "connection refused")
	expect(t, v.Want, "POST", "/error")
	expect(t, v.Want, "json", map[string]any{"errorType": "Function.AppConnectError",
		"errorMessage": "@names 127.0.0.1:8080 and how long it waited"})
	expect(t, v.Want, "then", "next poll")
	e := v.environment(t)
	e.startReady()
	e.app.Refuse()
	e.app.CloseIdle()
	begin := time.Now()
	got := e.invoke(HTTPEvent("POST", "/", "x")).failed("Function.AppConnectError", e.appAddress())
	if waited := time.Since(begin); waited < 1500*time.Millisecond || waited > late(10*time.Second) {
		t.Errorf("waited %v for the application to come back, want about 2 s", waited)
	}
	if !duration.MatchString(got.ErrorMessage) {
		t.Errorf("the message does not say how long it waited: %s", got.ErrorMessage)
	}
	e.awaitNext(2)
	e.must(e.app.Resume())
	e.invoke(HTTPEvent("POST", "/", "x")).status(200)
}

func (v vector) idleClosed(t *testing.T) {
	expect(t, v.Given, "idle", "app sent FIN before the request")
	expect(t, v.Want, "app_sees", "exactly one request, on a new connection")
	expect(t, v.Want, "caller_sees", 200)
	e := v.environment(t)
	e.startReady()
	e.invoke(HTTPEvent("POST", "/", "x")).status(200)
	for range 20 {
		before := e.app.Served()
		e.must(e.app.Await(patience, "the idle connection", func() bool { return e.app.CloseIdle() > 0 }))
		e.invoke(HTTPEvent("POST", "/", "x")).status(200)
		after := e.app.Served()
		if len(after) != len(before)+1 || after[len(before)].Conn == before[len(before)-1].Conn {
			t.Fatalf("the application saw %d requests", len(after)-len(before))
		}
	}
}

func (v vector) reusedDied(t *testing.T) {
	expect(t, v.Given, "reused", true)
	expect(t, v.Given, "bytes_of_reply", 0)
	expect(t, v.Want, "retry", "once, fresh connection")
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "POST", "PATCH"} {
		retried := method != "POST" && method != "PATCH"
		for _, how := range []string{"FIN", "RST"} {
			t.Run(method+" "+how, func(t *testing.T) {
				e := v.environment(t)
				e.variables["AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS"] = "600" // on a busy machine a second is soon over
				var dying atomic.Int32
				e.app.OnRequest(func(x *lambda.Exchange) {
					switch {
					case dying.Add(-1) < 0:
						x.Reply(200, nil, nil)
					case how == "RST":
						x.Reset()
					default:
						x.Close()
					}
				})
				e.startReady()
				e.invoke(HTTPEvent("GET", "/warm", "")).status(200)
				warm := e.app.Served()[0].Conn

				dying.Store(1)
				got := e.invoke(HTTPEvent(method, "/once", "body"))
				calls := e.app.Served()[1:]
				if !retried {
					got.failed("Function.AppBadResponse", e.appAddress())
					if len(calls) != 1 {
						t.Errorf("%s was sent %d times", method, len(calls))
					}
				} else {
					got.status(200)
					if len(calls) != 2 || calls[0].Conn != warm || calls[1].Conn == warm ||
						string(calls[1].Body) != "body" {
						t.Errorf("want %s once on the old and once on a new connection, got %d requests", method,
							len(calls))
					}
				}
				e.invoke(HTTPEvent("GET", "/warm", "")).status(200)

				dying.Store(2)
				seen := len(e.app.Served())
				e.invoke(HTTPEvent(method, "/twice", "body")).failed("Function.AppBadResponse", e.appAddress())
				if want := map[bool]int{true: 2, false: 1}[retried]; len(e.app.Served())-seen != want {
					t.Errorf("%s was sent %d times, want %d", method, len(e.app.Served())-seen, want)
				}
			})
		}
	}
}

func (v vector) nextReset(t *testing.T) {
	expect(t, v.Given, "next", "connection reset, then 200")
	expect(t, v.Want, "then", "retry with back-off 20 ms to 1 s, exit 1 after 5 s of failures")
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		e := v.environment(t)
		var polls atomic.Int32
		e.api.Intercept(func(x *lambda.Exchange) bool {
			if x.Path() != lambda.PathNext || polls.Add(1) > 5 {
				return false
			}
			x.Reset()
			return true
		})
		e.start()
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		calls := e.api.Calls(lambda.PathNext)
		for n, least := range []time.Duration{20, 40, 80, 160} {
			if gap := calls[n+1].At.Sub(calls[n].At); gap < least*time.Millisecond/2 ||
				gap > least*time.Millisecond*2+late(time.Second) {
				t.Errorf("poll %d came %v after the one before, want about %v", n+2, gap, least*time.Millisecond)
			}
		}
	})
	t.Run("give up", func(t *testing.T) {
		t.Parallel()
		e := v.environment(t)
		e.api.Intercept(func(x *lambda.Exchange) bool {
			if x.Path() == lambda.PathNext {
				x.Reset()
			}
			return x.Path() == lambda.PathNext
		})
		e.startReady()
		e.exits(1)
		calls := e.api.Calls(lambda.PathNext)
		if tried := calls[len(calls)-1].At.Sub(calls[0].At); tried < 3*time.Second || tried > late(12*time.Second) {
			t.Errorf("gave up after %v, want about 5 s", tried)
		}
		if len(calls) < 6 || len(calls) > 30 {
			t.Errorf("polled %d times", len(calls))
		}
		e.logs(e.api.Address())
	})
}

func (v vector) nextForbidden(t *testing.T) {
	expect(t, v.Given, "status", 403)
	expect(t, v.Want, "then", "log and exit 1, so that Lambda rebuilds the environment")
	e := v.environment(t)
	e.api.Intercept(func(x *lambda.Exchange) bool {
		if x.Path() == lambda.PathNext {
			x.Reply(403, nil,
				[]byte(`{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}`))
		}
		return x.Path() == lambda.PathNext
	})
	e.startReady()
	e.exits(1)
	e.logs("403", "InvalidStateTransition")
	if n := len(e.api.Calls(lambda.PathNext)); n != 1 {
		t.Errorf("polled %d times", n)
	}
}
