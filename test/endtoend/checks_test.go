package endtoend

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-web/local/container"
	"lambda-web/test/docker"
	"lambda-web/test/launch"
)

// expectations say where an app has what the checks below look at. What is left empty the app does not have.
type expectations struct {
	page     string // has links; all of them lead somewhere below the stage
	missing  string // is not there: the app's own page with status 404
	broken   string // fails: the app's own page with status 500
	file     string // a file that may be asked for by HEAD and in parts
	redirect string // redirects to a path below the stage
	unicode  string // a path that holds "größe/日本", as the app's router takes it
	absolute string // a page that tells its own absolute URL
	client   string // a page that tells the client's address
	events   string // server-sent events, at least three
	upload   *uploadForm
	login    *loginForm
}

// uploadForm is a form that takes a file. The file can be downloaded afterwards.
type uploadForm struct {
	path, field string
	download    string // the file's name is added to it
	csrf        string // hidden field of the form's page that is sent along; or empty
	page        string // where the form is; empty is the app's page
}

// loginForm lets a visitor in.
type loginForm struct {
	path    string
	fields  url.Values
	csrf    string // hidden field of the form, without which it is refused; or empty, when the Origin header decides
	account string // sends visitors who have not logged in to the form
	welcome string // what the account's page then says
}

// start starts an example, or skips the test where this is not possible.
func start(t *testing.T, e Example) (*launch.Cloud, *browser) {
	t.Helper()
	if os.Getenv("LAMBDA_WEB_TEST_EXAMPLES") == "" {
		t.Skip("the examples are tested by: make test-examples")
	}
	e.Root, e.Mode = root(t), mode(t)
	if e.Mode == "container" {
		provide(t, e)
	}
	c, err := Start(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the local cloud printed:\n%s", c.Log())
		}
	})
	return c, newBrowser(t, c.URL)
}

// engine is a container engine for the tests, their own where no other answers.
var engine = sync.OnceValues(func() (*docker.Daemon, error) { return docker.Use(filepath.Join("..", "..")) })

// stopEngine ends it; TestMain knows when.
var stopEngine = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopEngine()
	os.Exit(code)
}

// provide makes sure that there is an engine, and that it has the images that an example's Dockerfile starts from.
func provide(t *testing.T, e Example) {
	t.Helper()
	d, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	stopEngine = d.Stop
	if err := d.ProvideFor(filepath.Join(e.Folder(), cmp.Or(e.Dockerfile, "Dockerfile"))); err != nil {
		t.Fatal(err)
	}
}

// mode is how the examples run: as LAMBDA_WEB_TEST_MODE says, and with auto in containers where an engine answers.
func mode(t *testing.T) string {
	t.Helper()
	asked := os.Getenv("LAMBDA_WEB_TEST_MODE")
	if asked != "auto" && asked != "" {
		return asked
	}
	if _, err := container.Find(t.Context(), root(t), t.TempDir()); err == nil {
		return "container"
	}
	return "process"
}

// files is a folder where an app may write.
func files(t *testing.T) string {
	t.Helper()
	if mode(t) == "container" {
		return "/tmp"
	}
	return t.TempDir()
}

// imageOnly tests, in process mode, that an example which only its image can be says so, and ends the test there.
func imageOnly(t *testing.T, name, why string) {
	t.Helper()
	if os.Getenv("LAMBDA_WEB_TEST_EXAMPLES") == "" || mode(t) != "process" {
		return
	}
	c, err := Start(Example{Root: root(t), Name: name, Mode: "process"})
	if err == nil {
		c.Kill()
		t.Fatal("it starts in process mode")
	}
	for _, want := range []string{why, "make local MODE=container"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	t.Skip("its pages are tested in containers: make test-examples MODE=container")
}

func root(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, ok := strings.CutSuffix(folder, "/test/endtoend")
	if !ok {
		t.Fatalf("the tests run in %s, which is not test/endtoend", folder)
	}
	return root
}

// needs skips the test when a program is missing that the app runs with as a process.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if mode(t) == "container" {
		return
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not on this machine: install it to test this example", program)
		}
	}
}

// needsPackage skips the test when a command that gets one small package from its registry fails.
func needsPackage(t *testing.T, registry string, command ...string) {
	t.Helper()
	if os.Getenv("LAMBDA_WEB_TEST_EXAMPLES") == "" || mode(t) == "container" {
		return // start says why it is skipped; an image's build gets its packages itself
	}
	get := exec.Command(command[0], command[1:]...)
	get.Dir = t.TempDir()
	if out, err := get.CombinedOutput(); err != nil {
		t.Skipf("the %s cannot be reached, and the example's packages come from there: %v: %.300s", registry, err, out)
	}
}

