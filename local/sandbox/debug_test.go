package sandbox

import (
	"testing"
	"time"
)

// TestDebug: a debugger may hold an init and an invocation for longer than either may take, and there is one sandbox to
// attach to.
func TestDebug(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Debug, c.Freeze, c.ProvisionedConcurrency, c.MaxConcurrency = true, true, 2, 3
		c.Timeout, c.Limits.Init, c.Limits.ProvisionedInit, c.Limits.QueueWait = time.Millisecond, time.Millisecond,
			time.Millisecond, time.Millisecond
	}, nil, "gate init", "serve")
	first := f.start(t, `{"do":"stepAndRespond","arg":"gate a"}`)
	close(f.gates.arrived(t, "init"))
	a := f.gates.arrived(t, "a")
	second := f.start(t, `{"do":"stepAndRespond","arg":"gate b"}`)
	close(a)
	close(f.gates.arrived(t, "b"))
	expect(t, receive(t, first), "done", "")
	expect(t, receive(t, second), "done", "")
	if s := f.Stats(); s.Sandboxes != 1 {
		t.Errorf("%d sandboxes, want 1", s.Sandboxes)
	}
}
