package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lambda-web/test/lambda"
)

// Every setting with values that are not allowed: the process ends, and the message names variable, value, and what
// is allowed.
func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"AWS_LWA_PORT":                            {"0", "65536", "-1", "80a", "8080/x", "http"},
		"PORT":                                    {"0", "eighty"},
		"AWS_LWA_HOST":                            {"a b", "http://127.0.0.1", "[::1", "unix:", "host:80"},
		"AWS_LWA_READINESS_CHECK_PORT":            {"0", "70000", "x"},
		"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS":  {"600-700", "abc", "299-200", "200-", ",", "20"},
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS": {"-1", "soon", "NaN", "Inf"},
		"AWS_LWA_ERROR_STATUS_CODES":              {"5xx", "599-500", "500;501"},
		"AWS_LWA_LAMBDA_RUNTIME_API_PROXY": {"127.0.0.1", "https://127.0.0.1:9009", "http://h:9009/path",
			"h:0"},
		"AWS_LWA_EXTENSION_REGISTER_BASE_MS":           {"-5", "fast"},
		"AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS":            {"-1", "long"},
		"AWS_LWA_DEADLINE_MARGIN_MS":                   {"-1", "1s"},
		"AWS_LWA_CONTEXT_HEADERS":                      {"some", "both"},
		"AWS_LWA_FORWARDED_PREFIX":                     {"true", "/v1"},
		"READINESS_CHECK_PORT":                         {"99999"},
		"AWS_LWA_READINESS_CHECK_MIN_UNHEALTHY_STATUS": {"99", "many"},
	}
	for name, values := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, value := range values {
				e := newEnvironment(t)
				if name == "PORT" {
					delete(e.variables, "AWS_LWA_PORT")
				}
				e.variables[name] = value
				e.start()
				e.exits(1)
				reports := e.api.Calls(lambda.PathExtensionInitError)
				if len(reports) != 1 {
					t.Errorf("%s=%q was not refused through init/error", name, value)
					continue
				}
				checkFailure(t, reports[0], "Extension.ConfigInvalid", name, value)
				e.logs(name, value)
			}
		})
	}
}

// Values that are not allowed, with which the AWS Lambda Web Adapter goes on: so does this one, with a warning that
// names them.
func TestSettingsThatAreTolerated(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"AWS_LWA_READINESS_CHECK_PROTOCOL":       {"https", "udp"},
		"READINESS_CHECK_PROTOCOL":               {"icmp"},
		"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS": {"200-399,", "200,ok"},
		"AWS_LWA_ERROR_STATUS_CODES":             {"500,6xx", ",500"},
		"AWS_LWA_ASYNC_INIT":                     {"maybe", "2"},
		"ASYNC_INIT":                             {"perhaps"},
		"AWS_LWA_ENABLE_COMPRESSION":             {"gzip"},
		"AWS_LWA_INVOKE_MODE":                    {"stream", "RESPONSE-STREAM"},
		"AWS_LWA_AUTHORIZATION_SOURCE":           {"x auth", "é"},
		"HOST":                                   {"https://www.example.com", "localhost:3000", "a b"},
	}
	for name, values := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, value := range values {
				e := newEnvironment(t)
				e.variables[name] = value
				e.startReady()
				e.invoke(HTTPEvent("GET", "/", "")).status(200)
				e.logs("WARN", name, strings.Trim(fmt.Sprintf("%q", value), `"`), "is not allowed")
			}
		})
	}
}

// HOST is the app's own word for where it listens: at every address is also at this machine's own.
func TestHostOfTheApp(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"::", "[::]", "0.0.0.0"} {
		e := newEnvironment(t)
		e.variables["HOST"] = host
		e.startReady()
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		if lines := e.finish().Lines("is not allowed"); len(lines) != 0 {
			t.Errorf("HOST=%s: %v", host, lines)
		}
	}
}

