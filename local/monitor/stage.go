package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
			return nil, fmt.Errorf("two APIs have a stage %q; on one machine the stage names the API, so give one of them another stage name", name)
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
	apiID := text(stage.Inputs, "restApi")
	var document string
	for _, r := range d.OfType("aws:apigateway/restApi:RestApi") {
		if r.ID == apiID {
			document = text(r.Inputs, "body")
		}
	}
	if document == "" {
		return nil, fmt.Errorf("REST API %s has no OpenAPI document (body)", apiID)
	}
	name := text(stage.Inputs, "stageName")
	a := account{c.settings.Program}
	return gateway.New(gateway.Config{
		Document: []byte(document), APIID: apiID, AccountID: a.id(), Region: a.region(),
		Stage: name, StageVariables: texts(object(stage.Inputs, "variables")),
		Integration: func(uri string) (sandbox.Invoker, error) { return c.invoker(d, apiID, uri) },
		Observe:     c.settings.ObserveGateway,
		Throttle:    throttle(d, apiID, name),
		AccessLog:   c.accessLog(stage),
		Principals:  []gateway.Principal{caller(a, apiID)},
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	})
}

// invoker finds the function behind an integration URI: the ARN of an alias or of the function itself.
func (c *Cloud) invoker(d *Deployment, apiID, uri string) (sandbox.Invoker, error) {
	_, rest, ok := strings.Cut(uri, "/functions/")
	arn, _, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return nil, fmt.Errorf("integration URI %q names no Lambda function", uri)
	}
	for _, r := range d.OfType("aws:lambda/function:Function") {
		of := text(r.Outputs, "arn")
		if arn != of && arn != of+":"+routingOf(d, r).alias {
			continue
		}
		qualifier := strings.TrimPrefix(strings.TrimPrefix(arn, of), ":")
		if !mayInvoke(d, apiID, r, qualifier) {
			return forbidden{fmt.Errorf("no lambda permission lets API %s invoke %s", apiID, arn)}, nil
		}
		if f := c.functions[of]; f != nil {
			return f.alias, nil
		}
		return forbidden{fmt.Errorf("function %s is not there yet", of)}, nil
	}
	return nil, fmt.Errorf("integration URI %q names a function that this program does not make", uri)
}

// forbidden stands in for a function that the API may not invoke. The deployment succeeds, as it does on AWS, and each
// request is answered with 500.
type forbidden struct{ err error }

func (f forbidden) Invoke(context.Context, sandbox.Invocation) (sandbox.Result, error) {
	return sandbox.Result{}, f.err
}

// mayInvoke looks for the resource-based policy statement that AWS asks for.
// https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-permissions
func mayInvoke(d *Deployment, apiID string, function *Resource, qualifier string) bool {
	for _, r := range d.OfType("aws:lambda/permission:Permission") {
		source, of := text(r.Inputs, "sourceArn"), text(r.Inputs, "function")
		if text(r.Inputs, "principal") == "apigateway.amazonaws.com" &&
			text(r.Inputs, "action") == "lambda:InvokeFunction" &&
			(of == function.ID || of == text(function.Outputs, "arn")) &&
			text(r.Inputs, "qualifier") == qualifier &&
			(source == "" || strings.Contains(source, ":"+apiID+"/")) {
			return true
		}
	}
	return false
}

// throttle is the request rate of a stage's method settings.
func throttle(d *Deployment, apiID, stage string) gateway.Throttle {
	var t gateway.Throttle
	for _, r := range d.OfType("aws:apigateway/methodSettings:MethodSettings") {
		if text(r.Inputs, "restApi") != apiID || text(r.Inputs, "stageName") != stage {
			continue
		}
		settings := object(r.Inputs, "settings")
		t.Rate = number(settings, "throttlingRateLimit", 0)
		t.Burst = int(number(settings, "throttlingBurstLimit", 0))
	}
	return t
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
	return gateway.AccessLog{Format: text(settings, "format"), Writer: prefixed{"access    | ", c.settings.Log}}
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
