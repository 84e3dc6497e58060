package sandbox

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const adapterScript = "register;events background;connect;front"

// TestPorts: each sandbox has a free port of its own, whoever has the declared one; the app is told.
func TestPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for rule, declared := range map[string]int{"nobody": freeAppPort(t),
		"another program": taken.Addr().(*net.TCPAddr).Port} {
		t.Run(rule, func(t *testing.T) {
			f := newFixture(t, func(c *Config) { c.AppPort = declared },
				extensionScripts{"lambda-adapter": adapterScript}, "listen", "block")
			first := f.start(t, "a")
			a := f.gates.arrived(t, "a")
			second := f.start(t, "b")
			b := f.gates.arrived(t, "b")
			close(a)
			close(b)
			one, two := receive(t, first), receive(t, second)
			for _, r := range []Result{one, two} {
				if !regexp.MustCompile(`^from port [23]\d{4}$`).Match(r.Payload) || r.FunctionError != "" {
					t.Errorf("answer %q, function error %q", r.Payload, r.FunctionError)
				}
			}
			if string(one.Payload) == string(two.Payload) {
				t.Errorf("both answered %q", one.Payload)
			}
		})
	}
}

// TestAppThatIgnoresItsPort works with one sandbox, known from the first start on: requests wait for each other,
// none fails, and one line says why.
func TestAppThatIgnoresItsPort(t *testing.T) {
	for rule, provisioned := range map[string]int{"on demand": 0, "provisioned": 3} {
		t.Run(rule, func(t *testing.T) {
			var port int
			f := newFixture(t, func(c *Config) {
				port, c.ProvisionedConcurrency = c.AppPort, provisioned
				c.Command = append(c.Command, "listen "+strconv.Itoa(port), "block")
				c.Limits.QueueWait = time.Millisecond
			}, extensionScripts{"lambda-adapter": adapterScript})
			if err := f.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			var results []<-chan Result
			for range 4 {
				results = append(results, f.start(t, "a"))
			}
			for range 4 {
				close(f.gates.arrived(t, "a"))
			}
			for _, r := range results {
				expect(t, receive(t, r), "from port "+strconv.Itoa(port), "")
			}
			said := fmt.Sprintf("the app listens on port %d, although PORT is ", port)
			if n := strings.Count(f.log.String(), said); n != 1 {
				t.Errorf("the log says %q %d times", said, n)
			}
			f.eventually(t, "one sandbox", func(s Stats) bool { return s.Sandboxes == 1 })
		})
	}
}

// TestSecondStartThatFailsOnce, also where the first one has a port of its own choice: an app that listens where it
// is told and could not start a second time, for a reason of its own, is started again with the next request and has
// all its sandboxes.
func TestSecondStartThatFailsOnce(t *testing.T) {
	for rule, last := range map[string]string{
		"another reason":            "say database: too many connections",
		"an end without any reason": "silently say nothing",
	} {
		t.Run(rule, func(t *testing.T) {
			runs := filepath.Join(t.TempDir(), "runs")
			f := newFixture(t, func(c *Config) { c.Limits.QueueWait = time.Millisecond },
				extensionScripts{"lambda-adapter": adapterScript},
				"nth 1 "+runs+" listen "+strconv.Itoa(freeAppPort(t)), "nth 4 "+runs+" exits "+last, "listen", "block")
			first := f.start(t, "a")
			a := f.gates.arrived(t, "a")
			second := f.start(t, "b") // while the first one is busy
			b := f.gates.arrived(t, "b")
			close(a)
			close(b)
			for _, r := range []Result{receive(t, first), receive(t, second)} {
				if r.FunctionError != "" {
					t.Errorf("answer %q, function error %q", r.Payload, r.FunctionError)
				}
			}
			f.log.await(t, `sandbox-2 \| INIT_REPORT .*\tError Type: Runtime.ExitError$`)
			if s := f.Stats(); s.Sandboxes != 2 || strings.Contains(f.log.String(), "only once on this machine") {
				t.Errorf("stats %+v, want two sandboxes and no word about ports", s)
			}
		})
	}
}

// TestAppWithAFurtherPort: an app that has a fixed port beside the one it was told runs once on this machine, and
// the log names that port.
func TestAppWithAFurtherPort(t *testing.T) {
	further := freeAppPort(t)
	f := newFixture(t, func(c *Config) { c.Limits.QueueWait = time.Millisecond },
		extensionScripts{"lambda-adapter": adapterScript},
		"listen "+strconv.Itoa(further), "listen", "block")
	var results []<-chan Result
	for range 3 {
		results = append(results, f.start(t, "a"))
	}
	first := f.gates.arrived(t, "a")
	f.log.await(t, fmt.Sprintf(`the app listens on port %d in every sandbox: it can run only once`, further))
	close(first)
	for range 2 {
		close(f.gates.arrived(t, "a"))
	}
	for _, r := range results {
		if r := receive(t, r); r.FunctionError != "" {
			t.Errorf("answer %q, function error %q", r.Payload, r.FunctionError)
		}
	}
}
