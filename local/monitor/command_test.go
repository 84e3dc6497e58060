package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// commands adds what runs commands to a web app: the function with its runtime, and the release command if there is
// one.
func (p program) commands(entryPoint string, release ...string) program {
	variables := map[string]any{"GREETING": "task", taskVariable: "true"}
	p["task"] = map[string]any{"name": "web-task", "timeout": 900.0, "memorySize": 256.0,
		"environment": map[string]any{"variables": variables},
		"imageConfig": map[string]any{"entryPoints": []any{entryPoint}, "commands": []any{"task"}}}
	if len(release) > 0 {
		event, err := json.Marshal(map[string][]string{"command": release})
		if err != nil {
			panic(err)
		}
		p["release"] = map[string]any{"functionName": "web-task", "input": string(event)}
	}
	return p
}

// version makes the image another one.
func (p program) version(tag string) program {
	p["image"] = map[string]any{"imageName": "registry.example/web:" + tag}
	return p
}

// The function that runs commands is started for none of them, and takes the place of none.
func TestTaskFunctionIsNoApp(t *testing.T) {
	s := settings(t, io.Discard)
	d := greeting("hello", nil).commands("/nowhere/lambda-adapter").deploy(t, s, nil)
	c, server := realise(t, d, s)
	if status, body := call(t, server); status != 200 || !strings.HasPrefix(body, "hello ") {
		t.Errorf("%d %s", status, body)
	}
	if names := slices.Sorted(maps.Keys(*c.callable.Load())); len(names) != 2 || names[1] != "web" {
		t.Errorf("functions %q", names)
	}
	if dir, environ, err := AppEnvironment(t.Context(), d, s); err != nil || dir != s.Program.App.Folder ||
		!slices.Contains(environ, "GREETING=hello") {
		t.Errorf("the app's environment is that of %s, %q, %v", dir, environ, err)
	}
}

// note is a release command that notes a word and the app's GREETING in the app's folder; the word "fails" has it fail.
func note(word string) []string {
	return []string{"python3", "-c", "import os, sys; word = sys.argv[1]\n" +
		"open('ran.log', 'a').write(word + ' ' + os.environ['GREETING'] + '\\n')\nprint('noted')\n" +
		"sys.exit(word == 'fails')", word}
}

// releasing is a cloud of one app whose release command is note.
type releasing struct {
	*testing.T
	*Cloud
	settings Settings
	server   *httptest.Server
	serving  *Deployment
}

func (r *releasing) check(ran []string, greeting string) {
	r.Helper()
	text, _ := os.ReadFile(filepath.Join(r.settings.Program.App.Folder, "ran.log"))
	if got := strings.Fields(string(text)); !slices.Equal(got, ran) {
		r.Errorf("ran %q, want %q", got, ran)
	}
	if status, body := call(r.T, r.server); status != 200 || !strings.HasPrefix(body, greeting+" ") {
		r.Errorf("%d %s, want %s", status, body, greeting)
	}
}

// update deploys another version.
func (r *releasing) update(greet, image, command string) error {
	r.Helper()
	next := greeting(greet, nil).version(image).commands("none", note(command)...).deploy(r.T, r.settings, r.serving)
	err := r.Update(r.Context(), next)
	if err == nil {
		r.serving = next
	}
	return err
}

// A release command runs in the app's folder and environment before a new version serves, once for each image and each
// command, and one that fails keeps the version before.
func TestReleaseCommand(t *testing.T) {
	var log lines
	s := settings(t, &log)
	put(t, filepath.Join(s.Program.App.Folder, "Procfile"), "web: python3 app.py\nrelease: echo Procfile >> ran.log\n")
	r := &releasing{T: t, settings: s}
	r.serving = greeting("one", nil).version("1").commands("none", note("a")...).deploy(t, s, nil)
	r.Cloud, r.server = realise(t, r.serving, s)
	r.check([]string{"a", "one"}, "one")
	if !strings.Contains(log.String(), "Running releaseCommand, and not the Procfile's release line: python3 -c") ||
		!strings.Contains(log.String(), "release   | noted\n") {
		t.Errorf("the log is\n%s", log.String())
	}
	ran := []string{"a", "one"}
	for _, row := range []struct {
		change, greeting, image, command string
		runs                             bool
	}{
		{"a setting", "two", "1", "a", false},
		{"the image", "two", "2", "a", true},
		{"nothing", "two", "2", "a", false},
		{"a command that fails", "three", "2", "fails", true},
		{"the command", "three", "2", "b", true},
	} {
		if row.runs {
			ran = append(ran, row.command, row.greeting)
		}
		err := r.update(row.greeting, row.image, row.command)
		if row.command != "fails" {
			if err != nil {
				t.Errorf("%s: %v", row.change, err)
			}
			r.check(ran, row.greeting)
			continue
		}
		if text := fmt.Sprint(err); !strings.Contains(text, "releaseCommand: python3 -c") ||
			!strings.Contains(text, "exit status 1") || !strings.Contains(text, "does not serve before") {
			t.Errorf("%s: %v", row.change, err)
		}
		r.check(ran, "two")
	}
}

