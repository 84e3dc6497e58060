package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// makeStages builds the stages of a deployment, by name.
func (c *Cloud) makeStages(d *Deployment, log io.Writer) (map[string]*gateway.API, error) {
	stages := map[string]*gateway.API{}
	for _, r := range d.OfType("aws:apigateway/stage:Stage") {
		name := text(r.Inputs, "stageName")
		api, err := c.makeStage(d, r, log)
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", name, err)
		}
		if stages[name] != nil {
			return nil, fmt.Errorf("two APIs have a stage %q; on one machine the stage names the API, so "+
				"give one of them another stage name", name)
		}
		stages[name] = api
	}
	if len(stages) == 0 {
		return nil, errors.New("the program makes no API Gateway stage, so there is nothing to call")
	}
	return stages, nil
}

// makeStage builds the routing table of one stage from the API's OpenAPI document.
func (c *Cloud) makeStage(d *Deployment, stage *Resource, log io.Writer) (*gateway.API, error) {
	apiID, deployment := text(stage.Inputs, "restApi"), text(stage.Inputs, "deployment")
	document := d.snapshot(deployment)
	if document == "" {
		return nil, fmt.Errorf("deployment %q of REST API %s has no OpenAPI document (body)", deployment, apiID)
	}
	name := text(stage.Inputs, "stageName")
	a := account{c.settings.Program}
	return gateway.New(gateway.Config{
		Document: []byte(document), APIID: apiID, AccountID: a.id(), Region: a.region(),
		Stage: name, StageVariables: texts(object(stage.Inputs, "variables")), DeploymentID: deployment,
		Integration: func(uri string) (sandbox.Invoker, error) { return c.invoker(d, uri) },
		MayInvoke:   func(uri, sourceARN string) error { return c.mayInvoke(d, uri, sourceARN) },
		Observe:     c.settings.ObserveGateway,
		Throttle:    throttle(d, apiID, name),
		Debug:       c.settings.Debug,
		AccessLog:   c.accessLog(stage),
		Principals:  []gateway.Principal{caller(a, apiID)},
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	})
}

// takeSnapshots gives each deployment of an API the document that its stages serve: the API's, as it was when the
// deployment was made. A later change of the API reaches them with the next deployment.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-deploy-api.html
func (d *Deployment) takeSnapshots(before *Deployment) {
	kept := map[string]string{}
	if before != nil {
		for _, r := range before.OfType("aws:apigateway/deployment:Deployment") {
			kept[r.ID] = r.document
		}
	}
	for _, r := range d.OfType("aws:apigateway/deployment:Deployment") {
		for _, api := range d.OfType("aws:apigateway/restApi:RestApi") {
			if api.ID == text(r.Inputs, "restApi") {
				r.document = text(api.Inputs, "body")
			}
		}
		r.document = cmp.Or(kept[r.ID], r.document)
	}
}

// snapshot is the document of a deployment, or empty.
func (d *Deployment) snapshot(deployment string) string {
	for _, r := range d.OfType("aws:apigateway/deployment:Deployment") {
		if r.ID == deployment {
			return r.document
		}
	}
	return ""
}

// target finds the function and the qualifier that an integration URI names by the ARN of an alias or of the function
// itself.
func target(d *Deployment, uri string) (function *Resource, qualifier string, err error) {
	_, rest, ok := strings.Cut(uri, "/functions/")
	arn, _, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return nil, "", fmt.Errorf("integration URI %q names no Lambda function", uri)
	}
	for _, r := range d.OfType(functionType) {
		of := text(r.Outputs, "arn")
		if arn == of || arn == of+":"+routingOf(d, r).alias {
			return r, strings.TrimPrefix(strings.TrimPrefix(arn, of), ":"), nil
		}
	}
	return nil, "", fmt.Errorf("integration URI %q names a function that this program does not make", uri)
}

// invoker is the function behind an integration URI.
func (c *Cloud) invoker(d *Deployment, uri string) (sandbox.Invoker, error) {
	function, _, err := target(d, uri)
	if err != nil {
		return nil, err
	}
	if f := c.functions[text(function.Outputs, "arn")]; f != nil {
		return advised{f.alias, f.advisor}, nil
	}
	return notThere{}, nil // while an Update looks whether the API can be made
}

// notThere stands in for a function that is made later.
type notThere struct{}

func (notThere) Invoke(context.Context, sandbox.Invocation) (sandbox.Result, error) {
	return sandbox.Result{}, errors.New("the function is not there yet")
}

// mayInvoke looks for the resource-based policy statement that AWS asks for. Without it the deployment succeeds, as
// it does on AWS, and each request is answered with 500.
// https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-permissions
func (c *Cloud) mayInvoke(d *Deployment, uri, sourceARN string) error {
	function, qualifier, err := target(d, uri)
	if err != nil {
		return err
	}
	for _, r := range d.OfType("aws:lambda/permission:Permission") {
		of, source, owner := text(r.Inputs, "function"), text(r.Inputs, "sourceArn"), text(r.Inputs, "sourceAccount")
		if text(r.Inputs, "principal") == "apigateway.amazonaws.com" &&
			slices.Contains([]string{"lambda:InvokeFunction", "lambda:*"}, text(r.Inputs, "action")) &&
			(of == function.ID || of == text(function.Outputs, "arn")) &&
			text(r.Inputs, "qualifier") == qualifier &&
			(source == "" || gateway.MatchARN(source, sourceARN)) &&
			(owner == "" || owner == account{c.settings.Program}.id()) {
			return nil
		}
	}
	return fmt.Errorf("no lambda permission lets %s invoke %s", sourceARN, strings.TrimSuffix(function.ID+":"+
		qualifier, ":"))
}

// throttle is the request rate of a stage's method settings, nil if they set none. What they leave out, or set to -1,
// is the quota of the account.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
func throttle(d *Deployment, apiID, stage string) *gateway.Throttle {
	const accountRate, accountBurst = 10_000, 5_000
	for _, r := range d.OfType("aws:apigateway/methodSettings:MethodSettings") {
		if text(r.Inputs, "restApi") != apiID || text(r.Inputs, "stageName") != stage || text(r.Inputs,
			"methodPath") != "*/*" {
			continue
		}
		settings := object(r.Inputs, "settings")
		rate, burst := number(settings, "throttlingRateLimit", -1), number(settings, "throttlingBurstLimit", -1)
		if rate < 0 && burst < 0 {
			return nil
		}
		if rate < 0 {
			rate = accountRate
		}
		if burst < 0 {
			burst = accountBurst
		}
		return &gateway.Throttle{Rate: rate, Burst: int(burst)}
	}
	return nil
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// accessLog prints the lines that the stage would send to CloudWatch.
func (c *Cloud) accessLog(stage *Resource) gateway.AccessLog {
	settings := object(stage.Inputs, "accessLogSettings")
	if settings == nil {
		return gateway.AccessLog{}
	}
	return gateway.AccessLog{Format: text(settings, "format"), Writer: prefixed{"access    | ", c.settings.Lines}}
}

// prefixed puts a word in front of each line, as the sandboxes do.
type prefixed struct {
	prefix string
	to     io.Writer
}

func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.to.Write(append([]byte(p.prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
