package gateway

import (
	"context"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// returnEvent answers with the event itself, a bare object.
func returnEvent(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
	return sandbox.Result{Payload: in.Event}, nil
}

func serveURL(t testing.TB, f function, change func(*FunctionURLConfig)) *httptest.Server {
	t.Helper()
	config := FunctionURLConfig{
		Function: f, FunctionARN: testFunction, URLID: "abcdefghij", Region: testRegion, AccountID: testAccount,
		Now: func() time.Time { return testNow },
	}
	if change != nil {
		change(&config)
	}
	url, err := NewFunctionURL(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(url)
	t.Cleanup(server.Close)
	return server
}

func TestCheck70_R_FunctionURLEvent(t *testing.T) {
	server := serveURL(t, returnEvent, nil)
	for _, check := range []struct {
		name, request string
		want          map[string]string
		absent        []string
	}{
		{"path_and_query_[R]", requestText("GET", "/capture/x%20y?r=1&r=2", "", "User-Agent: ua"), map[string]string{
			"version": `"2.0"`, "routeKey": `"$default"`, "rawPath": `"/capture/x%20y"`, "rawQueryString": `"r=1\u0026r=2"`,
			"queryStringParameters": `{"r":"1,2"}`, "requestContext/http/path": `"/capture/x y"`, "requestContext/http/method": `"GET"`,
			"requestContext/http/sourceIp": `"127.0.0.1"`, "requestContext/http/userAgent": `"ua"`, "requestContext/http/protocol": `"HTTP/1.1"`,
			"requestContext/accountId": `"anonymous"`, "requestContext/apiId": `"abcdefghij"`, "requestContext/stage": `"$default"`,
			"requestContext/routeKey": `"$default"`, "requestContext/domainName": `"api.example.com"`, "requestContext/domainPrefix": `"api"`,
			"requestContext/time": `"10/Jul/2026:19:19:04 +0000"`, "requestContext/timeEpoch": `1783711144000`, "isBase64Encoded": `false`,
		}, []string{"body", "cookies"}},
		{"no_query_[R]", requestText("GET", "/", ""), map[string]string{"rawPath": `"/"`, "rawQueryString": `""`}, []string{"queryStringParameters"}},
		{"headers_[R]", requestText("GET", "/", "", "X-T: 1", "X-T: 2", "Cookie: a=1; b=2", "Connection: keep-alive"), map[string]string{
			"headers/x-t": `"1,2"`, "headers/cookie": `"a=1; b=2"`, "cookies": `["a=1","b=2"]`, "headers/x-forwarded-proto": `"https"`,
			"headers/host": `"api.example.com"`}, []string{"authorizer"}},
		{"JSON_[R]_is_text", requestText("POST", "/", `{"a":1}`, "Content-Type: application/json; charset=utf-8"),
			map[string]string{"body": `"{\"a\":1}"`, "isBase64Encoded": `false`, "headers/content-length": `"7"`}, nil},
		{"no_type_[R]_is_binary", requestText("POST", "/", "abc"), map[string]string{"body": `"YWJj"`, "isBase64Encoded": `true`}, nil},
		{"multipart_[R]_is_binary", requestText("POST", "/", "abc", "Content-Type: multipart/form-data; boundary=x"),
			map[string]string{"body": `"YWJj"`, "isBase64Encoded": `true`}, nil},
	} {
		t.Run(check.name, func(t *testing.T) {
			e := exchangeRaw(t, server, check.request).event(t)
			e.expect(t, check.want)
			for _, key := range check.absent {
				if _, there := e.raw[key]; there {
					t.Errorf("the event has %s", key)
				}
			}
		})
	}
}

func TestCheck71_R_FunctionURLAnswer(t *testing.T) {
	for _, check := range []struct {
		name, payload string
		status        int
		body          string
		lines         map[string][]string
	}{
		{"bare_object_[R]", `{"hello": "you"}`, 200, `{"hello": "you"}`, map[string][]string{"Content-Type": {"Content-Type: application/json"}}},
		{"string_[R]_is_unwrapped", `"h\u00e9"`, 200, "hé", nil},
		{"list_[R]", `[1]`, 200, `[1]`, nil},
		{"cookies_[R]", `{"statusCode":201,"cookies":["a=1","b=2"],"headers":{"Server":"gunicorn","Content-Type":"text/plain"},"body":"x"}`, 201, "x",
			map[string][]string{"Set-Cookie": {"Set-Cookie: a=1", "Set-Cookie: b=2"}, "Server": {"Server: gunicorn"},
				"Content-Type": {"Content-Type: text/plain"}, "x-amzn-Remapped-Server": nil, "Content-Length": {"Content-Length: 1"}}},
		{"status_as_text_[R]", `{"statusCode":"404"}`, 404, "", nil},
		{"base64_[R]_whatever_is_accepted", `{"statusCode":200,"isBase64Encoded":true,"body":"AP8="}`, 200, "\x00\xff", nil},
		{"unknown_members_pass", `{"statusCode":200,"foo":{"a":[1]},"body":"b"}`, 200, "b", nil},
		{"own_length_and_date_stay_one", `{"statusCode":200,"headers":{"content-length":"99","connection":"close","date":"d"},"body":"b"}`, 200, "b",
			map[string][]string{"Content-Length": {"Content-Length: 1"}, "Date": {"Date: d"}, "Connection": {"Connection: keep-alive"}}},
		{"malformed_[R]", `{"statusCode":"x"}`, 502, "Internal Server Error", nil},
		{"line_break_[?]", `{"statusCode":200,"headers":{"a":"b\r\nc: d"}}`, 502, "Internal Server Error", map[string][]string{"c": nil}},
	} {
		t.Run(check.name, func(t *testing.T) {
			got := get(t, serveURL(t, returns(check.payload), nil), "/")
			if got.status != check.status || got.body != check.body {
				t.Errorf("%d %q", got.status, got.body)
			}
			for name, want := range check.lines {
				if lines := got.lines(name); !slices.Equal(lines, want) {
					t.Errorf("%q, want %q", lines, want)
				}
			}
		})
	}
}

func TestFunctionURLFailures(t *testing.T) {
	for _, check := range []struct {
		name   string
		result sandbox.Result
		err    error
		status int
		body   string
	}{
		{"function_error_[R]", sandbox.Result{FunctionError: "Unhandled"}, nil, 502, "Internal Server Error"},
		{"no_sandbox_[?]", sandbox.Result{}, sandbox.ErrThrottled, 429, failURLThrottled.body},
		{"too_large_[?]", sandbox.Result{}, sandbox.ErrTooLarge, 413, failURLBodyTooLarge.body},
	} {
		t.Run(check.name, func(t *testing.T) {
			server := serveURL(t, func(context.Context, sandbox.Invocation) (sandbox.Result, error) { return check.result, check.err }, nil)
			if got := get(t, server, "/"); got.status != check.status || got.body != check.body {
				t.Errorf("%d %q", got.status, got.body)
			}
		})
	}
	big := requestText("POST", "/", strings.Repeat("a", 7<<20))
	if got := exchangeRaw(t, serveURL(t, returnEvent, nil), big); got.status != 413 {
		t.Errorf("7 MB: %d %q", got.status, got.body)
	}
}

func TestFunctionURLWithIAM(t *testing.T) {
	const forbidden = `{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`
	allowed, other := testUser, testSession
	allowed.Policy = []byte(`{"Statement":{"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":"` + testFunction + `"}}`)
	server := serveURL(t, returnEvent, func(c *FunctionURLConfig) { c.IAM, c.Principals = true, []Principal{allowed, other} })
	signed(t, server, "POST", "/a%20b?x=1", "body", signing{principal: allowed, service: "lambda"}).event(t).expect(t, map[string]string{
		"requestContext/accountId": `"123456789012"`,
		"requestContext/authorizer/iam": `{"accessKey":"AKIDEXAMPLE","accountId":"123456789012","callerId":"AIDAEXAMPLE","cognitoIdentity":null,` +
			`"principalOrgId":null,"userArn":"arn:aws:iam::123456789012:user/tester","userId":"AIDAEXAMPLE"}`,
	})
	for name, got := range map[string]reply{
		"unsigned":      get(t, server, "/"),
		"not permitted": signed(t, server, "GET", "/", "", signing{principal: other, service: "lambda"}),
	} {
		if got.status != 403 || got.body != forbidden || got.header.Get("x-amzn-ErrorType") != "AccessDeniedException" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := signed(t, server, "GET", "/", "", signing{principal: allowed}); got.status != 403 || got.header.Get("x-amzn-ErrorType") != "InvalidSignatureException" {
		t.Errorf("signed for execute-api: %d %s", got.status, got.body)
	}
}

// TestFunctionURLStream: metadata is read if the runtime declares it, anything else passes as it is.
func TestFunctionURLStream(t *testing.T) {
	plain := func(contentType string, pieces ...string) function {
		return func(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
			in.Stream.Start(contentType)
			for _, piece := range pieces {
				io.WriteString(in.Stream, piece)
			}
			return sandbox.Result{}, nil
		}
	}
	for _, check := range []struct {
		name        string
		f           function
		status      int
		contentType string
		body        string
	}{
		{"metadata_[D]", streams(sandbox.Result{}, `{"statusCode":201,"headers":{"Content-Type":"text/plain"}}`+preludeZeros+"b"), 201, "text/plain", "b"},
		{"buffered_answer_[R]_is_not_interpreted", plain("application/json", `{"statusCode":201,`, `"body":"b"}`), 200, "application/json", `{"statusCode":201,"body":"b"}`},
		{"no_type", plain("", "x"), 200, "application/json", "x"},
		{"bad_metadata", streams(sandbox.Result{}, `x`+preludeZeros), 502, "text/plain", "Internal Server Error"},
		{"function_error", streams(sandbox.Result{FunctionError: "Unhandled"}), 502, "text/plain", "Internal Server Error"},
	} {
		t.Run(check.name, func(t *testing.T) {
			server := serveURL(t, check.f, func(c *FunctionURLConfig) { c.Stream = true })
			response, body, err := receive(t, server, "GET")
			if err != nil || response.StatusCode != check.status || body != check.body || response.Header.Get("Content-Type") != check.contentType {
				t.Errorf("%v %q %v", response, body, err)
			}
		})
	}
	server := serveURL(t, streams(sandbox.Result{FunctionError: "Unhandled"}, "{}"+preludeZeros, "b"), func(c *FunctionURLConfig) { c.Stream = true })
	if _, body, err := receive(t, server, "GET"); err != io.ErrUnexpectedEOF || body != "b" {
		t.Errorf("an error after the first piece: %q %v", body, err)
	}
}

func TestNewFunctionURLRefuses(t *testing.T) {
	for want, config := range map[string]FunctionURLConfig{
		"there is no function":     {},
		"there are no credentials": {Function: function(returnEvent), IAM: true},
		"identity-based policy":    {Function: function(returnEvent), Principals: []Principal{{AccessKeyID: "a", SecretAccessKey: "b", Policy: []byte("x")}}},
	} {
		if _, err := NewFunctionURL(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
