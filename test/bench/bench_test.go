//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// buildNaive builds the naive adapter, a real process for the tests to run.
func buildNaive(t *testing.T) adapter {
	t.Helper()
	path := filepath.Join(t.TempDir(), binaryName)
	if output, err := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path,
		"./naive").CombinedOutput(); err != nil {
		t.Fatalf("build the naive adapter: %v\n%s", err, output)
	}
	return adapter{name: "naive", path: path}
}

func testLoop(t *testing.T) *loop {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEveryCaseRunsAndGivesItsFigures(t *testing.T) {
	naive := buildNaive(t)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{loop: testLoop(t), adapters: []adapter{naive}, rounds: 1, quick: true, count: 1}
			root, err := moduleRoot()
			if err != nil {
				t.Fatal(err)
			}
			b.gunicorn, b.appDir = findGunicorn(root)
			r := &results{adapters: b.adapters}
			if err := c.run(b, r); err != nil {
				t.Fatal(err)
			}
			if len(r.rows) == 0 && r.note == "" {
				t.Error("there are no figures, and no reason why")
			}
			for _, row := range r.rows {
				if values := row.values[0]; len(values) != 1 || values[0] != values[0] {
					t.Errorf("%s has the values %v", row.name, values)
				}
			}
		})
	}
}

func TestWrongRepliesFailTheRun(t *testing.T) {
	naive := buildNaive(t)
	post := func() workload { return exchangeWorkload("rest", jsonBody(kb), jsonBody(kb)) }
	tests := []struct {
		name, want string
		spoil      func(*environment)
	}{
		{"another body from the app", "the body differs", func(e *environment) {
			other := jsonBody(kb)
			other.bytes[10]++
			e.app.response = wholeResponse(other)
		}},
		{"another media type", "the content-type is", func(e *environment) {
			e.app.response = wholeResponse(payload{mediaType: "text/plain", bytes: jsonBody(kb).bytes})
		}},
		{"a binary reply to what should be text", "isBase64Encoded is true", func(e *environment) {
			e.app.response = wholeResponse(payload{mediaType: "image/png", bytes: jsonBody(kb).bytes})
		}},
		{"another request to the app", "the request's body is wrong",
			func(e *environment) { e.app.body = []byte("x") }},
		{"another path to the app", "the request line is wrong",
			func(e *environment) { e.app.line = []byte("POST /other ") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := launch(testLoop(t), naive, post(), true)
			if err != nil {
				t.Fatal(err)
			}
			defer e.stop()
			test.spoil(e)
			_, err = e.warmed(1, 1)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the run ended with %v; wanted %q", err, test.want)
			}
		})
	}
}

func TestAnAdapterThatEndsFailsTheRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), binaryName)
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho no adapter here\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	e, err := launch(testLoop(t), adapter{name: "none", path: path}, exchangeWorkload("rest", payload{},
		jsonBody(kb)), true)
	if err != nil {
		t.Fatal(err)
	}
	defer e.stop()
	if err := e.ready(); err == nil || !strings.Contains(err.Error(), "no adapter here") {
		t.Errorf("the run ended with %v; wanted what the process said", err)
	}
}

func TestBatchTimesEveryInvocation(t *testing.T) {
	e, err := launch(testLoop(t), buildNaive(t), exchangeWorkload("rest", jsonBody(kb), jsonBody(kb)), true)
	if err != nil {
		t.Fatal(err)
	}
	defer e.stop()
	m, err := e.warmed(2, 20)
	if err != nil {
		t.Fatal(err)
	}
	for number, took := range m.took {
		if took <= 0 || took > m.elapsed {
			t.Errorf("invocation %d took %v of %v", number, took, m.elapsed)
		}
	}
	if m.cpu <= 0 || m.switches <= 0 || m.after.resident < 1<<20 {
		t.Errorf("the process has used %v of CPU, %d context switches, %d bytes", m.cpu, m.switches, m.after.resident)
	}
}

func TestUsageCountsChildren(t *testing.T) {
	spin := "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo spun; exec sleep 60"
	p, err := start("/bin/sh", []string{"-c", "(" + spin + ") & wait"}, os.Environ(), "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, pid := range family(p.command.Process.Pid)[1:] {
			child, err := os.FindProcess(pid)
			if err != nil || errors.Is(child.Kill(), os.ErrProcessDone) {
				t.Logf("the child %d is gone: %v", pid, err)
			}
		}
		p.stop()
	}()
	for !strings.Contains(p.said(), "spun") {
		if p.ended.Load() {
			t.Fatalf("the shell ended: %s", p.said())
		}
		rest(time.Millisecond)
	}
	u, err := p.usage()
	if err != nil {
		t.Fatal(err)
	}
	if u.cpu.Milliseconds() < 20 {
		t.Errorf("the shell waits and its child has counted to 200 000, but both have used %v", u.cpu)
	}
}

func TestEventsAreWhatAWSSends(t *testing.T) {
	for _, source := range []string{"rest", "http", "alb"} {
		for _, body := range []payload{{mediaType: "a/b"}, jsonBody(kb), htmlBody(kb), binaryBody(kb)} {
			text := newEvent(source, "POST", body)
			var e struct {
				Body            *string
				IsBase64Encoded bool
			}
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatalf("%s: %v\n%s", source, err, text)
			}
			if e.IsBase64Encoded != body.binary || (e.Body == nil) != (len(body.bytes) == 0) {
				t.Errorf("%s with %s: %s", source, body.mediaType, text)
			}
			if strings.Contains(string(text), "@") {
				t.Errorf("%s with %s has a place that was not filled: %s", source, body.mediaType, text)
			}
		}
	}
}

func TestBodiesHaveTheirLength(t *testing.T) {
	for _, n := range []int{kb, 100 * kb, mb} {
		for _, body := range []payload{jsonBody(n), htmlBody(n), binaryBody(n)} {
			if len(body.bytes) != n {
				t.Errorf("%s: %d bytes, not %d", body.mediaType, len(body.bytes), n)
			}
			if utf8.Valid(body.bytes) == body.binary {
				t.Errorf("%s: text and binary are mixed up", body.mediaType)
			}
		}
	}
	if text := jsonBody(kb).bytes; !json.Valid(text) {
		t.Errorf("not JSON: %s", text)
	}
}

func TestAdapterFlag(t *testing.T) {
	var f adapterFlags
	for _, text := range []string{"a=/x/lambda-adapter", "reference-1=/y", "/z/lambda-adapter"} {
		if err := f.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if len(f) != 3 || f[0].name != "a" || f[1].path != "/y" || f[0].reference || !f[1].reference ||
		f[2].path != "/z/lambda-adapter" {
		t.Errorf("the adapters are %+v", f)
	}
	for _, text := range []string{"", "a=", "=b"} {
		if f.Set(text) == nil {
			t.Errorf("-adapter %q is accepted", text)
		}
	}
}
