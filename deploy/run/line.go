package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// line is a line of the log of a function that runs commands.
type line struct {
	kind kind
	id   string // of the request, where the line has it
	text string // what the adapter says
}

type kind int

const (
	output   kind = iota // of a command
	starts               // an invocation
	ends                 // an invocation
	platform             // something else of Lambda's
	adapter
)

// Lambda's and the adapter's lines, as text and as JSON
// (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html).
var (
	platformText = regexp.MustCompile(`^(START|END|REPORT) RequestId: ([0-9a-f-]{36})\b`)
	otherText    = regexp.MustCompile(`^(INIT_START|INIT_REPORT|EXTENSION|XRAY|LOGS)\b.*(Runtime Version:|Init Duration:|State:|TraceId:|Name: lambda-adapter)`)
	adapterText  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ lambda-adapter: (.*?)(?: requestId=([0-9a-f-]{36}))?$`)
)

// parse tells whose line it is. What is not known is output.
func parse(message string) line {
	message = strings.TrimRight(message, "\r\n")
	if m := platformText.FindStringSubmatch(message); m != nil {
		return line{kind: map[string]kind{"START": starts, "END": ends, "REPORT": ends}[m[1]], id: m[2]}
	}
	if m := adapterText.FindStringSubmatch(message); m != nil {
		return line{kind: adapter, text: m[1], id: m[2]}
	}
	if otherText.MatchString(message) {
		return line{kind: platform}
	}
	if strings.HasPrefix(message, "{") {
		return parseJSON(message)
	}
	return line{kind: output}
}

func parseJSON(message string) line {
	var entry struct {
		Type   string `json:"type"`
		Record struct {
			RequestID string `json:"requestId"`
		} `json:"record"`
		Timestamp, Level, Message string
		RequestID                 string `json:"requestId"`
	}
	if json.Unmarshal([]byte(message), &entry) != nil {
		return line{kind: output}
	}
	switch {
	case entry.Type == "platform.start":
		return line{kind: starts, id: entry.Record.RequestID}
	case entry.Type == "platform.runtimeDone", entry.Type == "platform.report":
		return line{kind: ends, id: entry.Record.RequestID}
	case strings.HasPrefix(entry.Type, "platform."):
		return line{kind: platform}
	case entry.RequestID != "" && entry.Level != "" && (isRun(entry.Message) || hasResult(entry.Message)):
		return line{kind: adapter, text: entry.Message, id: entry.RequestID}
	}
	return line{kind: output}
}

// runs is what the adapter says at the beginning of a command (adapter/task.go).
const runs = "runs "

func isRun(text string) bool { return strings.HasPrefix(text, runs) }

// isRunOf reports whether the text is that of a command, of which the adapter writes the beginning.
func isRunOf(text string, command []string) bool {
	name, ok := strings.CutPrefix(text, runs)
	cut := strings.TrimSuffix(name, "...")
	whole := strings.Join(command, " ")
	return ok && (name == whole || cut != name && strings.HasPrefix(whole, cut))
}

var (
	exitStatus = regexp.MustCompile(`: exit status (\d{1,3})( after [^:]*)?$`)
	signalled  = regexp.MustCompile(`: ended by the signal (SIG[A-Z0-9]+|\d+)(, [^:]*)?$`)
)

// Exit codes of commands that have none of their own, as the adapter gives them.
var exitCodes = map[string]int{"Task.Deadline: ": 124, "Task.NotExecutable: ": 126, "Task.NotFound: ": 127,
	"Task.InvalidCommand: ": 1}

func hasResult(text string) bool {
	_, ok := result(text)
	return ok
}

// result is the exit code that the adapter's last word about a command stands for.
func result(text string) (code int, ok bool) {
	for prefix, code := range exitCodes {
		if strings.HasPrefix(text, prefix) {
			return code, true
		}
	}
	if m := exitStatus.FindStringSubmatch(text); m != nil {
		code, err := strconv.Atoi(m[1])
		return code, err == nil && code <= 255
	}
	if m := signalled.FindStringSubmatch(text); m != nil {
		number, err := strconv.Atoi(m[1])
		if err != nil {
			number = int(unix.SignalNum(m[1]))
		}
		return 128 + number, 0 < number && number < 128
	}
	return 0, false
}
