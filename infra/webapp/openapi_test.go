package webapp

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// The document is read back without the types it was made from.
func TestDocument(t *testing.T) {
	const (
		alias  = "arn:aws-cn:lambda:cn-north-1:123456789012:function:web:live"
		invoke = "arn:aws-cn:apigateway:cn-north-1:lambda:path/2015-03-31/functions/" + alias + "/invocations"
		stream = "arn:aws-cn:apigateway:cn-north-1:lambda:path/2021-11-15/functions/" + alias +
			"/response-streaming-invocations"
	)
	tests := []struct {
		name        string
		args        Args
		signed      bool
		integration map[string]any
	}{
		{"open", Args{}, false, map[string]any{"uri": invoke, "timeoutInMillis": 29000.0, "responseTransferMode": nil}},
		{"signed", Args{Auth: AuthIAM}, true, map[string]any{"uri": invoke}},
		{"streamed", Args{InvokeMode: ResponseStream}, false,
			map[string]any{"uri": stream, "timeoutInMillis": 900000.0, "responseTransferMode": "STREAM"}},
		{"shorter", Args{APITimeout: 3}, false, map[string]any{"timeoutInMillis": 3000.0}},
		{"streamed and shorter", Args{InvokeMode: ResponseStream, APITimeout: 60}, false,
			map[string]any{"timeoutInMillis": 60000.0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := apiDocument(`a "title"`, alias, invoke, tt.args.withDefaults())
			must(t, err)
			var doc map[string]any
			must(t, json.Unmarshal([]byte(text), &doc))
			if got := at(doc, "openapi"); got != "3.0.1" {
				t.Errorf("OpenAPI version %v", got)
			}
			if got := at(doc, "info", "title"); got != `a "title"` {
				t.Errorf("title %v", got)
			}
			if got := at(doc, "x-amazon-apigateway-binary-media-types").([]any); !slices.Equal(got, []any{"*/*"}) {
				t.Errorf("binary media types %v", got)
			}
			if got := len(at(doc, "paths").(map[string]any)); got != 2 {
				t.Errorf("%d paths, want / and /{proxy+}", got)
			}
			for _, path := range []string{"/", "/{proxy+}"} {
				checkOperation(t, doc, path, tt.signed, tt.integration)
			}
			if got := at(doc, "components", "securitySchemes", "sigv4",
				"x-amazon-apigateway-authtype"); (got == "awsSigv4") != tt.signed {
				t.Errorf("security scheme %v", got)
			}
		})
	}
}

// What API Gateway calls ANY is an extension that no validator looks into, and {proxy+} is no name
// OpenAPI knows; under names it knows the document has to be valid OpenAPI 3.0.
func TestDocumentIsOpenAPI(t *testing.T) {
	for _, args := range everyShape {
		text, err := apiDocument("web", "arn:aws:lambda:eu-central-1:123456789012:function:web:live", "arn:uri",
			args.withDefaults())
		must(t, err)
		text = strings.NewReplacer(`"x-amazon-apigateway-any-method"`, `"get"`, "{proxy+}", "{proxy}").Replace(text)
		doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
		must(t, err)
		if err := doc.Validate(t.Context()); err != nil {
			t.Errorf("%+v: %v", args, err)
		}
		if doc.Paths.Len() != 2 || doc.Paths.Find("/{proxy}").Get == nil {
			t.Errorf("the validator saw %v", doc.Paths.Map())
		}
	}
}

// everyShape is each setting that changes the document, alone and together.
var everyShape = []Args{
	{}, {Auth: AuthIAM}, {InvokeMode: ResponseStream}, {AllowedSourceRanges: []string{"203.0.113.0/24"}},
	{APITimeout: 1}, {APITimeout: 300},
	{CORS: CORS{Origins: []string{"*"}}}, {DisableExecuteAPI: true},
	{Auth: AuthIAM, CORS: CORS{Origins: []string{"https://a.example", "http://localhost:5173"}, Credentials: true}},
	{Auth: AuthIAM, CORS: CORS{Origins: []string{"https://a.example"}, Preflight: PreflightApp},
		InvokeMode: ResponseStream},
	{Auth: AuthIAM, AllowedPrincipals: []string{"123456789012"}, AllowedSourceRanges: []string{"2001:db8::/32"},
		InvokeMode: ResponseStream, APITimeout: 60},
}

