// Package journal writes the adapter's own log lines to standard output, as text or as JSON, in the format and at
// the level that the function's logging configuration asks for.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
package journal

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

// Journal writes lines. Its methods may be called from several goroutines; a line is always written in one piece.
type Journal struct {
	out   io.Writer
	level Level
	json  bool
	now   func() time.Time

	mu   sync.Mutex
	line []byte
	once map[string]bool
}

// New returns a journal that drops lines below level.
func New(out io.Writer, level Level, json bool) *Journal {
	return &Journal{out: out, level: level, json: json, now: time.Now, once: map[string]bool{}}
}

// Enabled reports whether lines of this level are written; it spares composing a line that nobody reads.
func (j *Journal) Enabled(level Level) bool { return level >= j.level }

// Write writes one line. requestID is empty outside invocations.
func (j *Journal) Write(level Level, requestID []byte, message string) {
	if !j.Enabled(level) {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line = j.appendLine(j.line[:0], level, requestID, message)
	_, _ = j.out.Write(j.line) // a log that cannot be written has nowhere to say so
}

// Once writes a line the first time it is called with this key. It serves warnings that every invocation could
// repeat.
func (j *Journal) Once(key string, level Level, requestID []byte, message string) {
	j.mu.Lock()
	seen := j.once[key]
	j.once[key] = true
	j.mu.Unlock()
	if !seen {
		j.Write(level, requestID, message)
	}
}

func (j *Journal) appendLine(b []byte, level Level, requestID []byte, message string) []byte {
	stamp := j.now().UTC()
	if !j.json {
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
