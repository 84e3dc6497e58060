package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"lambda-web/test/lambda"
)

// runRequest runs a vector of section 4.1: an event goes in, the application must see the request.
func (v vector) runRequest(t *testing.T) {
	for _, payload := range v.payloads(t) {
		e := v.environment(t)
		e.startReady()
		i := v.invocation(payload)
		got := e.run(i)
		calls := e.app.Served()
		if called := true; v.Want.get(t, "app_called", &called) && !called {
			if len(calls) != 0 {
				t.Errorf("the application was called with %q", calls[0].Head)
			}
		} else if len(calls) != 1 {
			t.Fatalf("the application was called %d times", len(calls))
		} else {
			v.checkRequest(e, calls[0], i)
		}
		if want := map[string]any(nil); v.Want.get(t, "event_response", &want) {
			checkJSON(t, "the reply", got.Body, want)
		} else if got.isError() {
			t.Errorf("the invocation failed: %s", got.Body)
		}
	}
}

func (v vector) checkRequest(e *environment, r *lambda.Request, i *lambda.Invocation) {
	var line, body, encoded string
	if v.Want.get(e, "line", &line) && r.Method+" "+r.Target != line {
		e.Errorf("request %s %s, want %s", r.Method, r.Target, line)
	}
	v.checkHeaders(e, r, i)
	want, checked := []byte(nil), false
	if v.Want.get(e, "body", &body) {
		want, checked = []byte(body), true
		if body == "@event" {
			want = i.Event
		}
	}
	if v.Want.get(e, "b64", &encoded) {
		var err error
		want, err = base64.StdEncoding.DecodeString(encoded)
		e.must(err)
		checked = true
	}
	if checked && !bytes.Equal(r.Body, want) {
		e.Errorf("body %q, want %q", r.Body, want)
	}
	v.checkContexts(e, r, i)
}

