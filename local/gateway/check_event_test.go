package gateway

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// Evidence behind a check: [R] recorded on AWS, [D] documented, [?] decided in assumptions.go.

// TestEventFromTarget: what becomes of the request line.
func TestEventFromTarget(t *testing.T) {
	server := serve(t, testConfig(echo))
	for _, check := range []struct {
		name, target string
		want         map[string]string
	}{
		{"Check01_[R]_bare_stage", "/v1", map[string]string{
			"resource": `"/"`, "path": `"/"`, "pathParameters": `null`, "requestContext/resourcePath": `"/"`,
			"requestContext/path": `"/v1"`}},
		{"Check02_[R]_stage_with_slash", "/v1/", map[string]string{
			"resource": `"/"`, "path": `"/"`, "pathParameters": `null`, "requestContext/resourcePath": `"/"`,
			"requestContext/path": `"/v1/"`}},
		{"Check03_[R]_proxy_path", "/v1/a/b", map[string]string{
			"resource": `"/{proxy+}"`, "path": `"/a/b"`, "pathParameters": `{"proxy":"a/b"}`,
			"requestContext/path":         `"/v1/a/b"`,
			"requestContext/resourcePath": `"/{proxy+}"`}},
		{"Check04_[R]_trailing_slash", "/v1/a/", map[string]string{
			"path": `"/a/"`, "pathParameters": `{"proxy":"a"}`, "requestContext/path": `"/v1/a/"`}},
		{"Check05_[R]_inner_double_slash", "/v1/a//b", map[string]string{
			"path": `"/a//b"`, "pathParameters": `{"proxy":"a//b"}`, "requestContext/path": `"/v1/a//b"`}},
		{"Check06_[R]_leading_double_slash", "//v1/x", map[string]string{"path": `"/x"`,
			"requestContext/path": `"/v1/x"`}},
		{"Check06_[R]_double_slash_after_stage", "/v1//x", map[string]string{
			"path": `"/x"`, "pathParameters": `{"proxy":"x"}`, "requestContext/path": `"/v1//x"`}},
		{"Check07_[R]_path_is_not_decoded", "/v1/x%20y%2Fz%2B+", map[string]string{
			"path": `"/x%20y%2Fz%2B+"`, "pathParameters": `{"proxy":"x%20y%2Fz%2B+"}`,
			"requestContext/path": `"/v1/x%20y%2Fz%2B+"`}},
		{"Check08_[R]_percent_and_utf8_stay", "/v1/100%25/%252F/%CE%BB", map[string]string{
			"path": `"/100%25/%252F/%CE%BB"`, "pathParameters": `{"proxy":"100%25/%252F/%CE%BB"}`,
			"requestContext/path": `"/v1/100%25/%252F/%CE%BB"`}},
		{"Check09_[R]_only_first_segment_is_stage", "/v1/v1/x", map[string]string{
			"path": `"/v1/x"`, "requestContext/path": `"/v1/v1/x"`}},
		{"Check10_[R]_query_decoding", "/v1?a=1&a=2&b=x%2Fy+z&c=a%2Bb&d=&e", map[string]string{
			"queryStringParameters":           `{"a":"2","b":"x/y z","c":"a+b","d":"","e":""}`,
			"multiValueQueryStringParameters": `{"a":["1","2"],"b":["x/y z"],"c":["a+b"],"d":[""],"e":[""]}`}},
		{"Check11_[R]_no_query", "/v1/x", map[string]string{
			"queryStringParameters": `null`, "multiValueQueryStringParameters": `null`}},
		{"Check12_[R]_query_utf8", "/v1?p=%F0%9F%99%82", map[string]string{
			"queryStringParameters": `{"p":"🙂"}`, "multiValueQueryStringParameters": `{"p":["🙂"]}`}},
		{"Semicolon_[R]_separates_pairs", "/v1?a=1;b=2",
			map[string]string{"queryStringParameters": `{"a":"1","b":"2"}`}},
		{"AbsoluteForm_is_the_same_request", "http://api.example.com/v1/x?q=1", map[string]string{
			"path": `"/x"`, "queryStringParameters": `{"q":"1"}`, "requestContext/path": `"/v1/x"`}},
		{"TrailingSlashes_[?]_collapse", "/v1/a//", map[string]string{"path": `"/a/"`,
			"pathParameters": `{"proxy":"a"}`}},
	} {
		t.Run(check.name, func(t *testing.T) {
			got := get(t, server, check.target)
			got.event(t).expect(t, check.want)
		})
	}
}

