package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// logWriter takes the lines of all sandboxes of a function, one Write per call.
type logWriter struct {
	mu  sync.Mutex
	out io.Writer
}

// lineWriter writes the lines of one sandbox, each behind "sandbox-N | ".
type lineWriter struct {
	log    *logWriter
	prefix string

	source   Source
	observer func(Record)           // may be nil
	current  atomic.Pointer[string] // request id of the invocation in progress
}

// lines writes what the platform says: one or more lines in one piece.
func (w *lineWriter) lines(text []byte) {
	w.observe(text, Line{Platform: true})
	w.write(text)
}

// notice writes what the local cloud has to say, and Lambda would not.
func (w *lineWriter) notice(format string, args ...any) {
	text := fmt.Appendf(nil, format, args...)
	w.observe(text, Line{Platform: true, Notice: true})
	w.write(text)
}

// output writes lines of the processes.
func (w *lineWriter) output(text []byte) {
	w.observe(text, Line{})
	w.write(text)
}

func (w *lineWriter) write(text []byte) {
	if len(text) == 0 {
		return
	}
	b := make([]byte, 0, len(text)+8*len(w.prefix))
	for line := range bytes.Lines(text) {
		b = append(b, w.prefix...)
		b = append(b, line...)
	}
	if b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	w.log.out.Write(b)
}

func (w *lineWriter) printf(format string, args ...any) {
	w.lines(fmt.Appendf(nil, format, args...))
}
