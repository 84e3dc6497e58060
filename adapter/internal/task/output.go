package task

import (
	"bytes"
	"io"
	"unicode/utf8"
)

const (
	// kept is how much of a command's output its answer has.
	kept = 16 << 10
	// longestLine is how much of a line without an end is held back.
	longestLine = 32 << 10
	// Of the output, a message has the last lines, and not more than these bytes.
	quotedLines = 10
	quotedBytes = 2 << 10
)

// output passes on what a command writes, in whole lines as far as they are not too long, so that no other line of the
// log gets in between, and keeps the end of it. It needs the same memory for any amount.
type output struct {
	to   io.Writer
	line []byte // the beginning of a line
	tail []byte // all of the output, or its last bytes, kept of them at least
	cut  bool   // there was more than tail
	open bool   // the last byte that was passed on ended no line
}

func (o *output) write(p []byte) {
	o.keep(p)
	o.line = append(o.line, p...)
	whole := bytes.LastIndexByte(o.line, '\n') + 1
	if whole == 0 && len(o.line) >= longestLine {
		whole = len(o.line)
	}
	if whole > 0 {
		o.pass(o.line[:whole])
		o.line = append(o.line[:0], o.line[whole:]...)
	}
}

// close passes on the last line, with an end if it has none.
func (o *output) close() {
	if len(o.line) > 0 {
		o.pass(o.line)
	}
	if o.open {
		o.pass([]byte{'\n'})
	}
	o.line = nil
}

func (o *output) pass(p []byte) {
	_, _ = o.to.Write(p) // a log that cannot be written has nowhere to say so
	o.open = p[len(p)-1] != '\n'
}

func (o *output) keep(p []byte) {
	o.tail = append(o.tail, p...)
	if len(o.tail) > 4*kept {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-kept:]...)
		o.cut = true
	}
}

// end is the last part of the output. A character of UTF-8 that was cut is left out.
func (o *output) end() []byte {
	end := o.tail
	if len(end) > kept {
		end, o.cut = end[len(end)-kept:], true
	}
	for i := 0; o.cut && i < utf8.UTFMax-1 && i < len(end); i++ {
		if utf8.RuneStart(end[i]) {
			return end[i:]
		}
	}
	return end
}

// quote is the last lines, for a message.
func quote(end []byte) []byte {
	end = bytes.TrimRight(end, "\r\n")
	start := len(end)
	for range quotedLines {
		next := bytes.LastIndexByte(end[:max(start-1, 0)], '\n') + 1
		if len(end)-next > quotedBytes {
			break
		}
		if start = next; start == 0 {
			break
		}
	}
	if start == len(end) { // one line, and a long one
		start = max(len(end)-quotedBytes, 0)
		for start < len(end) && !utf8.RuneStart(end[start]) {
			start++
		}
	}
	return end[start:]
}
