//go:build !linux

package main

import (
	"os"
	"syscall"
	"time"
)

// takeForeground does nothing here: Ctrl-C reaches this process and make alike.
func takeForeground() (release func()) { return func() {} }

// stopWithParent ends this process when the one that started it dies, so that killing "make" does not
// leave the local cloud behind.
func stopWithParent() {
	if os.Getenv("LAMBDA_WEB_STOP_WITH_PARENT") == "" {
		return
	}
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(500 * time.Millisecond)
		}
		syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
	}()
}
