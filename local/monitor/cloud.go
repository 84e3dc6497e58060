package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/image"
	"lambda-web/local/sandbox"
)

// Cloud is a deployment made real on this machine: functions as pools of sandboxes, REST APIs as one
// HTTP handler.
type Cloud struct {
	functions map[string]*sandbox.Function // by ARN without a qualifier
	stages    map[string]http.Handler      // by stage name
}

// Settings are what the local cloud needs beside the deployment.
type Settings struct {
	Program Program
	Adapter string    // the adapter built for this machine; its file name is the extension's name
	Cache   string    // folder for the app's files and packages
	Log     io.Writer // log lines of the functions
}

// Realise makes a deployment real: it prepares the image, starts the sandboxes that provisioned
// concurrency asks for, and builds the API's routing table. On an error nothing is left running.
func Realise(ctx context.Context, d *Deployment, s Settings) (*Cloud, error) {
	c := &Cloud{functions: map[string]*sandbox.Function{}, stages: map[string]http.Handler{}}
	if err := c.realise(ctx, d, s); err != nil {
		return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func (c *Cloud) realise(ctx context.Context, d *Deployment, s Settings) error {
	for _, r := range d.OfType("aws:lambda/function:Function") {
		f, err := startFunction(ctx, d, r, s)
		if err != nil {
			return fmt.Errorf("function %s: %w", r.ID, err)
		}
		c.functions[text(r.Outputs, "arn")] = f
	}
	for _, r := range d.OfType("aws:apigateway/stage:Stage") {
		if err := c.addStage(d, r, s); err != nil {
			return fmt.Errorf("stage %s: %w", text(r.Inputs, "stageName"), err)
		}
	}
	if len(c.stages) == 0 {
		return errors.New("the program makes no API Gateway stage, so there is nothing to call")
	}
	return nil
}

// ServeHTTP hands a request to the stage that its path names; a path without a known stage is answered
// as API Gateway does, by any of the APIs.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimLeft(r.RequestURI, "/"), "/")
	first, _, _ = strings.Cut(first, "?")
	if handler, ok := c.stages[first]; ok {
		handler.ServeHTTP(w, r)
		return
	}
	for _, handler := range c.stages {
		handler.ServeHTTP(w, r)
		return
	}
}

// Close stops every sandbox in Lambda's order of shutdown.
func (c *Cloud) Close(ctx context.Context) error {
	var group sync.WaitGroup
	errs := make(chan error, len(c.functions))
	for _, f := range c.functions {
		group.Go(func() { errs <- f.Close(ctx) })
	}
	group.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// startFunction prepares a function's image and starts its pool of sandboxes.
func startFunction(ctx context.Context, d *Deployment, r *Resource, s Settings) (*sandbox.Function, error) {
	app, err := prepareImage(ctx, d, r, s)
	if err != nil {
		return nil, err
	}
	env := maps.Clone(app.Env)
	maps.Copy(env, texts(object(object(r.Inputs, "environment"), "variables")))
	a := account{s.Program}
	f, err := sandbox.New(sandbox.Config{
		Name:                   r.ID,
		Version:                text(r.Outputs, "version"),
		Region:                 a.region(),
		AccountID:              a.id(),
		MemorySize:             int(number(r.Inputs, "memorySize", 128)),
		Timeout:                time.Duration(number(r.Inputs, "timeout", 3)) * time.Second,
		Command:                app.Command,
		Dir:                    app.Dir,
		Env:                    env,
		Extensions:             []string{s.Adapter},
		AppPort:                appPort(env),
		ProvisionedConcurrency: provisioned(d, r),
		Log:                    s.Log,
	})
	if err != nil {
		return nil, err
	}
	return f, f.Start(ctx)
}

// appPort is the port that the function's environment sets for the app, or 0.
func appPort(env map[string]string) int {
	for _, name := range []string{"AWS_LWA_PORT", "PORT"} {
		if port, err := strconv.Atoi(env[name]); err == nil {
			return port
		}
	}
	return 0
}

// prepareImage finds the image that a function is pinned to and makes it ready to start here.
func prepareImage(ctx context.Context, d *Deployment, function *Resource, s Settings) (*image.Image, error) {
	uri := text(function.Inputs, "imageUri")
	for _, r := range d.OfType("docker:index/image:Image") {
		if text(r.Outputs, "repoDigest") != uri {
			continue
		}
		build := object(r.Inputs, "build")
		_, tag, _ := strings.Cut(filepath.Base(text(r.Inputs, "imageName")), ":")
		return image.Prepare(ctx, image.Source{
			Context:    filepath.Join(s.Program.Dir, text(build, "context")),
			Dockerfile: filepath.Join(s.Program.Dir, text(build, "dockerfile")),
			Args:       texts(object(build, "args")),
			Tag:        tag,
			Cache:      s.Cache,
			Log:        s.Log,
		})
	}
	return nil, fmt.Errorf("imageUri %q is not the digest of an image that this program builds", uri)
}

// provisioned is the number of sandboxes that a function keeps ready, over all its aliases.
func provisioned(d *Deployment, function *Resource) int {
	total := 0
	for _, r := range d.OfType("aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig") {
		if name := text(r.Inputs, "functionName"); name == function.ID || name == text(function.Outputs, "arn") {
			total += int(number(r.Inputs, "provisionedConcurrentExecutions", 0))
		}
	}
	return total
}

// addStage builds the routing table of one stage from the API's OpenAPI document.
func (c *Cloud) addStage(d *Deployment, stage *Resource, s Settings) error {
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
	a := account{s.Program}
	handler, err := gateway.New(gateway.Config{
		Document: []byte(document), APIID: apiID, AccountID: a.id(), Region: a.region(),
		Stage: name, StageVariables: texts(object(stage.Inputs, "variables")),
		Integration: func(uri string) (sandbox.Invoker, error) { return c.invoker(d, apiID, uri) },
		Throttle:    throttle(d, apiID, name),
		Log:         slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	})
	if err != nil {
		return err
	}
	if _, taken := c.stages[name]; taken {
		return fmt.Errorf("two APIs have a stage %q; on one machine the stage names the API, so give one of them another stage name", name)
	}
	c.stages[name] = handler
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
		function := strings.TrimSuffix(alias.ID, ":"+physicalNameOf(alias))
		if alias.ID != arn || c.functions[function] == nil {
			continue
		}
		if !mayInvoke(d, apiID, alias) {
			return nil, fmt.Errorf("no lambda permission lets API %s invoke alias %s: on AWS every request would be answered with 500", apiID, physicalNameOf(alias))
		}
		return c.functions[function], nil
	}
	if f := c.functions[arn]; f != nil {
		return f, nil
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
