package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"
	"lambda-web/test/launch"
)

// The console of the built local cloud in a real browser. LAMBDA_WEB_TEST_BROWSER=1 runs these tests ("make
// test-console"): they need Chromium.

var (
	bin  string          // folder of the built programs
	page context.Context // of the browser
)

func TestMain(m *testing.M) {
	code, err := prepare(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func prepare(m *testing.M) (int, error) {
	if os.Getenv("LAMBDA_WEB_TEST_BROWSER") == "" {
		fmt.Println("LAMBDA_WEB_TEST_BROWSER is not set: the console is not looked at in a browser")
		return 0, nil
	}
	if err := os.Chdir("../.."); err != nil { // the project's folder, where make runs
		return 0, err
	}
	folder, err := filepath.Abs(".lambda-web/bin")
	if err != nil {
		return 0, err
	}
	bin = folder
	var end func()
	if page, end, err = browser.Open(context.Background()); err != nil {
		return 0, err
	}
	defer end()
	return m.Run(), nil
}

// shop is a local cloud with a copy of the app, and the page open.
type shop struct {
	*launch.Cloud
	app string
	t   *testing.T
}

func openShop(t *testing.T, args ...string) *shop {
	t.Helper()
	app, err := copyApp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(app)) })
	c, err := startCloud(bin, app, append([]string{"-c", "invokeMode=response_stream"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{c, app, t}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the local cloud printed:\n%s", c.Log())
		}
	})
	s.do(browser.Look(1280, 860, "light"), chromedp.Navigate(consoleOf(c)),
		browser.Until(`document.querySelector("#live").textContent === "live"`))
	return s
}

// do acts on the page.
func (s *shop) do(actions ...chromedp.Action) {
	s.t.Helper()
	if err := browser.Within(page, actions...); err != nil {
		var text string
		browser.Within(page, chromedp.Evaluate(`document.body.innerText`, &text))
		s.t.Fatalf("%v\nthe page says:\n%s", err, text)
	}
}

// js is the value of an expression as text.
func (s *shop) js(expression string) string {
	s.t.Helper()
	var text string
	s.do(chromedp.Evaluate("String("+expression+")", &text))
	return text
}