// TestEventFromHeaders: what becomes of the header lines.
func TestEventFromHeaders(t *testing.T) {
	server := serve(t, testConfig(echo))
	for _, check := range []struct {
		name    string
		headers []string
		want    map[string]string
		absent  []string
	}{
		{"Check13_[R]_repeated_header", []string{"X-T: 1", "X-T: 2"},
			map[string]string{"headers/X-T": `"2"`, "multiValueHeaders/X-T": `["1","2"]`}, nil},
		{"Check14_[R]_hop_headers_stay", []string{"Connection: keep-alive", "TE: trailers", "Expect: 100-continue",
			"Content-Length: 0",
			"Content-MD5: x", "Max-Forwards: 1", "Proxy-Authenticate: x", "Server: x", "Upgrade: x",
			"WWW-Authenticate: x",
			"Referer: r", "Range: bytes=0-1", "Via: v", "Date: d"},
			map[string]string{"headers/Referer": `"r"`, "headers/Range": `"bytes=0-1"`, "headers/Via": `"v"`,
				"headers/Date": `"d"`},
			[]string{"Connection", "Te", "Expect", "Content-Length", "Content-Md5", "Max-Forwards",
				"Proxy-Authenticate", "Server",
				"Upgrade", "Www-Authenticate"}},
		{"Check15_[R]_added_headers", nil, map[string]string{
			"headers/X-Forwarded-For": `"127.0.0.1"`, "multiValueHeaders/X-Forwarded-For": `["127.0.0.1"]`,
			"headers/X-Forwarded-Port": `"443"`, "multiValueHeaders/X-Forwarded-Port": `["443"]`,
			"headers/X-Forwarded-Proto": `"https"`, "multiValueHeaders/X-Forwarded-Proto": `["https"]`,
			"headers/Host": `"api.example.com"`, "multiValueHeaders/Host": `["api.example.com"]`}, nil},
		{"Check15_[R]_client_list_is_extended", []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http",
			"X-Forwarded-Port: 80"},
			map[string]string{"headers/X-Forwarded-For": `"192.0.2.1, 127.0.0.1"`, "headers/X-Forwarded-Port": `"443"`,
				"multiValueHeaders/X-Forwarded-Proto": `["https"]`}, nil},
		{"Check26_[R]_cookies_are_one_value", []string{"Cookie: a=1; b=2"},
			map[string]string{"headers/Cookie": `"a=1; b=2"`, "multiValueHeaders/Cookie": `["a=1; b=2"]`}, nil},
		{"Authorization_[D]_of_another_kind_passes", []string{"Authorization: Bearer t"},
			map[string]string{"headers/Authorization": `"Bearer t"`}, nil},
		{"Authorization_[D]_with_a_signature_stays",
			[]string{"Authorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c"}, nil,
			[]string{"Authorization"}},
	} {
		t.Run(check.name, func(t *testing.T) {
			e := get(t, server, "/v1/x", check.headers...).event(t)
			e.expect(t, check.want)
			for _, name := range check.absent {
				for _, member := range []string{"headers", "multiValueHeaders"} {
					if _, there := e.raw[member].(map[string]any)[name]; there {
						t.Errorf("%s of the event has %s", member, name)
					}
				}
			}
		})
	}
}

