package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// patience is how long a test waits for something that happens within milliseconds on an idle machine; where forty
// tasks share a processor with the race detector, 8 MB take more than a minute.
const patience = 3 * time.Minute

// environment is one Lambda execution environment: the two APIs, an application, and the adapter between them.
type environment struct {
	testing.TB
	api     *lambda.RuntimeAPI
	app     *WebApp
	adapter *Process

	variables map[string]string // of the adapter; a missing one is unset
	arguments []string          // of the adapter
	port      int               // of the application
	count     int               // of invocations
	crashes   bool              // the test expects a stack trace in the log
	malformed bool              // the test expects the adapter's side to be refused by a server
}

// newEnvironment prepares an environment in which the application listens, and nothing is started.
func newEnvironment(t testing.TB) *environment {
	t.Helper()
	e := &environment{TB: t, api: lambda.NewRuntimeAPI(), app: NewWebApp()}
	e.must(e.api.Listen("tcp", "127.0.0.1:0"))
	var err error = syscall.EADDRINUSE // by a test that resumes at a port that was free for the moment
	for tries := 0; errors.Is(err, syscall.EADDRINUSE) && tries < 10; tries++ {
		e.port = e.freePort()
		err = e.app.Listen("tcp", e.appAddress())
	}
	e.must(err)
	e.variables = map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          e.api.Address(),
		"AWS_LAMBDA_FUNCTION_NAME":        "f",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_LOG_STREAM_NAME":      "ls",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "lg",
		"AWS_LWA_PORT":                    strconv.Itoa(e.port),
	}
	t.Cleanup(e.close)
	return e
}

// start starts the adapter.
func (e *environment) start() {
	e.Helper()
	var env []string
	for _, name := range slices.Sorted(maps.Keys(e.variables)) {
		env = append(env, name+"="+e.variables[name])
	}
	var err error
	e.adapter, err = StartProcess(append([]string{adapterBinary}, e.arguments...), os.TempDir(), env)
	e.must(err)
}

// startReady starts the adapter and waits until it asks for its first invocation.
func (e *environment) startReady() {
	e.Helper()
	e.start()
	e.awaitNext(1)
}

// awaitNext waits until invocation/next was asked for n times.
func (e *environment) awaitNext(n int) {
	e.Helper()
	e.must(e.api.Await(patience, fmt.Sprintf("poll %d of invocation/next", n),
		func() bool { return len(e.api.Calls(lambda.PathNext)) >= n }))
}

// awaitNextOrExit waits until invocation/next was asked for n times, or the adapter has ended.
func (e *environment) awaitNextOrExit(n int) {
	e.Helper()
	polled := make(chan error, 1)
	go func() {
		polled <- e.api.Await(patience, fmt.Sprintf("poll %d of invocation/next", n),
			func() bool { return len(e.api.Calls(lambda.PathNext)) >= n })
	}()
	select {
	case err := <-polled:
		e.must(err)
	case <-e.adapter.Exited():
	}
}

func (e *environment) close() {
	if e.adapter != nil {
		e.adapter.Kill()
		e.checkLog(e.adapter.Log().Text())
	}
	e.app.Close()
	e.api.Close()
	if !e.malformed {
		for _, violation := range append(e.app.Violations(), e.api.Violations()...) {
			e.Errorf("the adapter sent something malformed: %s", violation)
		}
	}
}

func (e *environment) checkLog(log string) {
	if strings.Contains(log, "DATA RACE") {
		e.Errorf("the race detector found something")
	}
	if !e.crashes && (strings.Contains(log, "goroutine ") || strings.Contains(log, "panic:")) {
		e.Errorf("the adapter panicked")
	}
	if e.Failed() {
		e.Logf("the adapter wrote:\n%s", log)
	}
}

// invocation makes the next invocation with a far deadline.
func (e *environment) invocation(event string) *lambda.Invocation {
	e.count++
	return lambda.NewInvocation(fmt.Sprintf("id%d", e.count), []byte(event), time.Now().Add(time.Minute))
}

// invoke hands out an event and returns the one answer to it.
func (e *environment) invoke(event string) answer {
	e.Helper()
	return e.run(e.invocation(event))
}

