package main

import (
	"strings"
	"testing"
)

const request = "11111111-2222-3333-4444-555555555555"

func TestParse(t *testing.T) {
	const at = "2026-11-29T05:00:00.000Z "
	for text, want := range map[string]line{
		"START RequestId: " + request + " Version: $LATEST\n":                                             {kind: starts, id: request},
		"END RequestId: " + request + "\n":                                                                {kind: ends, id: request},
		"REPORT RequestId: " + request + "\tDuration: 1 ms":                                               {kind: ends, id: request},
		"START RequestId: none":                                                                           {},
		"END of the file":                                                                                 {},
		"INIT_START Runtime Version: provided:al2023.v1":                                                  {kind: platform},
		"EXTENSION\tName: lambda-adapter\tState: Ready":                                                   {kind: platform},
		"EXTENSION of the deadline":                                                                       {},
		at + "INFO lambda-adapter: runs a b requestId=" + request + "\n":                                  {kind: adapter, id: request, text: "runs a b"},
		at + "WARN lambda-adapter: a warning":                                                             {kind: adapter, text: "a warning"},
		at + "INFO something else":                                                                        {},
		`{"type":"platform.start","record":{"requestId":"` + request + `"}}`:                              {kind: starts, id: request},
		`{"type":"platform.runtimeDone","record":{"requestId":"` + request + `"}}`:                        {kind: ends, id: request},
		`{"type":"platform.initStart","record":{}}`:                                                       {kind: platform},
		`{"timestamp":"x","level":"INFO","message":"runs a","requestId":"` + request + `"}`:               {kind: adapter, id: request, text: "runs a"},
		`{"timestamp":"x","level":"INFO","message":"of the command's own","requestId":"` + request + `"}`: {},
		`{"type":5}`: {}, `{`: {}, "": {}, "plain": {},
	} {
		if got := parse(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

func TestResult(t *testing.T) {
	for text, want := range map[string]int{
		"a b: exit status 0 after 1.5 s": 0, "Task.ExitStatus: a b: exit status 3": 3, "Task.ExitStatus: a: exit status 255": 255,
		"Task.ExitStatus: a: exit status 7: exit status 9":                                          9,
		"Task.ExitStatus: a: ended by the signal SIGKILL, as the system does where memory is short": 137,
		"Task.ExitStatus: a: ended by the signal 34":                                                162,
		"Task.Deadline: a: ended after 894.0 s, shortly before the time limit of 900.0 s":           124,
		"Task.NotFound: a: command not found: no folder of PATH has a (PATH=/bin)":                  127,
		"Task.NotExecutable: a: a cannot be executed":                                               126, "Task.InvalidCommand: the event is no JSON object": 1,
		"runs a: exit status 5 of it": -1, "a: exit status 256": -1, "a: exit status": -1, "": -1,
		"a: ended by the signal SIGNONE": -1,
	} {
		code, ok := result(text)
		if !ok {
			code = -1
		}
		if code != want {
			t.Errorf("%q is exit code %d, want %d", text, code, want)
		}
	}
}

func TestIsRunOf(t *testing.T) {
	long := []string{"echo", strings.Repeat("x", 300)}
	for _, c := range []struct {
		text    string
		command []string
		want    bool
	}{
		{"runs a b", []string{"a", "b"}, true}, {"runs a", []string{"a", "b"}, false}, {"runs a b c", []string{"a", "b"}, false},
		{"a b", []string{"a", "b"}, false}, {"runs echo " + strings.Repeat("x", 195) + "...", long, true},
		{"runs echo y...", long, false}, {"runs a...", []string{"a..."}, true},
	} {
		if got := isRunOf(c.text, c.command); got != c.want {
			t.Errorf("%q of %q: %v", c.text, c.command, got)
		}
	}
}

// FuzzParse: whatever is in the log, a line has a request only where it is Lambda's or the adapter's.
func FuzzParse(f *testing.F) {
	f.Add("START RequestId: " + request)
	f.Add(`{"type":"platform.start","record":{"requestId":"x"}}`)
	f.Add("2026-11-29T05:00:00.000Z INFO lambda-adapter: a: exit status 3 requestId=" + request)
	f.Fuzz(func(t *testing.T, text string) {
		got := parse(text)
		if got.kind == output && got != (line{}) {
			t.Errorf("%q is %+v", text, got)
		}
		if code, ok := result(got.text); ok && (code < 0 || code > 255) {
			t.Errorf("%q is exit code %d", text, code)
		}
	})
}
