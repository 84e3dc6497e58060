package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"lambda-web/local/procfs"
)

// memoryInterval is how long a measurement counts as fresh: it costs some reads of /proc.
const memoryInterval = 100 * time.Millisecond

// peakMemory is the peak memory, in bytes, of the processes in the given groups; what they share counts once.
func peakMemory(groups []int) int64 {
	var sum int64
	for _, pid := range descendants(groups) {
		sum += procfs.PeakMemory(pid)
	}
	return sum
}

// Processes are those of all sandboxes that run on this machine: apps, extensions, and what they have started, but for
// daemons that left their parents.
func Processes() []int { return descendants(guard.leaders()) }

// descendants are the given processes and those below them, which are in the same groups unless they became
// daemons.
func descendants(pids []int) []int {
	var all []int
	for left := pids; len(left) > 0; {
		pid := left[len(left)-1]
		all = append(all, pid)
		left = append(left[:len(left)-1:len(left)-1], children(pid)...)
	}
	return all
}

// children of all threads of a process.
func children(pid int) []int {
	folder := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var pids []int
	for _, thread := range threads {
		list, _ := os.ReadFile(folder + "/" + thread.Name() + "/children")
		for word := range bytes.FieldsSeq(list) {
			if child, err := strconv.Atoi(string(word)); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
