package run

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	task  = "web-task-1a2b3c4"
	group = "/aws/lambda/web-task"

	ours   = "11111111-2222-3333-4444-555555555555" // the request that the command becomes
	theirs = "99999999-2222-3333-4444-555555555555" // one of somebody else
)

// account is Lambda and CloudWatch Logs as the command uses them.
type account struct {
	mu       sync.Mutex
	lines    []logged
	invoked  []string // the invocation's type and event
	answers  func(w http.ResponseWriter)
	unread   int                          // status with which the log answers, in the place of its lines
	looked   func(request map[string]any) // before the log answers
	filtered []map[string]any             // what the log was asked for
}

// logged is an event of the log.
type logged struct {
	stream, message string
	at              int64
}

func newAccount(t *testing.T) (*account, string) {
	t.Helper()
	a := &account{answers: succeed, looked: func(map[string]any) {}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, server.URL
}

// behave changes how the account answers.
func (a *account) behave(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// answer sets what Lambda does with an invocation.
func (a *account) answer(answers func(w http.ResponseWriter)) {
	a.behave(func() { a.answers = answers })
}

// write adds lines to a stream of the log.
func (a *account) write(stream string, lines ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, line := range lines {
		a.lines = append(a.lines, logged{stream, line + "\n", time.Now().UnixMilli()})
	}
}

// begins are the lines before a command's own.
func begins(id, name string) []string {
	return []string{"INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: arn:aws:lambda:x",
		"EXTENSION\tName: lambda-adapter\tState: Ready\tEvents: [SHUTDOWN]", "START RequestId: " + id + " Version: $LATEST",
		"2026-11-29T05:00:00.000Z INFO lambda-adapter: runs " + name + " requestId=" + id}
}

// ending are the lines after them.
func ending(id, level, text string) []string {
	return []string{"2026-11-29T05:00:01.000Z " + level + " lambda-adapter: " + text + " requestId=" + id,
		"END RequestId: " + id,
		"REPORT RequestId: " + id + "\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 512 " +
			"MB\tMax Memory Used: 80 MB"}
}

func succeed(w http.ResponseWriter) { fmt.Fprint(w, `{"exitCode":0,"output":"the end of it\n"}`) }

// fail answers with what the adapter says of a command that failed, or Lambda.
func fail(payload string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		fmt.Fprint(w, payload)
	}
}

// refuse answers with an error of AWS.
func refuse(status int, kind string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Amzn-Errortype", kind)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"Type": "User", "Message": "says %s"}`, kind)
	}
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch {
	case r.URL.Path == "/2015-03-31/functions/"+task+"/invocations":
		a.mu.Lock()
		a.invoked = append(a.invoked, r.Header.Get("X-Amz-Invocation-Type")+" "+string(body))
		answers := a.answers
		a.mu.Unlock()
		w.Header().Set("X-Amzn-RequestId", ours)
		if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(http.StatusAccepted)
		}
		answers(w)
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".FilterLogEvents"):
		var request map[string]any
		if json.Unmarshal(body, &request) != nil || request["logGroupName"] != group {
			refuse(http.StatusBadRequest, "ResourceNotFoundException")(w)
			return
		}
		a.mu.Lock()
		looked := a.looked
		a.mu.Unlock()
		looked(request)
		a.serveLog(w, request)
	default:
		refuse(http.StatusNotFound, "ResourceNotFoundException")(w)
	}
}

// pageSize makes pages of what is more.
const pageSize = 3

// serveLog: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (a *account) serveLog(w http.ResponseWriter, request map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.filtered = append(a.filtered, request)
	if a.unread != 0 {
		refuse(a.unread, "AccessDeniedException")(w)
		return
	}
	first := 0
	if token, ok := request["nextToken"].(string); ok {
		fmt.Sscan(token, &first)
	}
	since, _ := request["startTime"].(float64)
	streams, _ := request["logStreamNames"].([]any)
	answer := map[string]any{}
	var events []map[string]any
	for i := first; i < len(a.lines); i++ {
		line := a.lines[i]
		if line.at < int64(since) || len(streams) > 0 && streams[0] != line.stream {
			continue
		}
		if len(events) == pageSize {
			answer["nextToken"] = fmt.Sprint(i)
			break
		}
		events = append(events, map[string]any{"eventId": fmt.Sprint("event-", i), "timestamp": line.at,
			"message": line.message, "logStreamName": line.stream})
	}
	answer["events"] = events
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(answer)
}
