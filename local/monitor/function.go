package monitor

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// function is a Lambda function with the alias that callers reach it by.
type function struct {
	config sandbox.Config // of the newest version
	alias  *sandbox.Alias
	routes routing
	behind map[string]*sandbox.Function // the versions behind the alias, by their number

	advisor *advisor // of the newest version
}

// updateFunction prepares a function's image and brings up a new version if anything about it changed.
func (c *Cloud) updateFunction(ctx context.Context, d *Deployment, r *Resource, afresh bool) error {
	app, err := prepareImage(ctx, d, r, c.settings)
	if err != nil {
		return err
	}
	variables, err := c.settings.Program.variables(r)
	if err != nil {
		return err
	}
	config := c.functionConfig(d, r, app, variables)
	arn := text(r.Outputs, "arn")
	now := c.functions[arn]
	next := &function{config: config, routes: routingOf(d, r), behind: map[string]*sandbox.Function{}}
	if now != nil && !afresh && reflect.DeepEqual(now.config, config) && reflect.DeepEqual(now.routes, next.routes) {
		return nil
	}
	next.advisor = newAdvisor(c.settings.Log, c.settings.ObserveSandbox, config.Launcher != nil)
	if now != nil && reflect.DeepEqual(now.config, config) {
		next.advisor = now.advisor
	}
	if err := c.release(ctx, d, r, next, app, variables); err != nil {
		return err
	}
	routes, err := c.route(now, next, afresh)
	if err != nil {
		return err
	}
	if now != nil {
		if err := now.alias.Update(ctx, routes...); err != nil {
			return next.advisor.explain(err)
		}
		next.alias = now.alias
		c.functions[arn] = next
		return nil
	}
	next.alias = sandbox.NewAlias(next.routes.alias, routes[0].Function)
	if !c.settings.Cold || config.ProvisionedConcurrency > 0 {
		if err := routes[0].Function.Start(ctx); err != nil {
			return next.advisor.explain(err)
		}
	}
	c.functions[arn] = next
	return nil
}

// routing is what an alias says about the versions behind it.
// https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
type routing struct {
	alias   string
	version string
	weights map[string]float64 // of a further version, by its number
}

// routingOf is the routing of a function's alias. A function without one is called at its newest version.
func routingOf(d *Deployment, function *Resource) routing {
	routes := routing{version: text(function.Outputs, "version")}
	for _, r := range d.OfType("aws:lambda/alias:Alias") {
		if strings.TrimSuffix(r.ID, ":"+physicalNameOf(r)) != text(function.Outputs, "arn") {
			continue
		}
		routes.alias, routes.weights = physicalNameOf(r), map[string]float64{}
		if version := text(r.Inputs, "functionVersion"); version != "$LATEST" {
			routes.version = version
		}
		weights := object(object(r.Inputs, "routingConfig"), "additionalVersionWeights")
		for version := range weights {
			routes.weights[version] = number(weights, version, 0)
		}
		break
	}
	return routes
}

// route finds the versions that the alias shall point to, the primary one first: the newest is made of its
// configuration, older ones are there only while the alias points to them. In the place of one that is not here, such
// as one that was published on AWS, the newest serves.
func (c *Cloud) route(now, next *function, afresh bool) ([]sandbox.Route, error) {
	newest := next.config.Version
	var routes []sandbox.Route
	for _, number := range append([]string{next.routes.version}, slices.Sorted(maps.Keys(next.routes.weights))...) {
		weight := next.routes.weights[number]
		if number != newest && (now == nil || now.behind[number] == nil) {
			fmt.Fprintf(c.settings.Log,
				"The alias %s points to version %s, which is not on this machine: version %s, the newest, serves in its place.\n",
				next.routes.alias, number, newest)
			number = newest
		}
		if next.behind[number] != nil {
			continue
		}
		version, err := c.version(now, next, number, afresh && number == newest)
		if err != nil {
			return nil, err
		}
		next.behind[number] = version
		routes = append(routes, sandbox.Route{Function: version, Weight: weight})
	}
	return routes, nil
}

// version is the one that serves already, or a new one.
func (c *Cloud) version(now, next *function, number string, afresh bool) (*sandbox.Function, error) {
	if now != nil && !afresh && now.behind[number] != nil && (number != next.config.Version ||
		reflect.DeepEqual(now.config, next.config)) {
		return now.behind[number], nil
	}
	config := next.config
	config.Log, config.Observe, config.Record = c.settings.Lines, next.advisor.observe, c.settings.Record
	return sandbox.New(config)
}

// functionConfig is what a function's resource says about its sandboxes.
func (c *Cloud) functionConfig(d *Deployment, r *Resource, app preparedImage,
	variables map[string]string) sandbox.Config {
	env := maps.Clone(app.env)
	maps.Copy(env, variables)
	a := account{c.settings.Program}
	return sandbox.Config{
		Name:                   r.ID,
		Version:                text(r.Outputs, "version"),
		Region:                 a.region(),
		AccountID:              a.id(),
		MemorySize:             int(number(r.Inputs, "memorySize", 128)),
		Timeout:                time.Duration(number(r.Inputs, "timeout", 3)) * time.Second,
		EphemeralStorage:       int(number(object(r.Inputs, "ephemeralStorage"), "size", 512)),
		Launcher:               app.launcher,
		Code:                   app.code,
		Command:                imageCommand(r, app.command),
		Dir:                    app.dir,
		Env:                    env,
		Extensions:             app.extensions,
		AppPort:                appPort(env),
		MaxConcurrency:         maxConcurrency(r, provisioned(d, r)),
		Blocked:                reserved(r) == 0,
		ProvisionedConcurrency: provisioned(d, r),
		Freeze:                 c.settings.Freeze,
		Debug:                  c.settings.Debug,
		SnapStart:              text(object(r.Inputs, "snapStart"), "applyOn") == "PublishedVersions",
		LogFormat:              sandbox.LogFormat(text(object(r.Inputs, "loggingConfig"), "logFormat")),
		LogGroup:               text(object(r.Inputs, "loggingConfig"), "logGroup"),
	}
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

// reserved is the function's reserved concurrency: -1 is none, 0 throttles every invocation.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
func reserved(r *Resource) int {
	return int(number(r.Inputs, "reservedConcurrentExecutions", -1))
}

// maxConcurrency is the number of sandboxes a function may have at once, 0 for the default.
func maxConcurrency(r *Resource, provisioned int) int {
	if n := reserved(r); n > 0 {
		return max(n, provisioned)
	}
	return 0
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
