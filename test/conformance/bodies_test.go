package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// randomBytes returns n bytes that are the same in every run.
func randomBytes(n int) []byte {
	bytes := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(bytes)
	return bytes
}

// binaryEvent is an HTTP API event whose body is base64.
func binaryEvent(method, path string, body []byte) string {
	return Binary(HTTPEvent(method, path, ""), body)
}

// content returns the body that the client gets.
func (r envelope) content(t testing.TB) []byte {
	t.Helper()
	if !r.IsBase64Encoded {
		return []byte(r.Body)
	}
	body, err := base64.StdEncoding.DecodeString(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Bytes in are bytes out, both ways, whatever their size and kind.
func TestBodiesAreExact(t *testing.T) {
	t.Parallel()
	escapes := strings.Repeat("\"quoted\" \\ back / \t\r\n\b\f\x00\x01\x1f\x7f <&> é \u2028 日本 🎉 ", 20000)
	bodies := map[string][]byte{
		"empty":                {},
		"one byte":             {0},
		"every byte":           everyByte(),
		"binary 4.5 MB":        randomBytes(4_500_000),
		"binary 64 KiB":        randomBytes(64 << 10),
		"text 1 MB of escapes": []byte(escapes),
		"text 64 KiB - 1":      []byte(strings.Repeat("a", 64<<10-1)),
		"text 64 KiB + 1":      []byte(strings.Repeat("é", 32<<10) + "a"),
		"invalid at the end":   append([]byte(strings.Repeat("text ", 100000)), 0xff),
		"cut in a character":   []byte("caf\xc3"),
		"zeros, then binary":   append(make([]byte, 1536<<10), 0xff),
		"surrogate bytes":      []byte("\xed\xa0\x80"),
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.app.OnRequest(func(x *lambda.Exchange) {
				kind := x.Header.Get("x-kind")
				if x.Path() == "/chunked" {
					_ = x.Write("HTTP/1.1 200 OK\r\nContent-Type: " + kind +
						"\r\nTransfer-Encoding: chunked\r\n\r\n" + lambda.Chunked(x.Body, 8191))
					return
				}
				x.Reply(200, []string{"Content-Type: " + kind}, x.Body)
			})
			e.startReady()
			for _, kind := range []string{"text/plain", "image/png"} {
				if kind == "text/plain" && len(body) > 4<<20 {
					continue // invalid text becomes base64: measured with the other bodies
				}
				for _, path := range []string{"/length", "/chunked"} {
					event := strings.Replace(binaryEvent("POST", path, body), `"headers":{`, `"headers":{"x-kind":"`+
						kind+`",`, 1)
					reply := e.invoke(event).status(200)
					last := e.app.Served()[len(e.app.Served())-1]
					if !bytes.Equal(last.Body, body) {
						t.Errorf("%s %s: the application got %d bytes, want %d", path, kind, len(last.Body), len(body))
					}
					if got := reply.content(t); !bytes.Equal(got, body) {
						t.Errorf("%s %s: the client got %d bytes, want %d", path, kind, len(got), len(body))
					}
				}
			}
		})
	}
}

func everyByte() []byte {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	return bytes.Repeat(all, 300)
}

// A text body arrives as the JSON string says, with every kind of escape and in any place of the event.
func TestTextBodies(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		`"a\u00e9\ud83c\udf89\n\/\"\\\b\f\r\t"`:      "aé🎉\n/\"\\\b\f\r\t",
		`"é🎉"`:                                       "é🎉",
		`"\u0000\u001f\u007f"`:                       "\x00\x1f\x7f",
		`"` + strings.Repeat(`\u00e9`, 170000) + `"`: strings.Repeat("é", 170000),
		`""`:   "",
		`null`: "",
	}
	e := newEnvironment(t)
	e.startReady()
	for text, want := range bodies {
		for _, event := range []string{
			strings.Replace(HTTPEvent("POST", "/", ""), `"body":""`, `"body":`+text, 1),
			`{"body":` + text + `,` + strings.Replace(HTTPEvent("POST", "/", ""), `,"body":""`, ``, 1)[1:],
		} {
			e.invoke(event).status(200)
			last := e.app.Served()[len(e.app.Served())-1]
			checkBody(t, last, want)
			if got := last.Header.Get("content-length"); got != fmt.Sprint(len(want)) {
				t.Errorf("content-length %s, want %d", got, len(want))
			}
		}
	}
}