func TestSettingsThatAreAccepted(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS":  {"200", " 200 - 299 ,404", "100-599"},
		"AWS_LWA_READINESS_CHECK_PROTOCOL":        {"HTTP", "Tcp", " http "},
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS": {"0", "90.5", "120"},
		"AWS_LWA_ASYNC_INIT":                      {"1", "0", "True", "FALSE", "yes", "No", "on", "OFF", " true "},
		"AWS_LWA_INVOKE_MODE":                     {"BUFFERED", "buffered", ""},
		"AWS_LWA_ERROR_STATUS_CODES":              {"500", "500-599,404", " 500 , 502 "},
		"AWS_LWA_DEADLINE_MARGIN_MS":              {"0", "500"},
		"AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS":       {"0", "0.5", "3600"},
		"AWS_LWA_CONTEXT_HEADERS":                 {"ALL", "lambda"},
		"AWS_LWA_FORWARDED_PREFIX":                {"off", "Header", "path", "auto", ""},
		"AWS_LWA_HOST":                            {"127.0.0.1", "localhost", " 127.0.0.1 ", ""},
		"AWS_LWA_REMOVE_BASE_PATH":                {"api", "/api/", "/"},
		"AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH":    {"true"},
	}
	for name, values := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, value := range values {
				e := newEnvironment(t)
				e.variables[name] = value
				e.startReady()
				e.invoke(HTTPEvent("GET", "/x", "")).status(200)
				if calls := e.app.Requests(); calls[len(calls)-1].Target != "/x" {
					t.Errorf("asked for %s", calls[len(calls)-1].Target)
				}
			}
		})
	}
}

func TestOlderNames(t *testing.T) {
	t.Parallel()
	older := map[string]string{
		"HOST": "127.0.0.1", "READINESS_CHECK_PATH": "/old", "READINESS_CHECK_PROTOCOL": "http",
		"ASYNC_INIT": "false", "REMOVE_BASE_PATH": "/old",
	}
	e := newEnvironment(t)
	for name, value := range older {
		e.variables[name] = value
	}
	e.startReady()
	e.invoke(HTTPEvent("GET", "/old/x", "")).status(200)
	log := e.finish()
	for name := range older {
		if lines := log.Lines("WARN", name, "AWS_LWA_"+name); len(lines) != 1 {
			t.Errorf("%d warnings name %s and its new name", len(lines), name)
		}
	}
	if calls := e.app.Requests(); calls[0].Target != "/old" || calls[1].Target != "/x" {
		t.Errorf("asked for %s and %s", calls[0].Target, calls[1].Target)
	}
	t.Run("PORT is not deprecated, and an empty value is none", func(t *testing.T) {
		e := newEnvironment(t)
		e.variables["PORT"] = e.variables["AWS_LWA_PORT"]
		e.variables["AWS_LWA_PORT"] = "  "
		e.startReady()
		if lines := e.finish().Lines("WARN"); len(lines) != 0 {
			t.Errorf("warnings: %v", lines)
		}
	})
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LWA_INVOKEMODE"] = "buffered"
	e.variables["AWS_LWA_READINES_CHECK_PATH"] = "/x"
	e.startReady()
	log := e.finish()
	for wrong, right := range map[string]string{"AWS_LWA_INVOKEMODE": "AWS_LWA_INVOKE_MODE",
		"AWS_LWA_READINES_CHECK_PATH": "AWS_LWA_READINESS_CHECK_PATH"} {
		if lines := log.Lines("WARN", wrong, right); len(lines) != 1 {
			t.Errorf("%d warnings name %s and %s", len(lines), wrong, right)
		}
	}
	if e.app.Probes()[0].Target != "/" {
		t.Error("a misspelt name had an effect")
	}
}

func TestMissingLambdaVariables(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	for name := range e.variables {
		if strings.HasPrefix(name, "AWS_LAMBDA_") && name != "AWS_LAMBDA_RUNTIME_API" {
			delete(e.variables, name)
		}
	}
	e.startReady()
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	context := []byte(e.app.Served()[0].Header.Get("x-amzn-lambda-context"))
	checkJSON(t, "the Lambda context", context, map[string]any{"env_config": map[string]any{
		"function_name": "", "memory": float64(0), "version": "", "log_stream": "", "log_group": ""}})
	log := e.finish()
	for _, name := range []string{"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
		"AWS_LAMBDA_FUNCTION_VERSION"} {
		if !slices.ContainsFunc(log.Lines("WARN"), func(l Line) bool { return strings.Contains(l.Text, name) }) {
			t.Errorf("no warning names %s", name)
		}
	}
}

// The port is 8080 when nothing says otherwise. It cannot be moved, so the test needs it free.
func TestDefaultPort(t *testing.T) {
	e := newEnvironment(t)
	app := NewWebApp()
	t.Cleanup(app.Close)
	if err := app.Listen("tcp", "127.0.0.1:8080"); err != nil {
		t.Skipf("port 8080 is taken on this machine: %v", err)
	}
	delete(e.variables, "AWS_LWA_PORT")
	e.startReady()
	e.invoke(`{"Records":[]}`)
	if calls := app.Served(); len(calls) != 1 || calls[0].Header.Get("host") != "127.0.0.1:8080" {
		t.Errorf("%d requests on port 8080", len(calls))
	}
}
