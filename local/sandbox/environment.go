package sandbox

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Environment variables of the processes in a sandbox.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

// environment is what one sandbox adds to the function's own variables.
type environment struct {
	runtimeAPI string // host:port
	logStream  string
	initType   string // on-demand or provisioned-concurrency
	port       int    // of the app

	credentialsToken string // for the endpoint of the role's credentials, with SnapStart
}

// hiddenFromExtensions are the variables that Lambda gives to the runtime alone.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
var hiddenFromExtensions = []string{
	"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
}

// runtimeVariables lays, from the bottom up: Lambda's defaults, the function's variables, the port,
// Lambda's reserved variables.
func (c Config) runtimeVariables(e environment) map[string]string {
	v := map[string]string{
		"PATH":                     "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
		"LANG":                     "en_US.UTF-8",
		"TZ":                       ":UTC",
		"SHLVL":                    "0",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":  "127.0.0.1:2000",
	}
	maps.Copy(v, c.Env)
	if c.Debug {
		v["AWS_LWA_PORT_DISCOVERY"] = "false" // debuggers listen, too, and take a question for a debugger's
	}
	if !c.ownNetworks() {
		c.movePort(v, e.port)
	}
	maps.Copy(v, map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME":        c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     c.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemorySize),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  e.initType,
		"AWS_LAMBDA_LOG_GROUP_NAME":       c.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      e.logStream,
		"AWS_LAMBDA_RUNTIME_API":          e.runtimeAPI,
		"AWS_REGION":                      c.Region,
		"AWS_DEFAULT_REGION":              c.Region,
		"LAMBDA_TASK_ROOT":                c.Dir, // /var/task on Lambda: the folder that holds the code
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"PWD":                             c.Dir,
		"_HANDLER":                        c.Handler,
		"_AWS_XRAY_DAEMON_ADDRESS":        "127.0.0.1",
		"_AWS_XRAY_DAEMON_PORT":           "2000",
	})
	if c.SnapStart {
		c.snapshotVariables(v, e)
	}
	delete(v, "AWS_LAMBDA_MAX_CONCURRENCY") // Lambda's own, set where a sandbox takes several invocations at once
	return v
}

// movePort tells the app and the adapter the port that is the sandbox's on a network with others.
func (c Config) movePort(v map[string]string, to int) {
	port, declared := strconv.Itoa(to), strconv.Itoa(c.AppPort)
	for _, name := range []string{"AWS_LWA_READINESS_CHECK_PORT", "READINESS_CHECK_PORT"} {
		if v[name] == declared {
			v[name] = port
		}
	}
	v["PORT"] = port
	v["AWS_LWA_PORT"] = port
}

// extensionVariables are the runtime's without the hidden ones and those that start with "_".
func (c Config) extensionVariables(e environment) map[string]string {
	v := c.runtimeVariables(e)
	maps.DeleteFunc(v, func(name, _ string) bool {
		return strings.HasPrefix(name, "_") || slices.Contains(hiddenFromExtensions, name)
	})
	return v
}

// environ renders variables as NAME=value in a fixed order.
func environ(variables map[string]string) []string {
	list := make([]string, 0, len(variables))
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		list = append(list, name+"="+variables[name])
	}
	return list
}