// run hands out an invocation and returns the one answer to it.
func (e *environment) run(i *lambda.Invocation) answer {
	e.Helper()
	e.api.Push(i)
	return e.answered(i)
}

// answered waits for the answer to an invocation that was handed out.
func (e *environment) answered(i *lambda.Invocation) answer {
	e.Helper()
	select {
	case request := <-i.Answers:
		return answer{e, request}
	case <-e.adapter.Exited():
		select {
		case request := <-i.Answers: // it had come before the end
			return answer{e, request}
		default:
			e.Fatalf("the adapter ended with an invocation unanswered")
		}
	case <-time.After(patience):
		e.Fatalf("invocation %s was not answered within %v", i.ID, patience)
	}
	return answer{}
}

// exits asserts that the adapter ends with code.
func (e *environment) exits(code int) {
	e.Helper()
	got, err := e.adapter.AwaitExit(patience)
	e.must(err)
	if got != code {
		e.Errorf("exit code %d, want %d", got, code)
	}
}

// finish ends the idle adapter, so that its log is complete.
func (e *environment) finish() *Log {
	e.Helper()
	e.awaitNext(e.count + 1)
	e.must(e.adapter.Signal(syscall.SIGTERM))
	e.exits(0)
	return e.adapter.Log()
}

// logs asserts that one log line holds all of parts, and returns it.
func (e *environment) logs(parts ...string) Line {
	e.Helper()
	line, err := e.adapter.Log().Await(patience, parts...)
	e.must(err)
	return line
}

func (e *environment) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *environment) freePort() int {
	e.Helper()
	port, err := FreePort()
	e.must(err)
	return port
}

// appAddress is where the adapter expects the application.
func (e *environment) appAddress() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)) }

// answer is what the adapter posted for an invocation.
type answer struct {
	e *environment
	*lambda.Request
}

// isError tells /error from /response.
func (a answer) isError() bool { return strings.HasSuffix(a.Path(), "/error") }

// envelope is the reply that a buffered HTTP event source expects.
type envelope struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// status asserts that the answer is a reply with this status and returns it.
func (a answer) status(code int) envelope {
	a.e.Helper()
	var reply envelope
	if a.isError() {
		a.e.Fatalf("the invocation failed with %.300s, want status %d", a.Body, code)
	}
	if err := json.Unmarshal(a.Body, &reply); err != nil {
		a.e.Fatalf("the reply is not JSON: %v in %.300q", err, a.Body)
	}
	if reply.StatusCode != code {
		a.e.Fatalf("status %d, want %d in %.300s", reply.StatusCode, code, a.Body)
	}
	return reply
}

// failure is the body of /error.
type failure struct {
	ErrorType    string   `json:"errorType"`
	ErrorMessage string   `json:"errorMessage"`
	StackTrace   []string `json:"stackTrace"`
}

// failed asserts that the answer is an error of this type whose message holds all of parts, and returns it.
func (a answer) failed(errorType string, parts ...string) failure {
	a.e.Helper()
	if !a.isError() {
		a.e.Fatalf("the invocation was answered with %.300s, want %s", a.Body, errorType)
	}
	return checkFailure(a.e, a.Request, errorType, parts...)
}

// checkFailure checks an error report to any of the APIs: the header and the body must agree.
func checkFailure(t testing.TB, report *lambda.Request, errorType string, parts ...string) failure {
	t.Helper()
	var f failure
	if err := json.Unmarshal(report.Body, &f); err != nil {
		t.Fatalf("the error is not JSON: %v in %q", err, report.Body)
	}
	header := "Lambda-Runtime-Function-Error-Type"
	if strings.HasPrefix(report.Path(), "/2020-01-01/extension/") {
		header = "Lambda-Extension-Function-Error-Type"
	}
	if got := report.Header.Get(header); f.ErrorType != errorType || got != errorType {
		t.Errorf("errorType %q and %s %q, want %s: %s", f.ErrorType, header, got, errorType, report.Body)
	}
	if !containsAll(f.ErrorMessage, parts) {
		t.Errorf("the message %q does not hold all of %q", f.ErrorMessage, parts)
	}
	return f
}
