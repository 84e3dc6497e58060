//go:build rie

package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/emulator"
)

// fetchEmulator returns the path of the emulator, with the adapter where it looks for extensions, or skips the test.
func fetchEmulator(t *testing.T) string {
	t.Helper()
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path, release, err := emulator.Fetch(filepath.Join(root, ".lambda-web"))
	skipUnavailable(t, err)
	t.Cleanup(release)
	remove, err := emulator.Install(map[string]string{"lambda-adapter": adapterBinary})
	skipUnavailable(t, err)
	t.Cleanup(remove)
	return path
}

func skipUnavailable(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, emulator.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// emulated is the emulator with the adapter as extension and gunicorn as runtime.
type emulated struct {
	*testing.T
	process *Process
	url     string
}

func startEmulator(t *testing.T, variables ...string) *emulated {
	t.Helper()
	commands, port := python(t), freePort(t)
	return startRuntime(t, []string{filepath.Join(commands, "gunicorn"), "--no-control-socket", "--bind",
		fmt.Sprintf("127.0.0.1:%d", port), "wsgi:app"}, append([]string{fmt.Sprintf("AWS_LWA_PORT=%d", port),
		"SEEN=" + filepath.Join(t.TempDir(), "seen"), "PYTHONDONTWRITEBYTECODE=1"}, variables...)...)
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// startRuntime starts the emulator with any runtime.
func startRuntime(t *testing.T, runtime []string, variables ...string) *emulated {
	t.Helper()
	path, api, port := fetchEmulator(t), freePort(t), freePort(t)
	env := append([]string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_FUNCTION_TIMEOUT=30"}, variables...)
	process, err := StartProcess(append([]string{path, "--log-level", "debug",
		"--runtime-api-address", fmt.Sprintf("127.0.0.1:%d", api),
		"--runtime-interface-emulator-address", fmt.Sprintf("127.0.0.1:%d", port)}, runtime...), "testdata/servers", env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Signal(syscall.SIGTERM) // so that the emulator ends its children, which have process groups of their own
		if _, err := process.AwaitExit(10 * time.Second); err != nil {
			process.Kill()
		}
		if t.Failed() {
			t.Logf("the emulator wrote:\n%s", process.Log().Text())
		}
	})
	if _, err := process.Log().Await(patience, "Runtime API Server listening"); err != nil {
		t.Fatal(err)
	}
	return &emulated{t, process, fmt.Sprintf("http://127.0.0.1:%d/2015-03-31/functions/function/invocations", port)}
}

// invoke returns status and payload. The emulator's own server may listen a moment later than its Runtime API.
func (e *emulated) invoke(event string) (int, []byte) {
	e.Helper()
	var response *http.Response
	var err error
	for give := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		response, err = http.Post(e.url, "application/json", strings.NewReader(event))
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(give) {
			break
		}
	}
	if err != nil {
		e.Fatal(err)
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	if err != nil {
		e.Fatal(err)
	}
	return response.StatusCode, payload
}

func (e *emulated) reply(event string) envelope {
	e.Helper()
	status, payload := e.invoke(event)
	var reply envelope
	if err := json.Unmarshal(payload, &reply); err != nil || status != 200 {
		e.Fatalf("status %d with %.300q: %v", status, payload, err)
	}
	return reply
}

// inOrder asserts that the log has a line for each step, one after the other.
func (e *emulated) inOrder(t *testing.T, steps ...string) {
	t.Helper()
	lines := e.process.Log().Lines()
	last := -1
	for _, step := range steps {
		at := slices.IndexFunc(lines, func(l Line) bool { return strings.Contains(l.Text, step) })
		if at <= last {
			t.Errorf("%q is line %d, the step before it line %d", step, at, last)
		}
		last = at
	}
}

func TestRIE(t *testing.T) {
	e := startEmulator(t, "AWS_LWA_ERROR_STATUS_CODES=500-599")
	e.Run("invocations", func(t *testing.T) {
		for _, body := range [][]byte{nil, []byte("hello"), everyByte(), randomBytes(1 << 20)} {
			if reply := e.reply(Binary(HTTPEvent("POST", "/echo", ""), body)); reply.StatusCode != 200 ||
				!bytes.Equal(reply.content(t), body) {
				t.Errorf("%d bytes came back as %d with status %d", len(body), len(reply.content(t)), reply.StatusCode)
			}
		}
		file := readVectors(t)
		for _, base := range []string{"V1", "V2", "FU", "ALB", "ALBM"} {
			if reply := e.reply(string(file.bases[base])); reply.StatusCode != 200 {
				t.Errorf("%s: %+v", base, reply)
			}
		}
		if status, payload := e.invoke(`{"Records":[ ]}`); status != 200 || string(payload) != `{"Records":[ ]}` {
			t.Errorf("pass-through: %d %q", status, payload)
		}
	})
	e.Run("error", func(t *testing.T) {
		_, payload := e.invoke(HTTPEvent("GET", "/fail", ""))
		var report failure
		if err := json.Unmarshal(payload, &report); err != nil || report.ErrorType != "Function.HttpStatusError" {
			t.Errorf("%q: %v", payload, err)
		}
		if reply := e.reply(HTTPEvent("GET", "/echo", "")); reply.StatusCode != 200 {
			t.Errorf("after an error: %+v", reply)
		}
	})
	e.Run("order", func(t *testing.T) {
		const register = "POST /2020-01-01/extension/register"
		e.inOrder(t, register,
			"External agent lambda-adapter") // which the emulator says beside the start of the runtime
		e.inOrder(t, register, "Start runtime", "Listening at:", "GET /2018-06-01/runtime/invocation/next",
			"INIT RTDONE(status: success)",
			"INVOKE START", "/response")
		if len(e.process.Log().Lines("GET /2020-01-01/extension/event/next", "Lambda-Extension-Identifier")) != 1 {
			t.Error("the extension did not ask for its event once")
		}
	})
	e.Run("shutdown", func(t *testing.T) {
		if err := e.process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if _, err := e.process.AwaitExit(patience); err != nil {
			t.Fatal(err)
		}
		if len(e.process.Log().Lines("Handling signal: term")) == 0 {
			t.Error("the application was not told to end, which the registered extension is there for")
		}
	})
}

// A mistake in the settings ends the initialisation with a reason of its own, rather than with the crash of an
// extension.
func TestRIEInvalidSettings(t *testing.T) {
	e := startEmulator(t, "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=healthy")
	if status, payload := e.invoke(HTTPEvent("GET", "/", "")); status != http.StatusBadGateway {
		t.Errorf("status %d with %q", status, payload)
	}
	for _, parts := range [][]string{
		{"/extension/init/error", "Extension.ConfigInvalid"},
		{"First fatal error", "Extension.InitError"},
		{"FATAL", "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS", "healthy"},
	} {
		if _, err := e.process.Log().Await(patience, parts...); err != nil {
			t.Error(err)
		}
	}
}

// The adapter as the runtime of a function that runs commands, beside itself as the extension.
func TestRIETask(t *testing.T) {
	e := startRuntime(t, []string{adapterBinary, "task"}, "AWS_LWA_TASK=true")
	for _, row := range []struct {
		script, errorType string
		code              int
	}{{"echo done", "", 0}, {"echo done; exit 3", "Task.ExitStatus", 3}, {"echo done", "", 0}} {
		_, payload := e.invoke(taskEvent("sh", "-c", row.script))
		var result taskResult
		if err := json.Unmarshal(payload, &result); err != nil || result.Output != "done\n" {
			t.Errorf("%q: %v", payload, err)
		}
		result.check(t, row.errorType, row.code)
	}
	const register = "POST /2020-01-01/extension/register"
	e.inOrder(t, register, "External agent lambda-adapter")
	e.inOrder(t, register, "Start runtime", "GET /2018-06-01/runtime/invocation/next", "INIT RTDONE(status: success)",
		"INVOKE START", "/response")
	if len(e.process.Log().Lines("/runtime/invocation/next", "GET")) == 0 ||
		len(e.process.Log().Lines("GET /2020-01-01/extension/event/next", "Lambda-Extension-Identifier")) != 1 {
		t.Error("the extension did not ask for its event once")
	}
}
