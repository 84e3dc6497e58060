// Package run drives the built command that runs commands in an environment on AWS, against Lambda and CloudWatch Logs
// as a server on this machine, and a Pulumi CLI whose stack is a file.
package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

var program string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "run")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "run")
	if output, err := exec.Command("go", "build", "-o", program, "lambda-web/deploy/run").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		os.Exit(1)
	}
	// Opened, so that a result is not taken from the cache when they have changed.
	for _, pattern := range []string{"deploy/run/*.go", "deploy/run/*/*.go", "adapter/*.go", "adapter/internal/*/*.go"} {
		files, _ := filepath.Glob("../../" + pattern)
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				panic(err)
			}
		}
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// pulumi is the CLI for a stack whose outputs are a file.
const pulumi = `#!/bin/sh
case "$1 $2" in
"stack output") cat "$(dirname "$0")/outputs" || { echo "error: no stack named 'dev' found" >&2; exit 255; } ;;
*) exit 255 ;;
esac
`

const outputs = `{"functionName": "web-1a2b3c4", "version": "7", "aliasArn": "arn:aws:lambda:eu-central-1:123456789012:function:web:live",
"region": "eu-central-1", "taskFunctionName": "` + task + `", "taskLogGroup": "` + group + `"}`

// scene is an account with a stack in it.
type scene struct {
	*account
	folder, address string
}

