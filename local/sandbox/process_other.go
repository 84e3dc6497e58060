//go:build !linux

package sandbox

import "syscall"

func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// killStrays: only Linux shows the environment of other processes without more rights.
func killStrays(string) {}