// At the first start there is no version before, and nothing is left.
func TestReleaseCommandFailsAtTheStart(t *testing.T) {
	var log lines
	s := settings(t, &log)
	for command, want := range map[string]string{"false": "releaseCommand: false: exit status 1",
		"nowhere": "nowhere, which releaseCommand starts, is not on this machine"} {
		d := greeting("one", nil).commands("none", command).deploy(t, s, nil)
		if _, err := Realise(t.Context(), d, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// What an image has as its runtime is the adapter; here it runs in sandboxes of this machine, which speak Lambda's own
// protocol.
func TestCommandInASandbox(t *testing.T) {
	onLinux(t)
	s := settings(t, io.Discard)
	d := greeting("hello", nil).commands(s.Adapter).deploy(t, s, nil)
	app := preparedImage{dir: s.Program.App.Folder, env: map[string]string{"PATH": os.Getenv("PATH")},
		extensions: []string{s.Adapter}, command: []string{"none"}}
	run := func(command ...string) (string, error) {
		var out lines
		err := New(s).inImage(t.Context(), d, d.apps()[0], app, command, &out)
		return out.String(), err
	}
	began := time.Now()
	out, err := run("sh", "-c", "echo $GREETING in $PWD; echo no end >&2; printf x")
	if want := "task in " + app.dir + "\nno end\nx\n"; err != nil || out != want {
		t.Errorf("%q, %v, want %q", out, err, want)
	}
	t.Logf("a command in a sandbox of this machine: %v", time.Since(began).Round(time.Millisecond))
	for _, row := range []struct {
		command []string
		kind    string
		code    int
	}{
		{[]string{"sh", "-c", "echo why; exit 3"}, "Task.ExitStatus", 3},
		{[]string{"sh", "-c", "kill -9 $$"}, "Task.ExitStatus", 137},
		{[]string{"nowhere"}, "Task.NotFound", 127},
	} {
		_, err := run(row.command...)
		failed, ok := errors.AsType[*CommandError](err)
		if !ok || failed.Type != row.kind || failed.Code != row.code {
			t.Errorf("%q: %#v", row.command, err)
		}
	}
}

// Ctrl-C ends the sandbox of a command. (What has left its process group in time is ended with a container alone.)
func TestCommandIsEnded(t *testing.T) {
	onLinux(t)
	s := settings(t, io.Discard)
	d := greeting("hello", nil).commands(s.Adapter).deploy(t, s, nil)
	app := preparedImage{dir: s.Program.App.Folder, env: map[string]string{"PATH": os.Getenv("PATH")},
		extensions: []string{s.Adapter}, command: []string{"none"}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := writerFunc(func(line string) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Error(err)
		}
		t.Cleanup(func() { syscall.Kill(-pid, syscall.SIGKILL) })
		cancel()
	})
	command := []string{"sh", "-c", "echo $$; sleep 1000"}
	if err := New(s).inImage(ctx, d, d.apps()[0], app, command, out); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// onLinux skips a test where the adapter runs no commands: on this machine alone, an image has Linux.
func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the adapter runs commands on Linux alone")
	}
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) { f(string(p)); return len(p), nil }

func TestOutcome(t *testing.T) {
	for payload, want := range map[string]string{
		`{"errorType":"Task.ExitStatus","errorMessage":"a: exit status 3\nwhy","exitCode":3}`: "a: exit status 3\nwhy",
		`{"errorType":"Runtime.ExitError"}`:                                                   "Runtime.ExitError",
		`none`:                                                                                "run a b: none",
	} {
		result := sandbox.Result{Payload: []byte(payload), FunctionError: "Unhandled"}
		if err := outcome([]string{"a", "b"}, result); fmt.Sprint(err) != want {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
