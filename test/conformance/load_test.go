package conformance

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// load watches how many tasks of the whole machine want a processor, so that "not later than" can mean the same on a
// busy machine: an adapter that gets a tenth of a processor is ten times later, and that is no fault of its own.
type load struct {
	mu      sync.Mutex
	samples [300]float64 // tasks per processor, the last 30 s
	next    int
}

var machine load

// watch samples until the process ends.
func (l *load) watch() {
	for range time.Tick(100 * time.Millisecond) {
		var running, all int
		text, err := os.ReadFile("/proc/loadavg")
		if err != nil {
			return
		}
		if _, err := fmt.Sscanf(string(text), "%f %f %f %d/%d", new(float64), new(float64), new(float64), &running,
			&all); err != nil {
			return
		}
		l.mu.Lock()
		l.samples[l.next%len(l.samples)] = float64(running) / float64(runtime.NumCPU())
		l.next++
		l.mu.Unlock()
	}
}

// mostLoad bounds what load excuses: an adapter that is slower than that is slow.
const mostLoad = 5

// late is how long something may take on this machine now that takes at most d on an idle one.
func late(d time.Duration) time.Duration {
	machine.mu.Lock()
	defer machine.mu.Unlock()
	most := 1.0
	for _, sample := range machine.samples {
		most = max(most, sample)
	}
	most = min(most, mostLoad)
	return time.Duration(float64(d) * most)
}
