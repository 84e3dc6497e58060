// Command console photographs the console of a running local cloud, for the docs: it starts the built local cloud
// with the app in testdata/app, uses it a little, and writes one picture in light and one in dark, at 1280 and at 400
// pixels.
//
//	console -bin FOLDER -out FOLDER [-all]
//
// With -all the other views are photographed, too, for whoever works on them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"
	"lambda-web/test/launch"
)

func main() {
	bin := flag.String("bin", ".lambda-web/bin", "folder of the built programs")
	out := flag.String("out", "docs", "folder of the pictures")
	all := flag.Bool("all", false, "photograph every view")
	flag.Parse()
	if err := photograph(*bin, *out, *all); err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

// startCloud runs the built local cloud on a free port with the app of a folder.
func startCloud(bin, app string, args ...string) (*launch.Cloud, error) {
	command := exec.Command(filepath.Join(bin, "local"), append([]string{"-bin", bin, "-mode", "process", "-port",
		"0", "-app", app}, args...)...)
	return launch.Start(command, 2*time.Minute, nil)
}

// consoleOf is the console's address: beside the stage.
func consoleOf(c *launch.Cloud) string {
	host := c.URL[:strings.LastIndexByte(c.URL, '/')]
	return strings.Replace(host, "[::]", "127.0.0.1", 1) + "/@/" // it listens on all addresses
}

// copyApp copies the app, so that its files may change.
func copyApp() (string, error) {
	folder, err := os.MkdirTemp("", "lambda-web-shop")
	if err != nil {
		return "", err
	}
	app := filepath.Join(folder, "shop")
	return app, os.CopyFS(app, os.DirFS("test/console/testdata/app"))
}

func photograph(bin, out string, all bool) error {
	app, err := copyApp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(app))
	c, err := startCloud(bin, app, "-console", "record", "-c", "invokeMode=response_stream")
	if err != nil {
		return err
	}
	defer c.Kill()
	if err := visit(c.URL, c); err != nil {
		return err
	}
	page, end, err := browser.Open(context.Background())
	if err != nil {
		return err
	}
	defer end()
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 400} {
			for _, v := range views {
				if v.name != "" && !all {
					continue
				}
				file := filepath.Join(out, fmt.Sprintf("console%s-%s-%d.png", v.name, theme, width))
				if err := shoot(page, consoleOf(c), file, width, theme, v.get); err != nil {
					return fmt.Errorf("photograph %s: %w", file, err)
				}
				fmt.Println(file)
			}
		}
	}
	return nil
}

// visit uses the app as a person would.
func visit(url string, c *launch.Cloud) error {
	for _, ask := range []struct{ method, path, body string }{
		{"GET", "/", ""}, {"GET", "/logo.png", ""}, {"GET", "/api/hello?name=Ada", ""}, {"POST", "/api/orders",
			`{"items":["tea","milk"]}`},
		{"GET", "/api/fail", ""}, {"GET", "/api/crash", ""}, {"GET", "/api/hello?name=Alan", ""}, {"GET", "/missing",
			""},
		{"GET", "/api/progress?steps=4", ""}, {"POST", "/api/orders", `{"items":`}, {"GET", "/api/report", ""},
		{"GET", "/api/hello?name=Grace", ""},
	} {
		request, err := http.NewRequest(ask.method, url+ask.path, strings.NewReader(ask.body))
		if err != nil {
			return err
		}
		request.Header.Set("Cookie", "session=7f9c2ba4e88f827d")
		request.Header.Set("Accept", "application/json")
		if ask.body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if strings.HasSuffix(ask.path, "crash") { // its end is noticed a moment later
			if _, err := c.Await(0, browser.Patience, "Runtime.ExitError"); err != nil {
				return err
			}
		}
	}
	return nil
}

// opened is true when the details of an invocation are there.
const opened = `document.querySelector("#detail h2 .path") && document.querySelector("#detail svg rect")`

// views are what is photographed, and how to get there. The one without a name is for the docs.
var views = []struct {
	name string
	get  func(width int64) chromedp.Action
}{
	{"", func(width int64) chromedp.Action {
		if width < 900 {
			return chromedp.Tasks{} // the list alone
		}
		return detailsOf("/api/hello?name=Alan")
	}},
	{"-detail", func(int64) chromedp.Action { return detailsOf("/api/orders") }},
	{"-failure", func(int64) chromedp.Action { return detailsOf("/api/crash") }},
	{"-list", func(int64) chromedp.Action { return chromedp.Tasks{} }},
	{"-sandboxes", func(int64) chromedp.Action { return viewOf("sandboxes", "#sandboxes article") }},
	{"-deployments", func(int64) chromedp.Action { return viewOf("deployments", "#deployments article") }},
	{"-edit", func(int64) chromedp.Action {
		return chromedp.Tasks{detailsOf("/api/orders"),
			chromedp.Evaluate(`document.querySelector("#detail .actions button:nth-child(2)").click()`, nil),
			browser.Until(`document.querySelector("form.edit")`)}
	}},
	{"-keys", func(int64) chromedp.Action { return chromedp.Evaluate(`document.querySelector("#help").click()`, nil) }},
}

func detailsOf(path string) chromedp.Action {
	row := fmt.Sprintf(`document.querySelector('.row .path[title$="%s"]').closest(".row")`, path)
	return chromedp.Tasks{browser.Until(row), chromedp.Evaluate(row+".click()", nil), browser.Until(opened)}
}

func viewOf(name, shown string) chromedp.Action {
	return chromedp.Tasks{chromedp.Evaluate(fmt.Sprintf(`document.querySelector('[data-view=%q]').click()`, name),
		nil), browser.Until(fmt.Sprintf("document.querySelector(%q)", shown))}
}

func shoot(page context.Context, console, file string, width int64, theme string,
	get func(int64) chromedp.Action) error {
	var picture []byte
	if err := browser.Within(page, browser.Look(width, 860, theme), chromedp.Navigate("about:blank"),
		chromedp.Navigate(console),
		browser.Until(`document.querySelectorAll(".row").length > 5`), get(width),
		chromedp.CaptureScreenshot(&picture)); err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}
