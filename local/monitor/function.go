package monitor

import (
	"context"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// updateFunction prepares a function's image and brings up a new version if anything about it changed.
func (c *Cloud) updateFunction(ctx context.Context, d *Deployment, r *Resource) error {
	config, err := c.functionConfig(ctx, d, r)
	if err != nil {
		return err
	}
	arn := text(r.Outputs, "arn")
	now := c.functions[arn]
	if now != nil && reflect.DeepEqual(now.config, config) {
		return nil
	}
	next := config
	next.Log = c.settings.Log
	version, err := sandbox.New(next)
	if err != nil {
		return err
	}
	if now != nil {
		if err := now.alias.Update(ctx, sandbox.Route{Function: version}); err != nil {
			return err
		}
		now.config = config
		return nil
	}
	c.functions[arn] = &function{config: config, alias: sandbox.NewAlias(aliasName(d, r), version)}
	return version.Start(ctx)
}

// functionConfig is what a function's resource says about its sandboxes.
func (c *Cloud) functionConfig(ctx context.Context, d *Deployment, r *Resource) (sandbox.Config, error) {
	app, err := prepareImage(ctx, d, r, c.settings)
	if err != nil {
		return sandbox.Config{}, err
	}
	env := maps.Clone(app.env)
	maps.Copy(env, texts(object(object(r.Inputs, "environment"), "variables")))
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
		Command:                app.command,
		Dir:                    app.dir,
		Env:                    env,
		Extensions:             app.extensions,
		AppPort:                appPort(env),
		MaxConcurrency:         maxConcurrency(r, provisioned(d, r)),
		ProvisionedConcurrency: provisioned(d, r),
		Freeze:                 c.settings.Freeze,
		LogFormat:              sandbox.LogFormat(text(object(r.Inputs, "loggingConfig"), "logFormat")),
	}, nil
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

// maxConcurrency is the number of sandboxes a function may have at once, 0 for the default.
func maxConcurrency(r *Resource, provisioned int) int {
	if reserved := int(number(r.Inputs, "reservedConcurrentExecutions", -1)); reserved > 0 {
		return max(reserved, provisioned)
	}
	return 0
}

// aliasName is the name of the function's alias, or empty.
func aliasName(d *Deployment, function *Resource) string {
	for _, r := range d.OfType("aws:lambda/alias:Alias") {
		if strings.TrimSuffix(r.ID, ":"+physicalNameOf(r)) == text(function.Outputs, "arn") {
			return physicalNameOf(r)
		}
	}
	return ""
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
