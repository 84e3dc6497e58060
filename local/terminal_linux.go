package main

import (
	"os"
	"os/signal"
	"syscall"
	"unsafe"
)

// takeForeground makes this process the terminal's foreground group of its own, so that Ctrl-C reaches
// it alone and "make", which waits for it, ends with its exit code instead of an interruption. The
// returned function gives the terminal back. Without a terminal nothing happens.
func takeForeground() (release func()) {
	nothing := func() {}
	own := syscall.Getpgrp()
	foreground, ok := terminalGroup(syscall.TIOCGPGRP, 0)
	if !ok || foreground != own || own == syscall.Getpid() {
		return nothing
	}
	// A group in the background is stopped when it sets the foreground; Ctrl-Z would stop this
	// process behind the back of the shell, which waits for make.
	signal.Ignore(syscall.SIGTTOU, syscall.SIGTSTP)
	if syscall.Setpgid(0, 0) != nil {
		return nothing
	}
	terminalGroup(syscall.TIOCSPGRP, syscall.Getpid())
	return func() { terminalGroup(syscall.TIOCSPGRP, own) }
}

// terminalGroup gets or sets the foreground process group of the terminal on standard input.
func terminalGroup(request uintptr, group int) (int, bool) {
	value := int32(group)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, os.Stdin.Fd(), request, uintptr(unsafe.Pointer(&value)))
	return int(value), errno == 0
}

const prSetParentDeathSignal = 1

// stopWithParent asks for SIGTERM when the process that started this one dies, so that killing "make"
// does not leave the local cloud behind.
func stopWithParent() {
	if os.Getenv("LAMBDA_WEB_STOP_WITH_PARENT") == "" {
		return
	}
	parent := os.Getppid()
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetParentDeathSignal, uintptr(syscall.SIGTERM), 0)
	if parent == 1 || os.Getppid() != parent { // it died before the kernel was asked
		syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
	}
}
