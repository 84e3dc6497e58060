package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// outage adds up for how long invocations have found nobody at the app's address since the app last
// answered one. Time between invocations does not count, as the environment is frozen then and no
// supervisor can start the app again; the time of invocations that waited side by side counts once.
type outage struct {
	lasting atomic.Bool

	mu    sync.Mutex
	total time.Duration
	until time.Time // up to which moment total counts
}

// over is called when the app has answered.
func (o *outage) over() {
	if !o.lasting.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total = 0
	o.lasting.Store(false)
}

// add counts the time of an invocation that found nobody, and returns what there is in total.
func (o *outage) add(from, until time.Time) (total time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lasting.Store(true)
	if o.until.After(from) {
		from = o.until
	}
	if until.After(from) {
		o.total += until.Sub(from)
		o.until = until
	}
	return o.total
}
