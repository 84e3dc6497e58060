// Package procfs reads what Linux tells about a process in /proc (proc(5)).
package procfs

import (
	"bytes"
	"os"
	"strconv"
)

// PeakResident is the most memory a process has had resident, in bytes; 0 for one that has ended.
func PeakResident(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, found := bytes.Cut(status, []byte("\nVmHWM:"))
	if !found {
		return 0 // it has ended and waits for its parent
	}
	number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	kB, _ := strconv.ParseInt(string(number), 10, 64)
	return kB << 10
}