func needsNode(t *testing.T) {
	t.Helper()
	needs(t, "node", "npm")
	needsPackage(t, "npm registry", "npm", "pack", "--silent", "ms@2.1.3")
}

func needsPython(t *testing.T) {
	t.Helper()
	needs(t, "python3")
	needsPackage(t, "Python package index", "python3", "-m", "pip", "download", "--quiet", "--no-deps",
		"--no-cache-dir",
		"--disable-pip-version-check", "--retries", "1", "--timeout", "10", "itsdangerous==2.2.0")
}

// check runs the checks that apply to an app, each as a user with a fresh browser.
func (e expectations) check(t *testing.T, stageURL string) {
	for _, c := range []struct {
		name    string
		applies bool
		run     func(*testing.T, *browser)
	}{
		{"links of a page stay below the stage", e.page != "", e.checkLinks},
		{"404 is the app's own page", e.missing != "", e.checkMissing},
		{"500 is the app's own page", e.broken != "", e.checkBroken},
		{"HEAD has the headers of GET and no body", e.file != "", e.checkHead},
		{"a part of a file", e.file != "", e.checkRange},
		{"a file that did not change is not sent again", e.file != "", e.checkConditional},
		{"a redirect stays below the stage", e.redirect != "", e.checkRedirect},
		{"a path with Unicode", e.unicode != "", e.checkUnicode},
		{"an absolute link is right", e.absolute != "", e.checkAbsolute},
		{"a forged host or prefix is not believed", e.absolute != "", e.checkForged},
		{"the client's address is right", e.client != "", e.checkClient},
		{"events arrive one by one", e.events != "", e.checkEvents},
		{"a login lasts, and forms of other sites are refused", e.login != nil, e.checkLogin},
		{"3 MB up and down, byte for byte", e.upload != nil, e.checkUpload},
		{"5 MB are refused as AWS refuses them", e.upload != nil, e.checkTooLarge},
	} {
		if c.applies {
			t.Run(c.name, func(t *testing.T) { c.run(t, newBrowser(t, stageURL)) })
		}
	}
}

func (e expectations) checkLinks(t *testing.T, b *browser) {
	links := b.get(e.page).want(200).links()
	if len(links) == 0 {
		t.Fatalf("the page %s has no links", e.page)
	}
	for _, link := range links {
		if p := b.get(link); p.status >= 400 &&
			p.status != http.StatusMethodNotAllowed { // a form's target may take POST only
			t.Errorf("the link %s of %s has status %d", link, e.page, p.status)
		}
	}
}

func (e expectations) checkMissing(t *testing.T, b *browser) {
	p := b.get(e.missing).want(404)
	if p.header.Get("X-Amzn-Errortype") != "" || len(p.body) == 0 {
		t.Errorf("the page is not the app's: %v %s", p.header, p.body)
	}
}

func (e expectations) checkBroken(t *testing.T, b *browser) {
	p := b.get(e.broken).want(500)
	if p.header.Get("X-Amzn-Errortype") != "" || len(p.body) == 0 {
		t.Errorf("the page is not the app's: %v %s", p.header, p.body)
	}
	b.get(e.page).want(200) // the app goes on
}

func (e expectations) checkHead(t *testing.T, b *browser) {
	whole := b.get(e.file, "Accept-Encoding", "identity").want(200) // compressed, the ETag is another one
	head := b.send("HEAD", e.file, nil, "Accept-Encoding", "identity").want(200)
	if len(head.body) != 0 {
		t.Errorf("HEAD has a body of %d bytes", len(head.body))
	}
	for _, name := range []string{"Content-Type", "Last-Modified", "Etag"} {
		if got, want := head.header.Get(name), whole.header.Get(name); got != want {
			t.Errorf("%s of HEAD is %q, of GET %q", name, got, want)
		}
	}
}

func (e expectations) checkRange(t *testing.T, b *browser) {
	whole := b.get(e.file).want(200).body
	if len(whole) < 20 {
		t.Fatalf("the file has %d bytes, which is too little for this check", len(whole))
	}
	part := b.get(e.file, "Range", "bytes=5-14").want(206)
	if !bytes.Equal(part.body, whole[5:15]) {
		t.Errorf("bytes 5 to 14 are %q, want %q", part.body, whole[5:15])
	}
	if got, want := part.header.Get("Content-Range"), fmt.Sprintf("bytes 5-14/%d", len(whole)); got != want {
		t.Errorf("Content-Range is %q, want %q", got, want)
	}
}

func (e expectations) checkConditional(t *testing.T, b *browser) {
	whole := b.get(e.file).want(200)
	header, value := "If-None-Match", whole.header.Get("Etag")
	if value == "" {
		header, value = "If-Modified-Since", whole.header.Get("Last-Modified")
	}
	if value == "" {
		t.Fatalf("the file has neither ETag nor Last-Modified: %v", whole.header)
	}
	if again := b.get(e.file, header, value).want(304); len(again.body) != 0 {
		t.Errorf("304 has a body of %d bytes", len(again.body))
	}
}

