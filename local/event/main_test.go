package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEvent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/@/2015-03-31/functions/-/invocations":
			w.Header().Set("X-Amz-Log-Result", "aGVsbG8K")
			w.Write(event)
		case "/@/2015-03-31/functions/broken/invocations":
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			io.WriteString(w, `{"errorType":"X"}`)
		default:
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(404)
			io.WriteString(w, `{"Message":"There is no such function."}`)
		}
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.URL, "http://")
	for name, c := range map[string]struct {
		args        []string
		stdin       string
		code        int
		out, errors string
	}{
		"a file": {[]string{"-address", address, file}, "", 0, "{\n  \"a\": 1\n}\n", "hello\n"},
		"stdin":  {[]string{"-address", address, "-"}, "[1]", 0, "[\n  1\n]\n", "hello"},
		"a schedule": {[]string{"-address", address, "-schedule", "nightly", ""}, "", 0, "\"name\": \"nightly\"",
			"hello"},
		"both": {[]string{"-address", address, "-schedule", "nightly", file}, "", 2, "", "or a schedule"},
		"an error": {[]string{"-address", address, "-function", "broken", file}, "", 1, "errorType",
			"failed (Unhandled)"},
		"no function": {[]string{"-address", address, "-function", "other", file}, "", 2, "",
			"ResourceNotFoundException: There is no such function."},
		"no file":     {[]string{"-address", address, file + "x"}, "", 2, "", "no such file"},
		"no argument": {[]string{""}, "", 2, "", "make event FILE=event.json"},
		"no cloud":    {[]string{"-address", "127.0.0.1:1", file}, "", 2, "", "make local"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errors bytes.Buffer
			if code := run(c.args, strings.NewReader(c.stdin), &out, &errors); code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, &errors)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errors.String(), c.errors) ||
				c.out == "" && out.Len() > 0 {
				t.Errorf("printed %q and %q, want %q and %q", &out, &errors, c.out, c.errors)
			}
		})
	}
}
