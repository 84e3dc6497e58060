package gateway

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

const missingTokenBody = `{"message":"Missing Authentication Token"}`

// withPaths is an API with other paths.
func withPaths(f function, paths string) Config {
	config := testConfig(f)
	config.Document = documentText(paths, anyBinary)
	return config
}

func TestCheck46_R_UnknownPath(t *testing.T) {
	server := serve(t, withPaths(echo, `"/a":{"get":`+methodText("")+`}`))
	if got := get(t, server, "/v1/a"); got.status != 200 {
		t.Errorf("GET /a: status %d", got.status)
	}
	for _, request := range []string{requestText("GET", "/v1/b", ""), requestText("POST", "/v1/a", ""),
		requestText("GET", "/v1", ""),
		requestText("GET", "/v1/a/b", "")} {
		got := exchangeRaw(t, server, request)
		if got.status != 403 || got.body != missingTokenBody || len(got.body) != 42 {
			t.Errorf("%q: %d %q", request, got.status, got.body)
		}
		if lines := got.lines("x-amzn-ErrorType"); !slices.Equal(lines,
			[]string{"x-amzn-ErrorType: MissingAuthenticationTokenException"}) {
			t.Errorf("%q", lines)
		}
	}
}

func TestCheck48_Unknown_UnknownStage(t *testing.T) {
	server := serve(t, testConfig(echo))
	for _, target := range []string{"/v2", "/", "/v", "/V1/x", "/v1x", "/%761"} {
		if got := get(t, server, target); got.status != failUnknownStage.status || got.body != failUnknownStage.body ||
			got.header.Get("x-amzn-ErrorType") != failUnknownStage.errorType {
			t.Errorf("%s: %d %q", target, got.status, got.body)
		}
	}
}

// TestCheck50_R_BodyLimit sends the head alone: the refusal must not wait for the body.
func TestCheck50_R_BodyLimit(t *testing.T) {
	server := serve(t, testConfig(echo))
	got := exchangeRaw(t, server, "POST /v1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\nabc")
	if got.status != 413 || got.body != "HTTP content length exceeded 10485760 bytes." {
		t.Errorf("%d %q", got.status, got.body)
	}
	if lines := got.lines("Content-Type"); !slices.Equal(lines, []string{"Content-Type: text/plain"}) ||
		strings.Contains(got.head, "x-amz") {
		t.Errorf("head %q", got.head)
	}
	expecting := exchangeRaw(t, server,
		"POST /v1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10485761\r\n\r\n")
	if expecting.status != 413 {
		t.Errorf("with Expect: status %d", expecting.status)
	}
	allowed := exchangeRaw(t, server, requestText("POST", "/v1", strings.Repeat("a", 10485760)))
	if strings.HasPrefix(allowed.body, "HTTP content length") {
		t.Errorf("10485760 bytes: %d %q", allowed.status, allowed.body)
	}
	chunked := exchangeRaw(t, server, "POST /v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na00001\r\n"+
		strings.Repeat("a", 10485761)+"\r\n0\r\n\r\n")
	if chunked.status != 413 || chunked.body != got.body {
		t.Errorf("chunked: %d %q", chunked.status, chunked.body)
	}
}

func TestCheck51_R_EventLimit(t *testing.T) {
	var calls counter
	got := exchangeRaw(t, serve(t, testConfig(calls.of(echo))), requestText("POST", "/v1", strings.Repeat("a", 5<<20)))
	if got.status != 413 || got.body != `{"message": "Request Too Long"}` ||
		got.header.Get("x-amzn-ErrorType") != "BadRequestException" {
		t.Errorf("%d %q", got.status, got.body)
	}
	if calls.value() != 0 {
		t.Error("the function was invoked")
	}
}

func TestCheck52_R_Throttle(t *testing.T) {
	var calls counter
	now := time.Unix(1e9, 0)
	config := testConfig(calls.of(echo))
	config.Throttle = &Throttle{Rate: 1, Burst: 1}
	config.Now = func() time.Time { return now }
	server := serve(t, config)
	if got := get(t, server, "/v1"); got.status != 200 {
		t.Fatalf("first: status %d", got.status)
	}
	got := get(t, server, "/v1")
	if got.status != 429 || got.body != `{"message":"Too Many Requests"}` ||
		got.header.Get("x-amzn-ErrorType") != "TooManyRequestsException" {
		t.Errorf("second: %d %q", got.status, got.head)
	}
	if calls.value() != 1 {
		t.Errorf("%d invocations, want 1", calls.value())
	}
	now = now.Add(time.Second)
	if got := get(t, server, "/v1"); got.status != 200 {
		t.Errorf("a second later: status %d", got.status)
	}
}

// TestThrottleRefills: tokens come back at the rate, up to the burst.
func TestThrottleRefills(t *testing.T) {
	now := time.Unix(1e9, 0)
	b, err := newBucket(&Throttle{Rate: 2, Burst: 3}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after  time.Duration
		passes int
	}{{0, 3}, {400 * time.Millisecond, 0}, {100 * time.Millisecond, 1}, {time.Second, 2}, {time.Hour, 3}} {
		now = now.Add(step.after)
		passed := 0
		for b.take() {
			passed++
		}
		if passed != step.passes {
			t.Errorf("%v later %d requests pass, want %d", step.after, passed, step.passes)
		}
	}
}

func TestThrottleOfZeroRefusesEverything(t *testing.T) {
	config := testConfig(echo)
	config.Throttle = &Throttle{Rate: 5}
	if got := get(t, serve(t, config), "/v1"); got.status != 429 {
		t.Errorf("burst 0: status %d", got.status)
	}
}

