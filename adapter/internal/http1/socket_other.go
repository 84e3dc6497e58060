//go:build !linux

package http1

import "syscall"

func readNow(fd uintptr, p []byte) (n int, err error) {
	n, err = syscall.Read(int(fd), p)
	return max(n, 0), err
}

func writeNow(fd uintptr, parts *[3][]byte) (n int, err error) {
	for _, part := range parts {
		if len(part) > 0 {
			n, err = syscall.Write(int(fd), part)
			break
		}
	}
	return max(n, 0), err
}

func acknowledge(uintptr) {}
