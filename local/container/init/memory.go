package main

import (
	"os"
	"strconv"

	"lambda-web/local/procfs"
)

// peakMemory is the sum of the peak memory, in bytes, of all processes but this one.
func peakMemory() int64 {
	entries, _ := os.ReadDir("/proc")
	var sum int64
	for _, entry := range entries {
		if id, err := strconv.Atoi(entry.Name()); err == nil && id != os.Getpid() {
			sum += procfs.PeakMemory(id)
		}
	}
	return sum
}
