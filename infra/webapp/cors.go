package webapp

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// CORS says which pages of other sites may call the API from a browser
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html). The answers of the app
// carry the app's own CORS headers; these are for the preflight requests, which come without a
// signature, and for the answers that API Gateway makes itself.
type CORS struct {
	Origins     []string `json:"origins"`               // such as https://www.example.com, or * for all
	Methods     []string `json:"methods,omitempty"`     // all when left out
	Headers     []string `json:"headers,omitempty"`     // those a signed request has when left out
	Credentials bool     `json:"credentials,omitempty"` // whether cookies may come along
	MaxAge      int      `json:"maxAge,omitempty"`      // seconds a browser remembers the answer; 600 when left out
	Preflight   string   `json:"preflight,omitempty"`   // who answers; the gateway when left out
}

// Values of CORS.Preflight.
const (
	PreflightGateway = "gateway" // API Gateway, without an invocation
	PreflightApp     = "app"
)

func (c CORS) on() bool { return len(c.Origins) > 0 }

var (
	corsMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	corsHeaders = []string{"Authorization", "Content-Type", "X-Amz-Content-Sha256", "X-Amz-Date",
		"X-Amz-Security-Token", "X-Requested-With"}

	originAllowed = regexp.MustCompile(`^https?://[a-z0-9.-]+(:\d{1,5})?$`)
	headerAllowed = regexp.MustCompile("^[A-Za-z0-9!#$%&*+.^_`|~-]+$") // without ', which ends a value in the document
)

// longestMaxAge is what browsers keep to at the most.
const longestMaxAge = 86400

func checkCORS(c CORS, found *mistakes) {
	if !c.on() {
		if len(c.Methods)+len(c.Headers)+c.MaxAge > 0 || c.Credentials || c.Preflight != "" {
			found.add("cors",
				`has no origins; name those that may call, such as "origins": ["https://www.example.com"], or leave it out`)
		}
		return
	}
	for _, o := range c.Origins {
		switch {
		case o == "*" && len(c.Origins) > 1:
			found.add("cors", "* are all origins; leave the others out, or *")
		case o == "*" && c.Credentials:
			found.add("cors",
				"browsers send no credentials where the origin is *; name the origins, or set credentials to false")
		case o != "*" && !originAllowed.MatchString(o):
			found.add("cors",
				"%q is not an origin; use scheme, host and port as browsers send them, such as https://www.example.com, or *", o)
		}
	}
	for _, m := range c.Methods {
		if !slices.Contains(corsMethods, m) {
			found.add("cors", "%q is not a method; use %s", m, strings.Join(corsMethods, ", "))
		}
	}
	for _, h := range c.Headers {
		if !headerAllowed.MatchString(h) {
			found.add("cors", "%q is not the name of a header", h)
		}
	}
	if c.MaxAge < 0 || c.MaxAge > longestMaxAge {
		found.add("cors", "a maxAge of %d is not allowed; use 1 to %d seconds", c.MaxAge, longestMaxAge)
	}
	if !slices.Contains([]string{"", PreflightGateway, PreflightApp}, c.Preflight) {
		found.add("cors", "preflight %q is not allowed; use %s or %s", c.Preflight, PreflightGateway, PreflightApp)
	}
}

// origin is the value of Access-Control-Allow-Origin that needs no look at the request, or nothing.
func (c CORS) origin() string {
	if len(c.Origins) == 1 {
		return c.Origins[0]
	}
	return ""
}

// preflightHeaders are the headers of the answer to a preflight request, all but the origin.
func (c CORS) preflightHeaders() map[string]string {
	methods, headers, maxAge := c.Methods, c.Headers, c.MaxAge
	if len(methods) == 0 {
		methods = corsMethods
	}
	if len(headers) == 0 {
		headers = corsHeaders
	}
	if maxAge == 0 {
		maxAge = 600
	}
	h := map[string]string{
		"Access-Control-Allow-Methods": strings.Join(methods, ","),
		"Access-Control-Allow-Headers": strings.Join(headers, ","),
		"Access-Control-Max-Age":       strconv.Itoa(maxAge),
		"Vary":                         "Origin",
	}
	if c.Credentials {
		h["Access-Control-Allow-Credentials"] = "true"
	}
	if origin := c.origin(); origin != "" {
		h["Access-Control-Allow-Origin"] = origin
	}
	return h
}

// preflight is the OPTIONS method: without a signature in any case, since browsers send none.
func (c CORS) preflight(app operation) *operation {
	if c.Preflight == PreflightApp {
		app.Security = nil
		return &app
	}
	answer := mockResponse{StatusCode: "204", Parameters: map[string]string{}, ContentHandling: "CONVERT_TO_TEXT"}
	method := response{Description: "Who may call", Headers: map[string]header{}}
	for name, value := range c.preflightHeaders() {
		answer.Parameters["method.response.header."+name] = "'" + value + "'"
		method.Headers[name] = header{schema{Type: "string"}}
	}
	if c.origin() == "" {
		answer.Templates = map[string]string{"application/json": c.originTemplate()}
		method.Headers["Access-Control-Allow-Origin"] = header{schema{Type: "string"}}
	}
	return &operation{
		Responses: map[string]response{"204": method},
		Integration: integration{
			Type:                "mock",
			PassthroughBehavior: "when_no_match",
			RequestTemplates:    map[string]string{"application/json": `{"statusCode": 204}`},
			// All bodies are bytes here, and a template has to read one.
			ContentHandling: "CONVERT_TO_TEXT",
			Responses:       map[string]mockResponse{"default": answer},
		},
	}
}

// originTemplate answers each of several origins with itself
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html).
func (c CORS) originTemplate() string {
	var matches []string
	for _, o := range c.Origins {
		matches = append(matches, fmt.Sprintf(`$origin == "%s"`, o))
	}
	return "#set($origin = $input.params(\"Origin\"))\n" +
		"#if($origin == \"\")#set($origin = $input.params(\"origin\"))#end\n" +
		"#if(" + strings.Join(matches, " || ") +
		")#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"
}

// gatewayResponse adds headers to the answers that API Gateway makes itself. Its body is the usual one, which
// tells nobody anything, so where there are several origins the one that asks may read it.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
type gatewayResponse struct {
	Parameters map[string]string `json:"responseParameters"`
}

// gatewayResponses are those of errors, which a page could not read without CORS headers.
func (c CORS) gatewayResponses() map[string]gatewayResponse {
	const prefix = "gatewayresponse.header."
	p := map[string]string{prefix + "Access-Control-Allow-Origin": "method.request.header.Origin", prefix +
		"Vary": "'Origin'"}
	if origin := c.origin(); origin != "" {
		p[prefix+"Access-Control-Allow-Origin"] = "'" + origin + "'"
	}
	if c.Credentials {
		p[prefix+"Access-Control-Allow-Credentials"] = "'true'"
	}
	return map[string]gatewayResponse{"DEFAULT_4XX": {p}, "DEFAULT_5XX": {p}}
}