// extensionRules is what API Gateway documents of its extensions, as far as a document for one function needs them:
// where each may stand and what it holds
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html).
var extensionRules = map[string]struct {
	place string // the path it stands at; * is any one name
	holds func(value any, args Args) bool
}{
	"x-amazon-apigateway-binary-media-types": {"", func(v any, _ Args) bool {
		types, ok := v.([]any)
		return ok && !slices.ContainsFunc(types, func(each any) bool {
			text, ok := each.(string)
			return !ok ||
				!strings.Contains(text, "/")
		})
	}},
	"x-amazon-apigateway-policy": {"", func(v any, _ Args) bool {
		text, err := json.Marshal(v)
		var p policy
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		return err == nil && decoder.Decode(&p) == nil && p.Version == "2012-10-17" && len(p.Statement) > 0
	}},
	"x-amazon-apigateway-any-method": {"paths/*", func(v any, _ Args) bool {
		operation, ok := v.(map[string]any)
		return ok && operation["responses"] != nil && operation["x-amazon-apigateway-integration"] != nil
	}},
	"x-amazon-apigateway-integration": {"paths/*/*", validIntegration},
	"x-amazon-apigateway-gateway-responses": {"", func(v any, _ Args) bool {
		for _, kind := range []string{"DEFAULT_4XX", "DEFAULT_5XX"} {
			parameters, _ := at(v, kind, "responseParameters").(map[string]any)
			for name, value := range parameters {
				if !strings.HasPrefix(name, "gatewayresponse.header.") || !validMapping(value) {
					return false
				}
			}
			if parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == nil {
				return false
			}
		}
		return true
	}},
	"x-amazon-apigateway-authtype": {"components/securitySchemes/*", func(v any, _ Args) bool {
		return slices.Contains([]any{"awsSigv4", "oauth2", "custom", "cognito_user_pools"}, v)
	}},
}

// validMapping: a text in single quotes, or a header of the request
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html).
func validMapping(v any) bool {
	text, _ := v.(string)
	return regexp.MustCompile(`^('[^']*'|method\.request\.header\.[A-Za-z-]+)$`).MatchString(text)
}

// validMock is an answer that API Gateway makes itself: a request template that says which, and mappings of its
// headers.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
func validMock(v any) bool {
	var status struct{ StatusCode int }
	template, _ := at(v, "requestTemplates", "application/json").(string)
	if json.Unmarshal([]byte(template), &status) != nil || at(v, "contentHandling") != "CONVERT_TO_TEXT" ||
		at(v, "responses", "default", "statusCode") != strconv.Itoa(status.StatusCode) {
		return false
	}
	headers, _ := at(v, "responses", "default", "responseParameters").(map[string]any)
	for name, value := range headers {
		if !strings.HasPrefix(name, "method.response.header.") || !validMapping(value) {
			return false
		}
	}
	return len(headers) > 0
}

// validIntegration: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html
func validIntegration(v any, args Args) bool {
	longest := 300_000.0 // with a raised quota; 29 seconds without
	if args.InvokeMode == ResponseStream {
		longest = 900_000
	}
	word := func(words ...any) func(any) bool { return func(v any) bool { return slices.Contains(words, v) } }
	properties := map[string]func(any) bool{
		"type":       word("aws", "aws_proxy", "http", "http_proxy", "mock"),
		"httpMethod": word("POST"), // the one Lambda takes
		"uri": func(v any) bool {
			text, ok := v.(string)
			return ok && strings.HasPrefix(text,
				"arn:")
		},
		"passthroughBehavior":  word("when_no_templates", "when_no_match", "never"),
		"timeoutInMillis":      func(v any) bool { n, ok := v.(float64); return ok && 50 <= n && n <= longest },
		"responseTransferMode": word("BUFFERED", "STREAM"),
	}
	if at(v, "type") == "mock" {
		return validMock(v)
	}
	integration, ok := v.(map[string]any)
	for key, value := range integration {
		valid, known := properties[key]
		ok = ok && known && valid(value)
	}
	return ok && integration["type"] != nil && integration["httpMethod"] != nil && integration["uri"] != nil
}

func TestExtensions(t *testing.T) {
	for _, args := range everyShape {
		text, err := apiDocument("web", "arn:aws:lambda:eu-central-1:123456789012:function:web:live", "arn:uri",
			args.withDefaults())
		must(t, err)
		var doc map[string]any
		must(t, json.Unmarshal([]byte(text), &doc))
		count := 0
		eachExtension(doc, nil, func(place []string, name string, value any) {
			count++
			rule, known := extensionRules[name]
			if !known || !slices.EqualFunc(place, strings.FieldsFunc(rule.place, func(r rune) bool { return r == '/' }),
				func(is, want string) bool { return want == "*" || is == want }) {
				t.Errorf("%+v: API Gateway has no %s at %q", args, name, place)
			} else if !rule.holds(value, args) {
				t.Errorf("%+v: %s at %q holds %v", args, name, place, value)
			}
		})
		if count < 5 {
			t.Errorf("%+v: only %d extensions were seen", args, count)
		}
	}
}

