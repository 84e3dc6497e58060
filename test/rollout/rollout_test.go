// Package rollout drives the built command that brings a version out in steps, against Lambda and CloudWatch as a
// server on this machine, and a Pulumi CLI whose stack is a folder.
package rollout

import (
	"bytes"
	"fmt"
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
	folder, err := os.MkdirTemp("", "rollout")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "rollout")
	if output, err := exec.Command("go", "build", "-o", program,
		"lambda-web/deploy/rollout").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		os.Exit(1)
	}
	readSources("../../deploy/rollout")
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// readSources opens the program's files, so that a result is not taken from the cache when they have changed.
func readSources(folders ...string) {
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				panic(err)
			}
		}
	}
}

// pulumi is the CLI for a stack whose settings are files; "up" publishes what the file next says.
const pulumi = `#!/bin/sh
cd "$(dirname "$0")/stack"
echo "$@" >> calls
case "$1 $2" in
"stack output") version=$(cat version); sed "s/VERSION/$version/" outputs ;;
"config get") cat "config/$3" 2>/dev/null || { echo "error: no such setting" >&2; exit 255; } ;;
"config set") printf %s "$4" > "config/$3" ;;
"config rm") rm -f "config/$3" ;;
up*) [ ! -f broken ] || { echo "error: it does not build" >&2; exit 255; }; cp next version ;;
*) echo "error: $*" >&2; exit 255 ;;
esac
`

const outputsFile = `{"functionName": "web", "version": "VERSION", "aliasArn": "arn:aws:lambda:eu-central-1:123456789012:function:web:live",
"region": "eu-central-1", "alarmNames": ["web-errors"]}`

type scene struct {
	*account
	folder, address string
}

