package sandbox

import (
	"sync/atomic"
	"testing"
)

// edited is code that is as it was until somebody edits it.
type edited struct{ by *atomic.Bool }

func (e edited) Current() bool { return !e.by.Load() }

// TestOutdatedCode: a version whose code has changed under it goes on with the sandboxes it has, so that no request is
// answered by code that nobody has deployed.
func TestOutdatedCode(t *testing.T) {
	code := edited{new(atomic.Bool)}
	f := newFixture(t, func(c *Config) { c.Code = code }, extensionScripts{"lambda-adapter": adapterScript}, "listen",
		"block")
	first := f.start(t, "a")
	a := f.gates.arrived(t, "a")
	code.by.Store(true)
	second := f.start(t, "b")
	f.log.await(t, "the app's files have changed since this version started")
	close(a)
	one := receive(t, first)
	close(f.gates.arrived(t, "b"))
	expect(t, receive(t, second), string(one.Payload), "") // the port of the same sandbox
	f.eventually(t, "one sandbox", func(s Stats) bool { return s.Sandboxes == 1 })

	code.by.Store(false)
	third, fourth := f.start(t, "c"), f.start(t, "d")
	c, d := f.gates.arrived(t, "c"), f.gates.arrived(t, "d")
	close(c)
	close(d)
	receive(t, third)
	receive(t, fourth)
	f.eventually(t, "two sandboxes", func(s Stats) bool { return s.Sandboxes == 2 })
}

// TestSpareSandbox: while a stream keeps the only sandbox, another one is started ahead, so that requests are served
// also when the code has become outdated.
func TestSpareSandbox(t *testing.T) {
	code := edited{new(atomic.Bool)}
	f := newFixture(t, func(c *Config) { c.Code = code }, extensionScripts{"lambda-adapter": adapterScript}, "listen",
		"block")
	stream := f.start(t, "open")
	open := f.gates.arrived(t, "open")
	f.eventually(t, "a spare sandbox", func(s Stats) bool { return s.Sandboxes == 2 && s.Idle == 1 })
	code.by.Store(true)
	request := f.start(t, "a")
	close(f.gates.arrived(t, "a"))
	if r := receive(t, request); r.FunctionError != "" {
		t.Errorf("answer %q, function error %q", r.Payload, r.FunctionError)
	}
	close(open)
	receive(t, stream)
}
