package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// document is what an OpenAPI document with API Gateway extensions says about an API.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
type document struct {
	binaryMediaTypes []string
	policy           *policy // nil when the API has no resource policy
	operations       []operation
	responses        gatewayResponses
	warnings         []string // what AWS takes only after a request for more
}

// operation is one method of one path; verb is "ANY" or an HTTP method.
type operation struct {
	path, verb  string
	iam         bool
	integration integration
}

// integration is a Lambda proxy integration, or a mock.
type integration struct {
	mock    *mock
	uri     string
	timeout time.Duration
	stream  bool
}

func (d *document) usesIAM() bool {
	return slices.ContainsFunc(d.operations, func(o operation) bool { return o.iam })
}

const extension = "x-amazon-apigateway-"

// parseDocument reads the document. The error lists everything that is wrong and every API Gateway extension that the
// gateway does not realise, each with its place in the document.
func parseDocument(text []byte, limits Limits) (*document, error) {
	p := &documentParser{limits: limits, schemes: map[string]bool{}}
	root := p.object("document", text)
	if root == nil {
		return nil, errors.Join(p.problems...)
	}
	p.root(root)
	if err := errors.Join(p.problems...); err != nil {
		return nil, err
	}
	return &p.document, nil
}

// documentParser walks the document and gathers what is wrong with it.
type documentParser struct {
	limits   Limits
	document document
	schemes  map[string]bool // security schemes that mean AWS_IAM
	security bool            // AWS_IAM asked for at the document's level
	problems []error
}

func (p *documentParser) problem(where, format string, arguments ...any) {
	p.problems = append(p.problems, fmt.Errorf("%s: "+format, append([]any{where}, arguments...)...))
}

// fields are the members of an object and its place in the document.
type fields struct {
	where   string
	members map[string]json.RawMessage
}

func (f *fields) at(key string) string { return f.where + "." + key }

func (f *fields) keys() []string { return slices.Sorted(maps.Keys(f.members)) }

// object reads an object; it is nil, and a problem noted, when there is none.
func (p *documentParser) object(where string, raw json.RawMessage) *fields {
	f := &fields{where: where}
	if err := json.Unmarshal(raw, &f.members); err != nil || f.members == nil {
		p.problem(where, "a JSON object is needed")
		return nil
	}
	return f
}

// value decodes a member when it is there.
func (p *documentParser) value(f *fields, key string, into any) bool {
	raw, ok := f.members[key]
	if !ok {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		p.problem(f.at(key), "%s is not what belongs here", raw)
		return false
	}
	return true
}

// refuseOthers notes API Gateway extensions that are not among the realised ones. Other members of OpenAPI, such as
// descriptions and schemas, change nothing at run time.
func (p *documentParser) refuseOthers(f *fields, realised ...string) {
	for _, key := range f.keys() {
		if strings.HasPrefix(key, extension) && !slices.Contains(realised, key) {
			p.problem(f.at(key), "this extension is not realised on this machine")
		}
	}
}

func (p *documentParser) root(f *fields) {
	var version string
	if !p.value(f, "openapi", &version) || !strings.HasPrefix(version, "3.0.") {
		p.problem(f.at("openapi"), "%q is not realised: the gateway reads OpenAPI 3.0.x", version)
	}
	p.refuseOthers(f, extension+"binary-media-types", extension+"policy", extension+"gateway-responses")
	p.document.responses = p.gatewayResponses(f)
	p.value(f, extension+"binary-media-types", &p.document.binaryMediaTypes)
	if raw, ok := f.members[extension+"policy"]; ok {
		parsed, err := parsePolicy(raw, resourcePolicy)
		if err != nil {
			p.problem(f.at(extension+"policy"), "%w", err)
		}
		p.document.policy = parsed
	}
	p.securitySchemes(f)
	p.security = p.wantsIAM(f, false)
	paths := p.object(f.at("paths"), f.members["paths"])
	if paths == nil {
		return
	}
	for _, path := range paths.keys() {
		if strings.HasPrefix(path, "/") {
			p.path(path, p.object(paths.at(path), paths.members[path]))
		} else if !strings.HasPrefix(path, "x-") {
			p.problem(paths.at(path), "a path begins with a slash")
		}
	}
	if len(p.document.operations) == 0 && len(p.problems) == 0 {
		p.problem(paths.where, "the API has no method")
	}
}

// securitySchemes finds the schemes that mean AWS_IAM. Others are refused where they are declared, used or not, because
// API Gateway makes authorizers of them.
func (p *documentParser) securitySchemes(root *fields) {
	raw, ok := root.members["components"]
	if !ok {
		return
	}
	components := p.object(root.at("components"), raw)
	if components == nil || components.members["securitySchemes"] == nil {
		return
	}
	schemes := p.object(components.at("securitySchemes"), components.members["securitySchemes"])
	if schemes == nil {
		return
	}
	for _, name := range schemes.keys() {
		scheme := p.object(schemes.at(name), schemes.members[name])
		if scheme == nil {
			continue
		}
		var kind string
		p.value(scheme, extension+"authtype", &kind)
		p.refuseOthers(scheme, extension+"authtype")
		if strings.EqualFold(kind, "awsSigv4") {
			p.schemes[name] = true
		} else {
			p.problem(scheme.where, "authorization by this scheme (%sauthtype %q) is not realised: only awsSigv4 is",
				extension, kind)
		}
	}
}

