package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

const (
	malformedBody = `{"message": "Internal server error"}`
	timeoutBody   = `{"message": "Endpoint request timed out"}`
)

// TestAnswers: what a function returns and what the client gets.
func TestAnswers(t *testing.T) {
	malformed := reply{status: 502, body: malformedBody}
	for _, check := range []struct {
		name, payload string
		want          reply
		lines         map[string][]string // of the head, by name; nil means that there are none
	}{
		{"Check28_[R]_status_and_body", `{"statusCode":418,"body":"t"}`, reply{status: 418, body: "t"},
			map[string][]string{
				"Content-Type": {"Content-Type: application/json"}, "Content-Length": {"Content-Length: 1"}}},
		{"Check29_[R]_empty_object", `{}`, reply{status: 200}, map[string][]string{
			"Content-Type": {"Content-Type: application/json"}, "Content-Length": {"Content-Length: 0"}}},
		{"Check30_[R]_status_as_text", `{"statusCode":"201"}`, reply{status: 201}, nil},
		{"Check30_[R]_status_that_is_none", `{"statusCode":"x"}`, malformed,
			map[string][]string{"Content-Length": {"Content-Length: 36"}}},
		{"Check31_[R]_unknown_member", `{"statusCode":200,"foo":1}`, malformed, nil},
		{"Check31_[R]_cookies", `{"statusCode":200,"cookies":[]}`, malformed, nil},
		{"Check31_[R]_string", `"hello"`, malformed, nil},
		{"Check31_[R]_list", `[]`, malformed, nil},
		{"Check31_[R]_null", `null`, malformed, nil},
		{"Check31_[R]_number", `5`, malformed, nil},
		{"Check31_[R]_body_is_an_object", `{"body":{}}`, malformed, nil},
		{"Check31_[R]_body_is_a_list", `{"body":[]}`, malformed, nil},
		{"Check31_[R]_multi_value_is_none", `{"multiValueHeaders":{"a":"b"}}`, malformed, nil},
		{"Check31_[R]_header_is_a_list", `{"headers":{"a":["b"]}}`, malformed, nil},
		{"Check31_[R]_header_is_an_object", `{"headers":{"a":{}}}`, malformed, nil},
		{"Check31_[R]_no_JSON", `{"statusCode":200`, malformed, nil},
		{"Check31_[R]_nothing", ``, malformed, nil},
		{"Check32_[R]_both_maps",
			`{"headers":{"x-a":"1"},"multiValueHeaders":{"X-A":["2","3"],"Set-Cookie":["a=1","b=2"]}}`,
			reply{status: 200}, map[string][]string{"x-a": {"X-A: 2", "X-A: 3", "X-A: 1"},
				"Set-Cookie": {"Set-Cookie: a=1", "Set-Cookie: b=2"}}},
		{"Check33_[D]_same_pair_in_both", `{"headers":{"x-a":"2"},"multiValueHeaders":{"X-A":["2","3"]}}`,
			reply{status: 200}, map[string][]string{"X-A": {"X-A: 2", "X-A: 3"}}},
		{"Check34_[R]_header_is_true", `{"headers":{"b":true}}`, reply{status: 200},
			map[string][]string{"b": {"b: true"}}},
		{"Check34_[?]_header_is_a_number", `{"headers":{"n":5}}`, reply{status: 200},
			map[string][]string{"n": {"n: 5"}}},
		{"Check34_[?]_header_is_null", `{"headers":{"z":null}}`, reply{status: 200}, map[string][]string{"z": nil}},
		{"Check34_[R]_headers_are_null", `{"headers":null,"multiValueHeaders":null}`, reply{status: 200}, nil},
		{"Check35_[R]_one_Content-Type", `{"headers":{"content-type":"text/html"},"body":"<p>"}`, reply{status: 200,
			body: "<p>"},
			map[string][]string{"Content-Type": {"content-type: text/html"}}},
		{"Check36_[R]_renamed_headers",
			`{"headers":{"Server":"gunicorn","Date":"d","Connection":"close","Content-Length":"99","WWW-Authenticate":"w","Host":"h"},"body":"b"}`,
			reply{status: 200, body: "b"}, map[string][]string{
				"x-amzn-Remapped-Server":           {"x-amzn-Remapped-Server: gunicorn"},
				"x-amzn-Remapped-Date":             {"x-amzn-Remapped-Date: d"},
				"x-amzn-Remapped-Connection":       {"x-amzn-Remapped-Connection: close"},
				"x-amzn-Remapped-Content-Length":   {"x-amzn-Remapped-Content-Length: 99"},
				"x-amzn-Remapped-WWW-Authenticate": {"x-amzn-Remapped-WWW-Authenticate: w"},
				"x-amzn-Remapped-Host":             {"x-amzn-Remapped-Host: h"},
				"Server":                           nil, "WWW-Authenticate": nil, "Host": nil,
				"Content-Length": {"Content-Length: 1"},
				"Connection":     {"Connection: keep-alive"}}},
		{"Check37_[R]_transfer_coding_goes",
			`{"headers":{"Transfer-Encoding":"chunked","Content-Encoding":"gzip","Via":"v"},"body":"b"}`,
			reply{status: 200, body: "b"}, map[string][]string{"Transfer-Encoding": nil,
				"Content-Encoding": {"Content-Encoding: gzip"}, "Via": {"Via: v"}}},
		{"Check38_[R]_base64_without_Accept", `{"body":"AP8=","isBase64Encoded":true}`, reply{status: 200,
			body: "\x00\xff"}, nil},
		{"Check38_[R]_the_flag's_twin", `{"body":"AP8=","base64Encoded":true}`, reply{status: 200, body: "\x00\xff"},
			nil},
		{"Check40_[R]_no_base64", `{"body":"%%%","isBase64Encoded":true}`, reply{status: 500, body: malformedBody},
			nil},
		{"Check68_[R]_prelude_to_a_buffered_integration", "{\"statusCode\":200}\x00\x00\x00\x00\x00\x00\x00\x00hi",
			malformed, nil},
		{"Status_[?]_out_of_range", `{"statusCode":1000}`, malformed, nil},
		{"Status_[?]_informational", `{"statusCode":101}`, malformed, nil},
		{"Status_[?]_negative", `{"statusCode":-1}`, malformed, nil},
		{"Status_[R]_null_is_none", `{"statusCode":null,"body":null}`, reply{status: 200}, nil},
		{"Body_[R]_scalars_become_text", `{"body":12.50}`, reply{status: 200, body: "12.50"}, nil},
		{"Body_[R]_escapes", `{"body":"\u00e9\ud83d\ude42\n\"\\\/"}`, reply{status: 200, body: "é🙂\n\"\\/"}, nil},
		{"Line_break_[?]_in_a_value", `{"headers":{"a":"b\r\nSet-Cookie: c=d"}}`, malformed, nil},
		{"Line_break_[?]_in_a_name", `{"headers":{"a: b\r\nSet-Cookie":"c=d"}}`, malformed, nil},
		{"Line_break_[?]_in_a_list", `{"multiValueHeaders":{"a":["b","c\nd"]}}`, malformed, nil},
	} {
		t.Run(check.name, func(t *testing.T) {
			got := get(t, serve(t, testConfig(returns(check.payload))), "/v1")
			if got.status != check.want.status || got.body != check.want.body {
				t.Errorf("%d %q, want %d %q", got.status, got.body, check.want.status, check.want.body)
			}
			for name, want := range check.lines {
				if lines := got.lines(name); !slices.Equal(lines, want) {
					t.Errorf("header lines %q, want %q", lines, want)
				}
			}
			if date := got.lines("Date"); len(date) != 1 {
				t.Errorf("Date lines %q", date)
			} else if _, err := http.ParseTime(strings.TrimPrefix(date[0], "Date: ")); err != nil {
				t.Error(err)
			}
			if got.header.Get("Set-Cookie") != "" && check.lines["Set-Cookie"] == nil {
				t.Errorf("a header value made a new header: %q", got.head)
			}
		})
	}
}

