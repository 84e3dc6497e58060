package monitor

import (
	"fmt"
	"io"
	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
	"log/slog"
	"strings"
)

// addStage builds the routing table of one stage from the API's OpenAPI document.
func (c *Cloud) addStage(stages map[string]*gateway.API, d *Deployment, stage *Resource) error {
	apiID := text(stage.Inputs, "restApi")
	var document string
	for _, r := range d.OfType("aws:apigateway/restApi:RestApi") {
		if r.ID == apiID {
			document = text(r.Inputs, "body")
		}
	}
	if document == "" {
		return fmt.Errorf("REST API %s has no OpenAPI document (body)", apiID)
	}
	name := text(stage.Inputs, "stageName")
	a := account{c.settings.Program}
	api, err := gateway.New(gateway.Config{
		Document: []byte(document), APIID: apiID, AccountID: a.id(), Region: a.region(),
		Stage: name, StageVariables: texts(object(stage.Inputs, "variables")),
		Integration: func(uri string) (sandbox.Invoker, error) { return c.invoker(d, apiID, uri) },
		Throttle:    throttle(d, apiID, name),
		AccessLog:   c.accessLog(stage),
		Principals:  []gateway.Principal{caller(a, apiID)},
		Log:         slog.New(slog.NewTextHandler(c.settings.Log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	})
	if err != nil {
		return err
	}
	if stages[name] != nil {
		return fmt.Errorf("two APIs have a stage %q; on one machine the stage names the API, so give one of them another stage name", name)
	}
	stages[name] = api
	return nil
}

// invoker finds the function behind an integration URI and checks that the API may invoke it.
func (c *Cloud) invoker(d *Deployment, apiID, uri string) (sandbox.Invoker, error) {
	_, rest, ok := strings.Cut(uri, "/functions/")
	arn, _, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return nil, fmt.Errorf("integration URI %q names no Lambda function", uri)
	}
	for _, alias := range d.OfType("aws:lambda/alias:Alias") {
		f := c.functions[strings.TrimSuffix(alias.ID, ":"+physicalNameOf(alias))]
		if alias.ID != arn || f == nil {
			continue
		}
		if !mayInvoke(d, apiID, alias) {
			return nil, fmt.Errorf("no lambda permission lets API %s invoke alias %s: on AWS every request would be answered with 500", apiID, physicalNameOf(alias))
		}
		return f.alias, nil
	}
	if f := c.functions[arn]; f != nil {
		return f.alias, nil
	}
	return nil, fmt.Errorf("integration URI %q names a function that this program does not make", uri)
}

// mayInvoke looks for the resource-based policy statement that AWS asks for.
// https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-permissions
func mayInvoke(d *Deployment, apiID string, alias *Resource) bool {
	for _, r := range d.OfType("aws:lambda/permission:Permission") {
		source := text(r.Inputs, "sourceArn")
		if text(r.Inputs, "principal") == "apigateway.amazonaws.com" &&
			text(r.Inputs, "action") == "lambda:InvokeFunction" &&
			text(r.Inputs, "qualifier") == physicalNameOf(alias) &&
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
