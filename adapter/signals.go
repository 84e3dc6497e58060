package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"lambda-web/adapter/internal/logging"
)

// termination ends the process on SIGTERM: at once if no invocation is in flight, else when the
// last of them has its answer.
type termination struct {
	inFlight atomic.Int32
	asked    atomic.Bool
	forward  func() // tells what is in flight, if it can be told
}

// listen begins to wait for the signal.
func (t *termination) listen(log *logging.Logger) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		t.asked.Store(true)
		if t.inFlight.Load() == 0 {
			os.Exit(0)
		}
		log.Write(logging.Info, nil, "SIGTERM: the process ends when the invocations in flight have their answers")
		if t.forward != nil {
			t.forward()
		}
	}()
}

// begin is called when an invocation has come.
func (t *termination) begin() { t.inFlight.Add(1) }

// end is called when an invocation has its answer. It does not return if no other one may be asked
// for.
func (t *termination) end() {
	left := t.inFlight.Add(-1)
	if !t.asked.Load() {
		return
	}
	if left == 0 {
		os.Exit(0)
	}
	select {} // the worker that ends last ends the process
}

// ignoreBrokenPipes keeps the process alive when nobody reads its log. The signal is taken and not ignored, for
// programs inherit what their parent ignores.
func ignoreBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