func newScene(t *testing.T) scene {
	t.Helper()
	s := scene{folder: t.TempDir()}
	s.account, s.address = newAccount(t)
	for name, content := range map[string]string{"pulumi": pulumi, "outputs": outputs} {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// command is the program with short pauses.
func (s scene) command(arguments ...string) *exec.Cmd {
	c := exec.Command(program, append([]string{"-stack", "dev", "-every", "20ms"}, arguments...)...)
	c.Env = []string{"PATH=" + s.folder + ":/usr/bin:/bin", "AWS_ENDPOINT_URL=" + s.address, "AWS_ACCESS_KEY_ID=AKID",
		"AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true", "HOME=" + s.folder}
	return c
}

// run runs the program to its end.
func (s scene) run(t *testing.T, arguments ...string) (code int, out, notes string) {
	t.Helper()
	c := s.command(arguments...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// invocations compares what the function was invoked with.
func (s scene) invocations(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.invoked, want) {
		t.Errorf("invoked with %q, want %q", s.invoked, want)
	}
}

const (
	migrate     = "python manage.py migrate"
	migrateSync = `RequestResponse {"command":["python","manage.py","migrate"]}`
	exit3       = `{"errorType":"Task.ExitStatus","errorMessage":"python manage.py migrate: exit status 3\nno such table","exitCode":3,"output":"no such table\n"}`
)

// watch runs a command to its end and calls line after each line of its output, with how many there have been.
func watch(t *testing.T, c *exec.Cmd, line func(count int)) (code int, out, notes string) {
	t.Helper()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	count := 0
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		out += lines.Text() + "\n"
		count++
		line(count)
	}
	c.Wait()
	return c.ProcessState.ExitCode(), out, stderr.String()
}

// TestStreams: what the command writes comes while it runs, and nothing but that is on standard output.
func TestStreams(t *testing.T) {
	s := newScene(t)
	seen := make(chan bool)
	s.answer(func(w http.ResponseWriter) {
		s.write("b", append(begins(theirs, "python other.py"), "of another command")...)
		s.write("a", append(begins(ours, migrate), "Applying 1... OK", "", "  x = {\"a\": 1}", "END of file")...)
		<-seen // the answer comes after the output
		s.write("a", append([]string{"Applying 2... OK"}, ending(ours, "INFO", migrate+": exit status 0 after 1.0 s")...)...)
		s.write("a", "START RequestId: "+theirs+" Version: $LATEST", "of the next command")
		succeed(w)
	})
	code, out, notes := watch(t, s.command("python", "manage.py", "migrate"), func(count int) {
		if count == 4 {
			close(seen)
		}
	})
	if want := "Applying 1... OK\n\n  x = {\"a\": 1}\nEND of file\nApplying 2... OK\n"; out != want || code != 0 ||
		notes != "" {
		t.Errorf("exit code %d, output %q, want %q; %s", code, out, want, notes)
	}
	s.invocations(t, migrateSync)
}

// TestLateLog: the end of the output comes with the answer where the log has not got it yet.
func TestLateLog(t *testing.T) {
	s := newScene(t)
	seen := make(chan bool)
	s.answer(func(w http.ResponseWriter) {
		s.write("a", append(begins(ours, migrate), "begun")...)
		<-seen
		succeed(w)
	})
	code, out, notes := watch(t, s.command("-patience", "200ms", "-command", migrate), func(int) { close(seen) })
	if code != 0 || out != "begun\n" || !strings.Contains(notes,
		"the last lines are not in the log yet. The end of the output is:\nthe end of it") {
		t.Errorf("exit code %d, output %q, %q", code, out, notes)
	}
}

// TestTwoAlike: the same command, started at the same time, is told apart by the answer at the latest.
func TestTwoAlike(t *testing.T) {
	s := newScene(t)
	seen := make(chan bool)
	s.answer(func(w http.ResponseWriter) {
		s.write("b", append(begins(theirs, migrate), "theirs")...)
		<-seen
		s.write("a", append(append(begins(ours, migrate), "ours"), "END RequestId: "+ours)...)
		succeed(w)
	})
	code, out, notes := watch(t, s.command("-command", migrate), func(count int) {
		if count == 1 {
			close(seen)
		}
	})
	if code != 0 || out != "theirs\nours\n" || !strings.Contains(notes, "another one of this command") {
		t.Errorf("exit code %d, output %q, %q", code, out, notes)
	}
}

// TestEnds: the exit code is the command's, and what it means is said.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name      string
		lines     []string
		answers   func(w http.ResponseWriter)
		code      int
		out, says string
	}{
		{"success", append(append(begins(ours, migrate), "done"),
			ending(ours, "INFO", migrate+": exit status 0 after 1 ms")...),
			succeed, 0, "done\n", ""},
		{"an exit code", append(append(begins(ours, migrate), "no such table"), ending(ours, "ERROR",
			"Task.ExitStatus: "+migrate+": exit status 3")...), fail(exit3), 3, "no such table\n",
			"run: " + migrate + ": exit status 3"},
		{"the log as JSON", []string{`{"time":"2026-11-29T05:00:00.000Z","type":"platform.initStart","record":{}}`,
			`{"time":"2026-11-29T05:00:00.000Z","type":"platform.start","record":{"requestId":"` + ours + `"}}`,
			`{"timestamp":"2026-11-29T05:00:00.000Z","level":"INFO","message":"runs ` + migrate +
				`","requestId":"` + ours + `"}`,
			`{"level":"INFO","message":"of the command"}`, "plain",
			`{"time":"2026-11-29T05:00:01.000Z","type":"platform.report","record":{"requestId":"` + ours + `"}}`},
			succeed, 0, `{"level":"INFO","message":"of the command"}` + "\nplain\n", ""},
		{"a quiet adapter", []string{"START RequestId: " + ours + " Version: $LATEST", "done", "END RequestId: " + ours},
			succeed, 0, "done\n", ""},
		{"no log", nil, succeed, 0, "the end of it\n", ""},
		{"Lambda's time limit", nil, fail(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: x Error: Task timed out after 900.00 seconds"}`),
			124, "", "run: the command was ended by Lambda's time limit of 15 minutes"},
		{"no memory", nil, fail(`{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: x Error: Runtime exited with error: signal: killed"}`),
			1, "", "run: the command took more memory than there is (settings taskMemory and memory)"},
		{"a runtime that ends", nil, fail(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: x Error: Runtime exited with error: exit status 1"}`),
			1, "", "run: the command could not run: Runtime.ExitError"},
		{"another function", nil, func(w http.ResponseWriter) { fmt.Fprint(w, `{"statusCode":200}`) }, 1, "",
			"it is not the one that runs commands"},
		{"no JSON", nil, func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, 1, "", "no JSON"},
		{"no rights", nil, refuse(403, "AccessDeniedException"), 1, "",
			"it takes the right lambda:InvokeFunction on " + task + " (says AccessDeniedException)"},
		{"no room", nil, refuse(429, "TooManyRequestsException"), 1, "", "and did not start the command"},
		{"a function that is gone", nil, refuse(404, "ResourceNotFoundException"), 1, "",
			"the function " + task + " is gone"},
		{"arguments without end", nil, refuse(413, "RequestTooLargeException"), 1, "", "more than an event can hold"},
		{"a failure of Lambda", nil, refuse(500, "ServiceException"), 1, "",
			"does not say whether the command was started"},
		{"a connection that breaks", nil, func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, 1, "",
			"the command, if it was started, runs on until it ends"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.answer(func(w http.ResponseWriter) {
				s.write("a", c.lines...)
				c.answers(w)
			})
			patience := "1m"
			if c.lines == nil { // nothing comes that could be waited for
				patience = "100ms"
			}
			code, out, notes := s.run(t, "-patience", patience, "-command", migrate)
			if code != c.code || out != c.out || !strings.Contains(notes, c.says) || c.says == "" && notes != "" {
				t.Errorf("exit code %d, want %d\noutput %q, want %q\nit says %q, want %q", code, c.code, out, c.out,
					notes, c.says)
			}
			s.invocations(t, migrateSync) // once, whatever happens
		})
	}
}

// TestLongAnswer: an answer that comes at once and in pieces arrives whole.
func TestLongAnswer(t *testing.T) {
	s := newScene(t)
	long := strings.Repeat("x", 100_000)
	s.answer(func(w http.ResponseWriter) { fmt.Fprintf(w, `{"exitCode":0,"output":"%s\n"}`, long) })
	for range 10 {
		if code, out, notes := s.run(t, "-patience", "1ms", "migrate"); code != 0 || out != long+"\n" {
			t.Errorf("exit code %d, %d bytes, %s", code, len(out), notes)
		}
	}
}

// TestWithoutTheLog: who may not read it gets the end of the output at the end.
func TestWithoutTheLog(t *testing.T) {
	s := newScene(t)
	s.behave(func() { s.unread = http.StatusForbidden })
	code, out, notes := s.run(t, "migrate")
	if code != 0 || out != "the end of it\n" || !strings.Contains(notes, "the log "+group+" cannot be read") {
		t.Errorf("exit code %d, output %q, %s", code, out, notes)
	}
}

// TestRefusals: in each of these nothing is invoked, and the sentence says what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, outputs string
		arguments     []string
		says          string
	}{
		{"no stack", "", []string{"migrate"}, "no stack named 'dev' found"},
		{"no web app", "{}", []string{"migrate"}, "stack dev has no web app yet"},
		{"no commands", strings.Replace(outputs, "taskFunctionName", "x", 1), []string{"migrate"},
			"pulumi config set tasks true --stack dev, then make up STACK=dev"},
		{"no command", outputs, nil, "there is no command"},
		{"a quote without its end", outputs, []string{"-command", "echo 'x"}, "has a ' without its end"},
		{"a pipe", outputs, []string{"-command", "a | b"}, "no shell runs the command"},
		{"two commands", outputs, []string{"-command", "a", "b"}, "use one of them"},
		{"no time", outputs, []string{"-every", "0s", "a"}, "times above 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if err := os.WriteFile(filepath.Join(s.folder, "outputs"), []byte(c.outputs), 0o644); err != nil {
				t.Fatal(err)
			}
			if c.outputs == "" {
				os.Remove(filepath.Join(s.folder, "outputs"))
			}
			code, out, notes := s.run(t, c.arguments...)
			if code != 1 || out != "" || !strings.HasPrefix(notes, "run: ") || !strings.Contains(notes, c.says) {
				t.Errorf("exit code %d, output %q, %q; want %q", code, out, notes, c.says)
			}
			s.invocations(t)
		})
	}
}

