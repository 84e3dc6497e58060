//go:build rie

package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// A scene is played twice, under AWS's Runtime Interface Emulator and under a sandbox. What its processes are told must
// be the same, byte for byte, except for what is listed, with the reason.
type scene struct {
	rule       string
	extensions extensionScripts
	app        []string
	handler    string
	events     []string // invocations, one after the other
	sorted     bool     // the lines come in no order, as those of an environment
	differs    []difference
}

// difference is a line that only one of the two has. Empty is for a line that the other has in addition.
type difference struct{ emulator, sandbox, why string }

const (
	registerCall = "probe POST /2020-01-01/extension/register "
	nextCall     = "probe GET /2020-01-01/extension/event/next "
	initError    = "probe POST /2020-01-01/extension/init/error "
	answerCall   = "probe POST /2018-06-01/runtime/invocation/"
)

// filtered are the variables on whose way to app and extension the two are compared. Most others the emulator does not
// set, or not as Lambda does.
const filtered = "env MINE _MINE _HANDLER AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME " +
	"AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_LOG_GROUP_NAME " +
	"AWS_LAMBDA_METADATA_API AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT"

// functionVariables are set for the function.
var functionVariables = map[string]string{"MINE": "mine", "_MINE": "mine", "AWS_EXECUTION_ENV": "mine",
	"LAMBDA_TASK_ROOT": "mine"}

const (
	withoutTrace = `tester: event 200 {"eventType":"INVOKE","deadlineMs":DEADLINE,"requestId":"UUID","invokedFunctionArn":"arn:aws:lambda:us-east-1:012345678912:function:test_function"}`
	withTrace    = `tester: event 200 {"eventType":"INVOKE","deadlineMs":DEADLINE,"requestId":"UUID","invokedFunctionArn":"arn:aws:lambda:us-east-1:012345678912:function:test_function",` +
		`"tracing":{"type":"X-Amzn-Trace-Id","value":"TRACE"}}`
	secondInit = "documented: a failed init is repeated within the invocation"

	shutdownEmulated  = `tester: event 200 {"eventType":"SHUTDOWN","deadlineMs":DEADLINE,"shutdownReason":"SandboxTerminated"}`
	shutdownSandboxed = `tester: event 200 {"eventType":"SHUTDOWN","deadlineMs":DEADLINE,"shutdownReason":"spindown"}`
)

// extensionScripts are the scripts of extensions by name.
type extensionScripts map[string]string

