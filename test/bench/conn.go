//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// conn is a connection of a loop, and the message that is being read from it.
type conn struct {
	message
	fd   int
	loop *loop
	from *listener

	in       []byte // what was read and not used up
	out      [][]byte
	file     *memoryFile // sent behind out
	fileAt   int64
	scratch  []byte // what the server of this connection sends next
	arriving func() // called when a part of a message has come
}

// firstRead is the size that a read buffer grows to when the length of a message is not known.
const firstRead = 256 << 10

// receive reads what there is, and serves every message that is whole.
func (c *conn) receive() {
	if c.end > cap(c.in) {
		c.in = slices.Grow(c.in, c.end-len(c.in))
	} else if cap(c.in)-len(c.in) < cap(c.in)/4 && !c.sized() {
		c.in = slices.Grow(c.in, max(firstRead, cap(c.in)))
	}
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil || n == 0:
		c.loop.drop(c)
		return
	}
	c.in = c.in[:len(c.in)+n]
	for len(c.in) > 0 && c.fd >= 0 && c.loop.failure == nil {
		whole, err := c.message.advance(c.in)
		if err != nil {
			c.loop.fail(err)
			return
		}
		if c.arriving != nil {
			c.arriving()
		}
		if !whole {
			return
		}
		c.from.serve(c)
	}
}

// consume is called when a message has been dealt with; a message that follows moves to the front.
func (c *conn) consume() {
	c.in = c.in[:copy(c.in, c.in[c.end:])]
	c.message = message{}
}

// send writes the parts, now or as soon as the peer takes them. They must not change until then.
func (c *conn) send(parts ...[]byte) {
	for i, part := range parts {
		if len(c.out) > 0 {
			c.out = append(c.out, part)
			continue
		}
		for len(part) > 0 {
			n, err := unix.Write(c.fd, part)
			if err == unix.EINTR {
				continue
			}
			if err == unix.EAGAIN {
				c.out = append(c.out, part)
				if err := c.loop.watch(c.fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT); err != nil {
					c.loop.fail(err)
				}
				break
			}
			if err != nil {
				c.loop.fail(fmt.Errorf("send part %d of a message: %w", i+1, err))
				return
			}
			part = part[n:]
		}
	}
}

// sendFile sends a file, now or as soon as the peer takes it.
func (c *conn) sendFile(f *memoryFile) {
	c.file, c.fileAt = f, 0
	c.flushFile()
	if c.file != nil {
		if err := c.loop.watch(c.fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT); err != nil {
			c.loop.fail(err)
		}
	}
}

func (c *conn) flushFile() {
	for c.file != nil && c.fileAt < c.file.size {
		_, err := unix.Sendfile(c.fd, int(c.file.Fd()), &c.fileAt, int(c.file.size-c.fileAt))
		if err == unix.EAGAIN || err == unix.EINTR {
			return
		}
		if err != nil {
			c.loop.fail(fmt.Errorf("send a file: %w", err))
			return
		}
	}
	c.file = nil
}

// flush goes on with what send and sendFile could not finish.
func (c *conn) flush() {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out[0])
		if err == unix.EAGAIN || err == unix.EINTR {
			return
		}
		if err != nil {
			c.loop.fail(fmt.Errorf("send the rest of a message: %w", err))
			return
		}
		if c.out[0] = c.out[0][n:]; len(c.out[0]) == 0 {
			c.out = c.out[1:]
		}
	}
	c.out = nil
	if c.flushFile(); c.file != nil {
		return
	}
	if err := c.loop.watch(c.fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN); err != nil {
		c.loop.fail(err)
	}
}

// memoryFile lies in memory: sending it costs no copying, so that less of the time is the bench's own.
type memoryFile struct {
	*os.File
	size int64
}

func newMemoryFile(content []byte) (*memoryFile, error) {
	fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := &memoryFile{File: os.NewFile(uintptr(fd), "bench"), size: int64(len(content))}
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(fmt.Errorf("fill a file in memory: %w", err), f.Close())
	}
	return f, nil
}

func pointer(event *unix.EpollEvent) unsafe.Pointer { return unsafe.Pointer(event) }
