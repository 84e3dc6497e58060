package webapp

import (
	"encoding/json"
	"fmt"
)

// The REST API is described by one OpenAPI 3.0.1 document with API Gateway's extensions
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html).
type openAPI struct {
	OpenAPI          string              `json:"openapi"`
	Info             openAPIInfo         `json:"info"`
	Servers          []server            `json:"servers,omitempty"`
	Paths            map[string]pathItem `json:"paths"`
	Components       *components         `json:"components,omitempty"`
	BinaryMediaTypes []string            `json:"x-amazon-apigateway-binary-media-types"`
	Policy           *policy             `json:"x-amazon-apigateway-policy,omitempty"`

	GatewayResponses map[string]gatewayResponse `json:"x-amazon-apigateway-gateway-responses,omitempty"`
}

type openAPIInfo struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

// server is where the API is reached
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-endpoint-configuration.html).
type server struct {
	URL      string          `json:"url"`
	Endpoint *endpointChoice `json:"x-amazon-apigateway-endpoint-configuration,omitempty"`
}

type endpointChoice struct {
	DisableExecuteAPI bool `json:"disableExecuteApiEndpoint"`
}

type pathItem struct {
	Any     operation  `json:"x-amazon-apigateway-any-method"`
	Options *operation `json:"options,omitempty"` // where another one than Any's answers
}

type operation struct {
	Parameters  []parameter           `json:"parameters,omitempty"`
	Responses   map[string]response   `json:"responses"`
	Security    []map[string][]string `json:"security,omitempty"`
	Integration integration           `json:"x-amazon-apigateway-integration"`
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

type schema struct {
	Type string `json:"type"`
}

type response struct {
	Description string            `json:"description"`
	Headers     map[string]header `json:"headers,omitempty"`
}

type header struct {
	Schema schema `json:"schema"`
}

// integration hands the whole request to the function and its answer to the caller, without models
// or templates (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html).
type integration struct {
	Type                string `json:"type"`
	HTTPMethod          string `json:"httpMethod,omitempty"` // of the call to Lambda, always POST
	URI                 string `json:"uri,omitempty"`
	PassthroughBehavior string `json:"passthroughBehavior"`
	TimeoutInMillis     int    `json:"timeoutInMillis,omitempty"`
	TransferMode        string `json:"responseTransferMode,omitempty"` // BUFFERED when left out

	// Of an answer that API Gateway makes itself
	// (https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html).
	RequestTemplates map[string]string       `json:"requestTemplates,omitempty"`
	ContentHandling  string                  `json:"contentHandling,omitempty"`
	Responses        map[string]mockResponse `json:"responses,omitempty"`
}

type mockResponse struct {
	StatusCode      string            `json:"statusCode"`
	Parameters      map[string]string `json:"responseParameters,omitempty"`
	Templates       map[string]string `json:"responseTemplates,omitempty"`
	ContentHandling string            `json:"contentHandling,omitempty"`
}

type components struct {
	SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
}

type securityScheme struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	In       string `json:"in"`
	AuthType string `json:"x-amazon-apigateway-authtype"`
}

const sigV4 = "sigv4"

// apiDocument describes an API whose every path and method goes to the alias. invokeURI is where
// API Gateway calls it for a buffered answer.
func apiDocument(title, aliasARN, invokeURI string, args Args) (string, error) {
	root := operation{
		Responses: map[string]response{"default": {Description: "What the app answers"}},
		Integration: integration{
			Type:                "aws_proxy",
			HTTPMethod:          "POST",
			URI:                 invokeURI,
			PassthroughBehavior: "when_no_match",
			TimeoutInMillis:     args.apiTimeout() * 1000,
		},
	}
	if args.InvokeMode == ResponseStream {
		root.Integration.URI = streamURI(aliasARN)
		root.Integration.TransferMode = "STREAM"
	}
	doc := openAPI{
		OpenAPI: "3.0.1",
		Info:    openAPIInfo{Title: title, Version: "1"},
		// Every body is handed over as the bytes it is.
		BinaryMediaTypes: []string{"*/*"},
	}
	if args.DisableExecuteAPI {
		// In the document, too: the change is served once the API is deployed anew.
		doc.Servers = []server{{URL: "/", Endpoint: &endpointChoice{DisableExecuteAPI: true}}}
	}
	if args.guarded() {
		guard := callers(aliasARN, args)
		doc.Policy = &guard
	}
	if args.Auth == AuthIAM {
		root.Security = []map[string][]string{{sigV4: {}}}
		doc.Components = &components{SecuritySchemes: map[string]securityScheme{
			sigV4: {Type: "apiKey", Name: "Authorization", In: "header", AuthType: "awsSigv4"},
		}}
	}
	doc.Paths = paths(root, args)
	if args.CORS.on() {
		doc.GatewayResponses = args.CORS.gatewayResponses()
	}
	text, err := json.Marshal(doc)
	return string(text), err
}

// paths hands everything to one operation. {proxy+} matches one segment or more, so the root is a path
// of its own.
func paths(all operation, args Args) map[string]pathItem {
	root, proxy := pathItem{Any: all}, pathItem{Any: all}
	parameters := []parameter{{Name: "proxy", In: "path", Required: true, Schema: schema{Type: "string"}}}
	proxy.Any.Parameters = parameters
	if args.CORS.on() {
		root.Options, proxy.Options = args.CORS.preflight(all), args.CORS.preflight(all)
		proxy.Options.Parameters = parameters
	}
	return map[string]pathItem{"/": root, "/{proxy+}": proxy}
}

// streamURI is where API Gateway calls the alias for a streamed answer
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html).
func streamURI(aliasARN string) string {
	return fmt.Sprintf("arn:%s:apigateway:%s:lambda:path/2021-11-15/functions/%s/response-streaming-invocations",
		cutARN(aliasARN, arnPartition), cutARN(aliasARN, arnRegion), aliasARN)
}