// Base64 as real clients write it.
func TestBase64Bodies(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	for text, want := range map[string]string{"aGk=": "hi", "": "", "aGVsbG8=": "hello", `aGk\u003d`: "hi",
		`\/\/79`: "\xff\xfe\xfd"} {
		event := strings.Replace(binaryEvent("POST", "/", nil), `"body":""`, `"body":"`+text+`"`, 1)
		e.invoke(event).status(200)
		checkBody(t, e.app.Served()[len(e.app.Served())-1], want)
	}
	for _, text := range []string{"*", "a", "aGk=aGk=", "aG k=", "aGk=\\n=", "é"} {
		before := len(e.app.Served())
		event := strings.Replace(binaryEvent("POST", "/", nil), `"body":""`, `"body":"`+text+`"`, 1)
		e.invoke(event).status(400)
		if len(e.app.Served()) != before {
			t.Errorf("the application was called with a body that is not base64: %q", text)
		}
	}
}

// Small and large bodies in turn: what one exchange leaves in a buffer must not reach the next.
func TestSizesInTurn(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnRequest(func(x *lambda.Exchange) {
		x.Reply(200, []string{"Content-Type: application/octet-stream"},
			x.Body)
	})
	e.startReady()
	all := randomBytes(3 << 20)
	for _, size := range []int{0, 3 << 20, 1, 65536, 2 << 20, 0, 65535, 65537, 10, 1 << 20, 3} {
		body := all[:size]
		if reply := e.invoke(binaryEvent("PUT", "/", body)).status(200); !bytes.Equal(reply.content(t), body) {
			t.Errorf("a body of %d bytes came back as %d", size, len(reply.content(t)))
		}
	}
}

// latticeEvent is a VPC Lattice event of version 2.0.
// https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
const latticeEvent = `{"version":"2.0","path":"/shop/a%2Fb","method":"POST","headers":{"host":["s.example.com"],"x-a":["1","2"],"accept":["*/*"]},` +
	`"queryStringParameters":{"k":["1","2"],"q":["x y"]},"body":"aGk=","isBase64Encoded":true,` +
	`"requestContext":{"serviceNetworkArn":"arn:aws:vpc-lattice:us-east-1:111122223333:servicenetwork/sn-1",` +
	`"serviceArn":"arn:aws:vpc-lattice:us-east-1:111122223333:service/svc-1","region":"us-east-1","timeEpoch":"1690497599177430"}}`

func TestLattice(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.app.OnRequest(func(x *lambda.Exchange) {
		x.Reply(201, []string{"Content-Type: text/plain", "Vary: a", "Vary: b"}, []byte("made"))
	})
	e.startReady()
	got := e.invoke(latticeEvent)
	call := e.app.Served()[0]
	if line := call.Method + " " + call.Target; line != "POST /shop/a%2Fb?k=1&k=2&q=x%20y" {
		t.Errorf("request %s", line)
	}
	checkBody(t, call, "hi")
	if a := call.Header.Values("x-a"); fmt.Sprint(a) != "[1 2]" || call.Header.Get("host") != "s.example.com" {
		t.Errorf("headers %v", call.Header)
	}
	if want := requestContext(t, []byte(latticeEvent)); call.Header.Get("x-amzn-request-context") != want {
		t.Errorf("context %s", call.Header.Get("x-amzn-request-context"))
	}
	checkEnvelope(t, got.Body,
		json.RawMessage(`{"statusCode":201,"statusDescription":"201 Created","headers":{"content-type":"text/plain",`+
			`"vary":"a, b","content-length":"4"},"body":"made","isBase64Encoded":false}`))
}

