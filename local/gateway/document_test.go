package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// TestDocumentRefusals: what the gateway does not realise or AWS would not take, each named with its place.
func TestDocumentRefusals(t *testing.T) {
	replace := func(old, new string) []byte {
		return bytes.ReplaceAll(documentText(proxyPaths(), anyBinary+iamSchemes), []byte(old), []byte(new))
	}
	at := `document.paths./{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration`
	path := func(path string) []byte { return documentText(`"`+path+`":{"get":`+methodText("")+`}`, "") }
	for _, check := range []struct {
		name     string
		document []byte
		want     string
	}{
		{"no_JSON", []byte(`{`), "document: a JSON object is needed"},
		{"null", []byte(`null`), "document: a JSON object is needed"},
		{"swagger", []byte(`{"swagger":"2.0","paths":{}}`),
			`document.openapi: "" is not realised: the gateway reads OpenAPI 3.0.x`},
		{"no_paths", []byte(`{"openapi":"3.0.1"}`), "document.paths: a JSON object is needed"},
		{"empty_paths", documentText("", ""), "document.paths: the API has no method"},
		{"integration_type", replace("aws_proxy", "http_proxy"), at +
			`.type: integration type "http_proxy" is not realised`},
		{"integration_method", replace(`"POST"`, `"GET"`), at + `.httpMethod: "GET" does not invoke Lambda: POST does`},
		{"integration_member", replace(`"passthroughBehavior"`, `"credentials":"arn:x","passthroughBehavior"`), at +
			".credentials: this member of an integration is not realised"},
		{"uri", replace(testURI, "https://example.com"), at +
			`.uri: "https://example.com" is not of the form arn:aws:apigateway:`},
		{"stream_with_buffered_uri", replace(`"passthroughBehavior"`,
			`"responseTransferMode":"STREAM","passthroughBehavior"`), at + `.uri: "` + testURI +
			`" is not of the form`},
		{"transfer_mode", replace(`"passthroughBehavior"`, `"responseTransferMode":"x","passthroughBehavior"`), at +
			`.responseTransferMode: "x" is neither BUFFERED nor STREAM`},
		{"timeout_too_long", replace("29000", "900001"), at + ".timeoutInMillis: 900001 is outside 50 to 900000"},
		{"timeout_too_short", replace("29000", "49"), at + ".timeoutInMillis: 49 is outside 50 to 900000"},
		{"timeout_as_text", replace("29000", `"x"`), at + `.timeoutInMillis: "x" is not what belongs here`},
		{"payload_format", replace(`"passthroughBehavior"`, `"payloadFormatVersion":"2.0","passthroughBehavior"`),
			"REST APIs have format 1.0"},
		{"no_integration", documentText(`"/":{"get":{}}`, ""),
			"document.paths./.get: the method has no x-amazon-apigateway-integration"},
		{"authorizer", replace(`"x-amazon-apigateway-authtype":"awsSigv4"`,
			`"x-amazon-apigateway-authtype":"custom","x-amazon-apigateway-authorizer":{}`),
			"document.components.securitySchemes.sigv4.x-amazon-apigateway-authorizer: this extension is not realised"},
		{"authtype", replace(`awsSigv4`, `custom`),
			`document.components.securitySchemes.sigv4: authorization by this scheme (x-amazon-apigateway-authtype "custom") is not realised`},
		{"api_key", replace(`"x-amazon-apigateway-authtype":"awsSigv4"`, `"in":"header"`),
			`authorization by this scheme (x-amazon-apigateway-authtype "") is not realised`},
		{"unknown_scheme", documentText(`"/":{"get":`+methodText(`"security":[{"other":[]}],`)+`}`, ""),
			`document.paths./.get.security: "other" is not a security scheme`},
		{"method_auth", documentText(`"/":{"get":`+methodText(`"x-amazon-apigateway-auth":{"type":"CUSTOM"},`)+`}`,
			""), `authorization "CUSTOM" is not realised`},
		{"extension_of_the_document", documentText(proxyPaths(), `,"x-amazon-apigateway-request-validators":{}`),
			"document.x-amazon-apigateway-request-validators: this extension is not realised"},
		{"gateway_response_of_one_kind", documentText(proxyPaths(),
			`,"x-amazon-apigateway-gateway-responses":{"THROTTLED":{"responseParameters":{}}}`),
			"THROTTLED: only DEFAULT_4XX and DEFAULT_5XX are realised"},
		{"gateway_response_with_template", documentText(proxyPaths(),
			`,"x-amazon-apigateway-gateway-responses":{"DEFAULT_4XX":{"responseTemplates":{}}}`),
			"only responseParameters are realised"},
		{"gateway_response_of_a_path", documentText(proxyPaths(),
			`,"x-amazon-apigateway-gateway-responses":{"DEFAULT_4XX":{"responseParameters":{"gatewayresponse.header.A":"method.request.path.b"}}}`), "only headers with a text in single quotes or a header of the request"},
		{"mock_without_template", documentText(mockPath(`"responses":{"default":{"statusCode":"204"}}`), ""),
			"requestTemplates: only application/json"},
		{"mock_with_two_statuses",
			documentText(mockPath(`"requestTemplates":{"application/json":"{\"statusCode\":200}"},"responses":{"default":{"statusCode":"204"}}`), ""), "one response is realised, default, with the status of the request template"},
		{"mock_with_another_template",
			documentText(mockPath(`"requestTemplates":{"application/json":"{\"statusCode\":204}"},"responses":{"default":{"statusCode":"204","responseTemplates":{"application/json":"#set($a = 1)"}}}`), ""), "only a template that answers origins"},
		{"mock_with_a_mapping",
			documentText(mockPath(`"requestTemplates":{"application/json":"{\"statusCode\":204}"},"responses":{"default":{"statusCode":"204","responseParameters":{"method.response.header.A":"integration.response.body"}}}`), ""), "only headers with a text in single quotes"},
		{"mock_with_a_uri", documentText(mockPath(`"uri":"arn:aws:x"`), ""),
			"uri: this member of a mock integration is not realised"},
		{"extension_of_a_method", documentText(`"/":{"get":`+
			methodText(`"x-amazon-apigateway-request-validator":"all",`)+`}`, ""),
			"document.paths./.get.x-amazon-apigateway-request-validator: this extension is not realised"},
		{"trace", documentText(`"/":{"trace":`+methodText("")+`}`, ""),
			"document.paths./.trace: API Gateway has nothing for it"},
		{"path_without_slash", documentText(`"a":{"get":`+methodText("")+`}`, ""),
			"document.paths.a: a path begins with a slash"},
		{"greedy_in_the_middle", path("/{a+}/b"), "path /{a+}/b: the greedy parameter {a+} must be the last part"},
		{"part_with_spaces", path("/a b"), `path /a b: part "a b": letters, digits`},
		{"half_a_parameter", path("/x{a}"), `path /x{a}: part "x{a}"`},
		{"sibling_parameters", documentText(`"/{a}":{"get":`+methodText("")+`},"/{b}/c":{"get":`+methodText("")+`}`,
			""), "path /{b}/c: parameter {b} has a sibling with another name, {a}"},
		{"policy", documentText(proxyPaths(),
			`,"x-amazon-apigateway-policy":{"Statement":[{"Effect":"Allow","NotPrincipal":"*"}]}`),
			`document.x-amazon-apigateway-policy: statement 1 of the policy: json: unknown field "NotPrincipal"`},
		{"condition_key", documentText(proxyPaths(),
			`,"x-amazon-apigateway-policy":{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}}}`),
			"condition key aws:PrincipalTag/a is not realised"},
		{"condition_operator", documentText(proxyPaths(),
			`,"x-amazon-apigateway-policy":{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:SourceIp":"b"}}}}`),
			"condition operator DateLessThan is not realised"},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := testConfig(echo)
			config.Document = check.document
			_, err := New(config)
			if err == nil || !strings.Contains(err.Error(), check.want) {
				t.Errorf("error %v\nwant %q in it", err, check.want)
			}
		})
	}
}

