package launch

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// script is a program that prints what the local cloud would, and ends as the script says.
func script(lines string) *exec.Cmd { return exec.Command("/bin/sh", "-c", lines) }

const (
	outputs = "echo 'Outputs:'; echo '    url : http://127.0.0.1:3000/v1'; "
	ready   = outputs + "echo 'Ready in 1.5s. Stop with Ctrl-C.'; "
	wait    = "while :; do sleep 1; done"
)

func TestReadyAndStop(t *testing.T) {
	for _, test := range []struct {
		name, script string
		stop         string // what Stop says; empty for nothing
		code         int
	}{
		{"ends well", "trap 'echo bye; exit 0' TERM; " + ready + wait, "", 0},
		{"ends with a code", "trap 'exit 3' TERM; " + ready + wait, "ended with code 3", 3},
		{"knows no signal", ready + wait, "ended with code -1", -1},
		{"has ended by itself", ready + "printf last", "", 0},
		{"errors count as lines", "trap 'exit 0' TERM; { " + ready + "} >&2; " + wait, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Start(script(test.script), time.Minute, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Kill()
			if c.URL != "http://127.0.0.1:3000/v1" {
				t.Errorf("url %q", c.URL)
			}
			if strings.HasSuffix(test.script, "last") {
				<-c.Ended()
				if !strings.HasSuffix(c.Log(), "\nlast") {
					t.Errorf("the log has no line that does not end:\n%s", c.Log())
				}
			}
			err = c.Stop()
			if (err == nil) != (test.stop == "") || err != nil && !strings.Contains(err.Error(), test.stop) {
				t.Errorf("Stop says %v, want %q", err, test.stop)
			}
			if c.ExitCode() != test.code {
				t.Errorf("exit code %d, want %d", c.ExitCode(), test.code)
			}
		})
	}
}

func TestNeverReady(t *testing.T) {
	for _, test := range []struct {
		name, script, want string
		patience           time.Duration
	}{
		{"ends before", "echo 'memory: 64 is not allowed'; exit 1", "memory: 64 is not allowed", time.Minute},
		{"takes too long", outputs + wait, "within 1ms", time.Millisecond},
		{"has no url", "echo 'Ready in 1.5s. Stop with Ctrl-C.'; " + wait, "no output url", time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Start(script(test.script), test.patience, nil); err == nil || !strings.Contains(err.Error(),
				test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	if _, err := Start(exec.Command("/nowhere/local"), time.Minute, nil); err == nil || !strings.Contains(err.Error(),
		"make build") {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestAwait(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	command := script("cat; " + wait)
	command.Stdin = strings.NewReader("one\nsandbox-1 | one of the app\n" + long + "\none more\nlast\n")
	c, err := Launch(command, Own)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Kill()
	if _, err := c.Await(0, time.Minute, "last"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from  int
		texts []string
		want  string // empty: there is none
	}{
		{0, []string{"one"}, "one"},
		{1, []string{"one"}, "one more"},
		{0, []string{"nothing", "more"}, "one more"},
		{1, []string{"xxx"}, long},
		{0, []string{"of the app"}, ""},
		{4, []string{"one"}, ""},
	} {
		patience := time.Minute
		if test.want == "" {
			patience = time.Millisecond
		}
		if line, err := c.Await(test.from, patience, test.texts...); line != test.want ||
			(err == nil) != (test.want != "") {
			t.Errorf("from %d, %q: %.80q, want %.80q", test.from, test.texts, line, test.want)
		}
	}
	if n := c.Printed(); n != 4 {
		t.Errorf("%d lines were kept, want 4", n)
	}
	if want := "one\n" + long + "\none more\nlast"; c.Log() != want {
		t.Errorf("the log has %d bytes, want %d", len(c.Log()), len(want))
	}
}
