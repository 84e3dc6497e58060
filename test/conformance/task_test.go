package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// The adapter as the runtime of a function that runs commands.

// newTasks starts the adapter as such a runtime.
func newTasks(t *testing.T, variables ...string) *environment {
	t.Helper()
	e := newEnvironment(t)
	e.arguments = []string{"task"}
	e.variables["AWS_LWA_TASK"] = "true"
	e.variables["PATH"] = os.Getenv("PATH")
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		e.variables[name] = value
	}
	e.startReady()
	return e
}

// taskResult is the answer to a command.
type taskResult struct {
	ExitCode     *int   `json:"exitCode"`
	Output       string `json:"output"`
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
}

// taskEvent is the event that has a command run.
func taskEvent(command ...string) string {
	event, err := json.Marshal(map[string][]string{"command": command})
	if err != nil {
		panic(err)
	}
	return string(event)
}

// runs runs a command and returns its result.
func (e *environment) runs(command ...string) taskResult {
	e.Helper()
	return e.invoke(taskEvent(command...)).task()
}

// task reads an answer as the result of a command.
func (a answer) task() (r taskResult) {
	a.e.Helper()
	if err := json.Unmarshal(a.Body, &r); err != nil {
		a.e.Fatalf("the answer is not JSON: %v in %.300q", err, a.Body)
	}
	if a.isError() != (r.ErrorType != "") {
		a.e.Errorf("%s with %.300s", a.Path(), a.Body)
	}
	if reported := a.Header.Get("Lambda-Runtime-Function-Error-Type"); reported != strings.Replace(r.ErrorType, "Task.",
		"Function.Task", 1) {
		a.e.Errorf("reported as %q with %.300s", reported, a.Body)
	}
	return r
}

// check compares a result with what it should be; the message must hold all of the parts.
func (r taskResult) check(t testing.TB, errorType string, code int, message ...string) {
	t.Helper()
	if r.ErrorType != errorType || r.ExitCode == nil || *r.ExitCode != code || !containsAll(r.ErrorMessage, message) {
		t.Errorf("%s, exit code %s, %q; want %s, %d, %q", r.ErrorType, optional(r.ExitCode), r.ErrorMessage,
			errorType, code, message)
	}
}

func optional(number *int) string {
	if number == nil {
		return "none"
	}
	return strconv.Itoa(*number)
}

func TestTaskEnds(t *testing.T) {
	t.Parallel()
	e := newTasks(t)
	for _, row := range []struct {
		script, errorType string
		code              int
		message           []string
	}{
		{"true", "", 0, nil},
		{"exit 1", "Task.ExitStatus", 1, []string{"sh -c exit 1: exit status 1"}},
		{"exit 255", "Task.ExitStatus", 255, []string{"exit status 255"}},
		{"echo why; exit 3", "Task.ExitStatus", 3, []string{"exit status 3\nwhy"}},
		{"kill -KILL $$", "Task.ExitStatus", 137, []string{"SIGKILL", "memory is short"}},
		{"kill -TERM $$", "Task.ExitStatus", 143, []string{"the signal SIGTERM"}},
		{"kill -SEGV $$", "Task.ExitStatus", 139, []string{"SIGSEGV"}},
	} {
		e.runs("sh", "-c", row.script).check(t, row.errorType, row.code, row.message...)
	}
	log := e.finish()
	if len(log.Lines("INFO", "runs sh -c true", "requestId=id1")) != 1 ||
		len(log.Lines("INFO", "sh -c true: exit status 0 after", "requestId=id1")) != 1 ||
		len(log.Lines("ERROR", "Task.ExitStatus: sh -c echo why; exit 3: exit status 3", "requestId=id4")) != 1 {
		t.Errorf("the log does not have each command's begin and end:\n%s", log.Text())
	}
}