// wantsIAM reads "security" of the document or of an operation; without one the enclosing level's answer holds.
func (p *documentParser) wantsIAM(f *fields, enclosing bool) bool {
	var requirements []map[string][]string
	if !p.value(f, "security", &requirements) {
		return enclosing
	}
	iam := false
	for _, requirement := range requirements {
		for name := range requirement {
			if !p.schemes[name] {
				p.problem(f.at("security"), "%q is not a security scheme that is realised", name)
			}
			iam = true
		}
	}
	return iam
}

// anyVerbs are the methods that ANY stands for.
var anyVerbs = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

func (p *documentParser) path(path string, f *fields) {
	if f == nil {
		return
	}
	p.refuseOthers(f, extension+"any-method")
	for _, key := range f.keys() {
		verb := strings.ToUpper(key)
		switch {
		case key == extension+"any-method":
			verb = "ANY"
		case slices.Contains(anyVerbs, verb):
		case key == "trace" || key == "$ref":
			p.problem(f.at(key), "API Gateway has nothing for it")
			continue
		default:
			continue
		}
		if o := p.object(f.at(key), f.members[key]); o != nil {
			p.operation(path, verb, o)
		}
	}
}

func (p *documentParser) operation(path, verb string, f *fields) {
	p.refuseOthers(f, extension+"integration", extension+"auth")
	o := operation{path: path, verb: verb, iam: p.wantsIAM(f, p.security)}
	var auth struct{ Type string }
	if p.value(f, extension+"auth", &auth) {
		if auth.Type != "AWS_IAM" && auth.Type != "NONE" {
			p.problem(f.at(extension+"auth"), "authorization %q is not realised: AWS_IAM and NONE are", auth.Type)
		}
		o.iam = auth.Type == "AWS_IAM"
	}
	raw, ok := f.members[extension+"integration"]
	if !ok {
		p.problem(f.where, "the method has no %sintegration", extension)
		return
	}
	if i := p.object(f.at(extension+"integration"), raw); i != nil {
		o.integration = p.integration(i)
		p.document.operations = append(p.document.operations, o)
	}
}

// integrationKeys are the members of an integration that the gateway follows. passthroughBehavior has no effect on
// proxy integrations.
var integrationKeys = []string{"type", "httpMethod", "uri", "passthroughBehavior", "timeoutInMillis",
	"responseTransferMode", "payloadFormatVersion"}

// integration reads x-amazon-apigateway-integration.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html
func (p *documentParser) integration(f *fields) integration {
	var kind string
	if p.value(f, "type", &kind); strings.EqualFold(kind, "mock") {
		return integration{mock: p.mock(f)}
	}
	for _, key := range f.keys() {
		if !slices.Contains(integrationKeys, key) {
			p.problem(f.at(key), "this member of an integration is not realised on this machine")
		}
	}
	httpMethod, mode, format := "", "BUFFERED", "1.0"
	var made integration
	p.value(f, "httpMethod", &httpMethod)
	p.value(f, "responseTransferMode", &mode)
	p.value(f, "payloadFormatVersion", &format)
	p.value(f, "uri", &made.uri)
	if !strings.EqualFold(kind, "aws_proxy") {
		p.problem(f.at("type"), "integration type %q is not realised: aws_proxy with a Lambda function and mock are",
			kind)
	}
	if httpMethod != "POST" {
		p.problem(f.at("httpMethod"), "%q does not invoke Lambda: POST does", httpMethod)
	}
	if format != "1.0" {
		p.problem(f.at("payloadFormatVersion"), "REST APIs have format 1.0, not %q", format)
	}
	switch mode {
	case "BUFFERED":
		p.uriForm(f, made.uri, "2015-03-31", "/invocations")
	case "STREAM":
		made.stream = true
		p.uriForm(f, made.uri, "2021-11-15", "/response-streaming-invocations")
	default:
		p.problem(f.at("responseTransferMode"), "%q is neither BUFFERED nor STREAM", mode)
	}
	made.timeout = p.timeout(f, made.stream)
	return made
}

// uriForm checks arn:aws:apigateway:REGION:lambda:path/VERSION/functions/ARN/ACTION.
func (p *documentParser) uriForm(f *fields, uri, version, action string) {
	if !strings.HasPrefix(uri, "arn:") || !strings.Contains(uri, ":lambda:path/"+version+"/functions/") ||
		!strings.HasSuffix(uri, action) {
		p.problem(f.at("uri"),
			"%q is not of the form arn:aws:apigateway:<region>:lambda:path/%s/functions/<function arn>%s", uri,
			version, action)
	}
}

func (p *documentParser) timeout(f *fields, stream bool) time.Duration {
	const least = 50 * time.Millisecond
	most := p.limits.StreamTimeout
	var millis int64
	if !p.value(f, "timeoutInMillis", &millis) {
		return p.limits.IntegrationTimeout
	}
	timeout := time.Duration(millis) * time.Millisecond
	switch {
	case timeout < least || timeout > most:
		p.problem(f.at("timeoutInMillis"), "%d is outside %d to %d", millis, least.Milliseconds(), most.Milliseconds())
	case !stream && timeout > p.limits.IntegrationTimeout:
		p.document.warnings = append(p.document.warnings,
			fmt.Sprintf("%s: %d is above %d, which AWS takes only for regional APIs of an account with a raised quota",
				f.at("timeoutInMillis"), millis, p.limits.IntegrationTimeout.Milliseconds()))
	}
	return timeout
}