var traceHeader = regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$`)

func TestCheck16_R_TraceHeader(t *testing.T) {
	const root = "1-5759e988-bd862e3fe1be46a994272793"
	for _, check := range []struct{ name, sent, want string }{
		{"none_[R]_is_made", "", ``},
		{"root_[R]_is_kept", "Root=" + root, `^Root=` + root + `;Parent=[0-9a-f]{16};Sampled=0$`},
		{"parent_[R]_samples", "Root=" + root + ";Parent=53995c3f42cd8ad8", `^Root=` + root +
			`;Parent=53995c3f42cd8ad8;Sampled=1$`},
		{"all_[R]_kept", "Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=0", `^Root=` + root +
			`;Parent=53995c3f42cd8ad8;Sampled=0$`},
	} {
		t.Run(check.name, func(t *testing.T) {
			seen := make(chan string, 1)
			server := serve(t, testConfig(func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
				seen <- in.TraceID
				return echo(ctx, in)
			}))
			var headers []string
			if check.sent != "" {
				headers = []string{"X-Amzn-Trace-Id: " + check.sent}
			}
			got := get(t, server, "/v1", headers...)
			runtime := <-seen
			if !traceHeader.MatchString(runtime) || !regexp.MustCompile(check.want).MatchString(runtime) {
				t.Errorf("the runtime sees %q, want %q", runtime, check.want)
			}
			inEvent := got.event(t).at("headers/X-Amzn-Trace-Id").(string)
			rootOf, _, _ := strings.Cut(runtime, ";")
			if first, _, _ := strings.Cut(inEvent, ";"); first != rootOf {
				t.Errorf("the event has %q, the runtime %q", inEvent, runtime)
			}
			if response := got.header.Get("X-Amzn-Trace-Id"); !strings.HasPrefix(response, rootOf) {
				t.Errorf("the client sees %q, the runtime %q", response, runtime)
			}
		})
	}
}

// TestEventFromBody: text, base64 and no body at all.
func TestEventFromBody(t *testing.T) {
	allBytes := make([]byte, 256)
	for i := range allBytes {
		allBytes[i] = byte(i)
	}
	base64Of := func(s string) string { return fmt.Sprintf("%q", base64.StdEncoding.EncodeToString([]byte(s))) }
	for _, check := range []struct {
		name, binary, request, body, isBase64 string
	}{
		{"Check17_[R]_GET_has_none", anyBinary, requestText("GET", "/v1", ""), `null`, `false`},
		{"Check17_[R]_POST_of_length_0_has_none", anyBinary, requestText("POST", "/v1", "", "Content-Length: 0"),
			`null`, `false`},
		{"Check18_[R]_everything_is_binary", anyBinary, requestText("POST", "/v1", `{"a":1}`,
			"Content-Type: application/json"), base64Of(`{"a":1}`), `true`},
		{"Check18_[R]_without_Content-Type", anyBinary, requestText("POST", "/v1", "x"), base64Of("x"), `true`},
		{"Check18_[R]_nothing_is_binary", `,"x-amazon-apigateway-binary-media-types":[]`,
			requestText("POST", "/v1", `{"a":1}`, "Content-Type: application/json"), `"{\"a\":1}"`, `false`},
		{"Check19_[R]_listed_family", `,"x-amazon-apigateway-binary-media-types":["image/*"]`,
			requestText("POST", "/v1", "\x89PNG", "Content-Type: image/png; q=1"), base64Of("\x89PNG"), `true`},
		{"Check19_[R]_other_type_is_text", `,"x-amazon-apigateway-binary-media-types":["image/*"]`,
			requestText("POST", "/v1", "a\xffb", "Content-Type: text/plain"), "\"a\uFFFDb\"", `false`},
		{"Check20_[R]_chunked", anyBinary,
			"POST /v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
			base64Of("abcde"), `true`},
		{"Check20_[R]_chunked_and_empty", anyBinary,
			"POST /v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `null`, `false`},
		{"All_bytes_survive", anyBinary, requestText("PUT", "/v1", string(allBytes)), base64Of(string(allBytes)),
			`true`},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := testConfig(echo)
			config.Document = documentText(proxyPaths(), check.binary)
			e := exchangeRaw(t, serve(t, config), check.request).event(t)
			e.expect(t, map[string]string{"body": check.body, "isBase64Encoded": check.isBase64})
			if _, there := e.raw["headers"].(map[string]any)["Transfer-Encoding"]; there {
				t.Error("the event has Transfer-Encoding")
			}
		})
	}
}

func TestCheck21_R_ContextWithoutAuthorizer(t *testing.T) {
	e := get(t, serve(t, testConfig(echo)), "/v1", "User-Agent: tester/1").event(t)
	if _, there := e.context["authorizer"]; there {
		t.Error("requestContext has an authorizer")
	}
	e.expect(t, map[string]string{"requestContext/identity": `{"accessKey":null,"accountId":null,"caller":null,` +
		`"cognitoAuthenticationProvider":null,"cognitoAuthenticationType":null,"cognitoIdentityId":null,"cognitoIdentityPoolId":null,` +
		`"principalOrgId":null,"sourceIp":"127.0.0.1","user":null,"userAgent":"tester/1","userArn":null}`})
}

func TestCheck22_R_StageVariables(t *testing.T) {
	config := testConfig(echo)
	get(t, serve(t, config), "/v1").event(t).expect(t, map[string]string{"stageVariables": `null`})
	config.StageVariables = map[string]string{"k": "v", "a": "\"<&>"}
	get(t, serve(t, config), "/v1").event(t).expect(t,
		map[string]string{"stageVariables": `{"a":"\"\u003c\u0026\u003e","k":"v"}`})
}

func TestCheck23_R_EventShape(t *testing.T) {
	config := testConfig(echo)
	config.Now = func() time.Time { return time.Date(2026, 7, 10, 19, 19, 4, 5e6, time.FixedZone("", 3600)) }
	e := get(t, serve(t, config), "/v1").event(t)
	var keys []string
	for key := range e.raw {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	want := []string{"body", "headers", "httpMethod", "isBase64Encoded", "multiValueHeaders",
		"multiValueQueryStringParameters", "path",
		"pathParameters", "queryStringParameters", "requestContext", "resource", "stageVariables"}
	if !slices.Equal(keys, want) {
		t.Errorf("the event has %q, want %q", keys, want)
	}
	e.expect(t, map[string]string{
		"requestContext/requestTime":      `"10/Jul/2026:18:19:04 +0000"`,
		"requestContext/requestTimeEpoch": `1783707544005`,
		"requestContext/protocol":         `"HTTP/1.1"`, "requestContext/stage": `"v1"`,
		"requestContext/accountId": `"123456789012"`,
		"requestContext/apiId":     `"a1b2c3d4e5"`, "requestContext/domainName": `"api.example.com"`,
		"requestContext/domainPrefix": `"api"`,
		"requestContext/httpMethod":   `"GET"`,
	})
	for _, key := range []string{"deploymentId", "resourceId"} {
		if id, _ := e.context[key].(string); !regexp.MustCompile(`^[a-z0-9]{6}$`).MatchString(id) {
			t.Errorf("%s is %q, want six characters", key, id)
		}
	}
	if len(e.context) != 16 {
		t.Errorf("requestContext has %d members, want 16: %v", len(e.context), e.context)
	}
}

func TestCheck24_R_RequestIDs(t *testing.T) {
	got := get(t, serve(t, testConfig(echo)), "/v1")
	e := got.event(t)
	if id := e.context["requestId"].(string); id != got.header.Get("X-Amzn-Requestid") || !regexp.MustCompile(
		`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("requestId is %q, the response has %q", id, got.header)
	}
	if id := e.context["extendedRequestId"].(string); id != got.header.Get("X-Amz-Apigw-Id") || !strings.HasSuffix(id,
		"=") {
		t.Errorf("extendedRequestId is %q, the response has %q", id, got.header)
	}
}