// newScene: version 1 serves, and the next deployment will be version 2.
func newScene(t *testing.T) scene {
	t.Helper()
	s := scene{folder: t.TempDir()}
	s.account, s.address = newAccount(t)
	for name, content := range map[string]string{"pulumi": pulumi, "stack/outputs": outputsFile, "stack/version": "1",
		"stack/next": "2", "stack/config/.keep": ""} {
		path := filepath.Join(s.folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s scene) file(name string) string {
	text, _ := os.ReadFile(filepath.Join(s.folder, "stack", name))
	return string(text)
}

func (s scene) put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, "stack", name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// command is the program with pauses that are short.
func (s scene) command(arguments ...string) *exec.Cmd {
	c := exec.Command(program, append([]string{"-stack", "prod", "-pause", "200ms", "-every", "20ms", "-yes"},
		arguments...)...)
	c.Env = []string{"PATH=" + s.folder + ":/usr/bin:/bin", "AWS_ENDPOINT_URL=" + s.address, "AWS_ACCESS_KEY_ID=AKID",
		"AWS_SECRET_ACCESS_KEY=secret",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "HOME=" + s.folder}
	return c
}

func (s scene) run(arguments ...string) (string, error) {
	output, err := s.command(arguments...).CombinedOutput()
	return string(output), err
}

// ends compares how a run ended: what was moved, what the alias says and which version is held.
func (s scene) ends(t *testing.T, moves []string, held string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.moves, moves) {
		t.Errorf("the alias was moved %q, want %q", s.moves, moves)
	}
	if got := s.file("config/liveVersion"); got != held {
		t.Errorf("version %q is held, want %q", got, held)
	}
}

func TestAllSteps(t *testing.T) {
	s := newScene(t)
	var looked []string
	output, err := s.run()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[2:0.1]", "1map[2:0.5]", "2map[]"}, "")
	for _, want := range []string{"Version 1 goes on to serve", "version 2 has 10 % of the requests, version 1 90 %",
		"Version 2 serves alone."} {
		if !strings.Contains(output, want) {
			t.Errorf("the output does not say %q:\n%s", want, output)
		}
	}
	if calls := s.file("calls"); strings.Count(calls, "up --stack prod --yes") != 1 || strings.Index(calls,
		"config set liveVersion 1") > strings.Index(calls, "up ") {
		t.Errorf("pulumi was called\n%s", calls)
	}
	s.behave(func() { looked = slices.Clone(s.looked) })
	for _, dimensions := range []string{"map[ExecutedVersion:2 FunctionName:web Resource:web:live]",
		"map[FunctionName:web Resource:web:live]"} {
		if !slices.Contains(looked, dimensions) {
			t.Errorf("nobody looked at %s", dimensions)
		}
	}
	// And once more: there is nothing to bring out, and nothing held.
	s.put(t, "next", "2")
	output, err = s.run()
	if err == nil || !strings.Contains(output, "version 2 serves, and there is no newer one") {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[2:0.1]", "1map[2:0.5]", "2map[]"}, "")
}

// TestBreaches: each takes the version back at once, says why, and fails.
func TestBreaches(t *testing.T) {
	half := func(a *account) bool { return a.weights["2"] == 0.5 }
	for _, c := range []struct {
		name string
		set  func(s scene)
		want string
	}{
		{"an alarm", func(s scene) {
			s.alarm = func(a *account) string { return map[bool]string{true: "ALARM", false: "OK"}[half(a)] }
		}, "the alarm is on: web-errors (Invocations fail)"},
		{"errors of the new version", func(s scene) {
			s.metrics = func(a *account, version string) metricValues {
				if half(a) && version == "2" {
					return metricValues{invocations: 100, errors: 6}
				}
				return metricValues{invocations: 100, errors: 5}
			}
		}, "6 of its 100 invocations failed, more than 5 %"},
		{"its latency", func(s scene) {
			s.metrics = func(a *account, _ string) metricValues {
				return metricValues{latency: map[bool]float64{true: 301, false: 300}[half(a)]}
			}
		}, "took longer than 301 ms, more than 300 ms"},
		{"throttles", func(s scene) {
			s.metrics = func(a *account, _ string) metricValues {
				return metricValues{throttles: map[bool]float64{true: 1}[half(a)]}
			}
		}, "turned 1 of its invocations away"},
		{"nobody can watch", func(s scene) {
			s.fail = func(a *account, operation string) int {
				if half(a) && strings.Contains(operation, "GetMetricData") {
					return 403
				}
				return 0
			}
		}, "it cannot be watched"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.put(t, "config/alarmLatency", "300")
			s.behave(func() { c.set(s) })
			output, err := s.run()
			if err == nil || !strings.Contains(output, c.want) || !strings.Contains(output,
				"version 2 was taken back") {
				t.Errorf("%v, want %q:\n%s", err, c.want, output)
			}
			s.ends(t, []string{"1map[2:0.1]", "1map[2:0.5]", "1map[]"}, "1")
		})
	}
}

// TestStopAndResume: a signal leaves the requests where they are; the next run watches that step again and goes on,
// without deploying again.
func TestStopAndResume(t *testing.T) {
	s := newScene(t)
	c := s.command("-pause", "1h")
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	moved := make(chan bool, 1)
	s.behave(func() { s.moved = func(*account) { moved <- true } })
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-moved
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 1 || !strings.Contains(output.String(), "BACK=1") {
		t.Errorf("%v\n%s", err, &output)
	}
	s.ends(t, []string{"1map[2:0.1]"}, "1")
	s.behave(func() { s.moved = func(*account) {} })
	if output, err := s.run(); err != nil || !strings.Contains(output, "version 2 has 10 % of the requests") {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[2:0.1]", "1map[2:0.5]", "2map[]"}, "")
	if ups := strings.Count(s.file("calls"), "up --stack"); ups != 1 {
		t.Errorf("it was deployed %d times", ups)
	}
}

func TestBack(t *testing.T) {
	s := newScene(t)
	s.put(t, "version", "2")
	s.put(t, "config/liveVersion", "1")
	s.behave(func() { s.weights = map[string]float64{"2": 0.5} })
	if output, err := s.run("-back"); err != nil || !strings.Contains(output,
		"version 2 was taken back, as you asked") {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[]"}, "1")
	// It holds as often as it is said, and where nothing is held it says so.
	if output, err := s.run("-back"); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[]"}, "1")
	if err := os.Remove(filepath.Join(s.folder, "stack/config/liveVersion")); err != nil {
		t.Fatal(err)
	}
	if output, err := s.run("-back"); err == nil || !strings.Contains(output, "nothing to take back") {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestNothingMoves: in each of these nothing is moved, and the run fails with a sentence.
func TestNothingMoves(t *testing.T) {
	for _, c := range []struct {
		name      string
		set       func(t *testing.T, s scene)
		arguments []string
		want      string
		held      string
	}{
		{"an alarm was on before", func(_ *testing.T, s scene) { s.alarm = func(*account) string { return "ALARM" } },
			nil, "nothing was moved: the alarm is on", "1"},
		{"an alarm is gone", func(t *testing.T, s scene) {
			s.put(t, "outputs", strings.Replace(outputsFile, "web-errors", "web-gone", 1))
		}, nil, "of 1 there are 0", "1"},
		{"it does not deploy", func(t *testing.T, s scene) { s.put(t, "broken", "") }, nil, "version 1 is held", "1"},
		{"started environments", func(_ *testing.T, s scene) { s.started = true }, nil,
			"set provisionedConcurrency to 0", ""},
		{"weights that nobody explains", func(_ *testing.T, s scene) { s.weights = map[string]float64{"7": 0.1} },
			nil, "shares its requests between versions [1 7]", ""},
		{"a version from elsewhere", func(t *testing.T, s scene) {
			s.put(t, "version", "2")
			s.put(t, "config/liveVersion", "1")
			s.weights = map[string]float64{"7": 0.1}
		}, nil, "gives requests to version 7", "1"},
		{"no web app", func(t *testing.T, s scene) { s.put(t, "outputs", "{}") }, nil, "has no web app yet", ""},
		{"steps that shrink", func(*testing.T, scene) {}, []string{"-steps", "50,10,100"},
			"use shares in percent that grow", ""},
		{"steps that do not end", func(*testing.T, scene) {}, []string{"-steps", "10,50"}, "the last one is 100", ""},
		{"no pause", func(*testing.T, scene) {}, []string{"-pause", "0s"}, "times above 0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.behave(func() { c.set(t, s) })
			output, err := s.run(c.arguments...)
			if err == nil || !strings.Contains(output, c.want) {
				t.Errorf("%v, want %q:\n%s", err, c.want, output)
			}
			s.ends(t, nil, c.held)
		})
	}
}

// TestDeployAgain: after a deployment that failed, such as one with a release command that did, the next run deploys
// what was mended and brings it out.
func TestDeployAgain(t *testing.T) {
	s := newScene(t)
	s.put(t, "broken", "")
	for range 2 {
		if output, err := s.run(); err == nil || !strings.Contains(output, "version 1 is held") {
			t.Errorf("%v\n%s", err, output)
		}
		s.ends(t, nil, "1")
	}
	if err := os.Remove(filepath.Join(s.folder, "stack/broken")); err != nil {
		t.Fatal(err)
	}
	if output, err := s.run(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[2:0.1]", "1map[2:0.5]", "2map[]"}, "")
}

// TestMendedAfterABreach: the version that was taken back does not come out once more, but what was mended.
func TestMendedAfterABreach(t *testing.T) {
	s := newScene(t)
	s.behave(func() { s.metrics = func(*account, string) metricValues { return metricValues{throttles: 1} } })
	if output, err := s.run(); err == nil || !strings.Contains(output, "version 2 was taken back") {
		t.Fatalf("%v\n%s", err, output)
	}
	s.behave(func() { s.metrics = func(*account, string) metricValues { return metricValues{} } })
	s.put(t, "next", "3")
	if output, err := s.run(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, []string{"1map[2:0.1]", "1map[]", "1map[3:0.1]", "1map[3:0.5]", "3map[]"}, "")
}

// TestSomebodyElse: an alias that was moved by another hand in between is left to them.
func TestSomebodyElse(t *testing.T) {
	s := newScene(t)
	reads := 0
	s.behave(func() {
		s.fail = func(a *account, operation string) int {
			if strings.HasPrefix(operation, "PUT") && reads == 0 {
				reads++
				a.revision++
			}
			return 0
		}
	})
	if output, err := s.run(); err == nil || !strings.Contains(output, "somebody else moved alias live") {
		t.Errorf("%v\n%s", err, output)
	}
	s.ends(t, nil, "1")
}
