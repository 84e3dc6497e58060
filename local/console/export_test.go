package console

import (
	"encoding/json"
	"go/format"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// TestExportsWork: each form is run, and sends the request that it was made of.
func TestExportsWork(t *testing.T) {
	got := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r
		bodies <- string(body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
		io.WriteString(w, `{"order": 1, "text": "\u00fc"}`)
	}))
	defer server.Close()
	const body = `{"it's":"\"quoted\"","n":1,"ü":"\\"}` + "\n"
	p := paste{
		address: strings.TrimPrefix(server.URL, "http://"), method: "POST", target: "/v1/api/orders?x='1'&y=%2F",
		body: []byte(body), status: 201,
		headers: []header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Quote",
			Value: `it's "$HOME" \n`}, {Name: "Cookie", Value: hidden, Hidden: true}},
		answer: []byte(`{"order": 1, "text": "\u00fc"}`),
	}
	for name, c := range map[string]struct {
		file, text string
		command    func(file string) *exec.Cmd
	}{
		"curl": {"run.sh", p.curl(), func(file string) *exec.Cmd { return exec.Command("sh", file) }},
		"pytest": {"test_x.py", p.pytest() + "\ntest_" + p.testName() + "()\n",
			func(file string) *exec.Cmd { return exec.Command("python3", file) }},
		"go": {"x_test.go", p.goTest(), func(file string) *exec.Cmd {
			return exec.Command("go", "test", file)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			command := c.command(file)
			if _, err := exec.LookPath(command.Args[0]); err != nil {
				t.Skip("no " + command.Args[0])
			}
			command.Env = append(os.Environ(), "COOKIE=session=1", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, c.text)
			}
			r := <-got
			if r.Method != "POST" || r.RequestURI != p.target || r.Header.Get("X-Quote") != `it's "$HOME" \n` ||
				r.Header.Get("Cookie") != "session=1" {
				t.Errorf("sent %s %s %v", r.Method, r.RequestURI, r.Header)
			}
			if sent := <-bodies; sent != body {
				t.Errorf("sent the body %q, want %q", sent, body)
			}
		})
	}
	if formatted, err := format.Source([]byte(p.goTest())); err != nil || string(formatted) != p.goTest() {
		t.Errorf("the Go test is not as gofmt writes it: %v\n%s", err, p.goTest())
	}
}

func TestExportsOfBinaryBodies(t *testing.T) {
	p := paste{address: "127.0.0.1:1", method: "POST", target: "/x", body: []byte{0, 1, 0xff}}
	if text := p.curl(); !strings.Contains(text, "AAH/") || !strings.Contains(text, "--data-binary @-") {
		t.Errorf("curl with bytes:\n%s", text)
	}
	if text := p.pytest(); !strings.Contains(text, `b"\x00\x01\xff"`) {
		t.Errorf("pytest with bytes:\n%s", text)
	}
}

// TestExportsHideSecrets: what is copied is what the page shows.
func TestExportsHideSecrets(t *testing.T) {
	c := newConsole()
	play(c, "one", func(q *gateway.Request, _ *gateway.Response, _ *sandbox.Report) {
		q.Header = http.Header{"Authorization": {"Bearer t0ps3cret"}}
		q.Event = sandbox.BodyOf([]byte(`{"headers":{"Authorization":"Bearer t0ps3cret"}}`))
	})
	for _, form := range []string{"curl", "event", "pytest", "go"} {
		without := ask(t, c, "GET", "/@/api/invocations/one/as/"+form, "").Body.String()
		with := ask(t, c, "GET", "/@/api/invocations/one/as/"+form+"?secrets=1", "").Body.String()
		if strings.Contains(without, "t0ps3cret") || !strings.Contains(with, "t0ps3cret") {
			t.Errorf("%s: without secrets\n%s\nwith\n%s", form, without, with)
		}
	}
	if text := ask(t, c, "GET", "/@/api/invocations/one", "").Body.String(); strings.Contains(text, "t0ps3cret") {
		t.Errorf("the details have the secret: %s", text)
	}
	var found []string
	json.Unmarshal(ask(t, c, "GET", "/@/api/search?q=line+of", "").Body.Bytes(), &found)
	if len(found) != 1 {
		t.Errorf("a search in the lines finds %v", found)
	}
	json.Unmarshal(ask(t, c, "GET", "/@/api/search?q=t0ps3cret", "").Body.Bytes(), &found)
	if len(found) != 0 {
		t.Errorf("a search finds what is hidden: %v", found)
	}
}

// FuzzHTTPMessage: bytes of any app come out as a message without a panic, and never larger than they were.
func FuzzHTTPMessage(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("GET /x?X-Amz-Signature=y HTTP/1.1\r\nCookie: a\r\n\r\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []string{"appRequest", "appResponse"} {
			m := httpMessage(kind, sandbox.BodyOf(b), false)
			if m.Body.Kept > len(b) || m.Body.Size < 0 {
				t.Errorf("%q becomes %+v", b, m)
			}
			for _, h := range m.Headers {
				if isSecret(h.Name) && h.Value != hidden {
					t.Errorf("%+v is not hidden", h)
				}
			}
		}
	})
}
