// Package procfs reads what Linux tells about a process in /proc (proc(5)).
package procfs

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// PeakMemory is the most memory a process has had resident, in bytes, with the pages that it shares counted by its
// share of them (PSS), so that the sum over workers counts each page once; 0 for a process that has ended.
// Where the kernel does not tell the shares, shared pages count whole.
// https://docs.kernel.org/filesystems/proc.html
func PeakMemory(pid int) int64 {
	folder := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return 0
	}
	peak, now := kilobytes(status, "VmHWM:"), kilobytes(status, "VmRSS:")
	if peak == 0 {
		return 0 // it has ended and waits for its parent
	}
	rollup, err := os.ReadFile(folder + "/smaps_rollup")
	share := kilobytes(rollup, "Pss:")
	if err != nil || share == 0 {
		return peak << 10
	}
	return (share + max(0, peak-now)) << 10
}

// Ending tells whether a process has begun to end, or has ended. The kernel sets PF_EXITING, a bit of the field flags
// (proc_pid_stat(5)), before it closes the process's files. Where there is no /proc, nothing is known to end.
func Ending(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		_, err := os.Stat("/proc/self/stat")
		return err == nil
	}
	const flags, exiting = 6, 4 // counted behind the name, which is in brackets and may have spaces
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= flags {
		return false
	}
	value, _ := strconv.ParseUint(string(fields[flags]), 10, 64)
	return value&exiting != 0
}

// OpenForWriting tells whether a process has a file open that it can write to. The path is absolute and without links.
func OpenForWriting(pid int, path string) bool {
	folder := "/proc/" + strconv.Itoa(pid)
	fds, err := os.Open(folder + "/fd")
	if err != nil {
		return false // it has ended, or is another user's
	}
	defer fds.Close()
	names, _ := fds.Readdirnames(-1)
	for _, name := range names {
		target, err := os.Readlink(folder + "/fd/" + name)
		if err != nil || target != path {
			continue
		}
		if info, err := os.ReadFile(folder + "/fdinfo/" + name); err == nil && writable(info) {
			return true
		}
	}
	return false
}

// writable reads the mode in which a file was opened (open(2)) from fdinfo, where it is octal.
func writable(fdinfo []byte) bool {
	_, rest, _ := bytes.Cut(fdinfo, []byte("flags:"))
	flags, err := strconv.ParseInt(string(bytes.TrimSpace(firstLine(rest))), 8, 64)
	return err == nil && flags&syscall.O_ACCMODE != syscall.O_RDONLY
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}

// kilobytes is the number behind a name at the beginning of a line, or 0.
func kilobytes(text []byte, name string) int64 {
	_, rest, found := bytes.Cut(text, []byte("\n"+name))
	if !found {
		return 0
	}
	number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	kB, _ := strconv.ParseInt(string(number), 10, 64)
	return kB
}
