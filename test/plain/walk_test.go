package plain

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"
)

// kind is one of the ways by which an app says where something is.
type kind string

const (
	link     kind = "link"     // <a href>
	form     kind = "form"     // <form action>, or the page's own URL without one
	file     kind = "file"     // style sheets, scripts and images
	redirect kind = "redirect" // the Location field
	cookie   kind = "cookie"   // the Path of a cookie other than /
)

// walk uses an app as a person does, and keeps where all that it saw leads.
type walk struct {
	t      *testing.T
	start  *url.URL // the stage's URL, or the site's
	other  string   // host of the other one, to which nothing leads
	atSite bool

	mu   sync.Mutex
	seen map[kind]map[string]bool // URL or path of a cookie: whether it is below the start
}

func newWalk(t *testing.T, start *url.URL, other string) *walk {
	t.Helper()
	w := &walk{t: t, start: start, other: other, seen: map[kind]map[string]bool{}}
	ctx, cancel := context.WithCancel(page)
	t.Cleanup(cancel)
	chromedp.ListenTarget(ctx, func(event any) {
		if request, ok := event.(*network.EventRequestWillBeSent); ok && request.RedirectResponse != nil {
			w.saw(redirect, request.Request.URL)
		}
	})
	w.do(network.Enable(), network.ClearBrowserCookies())
	return w
}

// do acts on the page.
func (w *walk) do(actions ...chromedp.Action) {
	w.t.Helper()
	if err := browser.Within(page, actions...); err != nil {
		var where, text string
		browser.Within(page, chromedp.Location(&where), chromedp.Evaluate(`document.body.innerText`, &text))
		w.t.Fatalf("%v\nat %s the page says:\n%s", err, where, text)
	}
}

// visit opens a path below the start.
func (w *walk) visit(path string) {
	w.t.Helper()
	w.arrive(chromedp.Navigate(w.start.String() + path))
}

// click takes a link or presses a button.
func (w *walk) click(selector string) {
	w.t.Helper()
	w.arrive(chromedp.Click(selector, chromedp.ByQuery))
}

// arrive does what opens another page, waits for it, and notes what it names.
func (w *walk) arrive(action chromedp.Action) {
	w.t.Helper()
	var answer *network.Response
	err := browser.Within(page, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		answer, err = chromedp.RunResponse(ctx, action)
		return err
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.Status >= 400 {
		w.t.Fatalf("%s has status %d", answer.URL, answer.Status)
	}
	w.note()
}

// fill types texts into fields, by their names, in the place of what they hold.
func (w *walk) fill(fields map[string]string) {
	w.t.Helper()
	for name, text := range fields {
		field := fmt.Sprintf("[name=%q]", name)
		w.do(chromedp.WaitReady(field, chromedp.ByQuery),
			chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).value = ''", field), nil),
			chromedp.SendKeys(field, text, chromedp.ByQuery))
	}
}

// want fails unless the user is at a path of the app, below the start, and the page says these texts.
func (w *walk) want(path string, texts ...string) {
	w.t.Helper()
	var where, text string
	w.do(chromedp.Location(&where), chromedp.Evaluate(`document.body.innerText`, &text))
	if where != w.start.String()+path {
		w.t.Errorf("the browser is at %s, want %s%s", where, w.start, path)
	}
	for _, want := range texts {
		if !strings.Contains(text, want) {
			w.t.Errorf("%s does not say %q:\n%s", where, want, text)
		}
	}
}

// named is what a page names, resolved by the browser.
const named = `(() => {
  const all = (selector, property) => [...document.querySelectorAll(selector)].map((e) => e[property]);
  return {
    link: all("a[href]", "href"),
    form: [...document.forms].map((f) => new URL(f.getAttribute("action") || location, document.baseURI).href),
    file: [...all("link[rel=stylesheet]", "href"), ...all("script[src]", "src"), ...all("img[src]", "src")],
  };
})()`

func (w *walk) note() {
	w.t.Helper()
	var found map[kind][]string
	var cookies []*network.Cookie
	w.do(chromedp.Evaluate(named, &found), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = storage.GetCookies().Do(ctx)
		return err
	}))
	for kind, urls := range found {
		for _, u := range urls {
			w.saw(kind, u)
		}
	}
	for _, c := range cookies {
		if c.Path != "/" {
			w.saw(cookie, w.start.Scheme+"://"+w.start.Host+c.Path)
		}
	}
}

func (w *walk) saw(k kind, where string) {
	u, err := url.Parse(where)
	if err != nil || u.Host != w.start.Host && u.Host != w.other {
		return // of another site
	}
	u.Fragment = ""
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[k] == nil {
		w.seen[k] = map[string]bool{}
	}
	below := u.Path == w.start.Path || strings.HasPrefix(u.Path, w.start.Path+"/")
	w.seen[k][u.String()] = u.Host == w.start.Host && below
}

// of are the URLs of a kind that have been seen, in order.
func (w *walk) of(k kind) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.seen[k]))
}

// below tells whether a URL that was seen is below the start.
func (w *walk) below(k kind, u string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[k][u]
}

// most bounds the links that one walk follows.
const most = 100

// crawl opens a page, every link of it but for those that end the login, every link of those pages, and so on; then it
// gets every file. What is below the start is there, and API Gateway has nothing elsewhere.
func (w *walk) crawl(from string, without ...string) {
	w.t.Helper()
	before := w.seen
	w.mu.Lock()
	w.seen = map[kind]map[string]bool{} // of pages as they are now
	w.mu.Unlock()
	w.visit(from)
	followed := map[string]bool{} // without their queries, by which lists are sorted and searched
	for {
		next := slices.DeleteFunc(w.of(link), func(u string) bool {
			ends := slices.ContainsFunc(without, func(path string) bool { return strings.Contains(u, path) })
			return ends || followed[withoutQuery(u)] || !w.below(link, u)
		})
		if len(next) == 0 {
			break
		}
		if len(followed) == most {
			w.t.Fatalf("the links have no end: %v", next)
		}
		followed[withoutQuery(next[0])] = true
		w.arrive(chromedp.Navigate(next[0]))
	}
	for _, u := range w.of(file) {
		var status int
		w.do(chromedp.Evaluate(fmt.Sprintf(`fetch(%q).then((r) => r.status)`, u), &status, awaited))
		if want := map[bool]int{true: 200, false: 403}[w.below(file, u)]; status != want {
			w.t.Errorf("the file %s has status %d, want %d", u, status, want)
		}
	}
	w.t.Logf("%d links followed, %d files", len(followed), len(w.of(file)))
	for k, urls := range before {
		for u := range urls {
			w.saw(k, u)
		}
	}
}

func withoutQuery(u string) string {
	before, _, _ := strings.Cut(u, "?")
	return before
}

// stays fails unless of each kind the walk has seen some, and all of them are below the stage, or none but where said.
// At the site nothing may leave.
func (w *walk) stays(belowStage map[kind]bool) {
	w.t.Helper()
	for k, want := range belowStage {
		want = want || w.atSite
		if len(w.of(k)) == 0 {
			w.t.Errorf("the walk has seen no %s", k)
		}
		outside := slices.DeleteFunc(w.of(k), func(u string) bool { return w.below(k, u) })
		if want && len(outside) > 0 {
			w.t.Errorf("%s: these lead elsewhere: %v", k, outside)
		}
		if !want && len(outside) == 0 {
			w.t.Errorf("%s: none leaves the stage; docs/examples.md says that they do", k)
		}
	}
}
