//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// direct exchanges a request with the app without an adapter. It runs in a thread of its own, because an adapter is a
// process of its own: the app must be woken up for either.
type direct struct {
	port     int
	request  []byte
	check    func(response []byte) error
	count    int
	gap      time.Duration
	took     []time.Duration
	err      error
	finished atomic.Bool
}

// run measures; finished is set at the end.
func (d *direct) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer d.finished.Store(true)
	d.took = make([]time.Duration, 0, d.count)
	d.err = d.exchange()
}

func (d *direct) exchange() error {
	fd := -1
	defer func() { _ = unix.Close(fd) }()
	in := make([]byte, 0, 64<<10)
	for range d.count {
		rest(d.gap)
		began := time.Now()
		if fd < 0 {
			var err error
			if fd, err = connect(d.port); err != nil {
				return err
			}
		}
		if err := writeAll(fd, d.request); err != nil {
			return err
		}
		var m message
		var err error
		if in, err = readMessage(fd, in[:0], &m); err != nil {
			return err
		}
		d.took = append(d.took, time.Since(began))
		if err := d.check(in); err != nil {
			return err
		}
		if string(fieldValue(in[:m.head], "connection")) == "close" {
			_ = unix.Close(fd)
			fd = -1
		}
	}
	return nil
}

func connect(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("make a socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect to the app at port %d: %w", port, err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	// An app that does not answer ends the run.
	limit := unix.NsecToTimeval(int64(patience))
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			_ = unix.Close(fd)
			return -1, fmt.Errorf("limit the time of a socket: %w", err)
		}
	}
	return fd, nil
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("send to the app: %w", err)
		}
		b = b[n:]
	}
	return nil
}

func readMessage(fd int, in []byte, m *message) ([]byte, error) {
	for {
		if in = slices.Grow(in, max(1, m.end-len(in))); cap(in)-len(in) < cap(in)/4 && !m.sized() {
			in = slices.Grow(in, cap(in))
		}
		n, err := unix.Read(fd, in[len(in):cap(in)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return in, fmt.Errorf("read from the app: %w", err)
		case n == 0:
			return in, fmt.Errorf("the app closed the connection in the middle of a response")
		}
		in = in[:len(in)+n]
		if whole, err := m.advance(in); whole || err != nil {
			return in, err
		}
	}
}
