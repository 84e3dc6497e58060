package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"sync"
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
}

// lines writes a text of one or more lines in one piece.
func (w *lineWriter) lines(text []byte) {
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
