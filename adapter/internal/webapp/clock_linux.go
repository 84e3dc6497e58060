package webapp

import (
	"syscall"
	"time"
	"unsafe"
)

// bootTime is the time since boot, with the time that the machine was suspended. The clock behind time.Now may stand
// still while an execution environment is frozen.
func bootTime() time.Duration {
	const clockBoottime = 7
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

// pause sleeps. The runtime's own timers wake up milliseconds late on an idle machine, which would be most of the time
// between an app that can answer and a probe that sees it. The scheduler does not see this call: for one that it sees,
// its monitor thread would look every 20 us whether it is over, and use more of the CPU than the probes do. So it takes a
// processor from the other goroutines, and is for those few that run before the app is ready.
func pause(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	for {
		at := uintptr(unsafe.Pointer(&ts))
		if _, _, errno := syscall.RawSyscall(syscall.SYS_NANOSLEEP, at, at, 0); errno != syscall.EINTR {
			return
		}
	}
}
