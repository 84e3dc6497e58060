package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Redirects and pages keep the prefix that the proxy in front took off; without a proxy there is none.
func TestPrefix(t *testing.T) {
	for _, prefix := range []string{"", "/v1"} {
		for path, want := range map[string]string{"/account": "/login", "/static": "/static/"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("X-Forwarded-Prefix", prefix)
			w := httptest.NewRecorder()
			newTestSite(t).ServeHTTP(w, r)
			if got := w.Header().Get("Location"); got != prefix+want {
				t.Errorf("GET %s under %q goes to %q, want %q", path, prefix, got, prefix+want)
			}
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-Prefix", prefix)
		w := httptest.NewRecorder()
		newTestSite(t).ServeHTTP(w, r)
		if want := `<base href="` + prefix + `/">`; !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page under %q has no %s", prefix, want)
		}
	}
}

// A visitor logs in and is known from then on, by every instance that has the key.
func TestLogin(t *testing.T) {
	first, second := httptest.NewServer(newTestSite(t)), httptest.NewServer(newTestSite(t))
	defer first.Close()
	defer second.Close()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	response, err := client.PostForm(first.URL+"/login", url.Values{"name": {"Zoë"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if page, _ := io.ReadAll(response.Body); !strings.Contains(string(page), "Your account, Zoë") {
		t.Errorf("after the login: %s", page)
	}
	response, err = client.Get(second.URL + "/account")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if page, _ := io.ReadAll(response.Body); !strings.Contains(string(page), "Your account, Zoë") {
		t.Errorf("another instance: %s", page)
	}
}

func TestForeignForm(t *testing.T) {
	r := httptest.NewRequest("POST", "/login", strings.NewReader("name=Ada"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	newTestSite(t).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a form of another site: %d, want 403", w.Code)
	}
}

func newTestSite(t *testing.T) http.Handler {
	t.Helper()
	uploads, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { uploads.Close() })
	return newSite("key", uploads)
}
