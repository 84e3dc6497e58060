package sandbox

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const anyID = `[0-9a-f-]{36}`

// TestFailures is the table of what the caller gets and what the log says when a process fails. In
// each case the function works again afterwards.
func TestFailures(t *testing.T) {
	exit := func(what string) string {
		return `^\{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + anyID + ` Error: Runtime exited ` +
			what + `"\}$`
	}
	for _, c := range []struct {
		rule       string
		extensions extensionScripts
		event      string
		payload    string // pattern
		log        string // pattern
	}{
		{"[E] exit 0", nil, `{"do":"step","arg":"exit 0"}`, exit("without providing a reason"),
			`REPORT .*\tStatus: error\tError Type: Runtime.ExitError$`},
		{"[E] exit 3", nil, `{"do":"step","arg":"exit 3"}`, exit("with error: exit status 3"), `RequestId: ` + anyID +
			` Error: Runtime exited with error: exit status 3\n.* \| Runtime.ExitError$`},
		{"[E] posted error, as it is", nil, `{"do":"error","arg":"not JSON"}`, `^not JSON$`,
			`REPORT .*\tStatus: error\tError Type: Function.Broken$`},
		{"[E] extension exits", extensionScripts{"crasher": "register INVOKE;event;exit 3"},
			`{"do":"step","arg":"gate never"}`,
			`^\{"errorType":"Extension.Crash","errorMessage":"RequestId: ` + anyID + ` Error: exit status 3"\}$`,
			`Extension.Crash$`},
		{"[E] extension reports exit/error",
			extensionScripts{"quitter": `register INVOKE;event;call POST /2020-01-01/extension/exit/error Lambda-Extension-Identifier:$ID Lambda-Extension-Function-Error-Type:Extension.Tired {"errorMessage":"enough"};block`},
			`{"do":"step","arg":"gate never"}`,
			`^\{"errorType":"Extension.ExitError","errorMessage":"RequestId: ` + anyID +
				` Error: Extension.Tired: enough"\}$`,
			`EXTENSION\tName: quitter\tState: ExitError\tEvents: \[INVOKE\]\tError Type: Extension.Tired$`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, nil, c.extensions, "pid", "serve")
			expectMatch(t, f.invoke(t, c.event), c.payload)
			f.log.await(t, c.log)
			if c.extensions == nil {
				expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
			}
		})
	}
}

// TestInitFailures: the init runs twice, the second time inside the invocation.
func TestInitFailures(t *testing.T) {
	for _, c := range []struct {
		rule       string
		extensions extensionScripts
		steps      []string
		payload    string // pattern
		errorType  string
	}{
		{"[R] exit", nil, []string{"exit 1"}, `"Runtime.ExitError","errorMessage":"RequestId: ` + anyID +
			` Error: Runtime exited with error: exit status 1"`, "Runtime.ExitError"},
		{"[R] init/error, as it is", nil,
			[]string{`call POST /2018-06-01/runtime/init/error Lambda-Runtime-Function-Error-Type:Function.NoConfig {"errorMessage":"no"}`, "block"}, `^\{"errorMessage":"no"\}$`, "Function.NoConfig"},
		{"[E] extension exits", extensionScripts{"crasher": "exit 4"}, []string{"serve"},
			`"Extension.Crash","errorMessage":"RequestId: ` + anyID + ` Error: exit status 4"`, "Extension.Crash"},
		{"[E] extension init/error",
			extensionScripts{"picky": `register;call POST /2020-01-01/extension/init/error Lambda-Extension-Identifier:$ID Lambda-Extension-Function-Error-Type:Extension.ConfigInvalid {"errorMessage":"AWS_LWA_PORT"};exit 1`},
			[]string{"serve"}, `"Extension.InitError","errorMessage":"RequestId: ` + anyID +
				` Error: Extension.ConfigInvalid: AWS_LWA_PORT"`, "Extension.InitError"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, nil, c.extensions, c.steps...)
			expectMatch(t, f.invoke(t, `{}`), c.payload)
			expectMatch(t, f.invoke(t, `{}`), c.payload) // and again with each invocation
			f.log.inOrder(t, `INIT_REPORT Init Duration: \S+ ms\tPhase: init\tStatus: error\tError Type: `+
				c.errorType+`$`, `START RequestId`,
				`INIT_REPORT Init Duration: \S+ ms\tPhase: invoke\tStatus: error\tError Type: `+c.errorType+`$`,
				`REPORT .*\tStatus: error\tError Type: `+c.errorType+`$`, `START RequestId`)
		})
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Command = []string{"no-such-command"} }, nil)
	expectMatch(t, f.invoke(t, `{}`), `"Runtime.InvalidEntrypoint","errorMessage":"RequestId: `+anyID+
		` Error: no-such-command: file does not exist`)
}