func (e expectations) checkRedirect(t *testing.T, b *browser) { b.get(e.redirect).follow().want(200) }

func (e expectations) checkUnicode(t *testing.T, b *browser) {
	p := b.get((&url.URL{Path: e.unicode}).EscapedPath()).want(200)
	if !bytes.Contains(p.body, []byte("größe/日本")) && !bytes.Contains(p.body, []byte(`gr\u00f6\u00dfe/\u65e5\u672c`)) {
		t.Errorf("the page does not tell the path: %.600s", p.body)
	}
}

func (e expectations) checkAbsolute(t *testing.T, b *browser) {
	b.get(e.absolute).want(200, b.stage.String()+e.absolute)
}

// A client may send any header. What decides about the links that others get must come from the gateway.
func (e expectations) checkForged(t *testing.T, b *browser) {
	p := b.get(e.absolute, "X-Forwarded-Prefix", "/evil", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto",
		"http",
		"Forwarded", "host=evil.example;proto=http").want(200, b.stage.String()+e.absolute)
	if bytes.Contains(p.body, []byte("evil")) {
		t.Errorf("the app believed the client: %.600s", p.body)
	}
}

func (e expectations) checkClient(t *testing.T, b *browser) {
	b.get(e.client, "X-Forwarded-For", "203.0.113.66").want(200, address)
	if bytes.Contains(b.page.body, []byte("203.0.113.66")) {
		t.Errorf("the app believed the client's own X-Forwarded-For: %.600s", b.page.body)
	}
}

// checkEvents: what the app sends in the course of time does not arrive at once.
func (e expectations) checkEvents(t *testing.T, b *browser) {
	response := b.open("GET", e.events, nil, "Accept", "text/event-stream")
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("status %d, type %q", response.StatusCode, kind)
	}
	var first, last time.Time
	count := 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "data:") {
			continue
		}
		if last = time.Now(); count == 0 {
			first = last
		}
		count++
	}
	if span := last.Sub(first); count < 3 || span < 300*time.Millisecond {
		t.Errorf("%d events arrived within %s", count, span)
	}
}

func (e expectations) checkLogin(t *testing.T, b *browser) {
	form := *e.login
	if where := b.get(form.account).location(); where != b.stage.String()+form.path {
		t.Errorf("who has not logged in is sent to %s", where)
	}
	fields, page := maps.Clone(form.fields), b.get(form.path).want(200)
	if form.csrf == "" {
		b.submit(form.path, fields, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").want(403)
	} else {
		b.submit(form.path, fields).want(403)
		fields.Set(form.csrf, page.field(form.csrf))
	}
	answer := b.submit(form.path, fields)
	if cookie := answer.header.Get("Set-Cookie"); !strings.Contains(strings.ToLower(cookie), "httponly") ||
		!strings.Contains(strings.ToLower(cookie), "secure") {
		t.Errorf("the login's cookie is %q", cookie)
	}
	answer.follow().want(200, form.welcome)
	b.get(form.account).want(200, form.welcome)
	newBrowser(t, b.stage.String()).get(form.account).location() // nobody else is logged in
}

func (e expectations) checkUpload(t *testing.T, b *browser) {
	content := noise(3_000_000)
	p := e.send(b, "größe.bin", content)
	if p.status >= 300 && p.status <= 399 {
		p = p.follow()
	}
	if p.status > 299 {
		t.Fatalf("3 MB: status %d: %.600s", p.status, p.body)
	}
	got := b.get(e.upload.download + url.PathEscape("größe.bin")).want(200)
	if !bytes.Equal(got.body, content) {
		t.Errorf("the download has %d bytes and differs from the %d that were sent", len(got.body), len(content))
	}
}

// The event of a REST API holds the body as base64, and Lambda takes events of up to 6 MB.
func (e expectations) checkTooLarge(t *testing.T, b *browser) {
	p := e.send(b, "large.bin", noise(5_000_000)).want(413)
	if got, want := string(p.body), `{"message": "Request Too Long"}`; got != want {
		t.Errorf("the gateway says %s, want %s", got, want)
	}
}

func (e expectations) send(b *browser, name string, content []byte) *page {
	fields := url.Values{}
	if e.upload.csrf != "" {
		fields.Set(e.upload.csrf, b.get(cmp.Or(e.upload.page, e.page)).field(e.upload.csrf))
	}
	return b.upload(e.upload.path, e.upload.field, name, content, fields)
}

// noise is the same bytes every time, of every value.
func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{7})
	content := make([]byte, n)
	source.Read(content)
	return content
}