// TestGoesOn: who stops waiting is told that the command goes on, at once, however it was started.
func TestGoesOn(t *testing.T) {
	for _, c := range []struct {
		name      string
		arguments []string
		want      string
	}{{"waiting", nil, migrateSync}, {"following", []string{"-detach"},
		strings.Replace(migrateSync, "RequestResponse", "Event", 1)}} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			held := make(chan bool)
			t.Cleanup(func() { close(held) })
			s.answer(func(http.ResponseWriter) {
				s.write("a", append(begins(ours, migrate), "begun")...)
				if c.name == "waiting" {
					<-held
				}
			})
			command := s.command(append(c.arguments, "-command", migrate)...)
			code, _, notes := watch(t, command, func(int) { command.Process.Signal(syscall.SIGINT) })
			if code != 130 || !strings.Contains(notes, migrate+" goes on until it ends") ||
				!strings.Contains(notes, "aws logs tail "+group) {
				t.Errorf("exit code %d: %s", code, notes)
			}
			s.invocations(t, c.want)
		})
	}
}

// TestDetached: the command is started without waiting for it; its log says how it ended.
func TestDetached(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		code  int
		says  string
	}{
		{"success", ending(ours, "INFO", migrate+": exit status 0 after 1.0 s"), 0, "run: started as request " + ours},
		{"an exit code", ending(ours, "ERROR", "Task.ExitStatus: "+migrate+": exit status 3"), 3, "exit status 3"},
		{"a signal", ending(ours, "ERROR", "Task.ExitStatus: "+migrate+
			": ended by the signal SIGKILL, as the system does where memory is short"), 137, "exit status 137"},
		{"the time limit", ending(ours, "ERROR", "Task.Deadline: "+migrate+
			": ended after 894.0 s, shortly before the time limit of 900.0 s"), 124, "exit status 124"},
		{"no last word", []string{"END RequestId: " + ours}, 1, "its environment ended before it did"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.answer(func(http.ResponseWriter) {
				s.write("b", append(begins(theirs, migrate), "theirs")...)
				s.write("a", append(append(begins(ours, migrate), "output"), c.lines...)...)
			})
			code, out, notes := s.run(t, "-detach", "-command", migrate)
			if code != c.code || out != "output\n" || !strings.Contains(notes, c.says) {
				t.Errorf("exit code %d, want %d; output %q; it says %q, want %q", code, c.code, out, notes, c.says)
			}
			s.invocations(t, strings.Replace(migrateSync, "RequestResponse", "Event", 1))
		})
	}
}