func TestCheck25_D_MethodOverride(t *testing.T) {
	e := exchangeRaw(t, serve(t, testConfig(echo)), requestText("POST", "/v1/x", "b",
		"X-HTTP-Method-Override: DELETE")).event(t)
	e.expect(t, map[string]string{"httpMethod": `"DELETE"`, "requestContext/httpMethod": `"DELETE"`})
}

func TestCheck27_D_Verbs(t *testing.T) {
	var calls counter
	server := serve(t, testConfig(calls.of(echo)))
	for _, verb := range anyVerbs {
		got := exchangeRaw(t, server, requestText(verb, "/v1/x", ""))
		if got.status != 200 {
			t.Errorf("%s: status %d", verb, got.status)
		}
		if verb != http.MethodHead {
			got.event(t).expect(t, map[string]string{"httpMethod": `"` + verb + `"`})
		}
	}
	for _, verb := range []string{"TRACE", "PROPFIND"} {
		got := exchangeRaw(t, server, requestText(verb, "/v1/x", ""))
		if got.status != 403 || got.body != `{"message":"Missing Authentication Token"}` {
			t.Errorf("%s: %d %s", verb, got.status, got.body)
		}
	}
	if calls.value() != len(anyVerbs) {
		t.Errorf("%d invocations, want %d", calls.value(), len(anyVerbs))
	}
}
