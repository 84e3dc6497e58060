package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"

	"lambda-web/local/sandbox"
)

// TestClientThatLeaves is no failure of the function or of the gateway, buffered or in the middle of a stream: one
// line of the log says so, and the access log has 499, or the status that went out.
func TestClientThatLeaves(t *testing.T) {
	for _, check := range []struct {
		rule, access, says string
		config             func(function) Config
		begin              string
	}{
		{"before a buffered answer", "499 CLIENT_LEFT", "the client left before the function answered", testConfig, ""},
		{"before a stream", "499 CLIENT_LEFT", "the client left before the function answered", streamConfig, ""},
		{"in a stream", "200 -", "the client left in the middle of the stream", streamConfig, `{"statusCode":200}` +
			preludeZeros + "a"},
	} {
		t.Run(check.rule, func(t *testing.T) {
			called, line := make(chan struct{}), make(lineWriter, 1)
			config := check.config(func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
				if check.begin != "" {
					io.WriteString(in.Stream, check.begin)
				}
				close(called)
				<-ctx.Done()
				return sandbox.Result{}, ctx.Err()
			})
			var log strings.Builder // written before the line of the access log
			config.Log = slog.New(slog.NewTextHandler(&log, nil))
			config.AccessLog = AccessLog{Writer: line,
				Format: "$context.status $context.error.responseType $context.requestId"}
			conn := dial(t, serve(t, config))
			io.WriteString(conn, requestText("GET", "/v1/x", ""))
			<-called
			conn.Close()
			if got := <-line; !strings.HasPrefix(got, check.access+" ") {
				t.Errorf("access log %q, want %q", got, check.access)
			}
			if got := log.String(); !strings.Contains(got, check.says) || !strings.Contains(got, "level=INFO") ||
				strings.Count(got, "\n") != 1 {
				t.Errorf("the log is %q, want one line with %q", got, check.says)
			}
		})
	}
}

// TestReasonIsWhole: the log has the error's type and its whole message, whatever stands before it in the document.
func TestReasonIsWhole(t *testing.T) {
	message := "RequestId: 11111111-2222-4333-8444-555555555555 Error: the app did not answer: " +
		strings.Repeat("because ", 50) + "of this"
	posted, _ := json.Marshal(map[string]string{"trace": strings.Repeat("x", 100), "errorType": "Runtime.ExitError",
		"errorMessage": message})
	for document, want := range map[string]string{
		string(posted):                             "Runtime.ExitError: " + message,
		`{"errorMessage":"no type"}`:               "no type",
		`{"errorType":"No.Message"}`:               `{"errorType":"No.Message"}`,
		"no document at all":                       "no document at all",
		strings.Repeat("y", 3000):                  strings.Repeat("y", 2000) + "...",
		`{"errorType":1,"errorMessage":"odd type"`: `{"errorType":1,"errorMessage":"odd type"`,
	} {
		if got := reason([]byte(document)); got != want {
			t.Errorf("reason of %.80q is\n%q, want\n%q", document, got, want)
		}
	}
}