func TestTaskOutput(t *testing.T) {
	t.Parallel()
	e := newTasks(t, "GREETING=hello")
	for _, row := range []struct{ script, want string }{
		{"echo out; echo err >&2", "out\nerr\n"},
		{"printf 'half a line'", "half a line"},
		{"cat", ""}, // there is no input
		{"echo $GREETING", "hello\n"},
		{"pwd -P", realPath(t, os.TempDir()) + "\n"},
		{`printf 'a\377\200\n'`, "a\uFFFD\uFFFD\n"},
		{"yes | head -n 1", "y\n"}, // SIGPIPE ends yes, without a message
		{"sleep 1000 & echo left behind", "left behind\n"},
	} {
		result := e.runs("sh", "-c", row.script)
		if result.check(t, "", 0); result.Output != row.want {
			t.Errorf("%s: %q, want %q", row.script, result.Output, row.want)
		}
	}
	log := e.finish()
	for _, line := range []string{"out", "err", "half a line", "hello", "left behind"} {
		found := 0
		for _, l := range log.Lines(line) {
			if l.Text == line {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the line %q is %d times in the log:\n%s", line, found, log.Text())
		}
	}
}

func realPath(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// 10 MB pass, whether in lines or not, and need no memory of their size.
func TestTaskOutputOfMegabytes(t *testing.T) {
	t.Parallel()
	e := newTasks(t)
	const size = 10 << 20
	for _, row := range []struct{ script, end string }{
		{"yes 0123456789abcde | head -c %d", strings.Repeat("0123456789abcde\n", 1024)},
		{"yes | tr -d '\\n' | head -c %d", strings.Repeat("y", 16<<10)},
	} {
		result := e.runs("sh", "-c", fmt.Sprintf(row.script, size))
		if result.check(t, "", 0); result.Output != row.end {
			t.Errorf("%s: %d bytes that begin with %.40q", row.script, len(result.Output), result.Output)
		}
	}
	if usage, err := e.adapter.Usage(); os.Getenv("LAMBDA_WEB_TEST_ARCHITECTURE") == "" && !raceDetector &&
		(err != nil || usage.RSS > 16<<10) {
		t.Errorf("the adapter has %d KiB, %v", usage.RSS, err)
	}
	log := e.finish()
	lines, long := 0, 0
	for _, line := range log.Lines() {
		if line.Text == "0123456789abcde" {
			lines++
		} else if strings.HasPrefix(line.Text, "yyyy") {
			long += len(line.Text)
		}
	}
	if lines != size/16 || long != size {
		t.Errorf("%d lines and a long one of %d bytes in the log, want %d and %d", lines, long, size/16, size)
	}
	log.Forget() // nobody wants to see it
}

func TestTaskIsNotStarted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, file := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"plain":       {"#!/bin/sh\n", 0o644},
		"interpreter": {"#!/nowhere/python3\n", 0o755},
		"headless":    {"echo hello\n", 0o755},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(file.content), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	e := newTasks(t, "PATH="+folder)
	long := strings.Repeat("x", 1<<20)
	for _, row := range []struct {
		command   []string
		errorType string
		code      int
		message   []string
	}{
		{[]string{"nowhere", "x"}, "Task.NotFound", 127, []string{"nowhere x: command not found", "PATH=" + folder}},
		{[]string{"/nowhere/x"}, "Task.NotFound", 127, []string{"the image has no /nowhere/x"}},
		{[]string{"plain"}, "Task.NotExecutable", 126, []string{"plain cannot be executed", "chmod +x"}},
		{[]string{folder}, "Task.NotExecutable", 126, []string{"cannot be executed"}},
		{[]string{"interpreter"}, "Task.NotFound", 127, []string{"named in its first line", "is not in the image"}},
		{[]string{"headless"}, "Task.NotExecutable", 126, []string{"(#!)"}},
		{[]string{"headless", long}, "Task.NotExecutable", 126, []string{"not be started", "argument list too long"}},
	} {
		e.runs(row.command...).check(t, row.errorType, row.code, row.message...)
	}
}

func TestTaskOfAnInvalidEvent(t *testing.T) {
	t.Parallel()
	e := newTasks(t)
	for _, event := range []string{``, `[]`, `{}`, `{"command":"ls"}`, `{"command":[]}`, `{"command":["a\u0000"]}`,
		`{"command":["a",1]}`, HTTPEvent("GET", "/", "")} {
		result := e.invoke(event).task()
		if result.ErrorType != "Task.InvalidCommand" || result.ExitCode != nil ||
			!strings.Contains(result.ErrorMessage, `{"command":["python","manage.py","migrate"]}`) {
			t.Errorf("%s: %+v", event, result)
		}
	}
	e.runs("true").check(t, "", 0)
	e.logs("ERROR", "Task.InvalidCommand", "requestId=id1")
}

// The test's own program is a command that needs nothing of the image, least of all a shell.
func TestTaskWithoutShell(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := newTasks(t, "PATH="+filepath.Dir(program))
	result := e.runs(filepath.Base(program), asCommand, "arguments", "a b", "", "$HOME", "é")
	if result.check(t, "", 0); result.Output != `["a b","","$HOME","é"]` {
		t.Errorf("%q", result.Output)
	}
}

// A process that left the group keeps the pipe open. It is not waited for, nor ended; what is left in the group is.
func TestTaskLeavesProcesses(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := newTasks(t)
	result := e.runs(program, asCommand, "daemon")
	result.check(t, "", 0)
	daemon, err := strconv.Atoi(strings.TrimSpace(result.Output))
	e.must(err)
	defer func() { _ = syscall.Kill(daemon, syscall.SIGKILL) }()
	if err := syscall.Kill(daemon, 0); err != nil {
		t.Errorf("the daemon: %v", err)
	}
	result = e.runs("sh", "-c", "sleep 1000 & echo $!")
	result.check(t, "", 0)
	e.awaitGone(result.Output)
}

// awaitGone waits until processes have ended, whose numbers are the words of a text.
func (e *environment) awaitGone(numbers string) {
	e.Helper()
	for _, word := range strings.Fields(numbers) {
		number, err := strconv.Atoi(word)
		e.must(err)
		for give := time.Now().Add(patience); isRunning(number); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(give) {
				e.Fatalf("the process %d is still there", number)
			}
		}
	}
}

