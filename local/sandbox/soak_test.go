package sandbox

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestNothingLeaks mixes load, crashes, cut-off answers, callers that leave, freezing and idle expiry.
// Every invocation is answered, and at the end no descriptor, goroutine, port or process is left.
func TestNothingLeaks(t *testing.T) {
	descriptors := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("needs /proc")
		}
		return len(names)
	}
	starterThread() // these two live as long as the program: start them before counting
	guard.mu.Lock()
	if guard.pipe == nil && guard.enabled {
		guard.pipe, _ = startWatchdog()
	}
	guard.mu.Unlock()
	f := newFixture(t, func(c *Config) {
		c.MaxConcurrency, c.Freeze, c.IdleExpiry = 3, true, 5*time.Millisecond
		c.Limits.QueueWait = patience
	}, extensionScripts{"lambda-adapter": "register;events background;serve",
		"watcher": "register INVOKE SHUTDOWN;events"}, "block")
	leases.Lock()
	before, goroutines, ports := descriptors(), runtime.NumGoroutine(), len(leases.taken)
	leases.Unlock()

	var wg sync.WaitGroup
	var wrong atomic.Int32
	for i := range 6 {
		wg.Go(func() {
			for j := range 30 {
				event, want := fmt.Sprintf(`{"n":"%d-%d"}`, i, j), ""
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				switch (i*30 + j) % 10 {
				case 3:
					event, want = `{"do":"step","arg":"exit 1"}`, `"Extension.Crash"`
				case 5:
					event, want = `{"do":"truncateChunked"}`, `"Runtime.TruncatedResponse"`
				case 7:
					cancel()
				}
				r, err := f.Invoke(ctx, Invocation{Event: []byte(event)})
				gone := ctx.Err() != nil && err != nil
				if !gone && (err != nil || want == "" && string(r.Payload) != event ||
					!strings.Contains(string(r.Payload), want)) {
					wrong.Add(1)
					t.Logf("%s got %s, %v", event, r.Payload, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d answers were wrong", n)
	}
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
	limit := time.Now().Add(patience)
	for descriptors() > before || runtime.NumGoroutine() > goroutines {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d descriptors and %d goroutines, want %d and %d\n%s", descriptors(), runtime.NumGoroutine(),
				before, goroutines,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(time.Millisecond)
	}
	leases.Lock()
	defer leases.Unlock()
	if len(leases.taken) != ports {
		t.Errorf("%d ports are still leased, want %d", len(leases.taken), ports)
	}
}