// The event structure version 1, which a target group has unless told otherwise, and several cookies, for
// which Lattice's responses have no form.
func TestLatticeVersion1(t *testing.T) {
	t.Parallel()
	for _, encoded := range []string{`"aGk=","is_base64_encoded":"true"`, `"aGk=","is_base64_encoded":true`,
		`"hi","is_base64_encoded":false`} {
		e := newEnvironment(t)
		e.app.OnRequest(func(x *lambda.Exchange) {
			x.Reply(200, []string{"Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2"}, []byte("ok"))
		})
		e.startReady()
		event := `{"raw_path":"/shop/a%2Fb","method":"POST","headers":{"host":"s.example.com","x-a":"1"},"query_string_parameters":{"k":"1"},"body":` + encoded + `}`
		for range 2 {
			checkEnvelope(t, e.invoke(event).Body,
				json.RawMessage(`{"statusCode":200,"statusDescription":"200 OK","headers":{"content-type":"text/plain",`+
					`"set-cookie":"a=1, b=2","content-length":"2"},"body":"ok","isBase64Encoded":false}`))
		}
		call := e.app.Served()[0]
		if line := call.Method + " " + call.Target; line != "POST /shop/a%2Fb?k=1" ||
			call.Header.Get("host") != "s.example.com" {
			t.Errorf("request %s, headers %v", line, call.Header)
		}
		checkBody(t, call, "hi")
		if lines := e.finish().Lines("WARN", "Set-Cookie"); len(lines) != 1 {
			t.Errorf("%d warnings of the cookies, want one", len(lines))
		}
	}
}

func TestContextHeadersSetting(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string][2]bool{"all": {true, true}, "request": {true, false}, "lambda": {false,
		true}, "none": {false, false}, "": {true, true}} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_CONTEXT_HEADERS"] = setting
			e.startReady()
			event := strings.Replace(HTTPEvent("GET", "/x", ""), `"headers":{`,
				`"headers":{"x-amzn-request-context":"forged","X-Amzn-Lambda-Context":"forged",`, 1)
			e.invoke(event).status(200)
			call := e.app.Requests()[len(e.app.Requests())-1]
			for n, name := range []string{"x-amzn-request-context", "x-amzn-lambda-context"} {
				values := call.Header.Values(name)
				if (len(values) == 1) != want[n] || len(values) > 1 || len(values) == 1 && values[0] == "forged" {
					t.Errorf("%s is %q", name, values)
				}
			}
		})
	}
	t.Run("a large context is warned about", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.startReady()
		event := strings.Replace(HTTPEvent("GET", "/", ""), `"stage":`, `"authorizer":{"lambda":{"claims":"`+
			strings.Repeat("c", 8000)+`"}},"stage":`, 1)
		for range 3 {
			e.invoke(event).status(200)
		}
		if lines := e.finish().Lines("WARN", "AWS_LWA_CONTEXT_HEADERS"); len(lines) != 1 {
			t.Errorf("%d warnings, want one", len(lines))
		}
		if strings.Contains(e.adapter.Log().Text(), "cccccccccc") {
			t.Error("the context is in the log")
		}
	})
}

// A client cannot set what only Lambda may.
func TestForgedHeaders(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	event := strings.Replace(HTTPEvent("GET", "/", ""), `"headers":{`,
		`"headers":{"X-Amz-Tenant-Id":"forged","x-amzn-lambda-context":"forged","X-Amzn-Request-Context":"forged",`+
			`"X_Amz_Tenant_Id":"forged","x-amzn_lambda-context":"forged","X.Amzn.Request.Context":"forged","X_Forwarded_For":"forged",`, 1)
	i := e.invocation(event)
	e.run(i).status(200)
	call := e.app.Served()[0]
	if call.Header.Has("x-amz-tenant-id") || bytes.Contains(call.Head, []byte("forged")) {
		t.Errorf("the application got %q", call.Head)
	}
	i = e.invocation(event)
	i.Header = append(i.Header, lambda.Field{Name: "Lambda-Runtime-Aws-Tenant-Id", Value: "blue"})
	e.run(i).status(200)
	if got := e.app.Served()[1].Header.Values("x-amz-tenant-id"); fmt.Sprint(got) != "[blue]" {
		t.Errorf("tenant %q", got)
	}
	for _, call := range e.app.Served() {
		if strings.Contains(string(call.Head), ": forged") {
			t.Errorf("the application sees %s", call.Head)
		}
	}
}