// eachExtension visits everything whose name starts with x-.
func eachExtension(value any, place []string, visit func(place []string, name string, value any)) {
	object, _ := value.(map[string]any)
	for name, inner := range object {
		if strings.HasPrefix(name, "x-") {
			visit(place, name, inner)
		}
		eachExtension(inner, append(slices.Clip(place), name), visit)
	}
}

func checkOperation(t *testing.T, doc map[string]any, path string, signed bool, integration map[string]any) {
	t.Helper()
	operation := at(doc, "paths", path, "x-amazon-apigateway-any-method").(map[string]any)
	for key, want := range map[string]any{"type": "aws_proxy", "httpMethod": "POST",
		"passthroughBehavior": "when_no_match"} {
		integration[key] = want
	}
	for key, want := range integration {
		if got := at(operation, "x-amazon-apigateway-integration", key); got != want {
			t.Errorf("%s: %s is %v, want %v", path, key, got, want)
		}
	}
	security, _ := operation["security"].([]any)
	if got := len(security) == 1 && security[0].(map[string]any)["sigv4"] != nil; got != signed {
		t.Errorf("%s: security is %v", path, security)
	}
	parameters, _ := operation["parameters"].([]any)
	if path == "/" {
		if len(parameters) > 0 {
			t.Errorf("the root has parameters: %v", parameters)
		}
		return
	}
	if len(parameters) != 1 || at(parameters[0], "name") != "proxy" || at(parameters[0], "in") != "path" ||
		at(parameters[0], "required") != true {
		t.Errorf("parameters of %s: %v", path, parameters)
	}
}

// at walks down a decoded JSON object.
func at(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// Preflight requests are answered without a signature, by whom the setting says, and let through by the policy.
func TestPreflight(t *testing.T) {
	const integration = "x-amazon-apigateway-integration"
	for _, tt := range []struct {
		name         string
		cors         CORS
		kind, origin string // of the integration, and what it says of the origin
		errors       string // what the gateway's own errors say of it
	}{
		{"one origin", CORS{Origins: []string{"https://a.example"}}, "mock", "'https://a.example'",
			"'https://a.example'"},
		{"all origins", CORS{Origins: []string{"*"}}, "mock", "'*'", "'*'"},
		{"several origins", CORS{Origins: []string{"https://a.example", "https://b.example"}}, "mock", "",
			"method.request.header.Origin"},
		{"the app", CORS{Origins: []string{"https://a.example"}, Preflight: PreflightApp}, "aws_proxy", "",
			"'https://a.example'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := Args{Auth: AuthIAM, AllowedPrincipals: []string{"123456789012"}, CORS: tt.cors}.withDefaults()
			text, err := apiDocument("web", "arn:aws:lambda:eu-central-1:123456789012:function:web:live", "arn:uri",
				args)
			must(t, err)
			var doc map[string]any
			must(t, json.Unmarshal([]byte(text), &doc))
			for _, path := range []string{"/", "/{proxy+}"} {
				options := at(doc, "paths", path, "options")
				if at(options, "security") != nil || at(options, integration, "type") != tt.kind {
					t.Errorf("%s: %v", path, options)
				}
				got, _ := at(options, integration, "responses", "default", "responseParameters",
					"method.response.header.Access-Control-Allow-Origin").(string)
				if got != tt.origin {
					t.Errorf("%s: the origin is %s, want %s", path, got, tt.origin)
				}
			}
			if got := at(doc, "x-amazon-apigateway-gateway-responses", "DEFAULT_4XX", "responseParameters",
				"gatewayresponse.header.Access-Control-Allow-Origin"); got != tt.errors {
				t.Errorf("errors: the origin is %v, want %s", got, tt.errors)
			}
			checkPreflightPolicy(t, callers("arn:aws:lambda:eu-central-1:123456789012:function:web:live", args))
		})
	}
}

// checkPreflightPolicy: OPTIONS is allowed to everybody, and denied only without TLS.
func checkPreflightPolicy(t *testing.T, p policy) {
	t.Helper()
	allowed := false
	for _, s := range p.Statement {
		covers := slices.ContainsFunc(s.Resource, func(r string) bool {
			return strings.Contains(r, "/v1/OPTIONS/") ||
				strings.Contains(r, "/v1/*/")
		})
		switch {
		case s.Effect == "Allow" && covers && s.Condition == nil:
			allowed = true
		case s.Effect == "Deny" && covers && s.Condition["Bool"]["aws:SecureTransport"] == nil:
			t.Errorf("OPTIONS is denied by %+v", s)
		}
	}
	if !allowed {
		t.Errorf("OPTIONS without a principal is not allowed by %+v", p)
	}
}