func (v vector) checkHeaders(e *environment, r *lambda.Request, i *lambda.Invocation) {
	headers, absent := map[string]any{}, []string(nil)
	v.Want.get(e, "h", &headers)
	for name, value := range headers {
		var want []string
		switch value := value.(type) {
		case string:
			want = []string{value}
		case []any:
			for _, line := range value {
				want = append(want, fmt.Sprint(line))
			}
		default:
			e.Fatalf("the vector wants %v for header %s", value, name)
		}
		for n := range want {
			want[n] = v.literal(e, want[n], i)
		}
		if got := r.Header.Values(name); !slices.Equal(got, want) {
			e.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	v.Want.get(e, "no", &absent)
	for _, name := range absent {
		if got := r.Header.Values(name); got != nil {
			e.Errorf("header %s is there: %q", name, got)
		}
	}
	for _, field := range r.Header {
		if field.Name != strings.ToLower(field.Name) {
			e.Errorf("header name %s is not in lower case", field.Name)
		}
	}
}

// literal replaces what stands for something else in an expectation.
func (v vector) literal(e *environment, text string, i *lambda.Invocation) string {
	switch text {
	case "@request":
		return requestContext(e, i.Event)
	case "@lambda":
		return lambdaContext(e, i)
	case "127.0.0.1:8080":
		return e.appAddress()
	}
	return text
}

// checkContexts checks both context headers of every request, whether the vector asks for it or not.
func (v vector) checkContexts(e *environment, r *lambda.Request, i *lambda.Invocation) {
	want := "null"
	if !strings.HasPrefix(v.Event, "raw") && r.Path() != "/events" {
		want = requestContext(e, i.Event)
	}
	if got := r.Header.Values("x-amzn-request-context"); !slices.Equal(got, []string{want}) {
		e.Errorf("x-amzn-request-context is %q, want %s", got, want)
	}
	got := r.Header.Get("x-amzn-lambda-context")
	if want := lambdaContext(e, i); got != want {
		e.Errorf("x-amzn-lambda-context is\n%s, want\n%s", got, want)
	}
	if want := map[string]any(nil); v.Want.get(e, "lambda_context", &want) {
		checkJSON(e, "the Lambda context", []byte(got), want)
	}
}

// requestContext is the event's own text of the request context: white space outside strings removed, bytes outside
// printable ASCII escaped.
func requestContext(t testing.TB, event []byte) string {
	t.Helper()
	var parts struct{ RequestContext json.RawMessage }
	if err := json.Unmarshal(event, &parts); err != nil {
		t.Fatal(err)
	}
	return ascii(t, parts.RequestContext)
}

// lambdaContext is the exact text of the Lambda context for an invocation with the file's default environment.
func lambdaContext(t testing.TB, i *lambda.Invocation) string {
	text := func(name string) string {
		if !i.Header.Has(name) {
			return "null"
		}
		return quote(i.Header.Get(name))
	}
	object := func(name string) string {
		if value := i.Header.Get(name); json.Valid([]byte(value)) {
			return ascii(t, json.RawMessage(value))
		}
		return "null"
	}
	context := fmt.Sprintf(`{"request_id":%s,"deadline":%s,"invoked_function_arn":%s,"xray_trace_id":%s,"client_context":%s,"identity":%s,`+
		`"tenant_id":%s,"env_config":{"function_name":"f","memory":128,"version":"$LATEST","log_stream":"ls","log_group":"lg"}`,
		quote(i.ID), i.Header.Get("Lambda-Runtime-Deadline-Ms"),
		quote(i.Header.Get("Lambda-Runtime-Invoked-Function-Arn")),
		text("Lambda-Runtime-Trace-Id"), object("Lambda-Runtime-Client-Context"),
		object("Lambda-Runtime-Cognito-Identity"),
		text("Lambda-Runtime-Aws-Tenant-Id"))
	if i.Header.Has("Lambda-Runtime-Invocation-Id") {
		context += `,"invocation_id":` + quote(i.Header.Get("Lambda-Runtime-Invocation-Id"))
	}
	return context + "}"
}

// ascii compacts JSON text and escapes what is not printable ASCII.
func ascii(t testing.TB, text json.RawMessage) string {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, c := range compact.String() {
		switch {
		case c >= 0x20 && c < 0x7f:
			out.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, c)
		}
	}
	return out.String()
}

// appReply is what the application of a vector sends.
type appReply struct {
	Status   int         `json:"status"`
	Header   [][2]string `json:"h"`
	HeaderB  [][2]string `json:"h_b64"`
	Body     string      `json:"body"`
	B64      string      `json:"b64"`
	Chunks   []string    `json:"chunks"`
	Trailers [][2]string `json:"trailers"`
	Raw      string      `json:"raw"`
	Then     string      `json:"then"`
	Refused  bool        `json:"refused"`
}

// framing is how a reply without a content-length marks the end of its body.
type framing string

const (
	byChunks framing = "chunked"
	byClose  framing = "until close"
)

// wire returns the bytes of the reply and whether the connection ends with them.
func (a *appReply) wire(t testing.TB, f framing, method string) (raw string, closes bool) {
	t.Helper()
	if a.Raw != "" {
		return a.Raw, a.Then == "close"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.Status, http.StatusText(a.Status))
	var header lambda.Fields
	for _, field := range a.Header {
		header = append(header, lambda.Field{Name: field[0], Value: field[1]})
	}
	for _, field := range a.HeaderB {
		value, err := base64.StdEncoding.DecodeString(field[1])
		if err != nil {
			t.Fatal(err)
		}
		header = append(header, lambda.Field{Name: field[0], Value: string(value)})
	}
	hasBody := method != "HEAD" && a.Status != 204 && a.Status != 304
	useChunks := hasBody && !header.Has("content-length") && (f == byChunks || a.Chunks != nil)
	if useChunks && !header.Has("transfer-encoding") {
		header = append(header, lambda.Field{Name: "transfer-encoding", Value: "chunked"})
	}
	for _, field := range header {
		b.WriteString(field.Name + ": " + field.Value + "\r\n")
	}
	b.WriteString("\r\n")
	if !useChunks {
		b.WriteString(a.Body + decode64(t, a.B64))
		return b.String(), hasBody && !header.Has("content-length")
	}
	end, closes := a.chunks(t, &b)
	b.WriteString(end)
	return b.String(), closes
}

func (a *appReply) chunks(t testing.TB, b *strings.Builder) (end string, closes bool) {
	chunks := a.Chunks
	if body := a.Body + decode64(t, a.B64); chunks == nil && body != "" {
		chunks = []string{body}
	}
	for n, chunk := range chunks {
		if a.Then == "close inside a chunk" && n == len(chunks)-1 {
			fmt.Fprintf(b, "%x\r\n%s", len(chunk)+3, chunk)
			return "", true
		}
		fmt.Fprintf(b, "%x\r\n%s\r\n", len(chunk), chunk)
	}
	if a.Then != "" {
		t.Fatalf("the test does not understand the reply's end %q", a.Then)
	}
	end = "0\r\n"
	for _, field := range a.Trailers {
		end += field[0] + ": " + field[1] + "\r\n"
	}
	return end + "\r\n", false
}

func decode64(t testing.TB, text string) string {
	t.Helper()
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// checkEnvelope compares a posted reply with the wanted one: header names without case (but two that differ only in
// case must both be there), missing and empty members alike, everything else exactly.
func checkEnvelope(t testing.TB, posted, want json.RawMessage) {
	t.Helper()
	got, expected := normalEnvelope(t, posted), normalEnvelope(t, want)
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("reply\n%s, want\n%s", posted, want)
	}
}

func normalEnvelope(t testing.TB, text json.RawMessage) map[string]any {
	t.Helper()
	all, err := decodeOrdered(text)
	if err != nil {
		t.Fatalf("the reply %.300s: %v", text, err)
	}
	normal := map[string]any{}
	for _, m := range all {
		switch {
		case string(m.value) == "{}" || string(m.value) == "[]":
		case m.name == "headers" || m.name == "multiValueHeaders":
			normal[m.name] = normalHeaders(t, m.value)
		default:
			var value any
			if err := json.Unmarshal(m.value, &value); err != nil {
				t.Fatal(err)
			}
			normal[m.name] = value
		}
	}
	return normal
}

// normalHeaders lists "name=value" with lower-case names, sorted, so that names differing in case stay two entries.
func normalHeaders(t testing.TB, text json.RawMessage) []string {
	t.Helper()
	all, err := decodeOrdered(text)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range all {
		var value any
		if err := json.Unmarshal(m.value, &value); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s=%q", strings.ToLower(m.name), value))
	}
	slices.Sort(lines)
	return lines
}
