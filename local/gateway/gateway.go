// Package gateway is the front of an API Gateway REST API on this machine: it takes HTTP requests, hands Lambda proxy
// events to a function and turns the function's answer into an HTTP response, as the AWS service does.
//
// A request passes through the files in this order: exchange.go (one request from start to end), target.go (stage, path
// and query), route.go (resource and method), authorize.go with signature.go, canonical.go and policy.go (AWS_IAM),
// throttle.go, event.go (the event), integration.go (the invocation), response.go or stream.go (the answer) and
// accesslog.go. site.go is a distribution of CloudFront in front of all that. document.go reads the OpenAPI document
// the API is made of. What AWS does not document and nobody has recorded is decided in assumptions.go.
//
// Known difference: net/http writes the names of request headers in canonical form before the gateway sees them
// (x-my-header becomes X-My-Header), while API Gateway keeps the client's spelling. Header names are case-insensitive
// (RFC 9110 section 5.1), so web applications do not notice.
package gateway

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// Config describes one stage of one REST API.
type Config struct {
	// Document is the API as an OpenAPI 3.0.1 document in JSON, with the API Gateway extensions.
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
	Document []byte
	// APIID, AccountID and Region make the ARNs of the API: "a1b2c3d4e5", "123456789012", "eu-central-1".
	APIID, AccountID, Region string
	// Stage is the first path segment of every request, for example "v1".
	Stage string
	// StageVariables reach the function in the event and may stand in integration URIs as ${stageVariables.name}.
	StageVariables map[string]string
	// DeploymentID is six characters; empty derives it from the document.
	DeploymentID string
	// Integration finds the function behind an integration URI.
	Integration func(uri string) (sandbox.Invoker, error)
	// MayInvoke says why requests with the source ARN may not invoke the function behind an integration URI, as the
	// function's resource-based policy does; nil allows all. Each such request is answered with 500.
	MayInvoke func(uri, sourceARN string) error
	// Principals are the callers known to methods with AWS_IAM authorization.
	Principals []Principal
	// Throttle is the stage's request rate; nil does not throttle.
	Throttle *Throttle
	// Debug is for a debugger: integrations have no timeout, and streams may be silent.
	Debug bool
	// AccessLog is the stage's access log; a nil writer logs nothing.
	AccessLog AccessLog
	// Limits are the quotas of the service; zero fields have the AWS defaults.
	Limits Limits
	// Log receives a sentence for every answer the gateway makes itself, with the cause that AWS only shows in
	// execution logs. Nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Observe is told of every request (observe.go); nil observes nothing.
	Observe func(Record)
}

// unhurried is the limit of what a debugger may hold up.
const unhurried = 24 * time.Hour

// API serves one stage of a REST API. It is safe for concurrent use.
type API struct {
	config       Config
	deploymentID string
	document     *document
	routes       *node
	guard        *guard
	bucket       *bucket
	accessLog    *accessLog
}

var _ http.Handler = (*API)(nil)

// New reads the document and finds the functions behind it. The error names everything in the configuration that is
// wrong or that the gateway does not realise; nothing is silently left out.
func New(config Config) (*API, error) {
	config.Limits = config.Limits.withDefaults()
	if config.Debug {
		config.Limits.StreamIdle = unhurried
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	document, err := parseDocument(config.Document, config.Limits)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document of API %s: %w", config.APIID, err)
	}
	api := &API{config: config, document: document, deploymentID: config.DeploymentID, routes: &node{}}
	if api.deploymentID == "" {
		api.deploymentID = shortID(config.Document)
	}
	problems := config.check()
	for _, o := range document.operations {
		if err := api.addMethod(o); err != nil {
			problems = append(problems, err)
		}
	}
	if api.guard, err = newGuard(guardConfig{
		service: "execute-api", region: config.Region, account: config.AccountID,
		apiARN: api.arn(),
		now:    config.Now, principals: config.Principals, resourcePolicy: document.policy,
	}); err != nil {
		problems = append(problems, err)
	}
	if document.usesIAM() && len(config.Principals) == 0 {
		problems = append(problems,
			errors.New("the document asks for AWS_IAM but there are no credentials: nobody could call the API"))
	}
	if api.bucket, err = newBucket(config.Throttle, config.Now); err != nil {
		problems = append(problems, err)
	}
	if api.accessLog, err = newAccessLog(config.AccessLog); err != nil {
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("set up API %s: %w", config.APIID, err)
	}
	for _, warning := range document.warnings {
		config.Log.Warn(warning)
	}
	return api, nil
}

