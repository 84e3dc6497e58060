package sandbox

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
)

// output is the pipe that takes what a process and its descendants write to stdout and stderr. It
// is read as it comes, and once more before the end of an invocation is logged, so that the lines of
// an invocation stand before its END.
type output struct {
	file  *os.File
	raw   syscall.RawConn
	lines *lineWriter

	mu    sync.Mutex
	buf   []byte // the unfinished line, and room to read into
	have  int
	ended bool
}

// longestLine is where a longer line is cut, as Lambda cuts log events.
const longestLine = 256 << 10

// newOutput makes the pipe. The write end is for the process.
func newOutput(lines *lineWriter) (*output, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := r.SyscallConn()
	if err != nil {
		r.Close()
		w.Close()
		return nil, nil, err
	}
	return &output{file: r, raw: raw, lines: lines, buf: make([]byte, 4<<10)}, w, nil
}

// follow reads until every process has closed the pipe.
func (o *output) follow() {
	o.raw.Read(o.read)
	o.file.Close()
}

// drain reads what is there now.
func (o *output) drain() {
	o.raw.Control(func(fd uintptr) { o.read(fd) })
}

// read passes on whole lines until the pipe is empty. It is true when the pipe has ended.
func (o *output) read(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended {
		n, err := syscall.Read(int(fd), o.buf[o.have:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case n <= 0:
			o.lines.lines(o.buf[:o.have])
			o.have, o.ended = 0, true
			return true
		}
		o.take(n)
	}
	return true
}

// take passes on the whole lines after n more bytes were read, and makes room for more.
func (o *output) take(n int) {
	fresh := o.buf[o.have : o.have+n]
	o.have += n
	if end := bytes.LastIndexByte(fresh, '\n'); end >= 0 {
		whole := o.have - n + end + 1
		o.lines.lines(o.buf[:whole])
		o.have = copy(o.buf, o.buf[whole:o.have])
	}
	switch {
	case o.have == longestLine:
		o.lines.lines(o.buf)
		o.have = 0
	case o.have == len(o.buf):
		o.buf = append(o.buf, make([]byte, min(len(o.buf), longestLine-len(o.buf)))...)
	}
}
