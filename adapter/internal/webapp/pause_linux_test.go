package webapp

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// A pause is neither shortened nor lengthened by the signals that the Go runtime sends to its own
// threads, even where the kernel may wake up a thread as late as it likes.
func TestPauseUnderSignals(t *testing.T) {
	const (
		length           = 20 * time.Millisecond
		setTimerSlack    = 29 // prctl(2)
		slack            = time.Minute
		signalsPerAnswer = 1000
	)
	threads, took := make(chan int), make(chan time.Duration)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, which has the slack, ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, uintptr(slack), 0); errno != 0 {
			t.Errorf("prctl: %v", errno)
		}
		threads <- syscall.Gettid()
		started := time.Now()
		pause(length)
		took <- time.Since(started)
	}()
	thread := <-threads
	patience := time.After(20 * time.Second)
	for {
		select {
		case d := <-took:
			if d < length {
				t.Errorf("a pause of %v took %v", length, d)
			}
			return
		case <-patience:
			t.Fatal("it does not end")
		default:
			for range signalsPerAnswer {
				_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(thread),
					uintptr(syscall.SIGURG))
				runtime.Gosched()
			}
		}
	}
}
