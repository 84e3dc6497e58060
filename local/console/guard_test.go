package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWhoMayAsk: programs of this machine and the console's own page; nobody else can read or replay.
func TestWhoMayAsk(t *testing.T) {
	const own, other = "http://127.0.0.1:3000", "https://evil.example"
	for name, c := range map[string]struct {
		method, path, peer, host string
		header                   map[string]string
		allowed                  bool
	}{
		"curl":      {"GET", "/@/api/feed", "127.0.0.1:50000", "127.0.0.1:3000", nil, true},
		"IPv6":      {"GET", "/@/", "[::1]:50000", "[::1]:3000", nil, true},
		"localhost": {"GET", "/@/", "127.0.0.1:50000", "localhost:3000", nil, true},
		"the page itself": {"POST", "/@/api/invocations/x/replay", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin"}, true},
		"HTTPS on the same port": {"POST", "/@/api/invocations/x/replay", "127.0.0.1:50000", "localhost:3000",
			map[string]string{"Origin": "https://localhost:3000"}, true},
		"typed into the address bar": {"GET", "/@/", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, true},
		"a link of another page": {"GET", "/@/", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
				"Sec-Fetch-Dest": "document"}, true},
		"another machine":           {"GET", "/@/", "192.168.1.7:50000", "192.168.1.5:3000", nil, false},
		"another machine that lies": {"GET", "/@/", "192.168.1.7:50000", "127.0.0.1:3000", nil, false},
		"DNS rebinding":             {"GET", "/@/api/feed", "127.0.0.1:50000", "evil.example:3000", nil, false},
		"DNS rebinding, own origin": {"POST", "/@/api/invocations/x/replay", "127.0.0.1:50000",
			"evil.example:3000", map[string]string{"Origin": "http://evil.example:3000",
				"Sec-Fetch-Site": "same-origin"}, false},
		"a host that begins well": {"GET", "/@/", "127.0.0.1:50000", "127.0.0.1.evil.example:3000", nil, false},
		"no host":                 {"GET", "/@/", "127.0.0.1:50000", "", nil, false},
		"fetch of another site": {"GET", "/@/api/feed", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Origin": other, "Sec-Fetch-Site": "cross-site"}, false},
		"form of another site": {"POST", "/@/api/invocations/x/replay", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Origin": other}, false},
		"sandboxed frame": {"POST", "/@/api/invocations/x/replay", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Origin": "null"}, false},
		"script tag of another site": {"GET", "/@/api/feed", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, false},
		"frame of another site": {"GET", "/@/", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
				"Sec-Fetch-Dest": "iframe"}, false},
		"link of another site, deeper": {"GET", "/@/api/feed", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
				"Sec-Fetch-Dest": "document"}, false},
		"another port of this machine": {"GET", "/@/api/feed", "127.0.0.1:50000", "127.0.0.1:3000",
			map[string]string{"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-site"}, false},
		"through a tunnel": {"GET", "/@/", "127.0.0.1:50000", "localhost:3000",
			map[string]string{"X-Forwarded-For": "203.0.113.9"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, nil)
			r.RemoteAddr, r.Host = c.peer, c.host
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			if reason := refuse(r); (reason == "") != c.allowed {
				t.Errorf("refused because %q, want allowed %v", reason, c.allowed)
			}
		})
	}
}

// TestFront: the console has its own path and takes none of the API's.
func TestFront(t *testing.T) {
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	front := New(Config{}).Front(api)
	for target, status := range map[string]int{
		"/v1/x": 418, "/": 418, "/@x": 418, "//@/": 418, "/v1/@/": 418, "/%40/": 418,
		"/@": 302, "/@/": 200, "/@/app.js": 200, "/@/style.css": 200, "/@/api/invocations/none": 404, "/@/nothing": 404,
	} {
		r := httptest.NewRequest("GET", target, nil)
		r.RemoteAddr, r.Host, r.RequestURI = "127.0.0.1:50000", "127.0.0.1:3000", target
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", target, w.Code, status)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if status != 418 && (!strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe")) {
			t.Errorf("%s: the policy is %q", target, policy)
		}
	}
}
