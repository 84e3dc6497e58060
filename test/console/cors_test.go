package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"
)

// caller is a page that calls the API at an address, once as it is and once so that the browser asks first.
const caller = `<!doctype html><pre id="got"></pre><script>
const ask = async (path, init) => {
  try { return String((await fetch(%q + path, init)).status) } catch { return "blocked" }
}
const call = async () => {
  const got = [await ask("/api/hello"), await ask("/api/echo", {method: "PUT", headers: {"X-Requested-With": "page"}, credentials: "include"})]
  document.querySelector("#got").textContent = got.join(" ")
}
call()
</script>`

// TestCORS: a page of a site that the setting names may call an API that wants signatures, and read that its own is
// missing; a page of another site is not even let past the preflight request.
func TestCORS(t *testing.T) {
	var api string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, caller, api)
	}))
	t.Cleanup(site.Close)
	named := strings.Replace(site.URL, "127.0.0.1", browser.OtherSite, 1)
	for _, c := range []struct {
		name, cors string
		want       map[string]string // what a page gets, by its origin
	}{
		{"one origin", fmt.Sprintf(`{"origins":[%q],"credentials":true}`, named), map[string]string{named: "403 403",
			site.URL: "blocked blocked"}},
		{"two origins", fmt.Sprintf(`{"origins":["https://www.example.com",%q],"credentials":true}`, named),
			map[string]string{named: "403 403", site.URL: "403 blocked"}},
		{"off", `{}`, map[string]string{named: "blocked blocked"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t, "-c", "auth=AWS_IAM", "-c", "cors="+c.cors)
			api = strings.TrimSuffix(s.URL, "/")
			for origin, want := range c.want {
				s.do(chromedp.Navigate(origin), browser.Until(`document.querySelector("#got").textContent`))
				if got := s.js(`document.querySelector("#got").textContent`); got != want {
					t.Errorf("a page of %s gets %s, want %s", origin, got, want)
				}
			}
		})
	}
}
