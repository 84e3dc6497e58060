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

// kills are the times at which processes were killed.
type kills struct {
	mu    sync.Mutex
	times []time.Time
}

// aftermath is how long after a kill a request may still be handed to the sandbox before its end is noticed.
const aftermath = 250 * time.Millisecond

func (k *kills) note() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.times = append(k.times, time.Now())
}

// between tells whether a kill can have hit what went on from one time to another.
func (k *kills) between(from, to time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.times, func(at time.Time) bool { return at.After(from.Add(-aftermath)) && at.Before(to) })
}