// stageName is what CreateStage accepts.
// https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html
var stageName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func (c Config) check() []error {
	var problems []error
	if !stageName.MatchString(c.Stage) {
		problems = append(problems,
			fmt.Errorf("stage name %q: letters, digits, _ and - are allowed, 1 to 128 of them", c.Stage))
	}
	if c.Integration == nil {
		problems = append(problems,
			errors.New("there is no way from integration URIs to functions: Integration is nil"))
	}
	return problems
}

// arn is the API's ARN, which those of its methods begin with.
func (a *API) arn() string {
	return "arn:aws:execute-api:" + a.config.Region + ":" + a.config.AccountID + ":" + a.config.APIID
}

// addMethod makes an operation of the document callable.
func (a *API) addMethod(o operation) error {
	if o.integration.mock != nil {
		return a.routes.add(&method{verb: o.verb, iam: o.iam, mock: o.integration.mock, resource: o.path,
			resourceID: shortID([]byte(a.config.APIID + o.path))})
	}
	where := o.verb + " " + o.path
	uri, err := a.expandStageVariables(o.integration.uri)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if a.config.Integration == nil {
		return nil // reported by check
	}
	invoker, err := a.config.Integration(uri)
	if err != nil {
		return fmt.Errorf("%s: find the function behind %s: %w", where, uri, err)
	}
	m := &method{
		verb: o.verb, iam: o.iam, invoker: invoker, timeout: o.integration.timeout, stream: o.integration.stream,
		resource: o.path, resourceID: shortID([]byte(a.config.APIID + o.path)),
	}
	if a.config.Debug {
		m.timeout = unhurried
	}
	if a.config.MayInvoke != nil {
		m.denied = a.denied(uri, m)
	}
	return a.routes.add(m)
}

// denied are the methods of a resource that may not invoke its function, with the reason.
func (a *API) denied(uri string, m *method) map[string]error {
	denied := map[string]error{}
	verbs := []string{m.verb}
	if m.verb == "ANY" {
		verbs = anyVerbs
	}
	for _, verb := range verbs {
		if err := a.config.MayInvoke(uri, sourceARN(a.arn(), a.config.Stage, verb, m.resource)); err != nil {
			denied[verb] = err
		}
	}
	return denied
}

var stageVariable = regexp.MustCompile(`\$\{stageVariables\.([A-Za-z0-9_]+)\}`)

func (a *API) expandStageVariables(uri string) (string, error) {
	var missing error
	expanded := stageVariable.ReplaceAllStringFunc(uri, func(reference string) string {
		name := stageVariable.FindStringSubmatch(reference)[1]
		value, ok := a.config.StageVariables[name]
		if !ok {
			missing = fmt.Errorf("integration uri %s: stage %s has no variable %q", uri, a.config.Stage, name)
		}
		return value
	})
	return expanded, missing
}

// ServeHTTP answers one request. It reads the request target as the client wrote it: nothing is decoded, cleaned or
// redirected.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := a.newExchange(w, r)
	defer x.record()
	if failed := x.serve(); failed != nil {
		x.refuse(failed)
	}
}

// shortID is six characters that stay the same for the same content, like the ids of resources and deployments.
func shortID(content []byte) string {
	sum := sha256.Sum256(content)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:6]
}

// AccessLog is where and how a stage writes one line per request.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
type AccessLog struct {
	// Format is text with $context variables.
	Format string
	// Writer gets one whole line per call. Calls do not overlap.
	Writer io.Writer
}
