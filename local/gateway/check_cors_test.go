package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"lambda-web/local/sandbox"
)

// corsTemplate is the template with which the program answers several origins.
const corsTemplate = "#set($origin = $input.params(\"Origin\"))\n#if($origin == \"\")#set($origin = " +
	"$input.params(\"origin\"))#end\n" +
	"#if($origin == \"https://a.example\" || $origin == " +
	"\"http://localhost:5173\")#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"

// corsConfig is an API as the program makes it with auth AWS_IAM and cors: every method signed, OPTIONS not.
func corsConfig(t testing.TB, origin string, calls *atomic.Int32) Config {
	t.Helper()
	answer := map[string]any{"statusCode": "204", "responseParameters": map[string]string{
		"method.response.header.Access-Control-Allow-Methods": "'GET,POST'",
		"method.response.header.Access-Control-Max-Age":       "'600'"}}
	errors := "method.request.header.Origin"
	if origin == "" {
		answer["responseTemplates"] = map[string]string{"application/json": corsTemplate}
	} else {
		errors = "'" + origin + "'"
		answer["responseParameters"].(map[string]string)["method.response.header.Access-Control-Allow-Origin"] = errors
	}
	responses, err := json.Marshal(map[string]any{"default": answer})
	if err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf(`"options":{"x-amazon-apigateway-integration":{"type":"mock","passthroughBehavior":"when_no_match","contentHandling":"CONVERT_TO_TEXT",`+
		`"requestTemplates":{"application/json":"{\"statusCode\": 204}"},"responses":%s}}`, responses)
	headers := fmt.Sprintf(`{"responseParameters":{"gatewayresponse.header.Access-Control-Allow-Origin":%q,"gatewayresponse.header.Vary":"'Origin'"}}`, errors)
	config := iamConfig(func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		calls.Add(1)
		return echo(ctx, in)
	})
	any := `"x-amazon-apigateway-any-method":` + methodText(iamSecurity)
	config.Document = documentText(`"/":{`+options+`,`+any+`},"/{proxy+}":{`+options+`,`+any+`}`, anyBinary+iamSchemes+
		`,"x-amazon-apigateway-gateway-responses":{"DEFAULT_4XX":`+headers+`,"DEFAULT_5XX":`+headers+`}`)
	return config
}

// TestCORS: a preflight request is answered without a signature and without the function, and an error of the gateway's
// own can be read by the page it is for.
func TestCORS(t *testing.T) {
	for _, check := range []struct {
		name, origin, asks, preflight, failure string
	}{
		{"one_origin", "https://a.example", "https://a.example", "https://a.example", "https://a.example"},
		{"another_asks", "https://a.example", "https://evil.example", "https://a.example", "https://a.example"},
		{"all_origins", "*", "https://b.example", "*", "*"},
		{"first_of_several", "", "https://a.example", "https://a.example", "https://a.example"},
		{"second_of_several", "", "http://localhost:5173", "http://localhost:5173", "http://localhost:5173"},
		{"none_of_several", "", "https://a.example.evil", "", "https://a.example.evil"},
		{"no_origin", "", "", "", ""},
	} {
		t.Run(check.name, func(t *testing.T) {
			var calls atomic.Int32
			server := serve(t, corsConfig(t, check.origin, &calls))
			for _, path := range []string{"/v1", "/v1/api/echo"} {
				answer := ask(t, http.MethodOptions, server.URL+path, check.asks)
				h := answer.Header
				if answer.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != check.preflight ||
					h.Get("Access-Control-Allow-Methods") != "GET,POST" {
					t.Errorf("OPTIONS %s: %d %v", path, answer.StatusCode, h)
				}
				answer = ask(t, http.MethodGet, server.URL+path, check.asks)
				if answer.StatusCode != 403 || answer.Header.Get("Access-Control-Allow-Origin") != check.failure ||
					answer.Header.Get("Vary") != "Origin" {
					t.Errorf("GET %s: %d %v", path, answer.StatusCode, answer.Header)
				}
			}
			if calls.Load() > 0 {
				t.Error("the function was called")
			}
		})
	}
}

func ask(t *testing.T, method, url, origin string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer
}

// TestGatewayResponses: an error has the headers of its kind, and the function's own answer has none of them.
func TestGatewayResponses(t *testing.T) {
	response := func(value string) string {
		return `{"responseParameters":{"gatewayresponse.header.X-Kind":"'` + value + `'"}}`
	}
	extra := anyBinary + `,"x-amazon-apigateway-gateway-responses":{"DEFAULT_4XX":` + response("caller") +
		`,"DEFAULT_5XX":` + response("api") + `}`
	for _, check := range []struct {
		name, path, payload string
		status              int
		kind                string
	}{
		{"answer", "/v1", `{"statusCode":404}`, 404, ""},
		{"malformed_answer", "/v1", `"text"`, 502, "api"},
		{"unknown_path", "/v2", `{"statusCode":200}`, 403, "caller"},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := testConfig(returns(check.payload))
			config.Document = documentText(proxyPaths(), extra)
			answer := ask(t, http.MethodGet, serve(t, config).URL+check.path, "")
			if answer.StatusCode != check.status || answer.Header.Get("X-Kind") != check.kind {
				t.Errorf("%d %v, want %d and %q", answer.StatusCode, answer.Header, check.status, check.kind)
			}
		})
	}
}