var scenes = []scene{
	{
		rule: "registration", app: []string{"serve"}, events: []string{`{}`},
		extensions: extensionScripts{"tester": strings.Join([]string{
			registerCall + `{"events":[]}`,
			registerCall + `Lambda-Extension-Name:tester {"events":["PARTY"]}`,
			registerCall + `Lambda-Extension-Name:tester {"events":[],`,
			nextCall, nextCall + "Lambda-Extension-Identifier:x",
			nextCall + "Lambda-Extension-Identifier:11111111-2222-4333-8444-555555555555",
			"register INVOKE SHUTDOWN",
			registerCall + `Lambda-Extension-Name:tester {"events":[]}`,
			initError + "Lambda-Extension-Identifier:$ID {}",
			"probe PUT /2022-07-01/telemetry Lambda-Extension-Identifier:$ID {}",
			"probe PUT /2020-08-15/logs Lambda-Extension-Identifier:$ID {}",
			"event", "event",
		}, ";")},
		differs: []difference{
			{withoutTrace, withTrace, "the emulator has no trace"},
			{shutdownEmulated, shutdownSandboxed, "the emulator has a reason of its own"},
		},
	},
	{
		rule: "registration with features and with null", app: []string{"serve"}, events: []string{`{}`},
		extensions: extensionScripts{
			"tester": registerCall +
				`Lambda-Extension-Name:tester Lambda-Extension-Accept-Feature:accountId {"events":null};events`,
		},
		differs: []difference{{
			`tester:   "{\"functionName\":\"test_function\",\"functionVersion\":\"$LATEST\",\"handler\":\"\"}\n"`,
			`tester:   "{\"functionName\":\"test_function\",\"functionVersion\":\"$LATEST\",\"handler\":\"\",\"accountId\":\"012345678912\"}\n"`,
			"documented: the feature accountId asks for it",
		}},
	},
	{
		rule: "internal extensions", events: []string{`{}`},
		app: []string{
			registerCall + `Lambda-Extension-Name:inside {"events":["SHUTDOWN"]}`,
			registerCall + `Lambda-Extension-Name:inside {"events":["INVOKE"]}`,
			"events quietly", "serve",
		},
	},
	{
		rule: "paths and methods", app: []string{"serve"},
		events: []string{`{"do":"probes","arg":"probe GET /2018-06-01/ping;probe GET /2018-06-01/runtime/party;probe POST /2018-06-01/runtime/invocation/next;` +
			`probe GET /2020-01-01/extension/register;probe GET /;` + answerCall + `$REQUEST/response ok"}`},
	},
	{
		rule: "answers", app: []string{"serve"},
		events: []string{
			`{"do":"probes","arg":"` + answerCall + `11111111-2222-4333-8444-555555555555/response x;` + answerCall +
				`x/response x;` +
				answerCall + `11111111-2222-4333-8444-555555555555/error x;` + answerCall +
				`$REQUEST/response {\"a\":1}"}`,
			`{"do":"probes","arg":"` + answerCall + `$REQUEST/response first;` + answerCall +
				`$REQUEST/response second;` + answerCall + `$REQUEST/error third"}`,
			`{"do":"probes","arg":"` + answerCall +
				`$REQUEST/error Lambda-Runtime-Function-Error-Type:Function.Broken {\"errorMessage\":\"no\"};` +
				answerCall + `$REQUEST/response late"}`,
			`{"do":"probes","arg":"probe POST /2018-06-01/runtime/init/error {};` + answerCall +
				`$REQUEST/error not-JSON"}`,
			`{"do":"again"}`,
			`{"do":"probes","arg":"` + answerCall + `$REQUEST/response $SIZE:6291557"}`,
			`{"n":"the runtime lives on"}`,
		},
	},
	{
		rule: "an event and its headers", app: []string{"serve"}, events: []string{`{"do":"headers"}`},
		differs: []difference{{
			`payload "{\"Content-Length\":[\"16\"],\"Content-Type\":[\"application/json\"],\"DATE,\"Lambda-Runtime-Aws-Request-Id\":[\"UUID\"],\"Lambda-Runtime-Deadline-Ms\":[\"DEADLINE\"],` +
				`\"Lambda-Runtime-Invoked-Function-Arn\":[\"arn:aws:lambda:us-east-1:012345678912:function:test_function\"]}"`,
			`payload "{\"Content-Length\":[\"16\"],\"Content-Type\":[\"application/json\"],\"Lambda-Runtime-Aws-Request-Id\":[\"UUID\"],\"Lambda-Runtime-Deadline-Ms\":[\"DEADLINE\"],` +
				`\"Lambda-Runtime-Invocation-Id\":[\"UUID\"],\"Lambda-Runtime-Invoked-Function-Arn\":[\"arn:aws:lambda:us-east-1:012345678912:function:test_function\"],\"Lambda-Runtime-Trace-Id\":[\"TRACE\"]}"`,
			"documented: the trace header comes with every invocation; runtimes send the invocation's id " +
				"back if there is one; a Date says nothing here",
		}},
	},
	{
		rule: "an app that ends during an invocation", app: []string{"serve"},
		events: []string{`{"do":"step","arg":"exit 3"}`, `{"n":2}`, `{"do":"step","arg":"exit 0"}`, `{"n":3}`},
	},
	{
		rule: "an extension that ends during an invocation", app: []string{"serve"},
		extensions: extensionScripts{"tester": "register INVOKE;event;exit 3"},
		events:     []string{`{"do":"step","arg":"block"}`},
		differs:    []difference{{withoutTrace, withTrace, "the emulator has no trace"}},
	},
	{
		rule: "an init that the app reports as failed", events: []string{`{}`},
		app: []string{`probe POST /2018-06-01/runtime/init/error Lambda-Runtime-Function-Error-Type:Function.NoConfig {"errorMessage":"no"}`, "exit 1"},
		differs: []difference{
			{"", "actor: probe POST /2018-06-01/runtime/init/error -> 202", secondInit},
			{"", "actor:   Content-Type: application/json", secondInit},
			{"", `actor:   "{\"status\":\"OK\"}\n"`, secondInit},
		},
	},
	{
		rule: "order of the init", app: []string{"say app starts", "serve"}, events: []string{`{}`},
		extensions: extensionScripts{"tester": "say extension starts;silently register;events"},
	},
	{
		rule: "SIGTERM with an extension", app: []string{"term exit", "spawn telling", "serve"},
		events: []string{`{}`}, sorted: true,
		extensions: extensionScripts{"tester": "term ignore;register;events"},
	},
	{
		rule: "SIGTERM without an extension", app: []string{"term exit", "spawn telling", "serve"},
		events: []string{`{}`},
	},
	{
		rule: "environment", app: []string{filtered, "serve"}, handler: "serve", events: []string{`{}`}, sorted: true,
		extensions: extensionScripts{"tester": filtered + ";silently register;events"},
		differs: []difference{
			{"actor: env AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/Functions",
				"actor: env AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/test_function",
				"documented: the function's name is in it"},
			{"tester: env AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/Functions", "", "documented: hidden from extensions"},
			{"tester: env AWS_EXECUTION_ENV=mine", "", "documented: hidden from extensions"},
			{"tester: env LAMBDA_TASK_ROOT=mine", "", "documented: hidden from extensions"},
			{"actor: env LAMBDA_TASK_ROOT=mine", "actor: env LAMBDA_TASK_ROOT=FOLDER",
				"documented: reserved, so that the function cannot set it"},
			{"actor: env AWS_LAMBDA_METADATA_API=ADDRESS", "", "the metadata service is not there"},
			{"tester: env AWS_LAMBDA_METADATA_API=ADDRESS", "", "the metadata service is not there"},
		},
	},
}

