package http1

import (
	"syscall"
	"unsafe"
)

// readNow reads what there is, or returns EAGAIN.
func readNow(fd uintptr, p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// writeNow writes what the system takes, or returns EAGAIN.
func writeNow(fd uintptr, parts *[3][]byte) (n int, err error) {
	var vectors [3]syscall.Iovec
	used := 0
	for _, part := range parts {
		if len(part) > 0 {
			vectors[used].Base = &part[0]
			vectors[used].SetLen(len(part))
			used++
		}
	}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&vectors[0])), uintptr(used))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
