package webapp

import (
	"syscall"
	"time"
	"unsafe"
)

// pause sleeps with a system call of its own. An app that begins to listen is seen 0.4 ms later
// (median), and with time.Sleep, which wakes up a whole millisecond late on an idle machine, 1.3 ms
// later, in every cold start. The scheduler does not see the call: it takes a processor from the
// other goroutines, of which there are few before the app is ready.
//
// The runtime sends a signal to a thread that it wants to stop. The kernel then says what is left
// to sleep, and adds the timer's slack to it each time (prctl(2), PR_SET_TIMERSLACK), so that
// sleeping for what is left may never end. So the clock decides.
func pause(d time.Duration) {
	now, ok := clock(clockMonotonic)
	if !ok {
		time.Sleep(d)
		return
	}
	end := now.Nano() + int64(d)
	for now.Nano() < end {
		rest := syscall.NsecToTimespec(end - now.Nano())
		_, _, errno := syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&rest)), 0, 0)
		if errno != syscall.EINTR {
			return
		}
		now, _ = clock(clockMonotonic)
	}
}

const clockMonotonic = 1

func clock(which uintptr) (now syscall.Timespec, ok bool) {
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, which, uintptr(unsafe.Pointer(&now)), 0)
	return now, errno == 0
}