// TestNewRefuses: the rest of the configuration.
func TestNewRefuses(t *testing.T) {
	for _, check := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"stage", func(c *Config) { c.Stage = "a/b" }, `stage name "a/b": letters, digits, _ and - are allowed`},
		{"no_resolver", func(c *Config) { c.Integration = nil }, "Integration is nil"},
		{"unknown_function", func(c *Config) {
			c.Integration = func(string) (sandbox.Invoker, error) { return nil, errors.New("no such function") }
		}, "ANY /{proxy+}: find the function behind " + testURI + ": no such function"},
		{"IAM_without_credentials", func(c *Config) { c.Document = iamConfig(echo).Document },
			"the document asks for AWS_IAM but there are no credentials"},
		{"same_key_twice", func(c *Config) { c.Principals = []Principal{testUser, testUser} },
			"an access key id that nobody else has"},
		{"identity_policy", func(c *Config) {
			c.Principals = []Principal{{AccessKeyID: "a", SecretAccessKey: "b", ARN: "arn",
				Policy: []byte(`{"Statement":[{"Effect":"Maybe"}]}`)}}
		}, `identity-based policy of arn: statement 1 of the policy: effect "Maybe" is neither Allow nor Deny`},
		{"throttle", func(c *Config) { c.Throttle = &Throttle{Rate: -1} },
			"throttle rate -1 and burst 0: neither may be negative"},
		{"log_variable", func(c *Config) {
			c.AccessLog = AccessLog{"$context.requestId $context.foo",
				new(bytes.Buffer)}
		}, "$context.foo is not a variable"},
		{"log_without_id", func(c *Config) { c.AccessLog = AccessLog{"$context.status", new(bytes.Buffer)} },
			"must contain $context.requestId"},
		{"log_of_two_lines", func(c *Config) { c.AccessLog = AccessLog{"$context.requestId\n", new(bytes.Buffer)} },
			"it must be one line"},
		{"stage_variable", func(c *Config) {
			c.Document = bytes.ReplaceAll(c.Document, []byte("function:web:live"),
				[]byte("function:${stageVariables.name}"))
		}, `stage v1 has no variable "name"`},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := testConfig(echo)
			check.change(&config)
			if _, err := New(config); err == nil || !strings.Contains(err.Error(), check.want) {
				t.Errorf("error %v\nwant %q in it", err, check.want)
			}
		})
	}
}