// TestCheck39_R_BinaryByAccept: base64 is decoded if the first accepted type is in binaryMediaTypes.
func TestCheck39_R_BinaryByAccept(t *testing.T) {
	for _, check := range []struct {
		list, accept string
		decoded      bool
	}{
		{"image/png", "image/png", true},
		{"image/png", "image/png, */*", true},
		{"image/png", "image/png;q=0.8", true},
		{"image/png", "image/*", false},
		{"image/png", "*/*", false},
		{"image/png", "", false},
		{"image/png", "text/html, image/png", false},
		{"image/*", "image/png", true},
		{"image/*", "text/html", false},
		{"*/*", "text/html,application/xhtml+xml,image/webp,*/*;q=0.8", true},
		{"*/*", "", true},
	} {
		t.Run(check.list+" for "+check.accept, func(t *testing.T) {
			config := testConfig(returns(`{"isBase64Encoded":true,"body":"AP8="}`))
			config.Document = documentText(proxyPaths(), fmt.Sprintf(`,"x-amazon-apigateway-binary-media-types":[%q]`,
				check.list))
			var headers []string
			if check.accept != "" {
				headers = []string{"Accept: " + check.accept}
			}
			want := "AP8="
			if check.decoded {
				want = "\x00\xff"
			}
			if got := get(t, serve(t, config), "/v1", headers...); got.body != want {
				t.Errorf("body %q, want %q", got.body, want)
			}
		})
	}
}