// TestRefusals: the limits of the front and what Lambda refuses.
func TestRefusals(t *testing.T) {
	failing := func(err error) function {
		return func(context.Context, sandbox.Invocation) (sandbox.Result, error) { return sandbox.Result{}, err }
	}
	for _, check := range []struct {
		name      string
		function  function
		request   string
		status    int
		body      string
		errorType string
	}{
		{"headers_[?]_over_10240_bytes", echo, requestText("GET", "/v1", "", "A: "+strings.Repeat("a", 10240)), 431,
			"HTTP header is larger than 10240 bytes.", ""},
		{"headers_of_10200_bytes", echo, requestText("GET", "/v1", "", "A: "+strings.Repeat("a", 10200)), 200, "", ""},
		{"target_[?]_over_10240_bytes", echo, requestText("GET", "/v1/"+strings.Repeat("a", 10240), ""), 414,
			failURLTooLong.body, failURLTooLong.errorType},
		{"body_[?]_cut_off", echo, "POST /v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
			failBodyCutOff.body, failBodyCutOff.errorType},
		{"no_sandbox_[?]_free", failing(sandbox.ErrThrottled), requestText("GET", "/v1", ""),
			failFunctionThrottled.status,
			failFunctionThrottled.body, failFunctionThrottled.errorType},
		{"too_large_for_Lambda_[R]", failing(sandbox.ErrTooLarge), requestText("GET", "/v1", ""), 413,
			`{"message": "Request Too Long"}`, "BadRequestException"},
		{"not_invocable_[R]", failing(io.ErrClosedPipe), requestText("GET", "/v1", ""), 500, malformedBody,
			"InternalServerErrorException"},
	} {
		t.Run(check.name, func(t *testing.T) {
			got := exchangeRaw(t, serve(t, testConfig(check.function)), check.request)
			if got.status != check.status || check.body != "" && got.body != check.body ||
				got.header.Get("x-amzn-ErrorType") != check.errorType {
				t.Errorf("%d %q %q", got.status, got.body, got.head)
			}
		})
	}
}

// TestRouting: which method a path gets.
func TestRouting(t *testing.T) {
	method := methodText("")
	server := serve(t, withPaths(echo, strings.Join([]string{
		`"/users":{"get":` + method + `}`,
		`"/users/{id}":{"get":` + method + `,"options":` + method + `}`,
		`"/users/{id}/posts":{"get":` + method + `}`,
		`"/users/me":{"get":` + method + `}`,
		`"/users/{any+}":{"post":` + method + `}`,
		`"/{proxy+}":{"x-amazon-apigateway-any-method":` + method + `,"delete":` + method + `}`,
	}, ",")))
	for _, check := range []struct{ name, request, resource, parameters string }{
		{"literal", "GET /v1/users", "/users", `null`},
		{"literal_with_trailing_slash", "GET /v1/users/", "/users", `null`},
		{"parameter", "GET /v1/users/7%2F8", "/users/{id}", `{"id":"7%2F8"}`},
		{"literal_before_parameter", "GET /v1/users/me", "/users/me", `null`},
		{"literal_falls_back_to_parameter", "GET /v1/users/me/posts", "/users/{id}/posts", `{"id":"me"}`},
		{"parameter_falls_through_to_greedy_sibling", "POST /v1/users/7", "/users/{any+}", `{"any":"7"}`},
		{"other_method_falls_through_to_the_top", "PUT /v1/users/7", "/{proxy+}", `{"proxy":"users/7"}`},
		{"node_without_method", "GET /v1/users/7/posts/8", "/{proxy+}", `{"proxy":"users/7/posts/8"}`},
		{"empty_part_is_no_parameter", "GET /v1/users//posts", "/{proxy+}", `{"proxy":"users//posts"}`},
		{"own_method_before_ANY", "DELETE /v1/x", "/{proxy+}", `{"proxy":"x"}`},
	} {
		t.Run(check.name, func(t *testing.T) {
			verb, target, _ := strings.Cut(check.request, " ")
			exchangeRaw(t, server, requestText(verb, target, "")).event(t).expect(t, map[string]string{
				"resource": `"` + check.resource + `"`, "pathParameters": check.parameters})
		})
	}
}

// TestClientGoes: a client that hangs up ends its own invocation's wait and nothing else.
func TestClientGoes(t *testing.T) {
	waiting, gone := make(chan struct{}), make(chan error, 1)
	server := serve(t, testConfig(func(ctx context.Context, _ sandbox.Invocation) (sandbox.Result, error) {
		close(waiting)
		<-ctx.Done()
		gone <- ctx.Err()
		return sandbox.Result{}, ctx.Err()
	}))
	conn := dial(t, server)
	io.WriteString(conn, requestText("GET", "/v1", ""))
	<-waiting
	conn.Close()
	if err := <-gone; err != context.Canceled {
		t.Errorf("the invocation saw %v", err)
	}
}

// TestPipelining answers requests of one connection in order.
func TestPipelining(t *testing.T) {
	conn := dial(t, serve(t, testConfig(echo)))
	go io.WriteString(conn, requestText("GET", "/v1/1", "")+requestText("POST", "/v1/2", "b")+requestText("GET",
		"/v1/3", ""))
	from := bufio.NewReader(conn)
	for _, path := range []string{`"/1"`, `"/2"`, `"/3"`} {
		got := readReply(t, from, "GET")
		got.event(t).expect(t, map[string]string{"path": path})
	}
}