// isRunning is false for a zombie, too, for which somebody else is responsible.
func isRunning(process int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestTaskDeadline(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		limit          time.Duration
		script, output string
	}{
		// A tenth of the time is there to end, and it must be enough on a machine that has no time.
		"asked to end":  {15 * time.Second, "trap 'echo bye; exit 0' TERM; echo $$; sleep 1000 & wait", "bye\n"},
		"killed":        {2 * time.Second, "trap '' TERM; echo $$; sleep 1000 & echo $!; wait", ""},
		"with children": {2 * time.Second, "sleep 1000 & echo $! $$; sleep 1000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newTasks(t)
			i := lambda.NewInvocation("id1", []byte(taskEvent("sh", "-c", row.script)), time.Now().Add(row.limit))
			e.count++
			result := e.run(i).task()
			result.check(t, "Task.Deadline", 124, "ended after ", "shortly before the time limit of ")
			numbers, found := strings.CutSuffix(result.Output, row.output)
			if !found {
				t.Errorf("output %q", result.Output)
			}
			e.awaitGone(numbers)
			e.runs("true").check(t, "", 0)
		})
	}
}

// Commands follow each other in one environment, and nothing of one is in the next.
func TestTasksInARow(t *testing.T) {
	t.Parallel()
	e := newTasks(t)
	for n := range 20 {
		result := e.runs("sh", "-c", fmt.Sprintf("echo %d; exit %d", n, n%2))
		if n%2 == 0 {
			result.check(t, "", 0)
		} else {
			result.check(t, "Task.ExitStatus", 1, fmt.Sprintf("\n%d", n))
		}
		if result.Output != fmt.Sprintf("%d\n", n) {
			t.Errorf("command %d wrote %q", n, result.Output)
		}
	}
	usage, err := e.adapter.Usage()
	e.must(err)
	if usage.Descriptors > 12 {
		t.Errorf("%d descriptors are open", usage.Descriptors)
	}
}

// SIGTERM of the environment reaches the command; the process ends when its answer is out.
func TestTaskTermination(t *testing.T) {
	t.Parallel()
	e := newTasks(t)
	i := e.invocation(taskEvent("sh", "-c", "trap 'echo ends; exit 7' TERM; echo $((1+1)) traps; sleep 1000 & wait"))
	e.api.Push(i)
	e.logs("2 traps")
	e.must(e.adapter.Signal(syscall.SIGTERM))
	e.answered(i).task().check(t, "Task.ExitStatus", 7, "exit status 7\n2 traps\n", "ends")
	e.exits(0)
	idle := newTasks(t)
	idle.must(idle.adapter.Signal(syscall.SIGTERM))
	idle.exits(0)
}

// The same file as an extension prepares the environment, and leaves the invocations to the runtime.
func TestTaskExtension(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables["AWS_LWA_TASK"] = "true"
	e.start()
	e.must(e.api.Await(patience, "event/next", func() bool { return len(e.api.Calls(lambda.PathEventNext)) == 1 }))
	runtime := startTaskRuntime(t, e)
	e.runs("true").check(t, "", 0)
	runtime.Kill()
	if n := e.app.Connections(); n != 0 {
		t.Errorf("the extension asked %d times for an app", n)
	}
	if polls := e.api.Calls(lambda.PathNext); len(polls) > 2 {
		t.Errorf("%d polls of two invocations", len(polls))
	}
	if text := e.adapter.Log().Text(); text != "" {
		t.Errorf("the extension wrote %q", text)
	}
}

// startTaskRuntime starts the runtime beside the extension.
func startTaskRuntime(t *testing.T, e *environment) *Process {
	t.Helper()
	environment := []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range e.variables {
		environment = append(environment, name+"="+value)
	}
	runtime, err := StartProcess([]string{adapterBinary, "task"}, os.TempDir(), environment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(runtime.Kill)
	return runtime
}

func TestTaskRuntimeOfAnAppsFunction(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.arguments = []string{"task"}
	e.start()
	e.exits(1)
	reports := e.api.Calls(lambda.PathInitError)
	if len(reports) != 1 {
		t.Fatalf("%d calls of init/error", len(reports))
	}
	checkFailure(t, reports[0], "Runtime.ConfigInvalid", "AWS_LWA_TASK=true is missing")
	if len(e.api.Calls(lambda.PathNext)) != 0 {
		t.Error("it took invocations")
	}
}

// asCommand makes the program of these tests a command: see runAsCommand.
const asCommand = "as-command"

// runAsCommand does what a test wants of a command that is no shell's.
func runAsCommand(arguments []string) error {
	switch arguments[0] {
	case "arguments":
		text, err := json.Marshal(arguments[1:])
		fmt.Print(string(text))
		return err
	case "daemon": // leaves a process behind that has left the group, and keeps the output open
		daemon := exec.Command("sleep", "1000")
		daemon.Stdout, daemon.Stderr = os.Stdout, os.Stderr
		daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := daemon.Start(); err != nil {
			return err
		}
		fmt.Println(daemon.Process.Pid)
		return nil
	}
	return errors.New("no such command: " + arguments[0])
}
