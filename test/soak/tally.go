package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts what happened, by kind, and keeps what should not have.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
	wrongs []error
}

func newTally() *tally { return &tally{counts: map[string]int{}} }

func (t *tally) count(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind]++
}

func (t *tally) wrong(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrongs = append(t.wrongs, fmt.Errorf(time.Now().Format("15:04:05.000 ")+format, args...))
}

func (t *tally) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(t.counts)) {
		fmt.Fprintf(w, "%8d %s\n", t.counts[kind], kind)
	}
	fmt.Fprintf(w, "%8d wrong\n", len(t.wrongs))
}

// verdict is nil when nothing went wrong, else the first of it.
func (t *tally) verdict() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.wrongs[:min(len(t.wrongs), 20)]...)
}

// kills are the spans of time from a signal to the end of the process: on a busy machine that is not at once.
type kills struct {
	mu    sync.Mutex
	spans []span
}

type span struct{ from, to time.Time }

// aftermath is how long after the end of a process a request may still be handed to its sandbox.
const aftermath = 250 * time.Millisecond

// begin notes a kill, and end that the process has gone.
func (k *kills) begin() (end func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := len(k.spans)
	k.spans = append(k.spans, span{from: time.Now()})
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.spans[i].to = time.Now()
	}
}

// between tells whether a kill can have hit what went on from one time to another.
func (k *kills) between(from, to time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.spans, func(s span) bool {
		return s.from.Before(to) && (s.to.IsZero() || s.to.Add(aftermath).After(from))
	})
}