func TestExtensionThatCannotStart(t *testing.T) {
	f := newFixture(t, nil, extensionScripts{"text": ""}, "serve")
	path := f.cfg.Extensions[0]
	os.Remove(path)
	if err := os.WriteFile(path, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	expectMatch(t, f.invoke(t, `{}`), `"Extension.LaunchError","errorMessage":"RequestId: `+anyID+
		` Error: fork/exec .*text: permission denied"`)
}

func TestSuppressedInitEndsWithTheFunctionsTimeout(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits.Init = 100 * time.Millisecond; c.Timeout = 300 * time.Millisecond },
		extensionScripts{"misnamed": "block"}, "serve")
	expectMatch(t, f.invoke(t, `{}`), `"Sandbox.Timedout","errorMessage":"RequestId: `+anyID+
		` Error: Task timed out after 0.30 seconds"`)
	f.log.inOrder(t,
		`init took longer than 100ms: extension misnamed has not registered under its file name, nothing has asked for the first invocation$`,
		`Phase: init\tStatus: timeout$`, `init took longer than 300ms: `, `Phase: invoke\tStatus: timeout$`,
		`REPORT .*\tMax Memory Used: [1-9]\d* MB\tStatus: timeout$`)
	if strings.Contains(f.log.String(), "\tInit Duration: ") {
		t.Error("the time of the init is told, and billed, in addition to the invocation's")
	}
}

func TestAppThatDiesBetweenInvocations(t *testing.T) {
	f := newFixture(t, nil, extensionScripts{"lambda-adapter": "pid;register;events"}, "pid", "serve")
	f.invoke(t, `{}`)
	pid, _ := strconv.Atoi(f.log.await(t, `actor: pid (\d+)`)[1])
	f.log.await(t, `REPORT`)
	syscall.Kill(pid, syscall.SIGKILL)
	f.log.await(t, `Runtime.ExitError: Runtime exited with error: signal: killed between invocations`)
	expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
}

func TestOutputOfADyingAppIsComplete(t *testing.T) {
	f := newFixture(t, nil, nil, "say traceback", "exit 1")
	f.invoke(t, `{}`)
	f.log.inOrder(t, "actor: traceback", "INIT_REPORT", "START RequestId", "actor: traceback", "END RequestId")
}

// TestCheck66_E_OddAnswers [E]: answers for another id, twice, cut off, in an unknown mode.
func TestCheck66_E_OddAnswers(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	for _, c := range []struct {
		rule, event, payload, functionError, log string
	}{
		{"foreign id", `{"do":"foreign"}`, "own", "",
			`foreign -> 400 \{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"\}$`},
		{"another run of the same request", `{"do":"staleRun"}`, "own", "",
			`stale -> 400 \{"errorMessage":"Invalid request ID"`},
		{"unknown mode", `{"do":"mode","arg":"telepathy"}`, "own", "",
			`mode -> 400 \{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"\}$`},
		{"twice", `{"do":"twice"}`, "first", "",
			`response -> 403 \{"errorMessage":"State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"\}$`},
		{"next again gives the event again", `{"do":"again"}`, `{"do":"again"}`, "",
			`response -> 202 \{"status":"OK"\}$`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			expect(t, f.invoke(t, c.event), c.payload, c.functionError)
			f.log.await(t, c.log)
		})
	}
	for _, event := range []string{`{"do":"truncate"}`, `{"do":"truncateChunked"}`} {
		expectMatch(t, f.invoke(t, event), `"Runtime.TruncatedResponse","errorMessage":"RequestId: `+anyID)
		expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
	}
	if n := f.coldStarts(); n != 1 {
		t.Errorf("%d cold starts, want the same sandbox throughout", n)
	}
}

