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
	return transfer(syscall.SYS_READ, fd, unsafe.Pointer(&p[0]), len(p))
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
	return transfer(syscall.SYS_WRITEV, fd, unsafe.Pointer(&vectors[0]), used)
}

func transfer(call, fd uintptr, at unsafe.Pointer, length int) (n int, err error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(at), uintptr(length))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// acknowledge sends an acknowledgement that is due now. On anything but TCP it does nothing.
func acknowledge(fd uintptr) {
	on := int32(1)
	syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK,
		uintptr(unsafe.Pointer(&on)), unsafe.Sizeof(on), 0)
}
