package main

import (
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lambda-web/test/conformance"
)

// What the adapter may hold beyond what it held after the first invocations. How much memory it has from the system
// is a matter of when the collector ran; what grows without end is seen in the memory that is still in use after a
// collection.
const (
	moreMemory  = 40 << 10 // KiB from the system, at any time
	moreHeap    = 8        // MiB in use, per worker: buffers that it keeps, and those of a large invocation under way
	firstSample = 200      // invocations before the first measurement, and between two
)

// mostThreads is a bound for threads: one for each processor and for each goroutine that may be in a system call, and
// the runtime's own. Idle threads are not returned.
func (l *lane) mostThreads() int { return runtime.NumCPU() + 2*l.workers + 12 }

// goroutinesAtRest is how many goroutines an idle adapter has: the main one, which is the worker where there is only
// one, the extension's poll, the one that waits for signals, and the workers where there are several.
func (l *lane) goroutinesAtRest() int {
	if l.workers == 1 {
		return 3
	}
	return 3 + l.workers
}

// usage is what was seen of what the adapter holds.
type usage struct {
	start, end conformance.Usage
	goroutines int    // at the end
	peak       int    // RSS, KiB
	heap       [4]int // least memory in use after a collection in each quarter of the run, MiB; -1 without a collection
}

// measure reads what the adapter holds while nothing runs.
func (l *lane) measure(now *conformance.Usage) {
	l.awaitPolls()
	l.still.Lock() // not while a freeze is under way
	defer l.still.Unlock()
	usage, err := l.adapter.Usage()
	if err != nil {
		l.finding("%v", err)
		return
	}
	*now = usage
}

// sample measures after every 200 invocations, the first time for the start.
func (l *lane) sample(n int) {
	l.measure(&l.usage.end)
	if n < firstSample {
		l.usage.start = l.usage.end
	}
	l.usage.peak = max(l.usage.peak, l.usage.end.RSS)
	l.readLog(n)
}

// collected is a line of the runtime about a collection (GODEBUG=gctrace=1).
var collected = regexp.MustCompile(`\d+->\d+->(\d+) MB, `)

// readLog looks at what the adapter wrote since the last time, up to invocation n, and drops it.
func (l *lane) readLog(n int) {
	log := l.adapter.Log()
	for _, trouble := range []string{"DATA RACE", "panic:", "goroutine "} {
		if lines := log.Lines(trouble); len(lines) > 0 {
			l.finding("the adapter wrote %q, and in all:\n%s", lines[0].Text, log.Text())
		}
	}
	least := &l.usage.heap[min(n*len(l.usage.heap)/max(l.count, 1), len(l.usage.heap)-1)]
	for _, line := range log.Lines("->", " MB, ") {
		if match := collected.FindStringSubmatch(line.Text); match != nil {
			if mib, err := strconv.Atoi(match[1]); err == nil && (*least < 0 || mib < *least) {
				*least = mib
			}
		}
	}
	log.Forget()
}

func (l *lane) checkUsage() {
	u := &l.usage
	if u.peak > u.start.RSS+moreMemory && !l.race { // the race detector keeps several times the program's own memory
		l.finding("memory grew from %d to %d KiB", u.start.RSS, u.peak)
	}
	if early, late := max(u.heap[1], 0), u.heap[3]; late > early+moreHeap*l.workers {
		l.finding("memory in use grew from %d MiB in the second quarter to %d MiB in the last", early, late)
	}
	if most := l.mostThreads(); u.end.Threads > most {
		l.finding("there are %d threads, and %d are enough", u.end.Threads, most)
	}
	// Each worker keeps one connection to the application, which it had at the start or not.
	if u.end.Descriptors > u.start.Descriptors+l.workers {
		l.finding("descriptors grew from %d to %d", u.start.Descriptors, u.end.Descriptors)
	}
}

// checkGoroutines ends the adapter with the signal on which a Go program writes what all its goroutines do.
func (l *lane) checkGoroutines() {
	if err := l.adapter.Signal(syscall.SIGQUIT); err != nil {
		l.finding("ask the adapter for its goroutines: %v", err)
		return
	}
	if _, err := l.adapter.AwaitExit(10 * time.Second); err != nil {
		l.finding("ask the adapter for its goroutines: %v", err)
		return
	}
	dump := l.adapter.Log().Text()
	for stack := range strings.SplitSeq(dump, "\n\n") {
		if own.MatchString(stack) {
			l.usage.goroutines++
		}
	}
	if l.usage.goroutines != l.goroutinesAtRest() {
		l.finding("%d goroutines, and an idle adapter has %d; it wrote:\n%s", l.usage.goroutines,
			l.goroutinesAtRest(), dump)
	}
}

// own finds a call of the adapter's code in a goroutine's stack; the runtime's own goroutines have none.
var own = regexp.MustCompile(`(?m)^(main\.|lambda-web/)`)
