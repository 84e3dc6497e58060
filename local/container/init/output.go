package main

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
)

// output passes on what a process group writes, as it comes, and on demand all that is there.
type output struct {
	pipe *os.File // the end that is read
	to   io.Writer

	mu      sync.Mutex
	buf     [16 << 10]byte
	passed  int64
	started bool
	ended   bool
}

// follow says first what has to be said before the output, then reads until every process has closed the
// pipe.
func (o *output) follow(first func() error) {
	o.mu.Lock()
	err := first()
	o.started, o.ended = true, err != nil
	o.mu.Unlock()
	raw, err := o.pipe.SyscallConn()
	if err == nil {
		raw.Read(o.read)
	}
}

// drain reads what is there now and returns how much has been passed on in all.
func (o *output) drain() int64 {
	if raw, err := o.pipe.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { o.read(fd) }) // fails after the end of the pipe: all is passed on
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.passed
}

// read passes on until the pipe is empty. It is true when the pipe has ended.
func (o *output) read(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.started && !o.ended {
		n, err := syscall.Read(int(fd), o.buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case n <= 0:
			o.ended = true
			return true
		}
		o.passed += int64(n)
		if _, err := o.to.Write(o.buf[:n]); err != nil {
			o.ended = true
		}
	}
	return o.ended
}
