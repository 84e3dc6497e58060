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

// peakMemory is the sum of the peak resident set sizes, in bytes, of the processes in the given
// groups. It finds them as descendants of the group leaders, which are in the same group unless
// they became daemons.
func peakMemory(groups []int) int64 {
	var sum int64
	for len(groups) > 0 {
		pid := groups[len(groups)-1]
		groups = append(groups[:len(groups)-1], children(pid)...)
		sum += procfs.PeakResident(pid)
	}
	return sum
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
