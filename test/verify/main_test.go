package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", ""},
		{"-mode process", ""},
		{"-mode both -only ^paths/", ""},
		{"-stack scratch -yes", ""},
		{"-endpoint https://abc.example/v1 -phase signed -function f -lambda http://127.0.0.1:1", ""},
		{"-mode docker", `MODE is "docker"; allowed are process, container and both`},
		{"-stack scratch -endpoint http://a/v1", "STACK and ENDPOINT are both set"},
		{"-endpoint abc", `ENDPOINT is "abc"; it must be the URL of a stage`},
		{"-endpoint ftp://abc/v1", "ENDPOINT is"},
		{"-endpoint http://a/v1?x=1", "ENDPOINT is"},
		{"-phase none", `PHASE is "none"; allowed are [open`},
		{"-only [", `ONLY is "[", which is no pattern`},
		{"-lambda x", `LAMBDA is "x"`},
		{"more", `unexpected argument "more"`},
		{"-mode x -phase y", "PHASE"},
	} {
		_, err := readOptions(strings.Fields(test.args))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
}

// Another emulator, or a stage of somebody's own: nothing that opens or names anything of theirs is in the evidence.
func TestEndpoint(t *testing.T) {
	secrets := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED22",
		"AWS_SECRET_ACCESS_KEY": "planted/secret+key",
		"AWS_SESSION_TOKEN":     "planted-session-token"}
	for name, value := range secrets {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_PROFILE", "")
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	out := t.TempDir()
	o, err := readOptions([]string{"-endpoint", server.URL + "/v1", "-phase", "signed", "-out", out})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	o.say = &said
	if err := o.verifyEndpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "checks failed") {
		t.Errorf("a server that only echoes passes for a REST API: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(out, "endpoint.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"check":"signatures/presigned"`) {
		t.Errorf("the evidence has no presigned request:\n%s", text)
	}
	for _, bad := range []string{"planted", "PLANTED", "123456789012", "AROAEXAMPLE", "203.0.113.9",
		strings.TrimPrefix(server.URL, "http://")} {
		if at := strings.Index(string(text), bad); at >= 0 {
			t.Errorf("%q is in the evidence: ...%s", bad, text[max(0, at-80):at+20])
		}
		if strings.Contains(said.String(), bad) {
			t.Errorf("%q is in what it says:\n%s", bad, &said)
		}
	}
}

// echo reports a request as the app does, with what AWS would add.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	headers := r.Header.Clone()
	headers.Set("Host", r.Host)
	headers.Set("X-Amzn-Request-Context", `{"accountId":"123456789012","path":"/v1/",`+
		`"identity":{"sourceIp":"203.0.113.9",`+
		`"userArn":"arn:aws:sts::123456789012:assumed-role/planted/session","caller":"AROAEXAMPLE12345:planted"}}`)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Remapped-Authorization", r.Header.Get("Authorization"))
	text, _ := json.Marshal(map[string]any{"request": map[string]any{"target": r.URL.RequestURI(), "headers": headers,
		"text": string(body)}, "process": map[string]any{"instance": "a"}})
	fmt.Fprintf(w, "%s", text)
}
