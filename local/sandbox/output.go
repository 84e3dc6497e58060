package sandbox

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
)

// output is the pipe that takes what a process and its descendants write to stdout and stderr. It
// is read as it comes, and once more before the end of an invocation is logged, so that the lines of
// an invocation stand before its END.
type output struct {
	file *os.File
	raw  syscall.RawConn
	to   io.WriteCloser

	mu    sync.Mutex
	buf   [4 << 10]byte
	ended bool
}

// newOutput makes the pipe. The write end is for the process.
func newOutput(to io.WriteCloser) (*output, *os.File, error) {
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
	return &output{file: r, raw: raw, to: to}, w, nil
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

// read passes on what comes until the pipe is empty. It is true when the pipe has ended.
func (o *output) read(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended {
		n, err := syscall.Read(int(fd), o.buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case n <= 0:
			o.to.Close()
			o.ended = true
			return true
		}
		o.to.Write(o.buf[:n])
	}
	return true
}

// longestLine is where a longer line is cut, as Lambda cuts log events.
const longestLine = 256 << 10

// splitter passes on the whole lines of a text that comes in pieces.
type splitter struct {
	lines   *lineWriter
	booting *bootOutput
	rest    []byte // the unfinished line
}

var _ io.WriteCloser = (*splitter)(nil)

func (s *splitter) Write(text []byte) (int, error) {
	for left := text; len(left) > 0; {
		piece := left[:min(len(left), longestLine-len(s.rest))]
		left = left[len(piece):]
		if end := bytes.LastIndexByte(piece, '\n') + 1; end > 0 {
			s.pass(piece[:end])
			piece = piece[end:]
		}
		s.rest = append(s.rest, piece...)
		if len(s.rest) == longestLine {
			s.pass(nil)
		}
	}
	return len(text), nil
}

// pass logs the unfinished line and what ends it.
func (s *splitter) pass(end []byte) {
	if len(s.rest) > 0 {
		s.rest = append(s.rest, end...)
		end = s.rest
	}
	s.booting.hear(end)
	s.lines.output(end)
	s.rest = s.rest[:0]
}

func (s *splitter) Close() error {
	s.pass(nil)
	return nil
}
