package main

import "lambda-web/adapter/conformance"

// What the adapter may hold at the end beyond what it held after the first invocations: its memory floats below the soft limit that
// it sets itself, and idle threads are not returned.
const (
	moreMemory      = 40 << 10 // KiB
	moreThreads     = 4
	moreDescriptors = 2
	moreInLateHalf  = 8 << 10 // KiB that the peak of the second half may lie above that of the first
)

// measure reads what the adapter holds while nothing runs.
func (l *lane) measure(usage *conformance.Usage) {
	l.awaitPolls()
	l.still.Lock() // not while a freeze is under way
	defer l.still.Unlock()
	now, err := l.adapter.Usage()
	if err != nil {
		l.finding("%v", err)
		return
	}
	*usage = now
}

// sample measures after every 200 invocations: the first time for the start, later for the peaks.
func (l *lane) sample(n int) {
	var now conformance.Usage
	l.measure(&now)
	if n < 200 {
		l.start = now
	}
	if n < l.count/2 {
		l.early = max(l.early, now.RSS)
	} else {
		l.late = max(l.late, now.RSS)
	}
	l.adapter.Log().Forget()
}

func (l *lane) checkUsage() {
	if l.start == (conformance.Usage{}) {
		return // too short a run to have a start
	}
	if l.end.RSS > l.start.RSS+moreMemory || l.late > l.early+moreInLateHalf {
		l.finding("memory grew from %d to %d KiB; peaks of %d in the first and %d in the second half", l.start.RSS, l.end.RSS, l.early, l.late)
	}
	if l.end.Threads > l.start.Threads+moreThreads {
		l.finding("threads grew from %d to %d", l.start.Threads, l.end.Threads)
	}
	if l.end.Descriptors > l.start.Descriptors+moreDescriptors {
		l.finding("descriptors grew from %d to %d", l.start.Descriptors, l.end.Descriptors)
	}
}
