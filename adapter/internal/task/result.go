package task

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/rawjson"
)

// Exit codes of what has none of its own, those of shells and of timeout(1).
const (
	exitTimedOut      = 124
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // and the number of the signal
)

// longestName is how much of a command stands in a message.
const longestName = 200

// Name is a command in messages: its words with spaces between, shortened if they are many.
func Name(command []string) string {
	name := strings.Join(command, " ")
	if len(name) <= longestName {
		return name
	}
	end := longestName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "..."
}

// Result is how a command ended.
type Result struct {
	Code    int
	Output  []byte // the last 16 KB of what it wrote
	Took    time.Duration
	Summary string           // of a failure, in one line without output
	Failure *failure.Failure // nil after exit status 0
}

// Success is the answer after exit status 0.
func (r *Result) Success() []byte {
	return append(r.appendMembers([]byte(`{`)), '}')
}

// appendMembers appends "exitCode":0,"output":"..."
func (r *Result) appendMembers(dst []byte) []byte {
	dst = append(dst, `"exitCode":`...)
	dst = strconv.AppendInt(dst, int64(r.Code), 10)
	dst = append(dst, `,"output":`...)
	return rawjson.AppendString(dst, r.Output)
}

// fail makes a failure of the result. Its message begins with the command and ends with the last lines of output.
func (r *Result) fail(kind string, code int, name, message string) {
	message = name + ": " + message
	r.Summary = message
	if lines := quote(r.Output); len(lines) > 0 {
		message += "\n" + string(lines)
	}
	r.Code = code
	r.Failure = failure.New(kind, message)
	r.Failure.Members = r.appendMembers(nil)
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}
