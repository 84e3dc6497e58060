package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// exitOnTermination ends the process on SIGTERM, unless an invocation is in flight: that one gets its answer, and
// Lambda ends the process with SIGKILL when it is done with it.
func exitOnTermination(inFlight *atomic.Int32) {
	terminations := make(chan os.Signal, 1)
	signal.Notify(terminations, syscall.SIGTERM)
	go func() {
		for range terminations {
			if inFlight.Load() == 0 {
				os.Exit(0)
			}
		}
	}()
}

// ignoreBrokenPipes keeps the process alive when nobody reads its log.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