// get asks the app and returns the body.
func (s *shop) get(path string) string {
	s.t.Helper()
	request, _ := http.NewRequest("GET", strings.Replace(s.URL, "[::]", "127.0.0.1", 1)+path, nil)
	request.Header.Set("Cookie", "session=7f9c2ba4e88f827d")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

// row is the newest row whose path ends like this.
func row(path string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".row")].find((r) => r.querySelector(".path").title.endsWith(%q))`, path)
}

// shown are the paths of the rows that the filters let through.
const shown = `[...document.querySelectorAll(".row")].filter((r) => !r.hidden).map((r) => r.querySelector(".path").title).join(" ")`

func click(selector string) chromedp.Action { return chromedp.Click(selector, chromedp.ByQuery) }

// press types a key where no field has the focus.
func press(key string) chromedp.Action {
	return chromedp.Tasks{chromedp.Evaluate(`document.activeElement.blur()`, nil), chromedp.KeyEvent(key)}
}

// open shows the details of the newest invocation of a path.
func (s *shop) open(path string) {
	s.t.Helper()
	s.do(browser.Until(row(path)), chromedp.Evaluate(row(path)+".click()", nil), browser.Until(opened+
		` && document.querySelector("#detail h2 .path").textContent.endsWith("`+path+`")`))
}

func TestListFilterAndDetails(t *testing.T) {
	s := openShop(t, "-console", "record")
	s.get("/api/hello?name=Ada")
	s.get("/api/fail")
	s.get("/missing")
	s.get("/api/crash")
	// Either the adapter or the platform is the first to notice.
	s.do(browser.Until(`/Runtime.ExitError|Function.AppBadResponse/.test(` + row("/api/crash") + `?.textContent)`))
	if text := s.js(row("/api/hello?name=Ada") + ".textContent"); !strings.Contains(text,
		"200GET/v1/api/hello?name=Ada") || strings.Contains(text, "cold") {
		t.Errorf("the first row is %q", text)
	}
	if _, err := s.Await(0, browser.Patience, "Runtime.ExitError"); err != nil {
		t.Fatal(err)
	}
	s.get("/cold") // the sandbox has to start again
	s.do(browser.Until(row("/cold") + `?.querySelector(".cold").textContent.includes("cold") && ` + row("/cold") +
		`.querySelector(".status").textContent === "404"`))
	for _, c := range []struct {
		name string
		act  chromedp.Action
		want string
	}{
		{"failed", press("f"), "/v1/api/crash /v1/api/fail"},
		{"failed off", press("f"), "/v1/cold /v1/api/crash /v1/missing /v1/api/fail /v1/api/hello?name=Ada"},
		{"4xx", click(`[data-status="4"]`), "/v1/cold /v1/missing"},
		{"4xx and 2xx", click(`[data-status="2"]`), "/v1/cold /v1/missing /v1/api/hello?name=Ada"},
		{"none", chromedp.Tasks{click(`[data-status="4"]`), click(`[data-status="2"]`),
			click(`[data-filter="cold"]`)}, "/v1/cold"},
		{"a path", chromedp.Tasks{press("c"), click("#search"), chromedp.SendKeys("#search", "api fail",
			chromedp.ByQuery)}, "/v1/api/fail"},
	} {
		s.do(c.act)
		if got := s.js(shown); got != c.want {
			t.Errorf("%s shows %q, want %q", c.name, got, c.want)
		}
	}
	// A text that is in the log only.
	s.do(chromedp.Evaluate(`document.querySelector("#search").value = "greeting Ada"; document.querySelector("#search").dispatchEvent(new Event("input"))`, nil),
		browser.Until(shown+` === "/v1/api/hello?name=Ada"`))
	s.open("/api/hello?name=Ada")
	detail := s.js(`document.querySelector("#detail").innerText`)
	for _, text := range []string{"greeting Ada", "REPORT RequestId", "Max Memory Used", "Trace ID", "Init Duration",
		"first byte"} {
		if !strings.Contains(detail, text) {
			t.Errorf("the details lack %q:\n%s", text, detail)
		}
	}
	if strings.Contains(detail, "KeyError") {
		t.Error("the details have the log of another invocation")
	}
	for key, text := range map[string]string{
		"1": "GET /v1/api/hello?name=Ada HTTP/1.1", "2": `"requestContext"`, "3": "GET /api/hello?name=Ada HTTP/1.1",
		"4": "HTTP/1.1 200 OK", "5": `"statusCode": 200`, "6": "X-Amzn-Trace-Id",
	} {
		s.do(press(key), browser.Until(fmt.Sprintf(`document.querySelector(".message").innerText.includes(%q)`, text)))
	}
}

// TestAPageInTheBackground: it leaves its connection, and is as it was when it comes back.
func TestAPageInTheBackground(t *testing.T) {
	s := openShop(t)
	turn := func(hidden bool) chromedp.Action {
		return chromedp.Evaluate(fmt.Sprintf(`Object.defineProperty(document, "hidden", { value: %v, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`, hidden), nil)
	}
	s.get("/missing")
	s.do(browser.Until(row("/missing")), press("x"), browser.Until(shown+` === ""`))
	s.get("/api/hello?name=Ada")
	s.open("/api/hello?name=Ada")
	s.do(turn(true))
	s.get("/api/hello?name=Grace")
	s.do(turn(false), browser.Until(row("/api/hello?name=Grace")))
	if got := s.js(shown); got != "/v1/api/hello?name=Grace /v1/api/hello?name=Ada" {
		t.Errorf("the list shows %q", got)
	}
	if selected := s.js(`document.querySelector('[aria-selected="true"] .path')?.title`); selected != "/v1/api/hello?name=Ada" {
		t.Errorf("the row that is selected is %s", selected)
	}
}

// TestBodies: JSON is formatted, an image is an image, bytes are hexadecimal, and what is clipped says its size.
func TestBodies(t *testing.T) {
	s := openShop(t)
	s.get("/logo.png")
	s.open("/logo.png")
	s.do(press("6"), browser.Until(`document.querySelector("#detail img.preview")?.naturalWidth === 8`))
	s.do(chromedp.Evaluate(`[...document.querySelectorAll(".modes button")].find((b) => b.textContent === "hex").click()`, nil),
		browser.Until(`document.querySelector("pre.hex").textContent.startsWith("000000  89 50 4e 47")`))
	answer, err := http.Post(s.URL+"/api/orders", "application/json", strings.NewReader(`{"items":["`+
		strings.Repeat("tea ", 100_000)+`"]}`))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	s.open("/api/orders")
	s.do(press("1"),
		browser.Until(`document.querySelector(".message .bar").innerText.includes("390.6 kB, the first 256.0 kB are kept")`))
	if off := s.js(`[...document.querySelectorAll("#detail .actions button")].find((b) => b.textContent === "Replay").disabled`); off != "true" {
		t.Error("a request whose body is clipped can be sent again as it was")
	}
	s.get("/api/hello")
	s.open("/api/hello")
	s.do(press("6"), browser.Until(`document.querySelector("pre.json .key")?.textContent === '"message"'`))
}

// TestRecordTheApp: the page puts a recorder between adapter and app, and takes it away.
func TestRecordTheApp(t *testing.T) {
	s := openShop(t)
	message := func(path, want string) {
		t.Helper()
		s.get(path)
		s.open(path)
		s.do(press("3"), browser.Until(fmt.Sprintf(`document.querySelector(".message").innerText.includes(%q)`, want)))
	}
	message("/api/hello?name=before", "Not recorded")
	for _, c := range []struct{ shows, path, want string }{
		{"Recording the app", "/api/hello?name=recorded", "GET /api/hello?name=recorded HTTP/1.1"},
		{"Record the app", "/api/hello?name=after", "Not recorded"},
	} {
		from := s.Printed()
		s.do(click("#record"), browser.Until(fmt.Sprintf(`document.querySelector("#record").textContent === %q`,
			c.shows)))
		if _, err := s.Await(from, browser.Patience, "Restarted"); err != nil {
			t.Fatal(err)
		}
		message(c.path, c.want)
	}
}

// TestSecretsAreHiddenUntilClicked: neither the page nor what it is sent has them before.
func TestSecretsAreHiddenUntilClicked(t *testing.T) {
	s := openShop(t)
	s.get("/api/hello")
	s.open("/api/hello")
	const secret = "7f9c2ba4e88f827d"
	for _, key := range []string{"1", "2"} {
		s.do(press(key), browser.Until(`document.querySelector(".message").innerText.includes("••••••••")`))
		if strings.Contains(s.js(`document.documentElement.outerHTML`), secret) {
			t.Errorf("message %s shows the cookie", key)
		}
	}
	s.do(press("1"), click(".masked"), browser.Until(`document.querySelector(".message").innerText.includes("`+secret+
		`")`))
	s.do(press("s"), browser.Until(`!document.documentElement.outerHTML.includes("`+secret+`")`))
}

func TestReplayAsItWasAndEdited(t *testing.T) {
	s := openShop(t)
	s.get("/api/hello?name=Ada")
	s.open("/api/hello?name=Ada")
	s.do(press("r"),
		browser.Until(`document.querySelectorAll(".row").length === 2 && document.querySelector(".row .tag")?.textContent === "replay"`),
		browser.Until(`document.querySelector("#detail").innerText.includes("replay of")`))
	s.do(click(`#detail .actions button:nth-child(2)`),
		browser.Until(`document.querySelector("form.edit input[name=target]")`),
		chromedp.SetValue(`form.edit input[name=target]`, "/v1/api/hello?name=Grace", chromedp.ByQuery),
		click("form.edit .primary"))
	s.open("/api/hello?name=Grace")
	s.do(press("6"), browser.Until(`document.querySelector(".message").innerText.includes("Hello, Grace!")`))
	// The cookie that the page was not shown has gone out again.
	s.do(press("s"), press("1"),
		browser.Until(`document.querySelector(".message").innerText.includes("7f9c2ba4e88f827d")`))
}

// TestStream: a stream is shown as it comes, and its end, too.
func TestStream(t *testing.T) {
	s := openShop(t)
	s.get("/api/hello")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		http.Get(s.URL + "/api/progress?steps=6&pause=0.5")
	}()
	s.do(browser.Until(row("/api/progress?steps=6&pause=0.5")+`?.classList.contains("running")`),
		chromedp.Evaluate(row("/api/progress?steps=6&pause=0.5")+".click()", nil))
	s.do(browser.Until(`document.querySelector("#detail h2")`), press("6"),
		browser.Until(`document.querySelector(".message").innerText.includes("step 2")`))
	if !strings.Contains(s.js(row("/api/progress?steps=6&pause=0.5")+".className"), "running") {
		t.Error("the stream was shown after its end only")
	}
	<-ended
	s.do(browser.Until(`document.querySelector(".message").innerText.includes("step 6") && document.querySelector("#detail").innerText.includes("6 pieces")`))
}