// TestCheck44_E_ResponseSize [E]: 6,291,556 bytes pass, one more is refused and the runtime lives on.
func TestCheck44_E_ResponseSize(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	if r := f.invoke(t, `{"do":"big","size":6291556}`); len(r.Payload) != 6291556 || r.FunctionError != "" {
		t.Errorf("got %d bytes with function error %q", len(r.Payload), r.FunctionError)
	}
	expect(t, f.invoke(t, `{"do":"big","size":6291557}`),
		`{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, unhandled)
	f.log.await(t,
		`response -> 413 \{"errorMessage":"Exceeded maximum allowed payload size \(6291556 bytes\).","errorType":"RequestEntityTooLarge"\}$`)
	expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
	if n := f.coldStarts(); n != 1 {
		t.Errorf("%d cold starts, want 1", n)
	}
}

// TestExtensionCalls [E]: the error answers of the Extensions API, called from inside the sandbox.
func TestExtensionCalls(t *testing.T) {
	const (
		register = "call POST /2020-01-01/extension/register "
		next     = "call GET /2020-01-01/extension/event/next "
		fail     = "call POST /2020-01-01/extension/init/error "
	)
	for _, c := range []struct{ rule, step, status, content string }{
		{"register twice", register + `Lambda-Extension-Name:tester {"events":[]}`, "403",
			"Extension.InvalidExtensionState"},
		{"empty name", register + `{"events":[]}`, "403", "Extension.InvalidExtensionName"},
		{"unparsable body", register + `Lambda-Extension-Name:other {"events":`, "403", "InvalidRequestFormat"},
		{"unknown event", register + `Lambda-Extension-Name:other {"events":["PARTY"]}`, "403",
			"Extension.InvalidEventType"},
		{"SHUTDOWN by an internal one", register + `Lambda-Extension-Name:other {"events":["SHUTDOWN"]}`, "403",
			"Extension.InvalidEventType"},
		{"no identifier", next, "403", "Extension.MissingExtensionIdentifier"},
		{"malformed identifier", next + "Lambda-Extension-Identifier:x", "403", "Extension.InvalidExtensionIdentifier"},
		{"unknown identifier", next + "Lambda-Extension-Identifier:11111111-2222-4333-8444-555555555555", "403",
			"Extension.UnknownExtensionIdentifier"},
		{"error without its type", fail + "Lambda-Extension-Identifier:$ID {}", "403", "Extension.MissingHeader"},
		{"telemetry", "call PUT /2022-07-01/telemetry Lambda-Extension-Identifier:$ID {}", "202",
			"Telemetry.NotSupported"},
		{"logs", "call PUT /2020-08-15/logs Lambda-Extension-Identifier:$ID {}", "202", "Logs.NotSupported"},
		{"ping", "call GET /2018-06-01/ping", "200", "pong"},
		{"unknown path", "call GET /2018-06-01/runtime/party", "404", "404 page not found"},
		{"wrong method", "call POST /2018-06-01/runtime/invocation/next", "405", ""},
		{"wrong method on register", "call GET /2020-01-01/extension/register", "405", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, nil, extensionScripts{"tester": "register;" + c.step + ";events"}, "serve")
			expect(t, f.invoke(t, `{}`), `{}`, "")
			f.log.await(t, `tester: [A-Z]+ /\S+ -> `+c.status+` .*`+c.content)
		})
	}
}

// TestInternalExtension [E]: one that registers from inside the runtime process takes part in the
// phases, may ask for the account, and is what gives the app its SIGTERM.
func TestInternalExtension(t *testing.T) {
	f := newFixture(t, nil, nil, "pid", "term exit", "register INVOKE", "events background",
		"call POST /2020-01-01/extension/register Lambda-Extension-Name:second Lambda-Extension-Accept-Feature:accountId {}",
		"call GET /2020-01-01/extension/event/next", "serve")
	result := f.start(t, `{}`)
	f.log.await(t,
		`register -> 200 \{"functionName":"hello","functionVersion":"3","handler":"app:app","accountId":"123456789012"\}$`)
	f.Close(context.Background()) // the second one never asks for its next event
	expect(t, receive(t, result), ErrClosed.Error(), "refused")

	f = newFixture(t, nil, nil, "pid", "term exit", "register INVOKE", "events background", "serve")
	expect(t, f.invoke(t, `{}`), `{}`, "")
	f.log.await(t, `actor: event 200 \{"eventType":"INVOKE"`)
	f.Close(context.Background())
	f.log.await(t, `got SIGTERM`)
}

func TestRegistrationClosesWithInit(t *testing.T) {
	f := newFixture(t, nil,
		extensionScripts{"late": "register;events background;gate idle;call POST " +
			"/2020-01-01/extension/register Lambda-Extension-Name:latest {};block"}, "serve")
	f.invoke(t, `{}`)
	close(f.gates.arrived(t, "idle"))
	f.log.await(t,
		`-> 403 \{"errorMessage":"Extension registration closed already","errorType":"Extension.RegistrationClosed"\}$`)
}

func TestInitErrorAfterInitIsRefused(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	f.invoke(t, `{"do":"stepAndRespond","arg":"call POST /2018-06-01/runtime/init/error {}"}`)
	f.log.await(t, `init/error -> 403 .*InvalidStateTransition`)
}

func TestEnvironment(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Env["LANG"] = "de_DE.UTF-8"
		c.Env["AWS_LAMBDA_FUNCTION_NAME"] = "mine" // reserved: Lambda's wins
		c.Env["AWS_LWA_READINESS_CHECK_PORT"] = strconv.Itoa(c.AppPort)
		c.Env["AWS_EXECUTION_ENV"] = "x"
	}, extensionScripts{"lambda-adapter": "env;register;events"}, "env", "serve")
	f.invoke(t, `{}`)
	port := f.log.await(t, ` actor: env PORT=(\d+)$`)[1]
	for _, c := range []struct{ variable, app, extension string }{
		{"AWS_LAMBDA_FUNCTION_NAME", "hello", "hello"},
		{"AWS_LAMBDA_FUNCTION_VERSION", "3", "3"},
		{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512", "512"},
		{"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand", "on-demand"},
		{"AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/hello", ""},
		{"AWS_LAMBDA_LOG_STREAM_NAME", `\d{4}/\d\d/\d\d/\[3\][0-9a-f]{32}`, ""},
		{"AWS_LAMBDA_RUNTIME_API", `127\.0\.0\.1:\d+`, `127\.0\.0\.1:\d+`},
		{"AWS_REGION", "eu-central-1", "eu-central-1"},
		{"AWS_DEFAULT_REGION", "eu-central-1", "eu-central-1"},
		{"AWS_EXECUTION_ENV", "x", ""},
		{"AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR", ""},
		{"AWS_XRAY_DAEMON_ADDRESS", `127\.0\.0\.1:2000`, ""},
		{"_AWS_XRAY_DAEMON_PORT", "2000", ""},
		{"_HANDLER", "app:app", ""},
		{"LAMBDA_TASK_ROOT", f.cfg.Dir, ""},
		{"LAMBDA_RUNTIME_DIR", "/var/runtime", ""},
		{"LANG", "de_DE.UTF-8", "de_DE.UTF-8"},
		{"TZ", ":UTC", ":UTC"},
		{"PORT", port, port},
		{"AWS_LWA_PORT", port, port},
		{"AWS_LWA_READINESS_CHECK_PORT", port, port},
	} {
		for name, want := range map[string]string{"actor": c.app, "lambda-adapter": c.extension} {
			if want != "" {
				f.log.await(t, " "+name+": env "+c.variable+"="+want+"$")
			} else if strings.Contains(f.log.String(), " "+name+": env "+c.variable+"=") {
				t.Errorf("%s has %s", name, c.variable)
			}
		}
	}
}

func TestConfigMistakesAreSentences(t *testing.T) {
	dir := t.TempDir()
	good := Config{Name: "f", Region: "r", AccountID: "123456789012", MemorySize: 128, Timeout: time.Second,
		Command: []string{"x"}, Dir: dir}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Name = "" }, `Name is ""; it must have 1 to 64 characters`},
		{func(c *Config) { c.Region = "" }, "Region is empty; it must name an AWS region such as eu-central-1"},
		{func(c *Config) { c.AccountID = "12345678901x" }, `AccountID is "12345678901x"; it must have twelve digits`},
		{func(c *Config) { c.MemorySize = 64 }, "MemorySize is 64; it must be between 128 and 10240 MB"},
		{func(c *Config) { c.Timeout = 0 }, "Timeout is 0s; it must be more than zero and at most 15m"},
		{func(c *Config) { c.Command = nil }, "Command is empty; it must be the command that starts the app"},
		{func(c *Config) { c.Dir = "x" }, `Dir is "x"; it must be an absolute path`},
		{func(c *Config) { c.Dir = "/does/not/exist" }, `Dir is "/does/not/exist"; it must be an existing folder`},
		{func(c *Config) { c.AppPort = 70000 }, "AppPort is 70000; it must be between 1 and 65535"},
		{func(c *Config) { c.MaxConcurrency = 1; c.ProvisionedConcurrency = 2 },
			"ProvisionedConcurrency is 2; it must be between 0 and MaxConcurrency (1)"},
		{func(c *Config) { c.IdleExpiry = -1 }, "IdleExpiry is -1ns; it must not be negative"},
		{func(c *Config) { c.LogFormat = "XML" }, `LogFormat is "XML"; it must be Text or JSON`},
		{func(c *Config) { c.Extensions = []string{"x"} }, `the extension "x" must be given by its absolute path`},
		{func(c *Config) { c.Extensions = []string{"/a/x", "/b/x"} },
			`the extension name "x" is used twice; the file names of extensions must differ`},
		{func(c *Config) { c.Extensions = make([]string, 11) },
			"the list Extensions has 11 entries; Lambda allows at most 10"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