// TestAllMistakesAtOnce: one error names them all.
func TestAllMistakesAtOnce(t *testing.T) {
	config := testConfig(echo)
	config.Document = bytes.ReplaceAll(config.Document, []byte("aws_proxy"), []byte("http"))
	_, err := New(config)
	for _, path := range []string{"./.x", "./{proxy+}.x"} {
		if err == nil || !strings.Contains(err.Error(), "document.paths"+path) {
			t.Errorf("error %v, want %s in it", err, path)
		}
	}
}

func TestStageVariableInTheURI(t *testing.T) {
	config := testConfig(echo)
	config.Document = bytes.ReplaceAll(config.Document, []byte("function:web:live"),
		[]byte("function:${stageVariables.name}:live"))
	config.StageVariables = map[string]string{"name": "web"}
	get(t, serve(t, config), "/v1").event(t).expect(t, map[string]string{"stageVariables": `{"name":"web"}`})
}

// TestRaisedTimeout warns: without a raised quota the deployment would fail on AWS.
func TestRaisedTimeout(t *testing.T) {
	var log bytes.Buffer
	config := testConfig(echo)
	config.Log = slog.New(slog.NewTextHandler(&log, nil))
	config.Document = bytes.ReplaceAll(config.Document, []byte("29000"), []byte("60000"))
	if _, err := New(config); err != nil || !strings.Contains(log.String(),
		"60000 is above 29000, which AWS takes only") {
		t.Errorf("%v, log %q", err, log.String())
	}
}

// TestDocumentSecurity: which methods ask for AWS_IAM.
func TestDocumentSecurity(t *testing.T) {
	for _, check := range []struct {
		name, method, document string
		iam                    bool
	}{
		{"nothing", "", "", false},
		{"method", iamSecurity, "", true},
		{"document", "", `,"security":[{"sigv4":[]}]`, true},
		{"method_opens", `"security":[],`, `,"security":[{"sigv4":[]}]`, false},
		{"extension", `"x-amazon-apigateway-auth":{"type":"AWS_IAM"},`, "", true},
		{"extension_opens", `"x-amazon-apigateway-auth":{"type":"NONE"},`, `,"security":[{"sigv4":[]}]`, false},
	} {
		t.Run(check.name, func(t *testing.T) {
			d, err := parseDocument(documentText(`"/":{"get":`+methodText(check.method)+`}`, iamSchemes+
				check.document), Limits{}.withDefaults())
			if err != nil {
				t.Fatal(err)
			}
			if got := d.operations[0]; got.iam != check.iam || got.integration.timeout != 29*time.Second {
				t.Errorf("%+v", got)
			}
		})
	}
}

// mockPath is one path whose OPTIONS the gateway answers itself.
func mockPath(members string) string {
	return `"/":{"options":{"x-amazon-apigateway-integration":{"type":"mock",` + members + `}}}`
}