func TestRIEPlaysTheSameScenes(t *testing.T) {
	program := fetchEmulator(t)
	for _, s := range scenes {
		t.Run(s.rule, func(t *testing.T) {
			want := playEmulated(t, program, s)
			got := playSandboxed(t, s)
			s.compare(t, want, got)
		})
	}
}

// actor is the program that plays app and extensions.
var actor string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "emulator-test")
	if err != nil {
		panic(err)
	}
	actor = filepath.Join(folder, "actor")
	if out, err := exec.Command("go", "build", "-o", actor,
		"../../local/sandbox/testdata/actor").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the actor: %v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// patience bounds every wait; nothing waits for it to pass.
const patience = 30 * time.Second

// logBook keeps log lines and lets the test wait for some.
type logBook struct {
	mu    sync.Mutex
	text  strings.Builder
	grown *sync.Cond
}

func newLogBook() *logBook {
	b := &logBook{}
	b.grown = sync.NewCond(&b.mu)
	return b
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grown.Broadcast()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until a text is there n times.
func (b *logBook) await(t *testing.T, text string, n int) {
	t.Helper()
	late := false
	alarm := time.AfterFunc(patience, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		late = true
		b.grown.Broadcast()
	})
	defer alarm.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for strings.Count(b.text.String(), text) < n {
		if late {
			t.Fatalf("%q is not %d times in the log:\n%s", text, n, b.text.String())
		}
		b.grown.Wait()
	}
}

// checkGone waits until a process has ended, or is a zombie that its parent will bury.
func checkGone(t *testing.T, pid string) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if _, state, _ := strings.Cut(string(stat), ") "); err != nil || strings.HasPrefix(state, "Z") {
			return
		}
		if time.Now().After(limit) {
			t.Errorf("process %s is still there", pid)
			return
		}
	}
}

func fetchEmulator(t *testing.T) string {
	t.Helper()
	cache, err := filepath.Abs("../../.lambda-web")
	if err != nil {
		t.Fatal(err)
	}
	program, release, err := Fetch(cache)
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return program
}

// playSandboxed returns the lines of the processes, and the payload of each invocation.
func playSandboxed(t *testing.T, s scene) []string {
	t.Helper()
	log, dir := newLogBook(), t.TempDir()
	cfg := sandbox.Config{
		Name: "test_function", Version: "$LATEST", Region: "us-east-1", AccountID: "012345678912", Handler: s.handler,
		MemorySize: 512, Timeout: 20 * time.Second, Command: append([]string{actor}, s.app...), Dir: dir, Log: log,
		Env: map[string]string{"PATH": os.Getenv("PATH")},
	}
	maps.Copy(cfg.Env, functionVariables)
	for name, script := range s.extensions {
		link := filepath.Join(dir, name)
		if err := os.Symlink(actor, link); err != nil {
			t.Fatal(err)
		}
		cfg.Extensions = append(cfg.Extensions, link)
		cfg.Env["ACTOR_"+name] = script
	}
	f, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, event := range s.events {
		r, err := f.Invoke(t.Context(), sandbox.Invocation{Event: []byte(event)})
		if err != nil {
			t.Fatalf("invoke with %s: %v\n%s", event, err, log)
		}
		lines = append(lines, payloadLine(r.Payload))
		log.await(t, "END RequestId", i+1)
	}
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return append(lines, processLines(log.String())...)
}

