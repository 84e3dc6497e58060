package run

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-web/test/conformance"
	"lambda-web/test/lambda"
)

// TestWithTheAdapter: the command understands what the adapter writes into the log and answers, in both formats of the
// log, attached and detached.
func TestWithTheAdapter(t *testing.T) {
	adapter := filepath.Join(t.TempDir(), "lambda-adapter")
	if err := conformance.BuildAdapter(adapter, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command   string
		code      int
		out, says string
	}{
		{"sh -c 'echo one; echo two >&2'", 0, "one\ntwo\n", ""},
		{"sh -c 'echo begun; exit 3'", 3, "begun\n", "exit status 3"},
		{"sh -c 'printf without-end; exit 1'", 1, "without-end\n", "exit status 1"},
		{"sh -c 'echo killed; kill -9 $$'", 137, "killed\n", ""},
		{"no-such-program", 127, "", ""},
		{"/tmp", 126, "", ""},
	} {
		for _, format := range []string{"Text", "JSON"} {
			for _, how := range []string{"attached", "detached"} {
				t.Run(c.command+" "+format+" "+how, func(t *testing.T) {
					s := newScene(t)
					e := newEnvironment(t, adapter, format)
					s.answer(func(w http.ResponseWriter) { e.serve(s, w, how == "detached") })
					arguments := []string{"-patience", "1m", "-command", c.command}
					if how == "detached" {
						arguments = append([]string{"-detach"}, arguments...)
					}
					code, out, notes := s.run(t, arguments...)
					if code != c.code || out != c.out || !strings.Contains(notes, c.says) {
						t.Errorf("exit code %d, want %d; output %q, want %q; %s", code, c.code, out, c.out, notes)
					}
				})
			}
		}
	}
}

// environment is an execution environment of the function that runs commands.
type environment struct {
	api    *lambda.RuntimeAPI
	lines  chan string // of the adapter's standard output
	format string
}

func newEnvironment(t *testing.T, adapter, format string) *environment {
	t.Helper()
	e := &environment{api: lambda.NewRuntimeAPI(), lines: make(chan string, 1000), format: format}
	if err := e.api.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	process := exec.CommandContext(ctx, adapter, "task")
	process.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + e.api.Address(), "AWS_LWA_TASK=true", "PATH=/usr/bin:/bin",
		"AWS_LAMBDA_LOG_FORMAT=" + format}
	pipe, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan bool)
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			e.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		process.Wait()
		e.api.Close()
	})
	return e
}

// serve hands the event of the last invocation to the adapter, and its lines and answer back.
func (e *environment) serve(s scene, w http.ResponseWriter, detached bool) {
	s.mu.Lock()
	_, event, _ := strings.Cut(s.invoked[len(s.invoked)-1], " ")
	s.mu.Unlock()
	invocation := lambda.NewInvocation(ours, []byte(event), time.Now().Add(time.Minute))
	e.api.Push(invocation)
	work := func() {
		s.write("a", e.platform("START RequestId: "+ours+" Version: $LATEST", "start"))
		for last := false; !last; {
			line := <-e.lines
			s.write("a", line)
			// Its second line about the request is its last.
			last = strings.Contains(line, ours) && !strings.Contains(line, "runs ")
		}
		s.write("a", e.platform("END RequestId: "+ours, "runtimeDone"))
	}
	if detached {
		go work()
		return
	}
	work()
	answer := <-invocation.Answers
	if strings.HasSuffix(answer.Path(), "/error") {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	w.Write(answer.Body)
}

// platform is a line of Lambda's.
func (e *environment) platform(text, kind string) string {
	if e.format == "JSON" {
		return fmt.Sprintf(`{"time":"2026-11-29T05:00:00.000Z","type":"platform.%s","record":{"requestId":"%s"}}`, kind, ours)
	}
	return text
}