// TestOneStream: once the invocation is found, only its stream is asked for.
func TestOneStream(t *testing.T) {
	s := newScene(t)
	narrowed := make(chan bool, 1)
	s.behave(func() {
		s.looked = func(request map[string]any) {
			if request["logStreamNames"] != nil {
				select {
				case narrowed <- true:
				default:
				}
			}
		}
	})
	s.answer(func(w http.ResponseWriter) {
		s.write("a", begins(ours, migrate)...)
		<-narrowed
		s.write("a", ending(ours, "INFO", migrate+": exit status 0 after 1 ms")...)
		succeed(w)
	})
	if code, out, notes := s.run(t, "-command", migrate); code != 0 || out != "" || notes != "" {
		t.Errorf("exit code %d, %q, %q", code, out, notes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.filtered[len(s.filtered)-1]; fmt.Sprint(last["logStreamNames"]) != "[a]" {
		t.Errorf("the log was asked for %v", last)
	}
}

// TestMake: make run is here without STACK and on AWS with it, and hands the command on as it is.
func TestMake(t *testing.T) {
	const here, there = ".lambda-web/bin/local -stack ", ".lambda-web/bin/run -stack "
	for _, c := range []struct {
		arguments   []string
		environment string
		want, hands string
	}{
		{nil, "", here + "dev ", "-run 'it'\\''s $HOME'"},
		{[]string{"STACK=prod"}, "", there + `"prod" `, "-command 'it'\\''s $HOME'"},
		{nil, "STACK=prod", there + `"prod" `, ""},
		{[]string{"STACK=prod", "WHERE=local"}, "", here + "prod ", ""},
		{[]string{"WHERE=aws"}, "", there + `"dev" `, ""},
		{[]string{"STACK=prod", "DETACH=1"}, "", there + `"prod" -detach `, ""},
	} {
		command := exec.Command("make", append([]string{"-n", "run", "CMD=it's $HOME"}, c.arguments...)...)
		command.Dir = "../.."
		command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), c.environment}
		output, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(output), c.want) || !strings.Contains(string(output), c.hands) {
			t.Errorf("%q %s: %v, want %q and %q\n%s", c.arguments, c.environment, err, c.want, c.hands, output)
		}
	}
}