// Non-ASCII context values reach the application as JSON escapes: header fields are ASCII for many servers.
func TestContextIsASCII(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.startReady()
	event := strings.Replace(HTTPEvent("GET", "/", ""), `"userAgent":"t"`,
		`"userAgent": "é 🎉 \u0041 \\ \"", "number": 1.00, "del":"`+"\x7f"+`"`, 1)
	i := e.invocation(event)
	i.Header = append(i.Header, lambda.Field{Name: "Lambda-Runtime-Client-Context", Value: `{"custom": {"k": "ü🎉"}}`})
	e.run(i).status(200)
	call := e.app.Served()[0]
	if got, want := call.Header.Get("x-amzn-request-context"), requestContext(t, []byte(event)); got != want {
		t.Errorf("request context\n%s, want\n%s", got, want)
	}
	if got, want := call.Header.Get("x-amzn-lambda-context"), lambdaContext(t, i); got != want {
		t.Errorf("Lambda context\n%s, want\n%s", got, want)
	}
}

// A websocket reply must be an object with a status, which API Gateway reads.
func TestWebSocketReply(t *testing.T) {
	t.Parallel()
	event := `{"requestContext":{"routeKey":"$connect","eventType":"CONNECT","connectionId":"c=","apiId":"w"},"isBase64Encoded":false}`
	for body, want := range map[string]string{`no`: `{"statusCode":403,"body":"no"}`,
		`{"statusCode":200}`: `{"statusCode":200}`, ``: `{"statusCode":403,"body":""}`} {
		e := newEnvironment(t)
		e.app.OnRequest(func(x *lambda.Exchange) {
			x.Reply(403, []string{"Content-Type: application/json"},
				[]byte(body))
		})
		e.startReady()
		got := e.invoke(event)
		if got.isError() {
			t.Fatalf("failed: %s", got.Body)
		}
		checkEnvelope(t, got.Body, []byte(want))
	}
}

// The connection to the application is kept, and given up when it has rested too long, by whatever clock.
func TestConnectionReuse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		header string        // of the application's replies
		idle   string        // AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS
		rest   time.Duration // between two invocations
		freeze bool          // the adapter is stopped during the rest
		reused bool
	}{
		"at once":                     {idle: "30", reused: true},
		"rest of 1.2 s":               {rest: 1200 * time.Millisecond},
		"frozen for 1.2 s":            {rest: 1200 * time.Millisecond, freeze: true},
		"frozen shortly":              {rest: 100 * time.Millisecond, freeze: true, idle: "30", reused: true},
		"rest of 1.2 s, 30 s allowed": {idle: "30", rest: 1200 * time.Millisecond, reused: true},
		"no reuse":                    {idle: "0"},
		"half of the application's second is over": {header: "Keep-Alive: timeout=1, max=99",
			rest: 700 * time.Millisecond},
		"application's minute": {header: "Keep-Alive: timeout=60", idle: "30",
			rest: 300 * time.Millisecond, reused: true},
		"application's 0 s":      {header: "keep-alive: timeout=0", rest: 10 * time.Millisecond},
		"connection: close":      {header: "Connection: Close"},
		"connection: keep-alive": {header: "Connection: keep-alive", idle: "30", reused: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			if c.idle != "" {
				e.variables["AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS"] = c.idle
			}
			e.app.OnRequest(func(x *lambda.Exchange) {
				var lines []string
				if c.header != "" {
					lines = append(lines, c.header)
				}
				x.Reply(200, lines, nil)
			})
			e.startReady()
			for n := range 3 {
				e.invoke(HTTPEvent("POST", "/", "x")).status(200)
				e.awaitNext(n + 2)
				if c.freeze {
					e.must(e.adapter.Freeze())
				}
				time.Sleep(c.rest) // the rest is what is tested
				if c.freeze {
					e.must(e.adapter.Thaw())
				}
			}
			calls := e.app.Served()
			for n := 1; n < len(calls); n++ {
				if reused := calls[n].Conn == calls[n-1].Conn; reused != c.reused {
					t.Errorf("invocation %d came on connection %d, the one before on %d", n+1, calls[n].Conn,
						calls[n-1].Conn)
				}
			}
			if len(calls) != 3 {
				t.Errorf("three POSTs were sent %d times", len(calls))
			}
			e.must(e.app.Await(patience, "the end of the old connections", func() bool { return e.app.Open() <= 1 }))
		})
	}
}
