package webapp

import (
	"syscall"
	"time"
	"unsafe"
)

const clockMonotonic = 1

func clock(which uintptr) (now syscall.Timespec, ok bool) {
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, which, uintptr(unsafe.Pointer(&now)), 0)
	return now, errno == 0
}

// pause sleeps. The runtime's own timers wake up milliseconds late on an idle machine, which would be most of the time
// between an app that can answer and a probe that sees it. The scheduler does not see this call: for one that it sees,
// its monitor thread would look every 20 us whether it is over, and use more of the CPU than the probes do. So it takes a
// processor from the other goroutines, and is for those few that run before the app is ready.
//
// The runtime sends a signal every 100 us to a thread that it wants to stop. The kernel then says what is left to sleep, and adds the
// timer's slack to it (prctl(2), PR_SET_TIMERSLACK) each time; where that is long, as on a busy machine or under QEMU, sleeping for
// what is left would never end. So the clock decides.
func pause(d time.Duration) {
	now, ok := clock(clockMonotonic)
	if !ok {
		time.Sleep(d)
		return
	}
	end := now.Nano() + int64(d)
	for now.Nano() < end {
		rest := syscall.NsecToTimespec(end - now.Nano())
		if _, _, errno := syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&rest)), 0, 0); errno != syscall.EINTR {
			return
		}
		now, _ = clock(clockMonotonic)
	}
}
