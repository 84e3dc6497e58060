package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"
)

// attack is a page of another site that tries what a browser lets it try, and writes down what it could read.
const attack = `<!doctype html><title>attack</title><p id="read"></p><p id="tried"></p>
<iframe name="sink"></iframe><iframe id="frame" src="%[1]s"></iframe>
<form id="form" method="post" target="sink" action="%[1]sapi/invocations/%[2]s/replay"></form>
<script>
const read = [], urls = ["", "api/search?q=greeting", "api/invocations/%[2]s?secrets=1", "api/feed"];
(async () => {
  for (const url of urls) {
    try { const r = await fetch("%[1]s" + url); if (r.ok) read.push(await Promise.race([r.text(), new Promise((done) => setTimeout(done, 300, "open"))])); } catch {}
  }
  for (const mode of ["cors", "no-cors"]) {
    for (const headers of [{}, {"X-Console": "1"}]) {
      try { const r = await fetch("%[1]sapi/invocations/%[2]s/replay", {method: "POST", mode, headers}); if (r.ok) read.push("replayed"); } catch {}
      try { await fetch("%[1]s2015-03-31/functions/-/invocations", {method: "POST", mode, headers, body: "{}"}); } catch {}
    }
  }
  document.querySelector("#form").submit();
  await new Promise((done) => { const s = document.createElement("script"); s.src = "%[1]sapi/search?q=greeting"; s.onload = () => done(read.push("script")); s.onerror = done; document.head.append(s); });
  await new Promise((done) => { const e = new EventSource("%[1]sapi/feed"); e.onmessage = (m) => done(read.push(m.data)); e.onerror = done; });
  try { read.push(document.querySelector("#frame").contentDocument.body.innerText); } catch {}
  document.querySelector("#read").textContent = JSON.stringify(read.filter(Boolean));
  document.querySelector("#tried").textContent = "done";
})();
</script>`

// TestOtherSites: a page of another site, and one whose name was rebound to this machine, can neither read nor replay.
func TestOtherSites(t *testing.T) {
	s := openShop(t)
	s.get("/api/hello?name=Ada")
	s.do(browser.Until(row("/api/hello?name=Ada")))
	id := s.js(row("/api/hello?name=Ada") + ".dataset.id")
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, attack, consoleOf(s.Cloud), id)
	}))
	t.Cleanup(other.Close)
	for _, origin := range []string{other.URL, strings.Replace(other.URL, "127.0.0.1", browser.OtherSite, 1)} {
		s.do(chromedp.Navigate(origin), browser.Until(`document.querySelector("#tried").textContent`))
		if read := s.js(`document.querySelector("#read").textContent`); read != "[]" {
			t.Errorf("a page of %s has read %s", origin, read)
		}
	}
	rebound := strings.Replace(consoleOf(s.Cloud), "127.0.0.1", browser.OtherSite, 1)
	s.do(chromedp.Navigate(rebound))
	if text := s.js(`document.body.innerText`); !strings.Contains(text, "not to another Host") {
		t.Errorf("at %s the console says %q", rebound, text)
	}
	// The list still has the one invocation; a browser that is refused a page asks the API for an icon.
	s.do(chromedp.Navigate(consoleOf(s.Cloud)), browser.Until(row("/api/hello?name=Ada")))
	made := s.js(shown)
	if strings.ReplaceAll(strings.ReplaceAll(made, "/favicon.ico", ""), " ", "") != "/v1/api/hello?name=Ada" {
		t.Errorf("there are %s: another site has made some", made)
	}
}

// TestLoopbackOnly: behind HOST=0.0.0.0 the API is there for other machines, and the console is not.
func TestLoopbackOnly(t *testing.T) {
	s := openShop(t, "-host", "0.0.0.0")
	address := outside(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(strings.TrimSuffix(consoleOf(s.Cloud), "/@/"), "http://"))
	for path, status := range map[string]int{"/v1/api/hello": 200, "/@/": 403, "/@/api/feed": 403, "/@": 403} {
		answer, err := http.Get("http://" + net.JoinHostPort(address, port) + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%s from outside: status %d, want %d", path, answer.StatusCode, status)
		}
	}
}

// outside is an address of this machine that is not loopback.
func outside(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

// TestOff: with CONSOLE=off the path is API Gateway's again.
func TestOff(t *testing.T) {
	app, err := copyApp()
	if err != nil {
		t.Fatal(err)
	}
	c, err := startCloud(bin, app, "-console", "off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	answer, err := http.Get(consoleOf(c))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != 403 || string(body) != `{"message":"Forbidden"}` {
		t.Errorf("status %d: %s", answer.StatusCode, body)
	}
}

// TestAnOpenPageDoesNotHoldTheEndUp: the local cloud ends at once although a page listens.
func TestAnOpenPageDoesNotHoldTheEndUp(t *testing.T) {
	s := openShop(t)
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	s.do(browser.Until(`document.querySelector("#live").textContent === "away"`))
}

// TestTheEnvironmentIsNotShown: what the console sends has nothing of the function's environment, also with secrets.
func TestTheEnvironmentIsNotShown(t *testing.T) {
	const secret = "t0ps3cret-0f-the-environment"
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	text := "config:\n  aws:region: eu-central-1\n  lambda-web:environment:\n    TOKEN: " + secret + "\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openShop(t, "-config-file", settings, "-console", "record")
	if told := s.get("/api/environment?name=TOKEN"); !strings.Contains(told, secret) {
		t.Fatalf("the app says %q: it has not got the secret", told)
	}
	s.get("/api/hello")
	s.do(browser.Until(row("/api/hello")))
	id := s.js(row("/api/hello") + ".dataset.id")
	for _, path := range []string{"api/invocations/" + id + "?secrets=1", "api/invocations/" + id +
		"/as/event?secrets=1", "api/feed"} {
		ctx, cancel := context.WithTimeout(t.Context(), browser.Patience)
		request, _ := http.NewRequestWithContext(ctx, "GET", consoleOf(s.Cloud)+path, nil)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var seen []byte
		for buffer := make([]byte, 64<<10); ; {
			n, err := answer.Body.Read(buffer)
			seen = append(seen, buffer[:n]...)
			if err != nil || path == "api/feed" && strings.Contains(string(seen), "\n\ndata: ") &&
				strings.Count(string(seen), "\n\n") > 2 {
				break
			}
		}
		answer.Body.Close()
		cancel()
		if strings.Contains(string(seen), secret) || len(seen) < 100 {
			t.Errorf("%s says %s", path, seen)
		}
	}
}