// TestReloadDuringAChange: the page goes on while a change comes up, shows it, and shows what broke.
func TestReloadDuringAChange(t *testing.T) {
	s := openShop(t)
	s.get("/")
	change := func(from, to string) {
		t.Helper()
		file := filepath.Join(s.app, "app.py")
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(source), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("Version one", "Version two")
	s.do(chromedp.Reload(), browser.Until(`document.querySelector("#live").textContent === "live"`), press("]"),
		press("]"),
		browser.Until(`document.querySelectorAll("#deployments article").length === 2 && document.querySelector("#deployments article .changed").innerText.includes("app.py")`))
	if body := s.get("/"); !strings.Contains(body, "Version two") {
		t.Errorf("the app answers %q", body)
	}
	change("import base64", "import base64 as")
	s.do(browser.Until(`document.querySelector("#deployments article.failed")?.innerText.includes("SyntaxError") || document.querySelector("#deployments article.failed")`))
	s.do(press("["), browser.Until(`document.querySelectorAll("#sandboxes article.version").length >= 2`))
	if text := s.js(`document.querySelector("#sandboxes").innerText`); !strings.Contains(text, "version 2") ||
		!strings.Contains(text, "ended") {
		t.Errorf("the sandboxes are\n%s", text)
	}
}

// TestEventFile: "make event" sends a file to the function, and the page shows it.
func TestEventFile(t *testing.T) {
	s := openShop(t)
	file := filepath.Join(s.app, "event.json")
	if err := os.WriteFile(file, []byte(`{"Records":[{"eventSource":"aws:sqs","body":"tea"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(strings.TrimSuffix(consoleOf(s.Cloud), "/@/"), "http://")
	out, err := exec.Command("go", "run", "./local/event", "-address", address, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.do(browser.Until(`document.querySelector(".row .method")?.textContent === "EVENT"`))
	if text := s.js(`document.querySelector(".row").textContent`); !strings.Contains(text, "aws:sqs") {
		t.Errorf("the row is %q", text)
	}
}

// TestNarrow: at 400 pixels nothing is wider than the window, in the list, in the details and in the other views.
func TestNarrow(t *testing.T) {
	s := openShop(t)
	s.get("/api/hello?name=" + strings.Repeat("long", 60))
	s.get("/api/fail")
	wide := `document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll("header, nav, #filters, .row, #detail, #detail section, article")].every((e) => e.getBoundingClientRect().right <= innerWidth + 1)`
	s.do(browser.Look(400, 860, "dark"), browser.Until(row("/api/fail")), browser.Until(wide))
	s.open("/api/fail")
	s.do(browser.Until(wide), press("\x1b"), press("]"),
		browser.Until(`document.querySelector("#sandboxes article")`), browser.Until(wide), press("]"),
		browser.Until(`document.querySelector("#deployments article")`), browser.Until(wide))
}