// TestCheck41_R_NoBody: what may have no body has none, and the connection takes the next request.
func TestCheck41_R_NoBody(t *testing.T) {
	for _, check := range []struct{ method, payload string }{
		{"HEAD", `{"body":"abc"}`}, {"GET", `{"statusCode":204,"body":"abc"}`},
		{"GET", `{"statusCode":304,"body":"abc"}`},
	} {
		t.Run(check.method+check.payload, func(t *testing.T) {
			server := serve(t, testConfig(returns(check.payload)))
			conn := dial(t, server)
			from := bufio.NewReader(conn)
			for range 2 {
				io.WriteString(conn, requestText(check.method, "/v1", ""))
				if got := readReply(t, from, check.method); got.body != "" || from.Buffered() > 0 {
					t.Errorf("body %q and %d more bytes", got.body, from.Buffered())
				}
			}
		})
	}
}

func TestCheck42_R_FunctionError(t *testing.T) {
	failing := function(func(context.Context, sandbox.Invocation) (sandbox.Result, error) {
		return sandbox.Result{Payload: []byte(`{"errorType":"Runtime.ExitError"}`), FunctionError: "Unhandled"}, nil
	})
	got := get(t, serve(t, testConfig(failing)), "/v1")
	if got.status != 502 || got.body != malformedBody ||
		got.header.Get("x-amzn-ErrorType") != "InternalServerErrorException" {
		t.Errorf("%d %q %q", got.status, got.body, got.head)
	}
	if got.header.Get("X-Amzn-Trace-Id") != "" || got.header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("headers %q", got.head)
	}
}

func TestCheck43_R_Timeout(t *testing.T) {
	slow := function(func(ctx context.Context, _ sandbox.Invocation) (sandbox.Result, error) {
		<-ctx.Done()
		return sandbox.Result{}, ctx.Err()
	})
	config := testConfig(slow)
	config.Document = bytes.ReplaceAll(config.Document, []byte("29000"), []byte("50"))
	got := get(t, serve(t, config), "/v1")
	if got.status != 504 || got.body != timeoutBody || len(got.body) != 41 {
		t.Errorf("%d %q (%d bytes)", got.status, got.body, len(got.body))
	}
}

// TestDebugHasNoTimeout: the function may take longer than its integration allows.
func TestDebugHasNoTimeout(t *testing.T) {
	config := testConfig(function(func(ctx context.Context, _ sandbox.Invocation) (sandbox.Result, error) {
		deadline, _ := ctx.Deadline()
		if time.Until(deadline) < time.Hour {
			return sandbox.Result{}, context.DeadlineExceeded
		}
		return sandbox.Result{Payload: []byte("{}")}, nil
	}))
	config.Debug = true
	if got := get(t, serve(t, config), "/v1"); got.status != 200 {
		t.Errorf("status %d", got.status)
	}
}

func TestCheck44_R_AnswerSize(t *testing.T) {
	const limit = 6291556
	for size, want := range map[int]int{limit: 200, limit + 1: 502} {
		payload := `{"body":"` + strings.Repeat("a", size-len(`{"body":""}`)) + `"}`
		got := get(t, serve(t, testConfig(returns(payload))), "/v1")
		if got.status != want {
			t.Errorf("an answer of %d bytes: status %d, want %d", size, got.status, want)
		}
	}
}

func TestCheck45_R_AddedHeaders(t *testing.T) {
	added := []string{"x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id", "Date", "Content-Length", "Connection"}
	got := get(t, serve(t, testConfig(echo)), "/v1")
	for _, name := range added {
		if lines := got.lines(name); len(lines) != 1 || !strings.HasPrefix(lines[0], name+": ") {
			t.Errorf("%s: lines %q", name, lines)
		}
	}
	for name, failed := range map[string]reply{
		"403": get(t, serve(t, testConfig(echo)), "/other"),
		"502": get(t, serve(t, testConfig(returns("x"))), "/v1"),
	} {
		if failed.header.Get("X-Amzn-Trace-Id") != "" {
			t.Errorf("%s carries a trace id: %q", name, failed.head)
		}
		if lines := failed.lines("Content-Type"); !slices.Equal(lines, []string{"Content-Type: application/json"}) {
			t.Errorf("%s: %q", name, lines)
		}
	}
}

// TestLargeBodies sends and returns megabytes, byte for byte.
func TestLargeBodies(t *testing.T) {
	body := make([]byte, 4<<20)
	for i := range body {
		body[i] = byte(i * 2654435761 >> 13)
	}
	mirror := function(func(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		_, rest, _ := bytes.Cut(in.Event, []byte(`,"body":"`))
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		return sandbox.Result{Payload: slices.Concat([]byte(`{"isBase64Encoded":true,"body":"`), text, []byte(`"}`))},
			nil
	})
	got := exchangeRaw(t, serve(t, testConfig(mirror)), requestText("POST", "/v1", string(body)))
	if got.status != 200 || got.body != string(body) {
		t.Errorf("status %d, %d bytes came back of %d", got.status, len(got.body), len(body))
	}
	if base64.StdEncoding.EncodedLen(len(body)) > 6<<20 {
		t.Error("the test body does not fit into an event")
	}
}
