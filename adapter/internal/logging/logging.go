// Package logging writes the adapter's own log lines to standard output, as text or as JSON, in the format and at
// the level that the function's logging configuration asks for.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
package logging

import (
	"io"
	"sync"
	"time"

	"lambda-web/adapter/internal/rawjson"
)

// Level is how important a line is.
type Level uint8

// The levels of Lambda's log settings, in rising order.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
	Fatal
)

func (l Level) String() string {
	return [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[l]
}

// Logger writes lines. Its methods may be called from several goroutines; a line is always written
// in one piece.
type Logger struct {
	out   io.Writer
	level Level
	json  bool
	now   func() time.Time

	mu   sync.Mutex
	line []byte
	once map[string]bool
}

// New returns a logger that drops lines below level.
func New(out io.Writer, level Level, json bool) *Logger {
	return &Logger{out: out, level: level, json: json, now: time.Now, once: map[string]bool{}}
}

// Enabled reports whether lines of this level are written; it spares composing a line that nobody
// reads.
func (l *Logger) Enabled(level Level) bool { return level >= l.level }

// Write writes one line. requestID is empty outside invocations.
func (l *Logger) Write(level Level, requestID []byte, message string) {
	if !l.Enabled(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = l.appendLine(l.line[:0], level, requestID, message)
	_, _ = l.out.Write(l.line) // a log that cannot be written has nowhere to say so
}

// Once writes a line the first time it is called with this key. It serves warnings that every
// invocation could repeat.
func (l *Logger) Once(key string, level Level, requestID []byte, message string) {
	l.mu.Lock()
	seen := l.once[key]
	l.once[key] = true
	l.mu.Unlock()
	if !seen {
		l.Write(level, requestID, message)
	}
}

func (l *Logger) appendLine(b []byte, level Level, requestID []byte, message string) []byte {
	stamp := l.now().UTC()
	if !l.json {
		b = stamp.AppendFormat(b, "2006-01-02T15:04:05.000Z")
		b = append(b, ' ')
		b = append(b, level.String()...)
		b = append(b, " lambda-adapter: "...)
		for i := range len(message) { // one event is one line
			if message[i] == '\n' || message[i] == '\r' {
				b = append(b, ' ', '|', ' ')
				continue
			}
			b = append(b, message[i])
		}
		if len(requestID) > 0 {
			b = append(append(b, " requestId="...), requestID...)
		}
		return append(b, '\n')
	}
	b = append(b, `{"timestamp":"`...)
	b = stamp.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","level":"`...)
	b = append(b, level.String()...)
	b = append(b, `","message":`...)
	b = rawjson.AppendString(b, []byte(message))
	if len(requestID) > 0 {
		b = append(b, `,"requestId":`...)
		b = rawjson.AppendString(b, requestID)
	}
	return append(b, '}', '\n')
}
