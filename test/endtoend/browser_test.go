package endtoend

import (
	"bytes"
	"crypto/tls"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser calls an app as a browser does: it keeps cookies, says which page a form or link was on, and follows a
// redirect only when it is told to. It uses HTTPS, as on AWS.
type browser struct {
	t      *testing.T
	stage  *url.URL // the URL of the stage; it has no slash at its end
	client *http.Client
	page   *page // where the user is
}

func newBrowser(t *testing.T, stageURL string) *browser {
	t.Helper()
	stage, err := url.Parse(stageURL)
	if err != nil {
		t.Fatal(err)
	}
	stage.Scheme = "https"
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{
		Jar: jar, Transport: network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &browser{t: t, stage: stage, client: client}
}

// address is where browsers call from. A server does not trust it, as it trusts proxies on 127.0.0.1.
const address = "127.0.0.2"

var network = &http.Transport{
	DialContext:        (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext,
	TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // the local cloud has a certificate of its own
	DisableCompression: true,                                  // bodies are compared as they were sent
}

// page is an answer.
type page struct {
	browser *browser
	request *http.Request
	status  int
	header  http.Header
	body    []byte
}

// get opens a path below the stage. Headers are names and values in turn.
func (b *browser) get(path string, headers ...string) *page {
	b.t.Helper()
	return b.send("GET", path, nil, headers...)
}

// submit posts a form's fields, from the page the browser is on.
func (b *browser) submit(path string, fields url.Values, headers ...string) *page {
	b.t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return b.send("POST", path, []byte(fields.Encode()), headers...)
}

// upload posts a form with a file.
func (b *browser) upload(path, field, name string, content []byte, fields url.Values) *page {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, values := range fields {
		for _, value := range values {
			form.WriteField(name, value)
		}
	}
	part, err := form.CreateFormFile(field, name)
	if err != nil {
		b.t.Fatal(err)
	}
	part.Write(content)
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.send("POST", path, body.Bytes(), "Content-Type", form.FormDataContentType())
}

// send makes a request for a path below the stage, or for a whole URL.
func (b *browser) send(method, path string, body []byte, headers ...string) *page {
	b.t.Helper()
	p := &page{browser: b}
	response := b.open(method, path, body, headers...)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatalf("%s %s: read the body: %v", method, path, err)
	}
	p.request, p.status, p.header, p.body = response.Request, response.StatusCode, response.Header, content
	if method == "GET" || method == "POST" {
		b.page = p
	}
	return p
}

// open is send for answers that are read while they arrive.
func (b *browser) open(method, path string, body []byte, headers ...string) *http.Response {
	b.t.Helper()
	target := path
	if !strings.Contains(path, "://") {
		target = b.stage.String() + path
	}
	request, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if b.page != nil {
		request.Header.Set("Referer", b.page.request.URL.String())
	}
	if method != "GET" && method != "HEAD" {
		request.Header.Set("Origin", b.stage.Scheme+"://"+b.stage.Host)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response
}

// want fails unless the page has this status and holds these texts.
func (p *page) want(status int, texts ...string) *page {
	p.browser.t.Helper()
	if p.status != status {
		p.browser.t.Fatalf("%s %s: status %d, want %d: %.600s", p.request.Method, p.request.URL, p.status, status,
			p.body)
	}
	for _, text := range texts {
		if !bytes.Contains(p.body, []byte(text)) {
			p.browser.t.Errorf("%s %s: the page does not say %q: %.2000s", p.request.Method, p.request.URL, text,
				p.body)
		}
	}
	return p
}

// location is where the page redirects to: a URL that must be below the stage, as everything else is another app's.
func (p *page) location() string {
	p.browser.t.Helper()
	if p.status < 300 || p.status > 399 {
		p.browser.t.Fatalf("%s %s: status %d is no redirect: %.600s", p.request.Method, p.request.URL, p.status, p.body)
	}
	return p.below(p.header.Get("Location"))
}

// follow goes where the page redirects to.
func (p *page) follow() *page {
	p.browser.t.Helper()
	return p.browser.get(p.location())
}

// below resolves a link as a browser does, and fails unless it leads to this host, with HTTPS, below the stage.
func (p *page) below(link string) string {
	p.browser.t.Helper()
	target, err := p.request.URL.Parse(link)
	if err != nil {
		p.browser.t.Fatalf("%s: the link %q is no URL: %v", p.request.URL, link, err)
	}
	stage := p.browser.stage
	if target.Scheme != stage.Scheme || target.Host != stage.Host || target.Path != stage.Path &&
		!strings.HasPrefix(target.Path, stage.Path+"/") {
		p.browser.t.Fatalf("%s: the link %q leads to %s, which is not below %s", p.request.URL, link, target, stage)
	}
	return target.String()
}

var linkPattern = regexp.MustCompile(`(?:href|src|action)="([^"#]+)`)

// links are the page's links to its own host, resolved; each must be below the stage.
func (p *page) links() []string {
	p.browser.t.Helper()
	var links []string
	for _, match := range linkPattern.FindAllStringSubmatch(string(p.body), -1) {
		link := strings.ReplaceAll(match[1], "&amp;", "&")
		target, err := p.request.URL.Parse(link)
		if err != nil {
			p.browser.t.Errorf("%s: the link %q is no URL: %v", p.request.URL, link, err)
			continue
		}
		if strings.HasPrefix(target.Scheme, "http") && target.Hostname() == p.browser.stage.Hostname() {
			links = append(links, p.below(link))
		}
	}
	return links
}

// field is the value of a hidden field of the page's form.
func (p *page) field(name string) string {
	p.browser.t.Helper()
	pattern := regexp.MustCompile(`name="` + regexp.QuoteMeta(name) + `"[^>]*value="([^"]*)"`)
	match := pattern.FindSubmatch(p.body)
	if match == nil {
		p.browser.t.Fatalf("%s: the page has no field %q: %.2000s", p.request.URL, name, p.body)
	}
	return string(match[1])
}