func payloadLine(payload []byte) string { return "payload " + normal(fmt.Sprintf("%q", payload)) }

// playEmulated does the same under the emulator.
func playEmulated(t *testing.T, program string, s scene) []string {
	t.Helper()
	executables := map[string]string{}
	variables := []string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_FUNCTION_TIMEOUT=20"}
	for name, script := range s.extensions {
		executables[name] = actor
		variables = append(variables, "ACTOR_"+name+"="+script)
	}
	remove, err := Install(executables)
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	api, front := freeAddress(t), freeAddress(t)
	log := newLogBook()
	cmd := exec.Command(program, append([]string{"--runtime-api-address", api, "--runtime-interface-emulator-address",
		front, actor}, s.app...)...)
	for name, value := range functionVariables {
		variables = append(variables, name+"="+value)
	}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = variables, t.TempDir(), log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, event := range s.events {
		lines = append(lines, payloadLine(invokeEmulated(t, front, event)))
	}
	cmd.Process.Signal(syscall.SIGTERM) // it ends its children, which have process groups of their own
	alarm := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	cmd.Wait()
	alarm.Stop()
	for _, found := range regexp.MustCompile(`child pid (\d+)`).FindAllStringSubmatch(log.String(), -1) {
		checkGone(t, found[1])
	}
	if t.Failed() {
		t.Logf("the emulator wrote:\n%s", log)
	}
	return append(lines, processLines(log.String())...)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// invokeEmulated waits until the emulator listens.
func invokeEmulated(t *testing.T, front, event string) []byte {
	t.Helper()
	limit := time.Now().Add(patience)
	for {
		answer, err := http.Post("http://"+front+"/2015-03-31/functions/function/invocations", "application/json",
			strings.NewReader(event))
		if errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(limit) {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatalf("invoke the emulator with %s: %v", event, err)
		}
		defer answer.Body.Close()
		payload, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
}

// processLines are what the actors said, without what names one run alone.
func processLines(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(regexp.MustCompile(`^sandbox-\d+ \| `).ReplaceAllString(line, ""), "\n")
		if regexp.MustCompile(`^(actor|tester|child): `).MatchString(line) && !strings.Contains(line, ": pid ") {
			lines = append(lines, normal(line))
		}
	}
	return lines
}

var variables = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`(?i)(deadline-?ms\\?":(?: ?\[\\?")?)\d+`), "${1}DEADLINE"},
	{regexp.MustCompile(`Root=1-[0-9a-f;A-Za-z=-]*`), "TRACE"},
	{regexp.MustCompile(`Date\\?":\[\\?"[^\]]*\]`), "DATE"},
	{regexp.MustCompile(`/tmp/[\w./-]*`), "FOLDER"},
}

func normal(line string) string {
	for _, v := range variables {
		line = v.pattern.ReplaceAllString(line, v.name)
	}
	if len(line) > 2000 {
		line = fmt.Sprintf("%s... %d bytes", line[:100], len(line))
	}
	return line
}

// compare reports every line that is only on one side and not listed, and every listed difference that is none.
func (s scene) compare(t *testing.T, want, got []string) {
	t.Helper()
	if s.sorted {
		slices.Sort(want)
		slices.Sort(got)
	}
	var common bytes.Buffer
	for _, d := range s.differs {
		i, j := slices.Index(want, d.emulator), slices.Index(got, d.sandbox)
		if (d.emulator != "") != (i >= 0) || (d.sandbox != "") != (j >= 0) {
			t.Errorf("this difference is not there any more: %+v", d)
			continue
		}
		if i >= 0 {
			want = slices.Delete(want, i, i+1)
		}
		if j >= 0 {
			got = slices.Delete(got, j, j+1)
		}
	}
	for i := range max(len(want), len(got)) {
		var a, b string
		if i < len(want) {
			a = want[i]
		}
		if i < len(got) {
			b = got[i]
		}
		if a != b {
			t.Errorf("line %d\nemulator %s\nsandbox  %s", i, a, b)
		}
		fmt.Fprintln(&common, a)
	}
	if testing.Verbose() && os.Getenv("SCENES") != "" {
		t.Logf("%s", &common)
	}
}
