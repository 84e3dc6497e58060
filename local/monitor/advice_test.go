package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// TestReadOnlyPath: what runtimes and servers print when they may not write, as Lambda's disk has it.
func TestReadOnlyPath(t *testing.T) {
	for _, c := range []struct {
		line, want string
		found      bool
	}{
		{"OSError: [Errno 30] Read-only file system: '/logs/microblog.log'", "/logs/microblog.log", true},
		{"OSError: [Errno 30] Read-only file system: 'logs/app.log'", "logs/app.log", true},
		{"Error: EROFS: read-only file system, open '/app/db.json'", "/app/db.json", true},
		{"Error: EROFS: read-only file system, mkdir '/app/.next/cache with a space'",
			"/app/.next/cache with a space", true},
		{"panic: open /srv/data/app.db: read-only file system", "/srv/data/app.db", true},
		{"mkdir: cannot create directory \u2018/www/assets\u2019: Read-only file system", "/www/assets", true},
		{"mkdir: cannot create directory '/var/run/x': Read-only file system", "/var/run/x", true},
		{"sh: 1: cannot create /app/out.txt: Read-only file system", "/app/out.txt", true},
		{"touch: /app/x: Read-only file system", "/app/x", true},
		{"java.io.FileNotFoundException: /opt/app/logs/a.log (Read-only file system)", "/opt/app/logs/a.log", true},
		{"[core:error] [pid 23:tid 23] (30)Read-only file system: AH00099: could not create " +
			"/var/run/apache2/apache2.pid.hVSBhi", "/var/run/apache2/apache2.pid.hVSBhi", true},
		{"PHP Warning:  file_put_contents(/var/www/html/cache/x): Failed to open stream: Read-only file " +
			"system in /var/www/html/index.php on line 3", "/var/www/html/cache/x", true},
		{"Errno::EROFS (Read-only file system @ rb_sysopen - /app/log/production.log):", "/app/log/production.log",
			true},
		{"open() \"/var/lib/nginx/body\" failed (30: Read-only file system)", "/var/lib/nginx/body", true},
		{"the file system is a read-only file system", "", true},
		{"GET /read-only/file HTTP/1.1", "", false},
		{"PermissionError: [Errno 13] Permission denied: '/root/x'", "", false},
		{"", "", false},
	} {
		if got, found := readOnlyPath(c.line); got != c.want || found != c.found {
			t.Errorf("%s\ngot %q, %t, want %q, %t", c.line, got, found, c.want, c.found)
		}
	}
}

func FuzzReadOnlyPath(f *testing.F) {
	f.Add("OSError: [Errno 30] Read-only file system: '/logs/microblog.log'")
	f.Fuzz(func(t *testing.T, line string) {
		if file, found := readOnlyPath(line); file != "" && (!found || !strings.Contains(line, file)) {
			t.Errorf("%q is no part of %q", file, line)
		}
	})
}

// TestAdvice: each folder once, and an app that starts over, once and in the time-outs until one becomes ready.
func TestAdvice(t *testing.T) {
	var log strings.Builder
	seen := 0
	a := newAdvisor(&log, func(sandbox.Record) { seen++ }, true)
	now := time.Unix(0, 0)
	source := sandbox.Source{Sandbox: 1}
	say := func(text string) { a.observe(sandbox.Line{Source: source, Time: now, Text: text}) }
	timesOut := advised{fails{context.DeadlineExceeded}, a}
	_, before := timesOut.Invoke(t.Context(), sandbox.Invocation{})

	a.observe(sandbox.Change{Source: source, State: sandbox.Starting})
	for attempt := range 4 {
		for range 5 { // of several workers at once
			say(fmt.Sprintf("[%d] OSError: [Errno 30] Read-only file system: '/logs/app.log'", attempt))
		}
		say("2026-11-29T01:59:47.287Z INFO lambda-adapter: the app is not ready after 5.0 s: GET " +
			"http://127.0.0.1:5000/: refused")
		say("the deployment failed, retrying")
		if told := strings.Contains(log.String(), "tries again"); told != (attempt >= 2) {
			t.Errorf("attempt %d: it is told: %t", attempt, told)
		}
		now = now.Add(5 * time.Second)
	}
	a.observe(sandbox.Line{Source: source, Platform: true, Text: "Read-only file system: '/platform/x'"})
	want := "lambda-web: the app wants to write /logs/app.log; on Lambda only /tmp can be written. Have it " +
		"write there, or make the folder a writable one with the setting writable: [/logs]\n" +
		"lambda-web: the app is not ready and tries again and again; it said 3 times: [2] OSError: [Errno " +
		"30] Read-only file system: '/logs/app.log'\n"
	if log.String() != want {
		t.Errorf("got\n%swant\n%s", log.String(), want)
	}
	if _, err := timesOut.Invoke(t.Context(), sandbox.Invocation{}); before != context.DeadlineExceeded ||
		!errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "it said 4 times: [3] OSError") {
		t.Errorf("a time-out is %v, before that %v", err, before)
	}
	if _, err := (advised{fails{sandbox.ErrThrottled}, a}).Invoke(t.Context(),
		sandbox.Invocation{}); err != sandbox.ErrThrottled {
		t.Errorf("another failure is %v", err)
	}
	a.observe(sandbox.Change{Source: source, State: sandbox.Ready})
	if _, err := timesOut.Invoke(t.Context(), sandbox.Invocation{}); err != context.DeadlineExceeded {
		t.Errorf("once it is ready a time-out is %v", err)
	}
	log.Reset()
	for range 10 { // of an app that is ready
		say("error: no such user")
		now = now.Add(time.Minute)
	}
	if log.Len() > 0 || seen != 41 {
		t.Errorf("%d records were passed on, and then it says %q", seen, log.String())
	}
}

// TestAdviceOnTheBaseImage: once, whatever the number of sandboxes.
func TestAdviceOnTheBaseImage(t *testing.T) {
	var log strings.Builder
	a := newAdvisor(&log, nil, true)
	for number := range 3 {
		a.observe(sandbox.Line{Source: sandbox.Source{Sandbox: number},
			Text: "entrypoint requires the handler name to be the first argument"})
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got,
		"Add ENTRYPOINT [] to the Dockerfile") {
		t.Errorf("it says %q", got)
	}
}

// fails is an invoker that does.
type fails struct{ err error }

func (f fails) Invoke(context.Context, sandbox.Invocation) (sandbox.Result, error) {
	return sandbox.Result{}, f.err
}
