package cloud

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCheck70_S_AdapterAndGunicorn: the adapter and gunicorn behind gateway and sandbox. What the checks named say
// about events and answers holds for the requests and answers of the app.
func TestCheck70_S_AdapterAndGunicorn(t *testing.T) {
	requirePackages(t, "test/cloud/testdata/gunicorn-app/requirements.txt")
	c := start(t, "-app", "test/cloud/testdata/gunicorn-app")
	seen := func(t *testing.T, path string) (app struct{ Path, Raw, Query, Context string }) {
		t.Helper()
		response, body := c.do("GET", path, nil)
		if err := json.Unmarshal(body, &app); err != nil || response.StatusCode != 200 {
			t.Fatalf("status %d with %q: %v", response.StatusCode, body, err)
		}
		return app
	}
	t.Run("Check03_the_stage_is_not_in_the_path", func(t *testing.T) {
		app := seen(t, "/a/b")
		var context struct{ Path, ResourcePath, Stage string }
		if err := json.Unmarshal([]byte(app.Context), &context); err != nil {
			t.Fatalf("request context %q: %v", app.Context, err)
		}
		if app.Path != "/a/b" || context.ResourcePath != "/{proxy+}" || context.Path != "/"+context.Stage+"/a/b" ||
			!strings.HasSuffix(c.URL, "/"+context.Stage) {
			t.Errorf("the app saw %q, the context is %+v", app.Path, context)
		}
	})
	t.Run("Check07_the_path_is_not_decoded", func(t *testing.T) {
		// gunicorn is told the stage as SCRIPT_NAME, and then wants it in front of the target.
		if app := seen(t, "/x%20y%2Fz%2B+"); app.Raw != "/v1/x%20y%2Fz%2B+" {
			t.Errorf("the app saw %q", app.Raw)
		}
	})
	t.Run("Check10_the_query_means_the_same", func(t *testing.T) {
		got, err := url.ParseQuery(seen(t, "/?a=1&a=2&b=x%2Fy+z&c=a%2Bb&d=&e").Query)
		want := url.Values{"a": {"1", "2"}, "b": {"x/y z"}, "c": {"a+b"}, "d": {""}, "e": {""}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the app saw %v, %v", got, err)
		}
	})
	response, body := c.do("GET", "/headers", nil)
	t.Run("Check32_headers_with_several_values", func(t *testing.T) {
		if got := response.Header.Values("X-A"); !slices.Equal(got, []string{"2", "3", "1"}) {
			t.Errorf("X-A %q", got)
		}
		if got := response.Header.Values("Set-Cookie"); !slices.Equal(got, []string{"a=1", "b=2"}) {
			t.Errorf("Set-Cookie %q", got)
		}
	})
	t.Run("Check36_headers_of_the_app_that_are_renamed", func(t *testing.T) {
		for name, want := range map[string]string{"Server": "gunicorn", "Www-Authenticate": `Basic realm="app"`,
			"Date": " GMT", "Content-Length": "7"} {
			if got := response.Header.Values("X-Amzn-Remapped-" + name); len(got) != 1 || !strings.Contains(got[0],
				want) {
				t.Errorf("X-Amzn-Remapped-%s is %q, want one with %q", name, got, want)
			}
		}
		for name, want := range map[string]int{"Server": 0, "Www-Authenticate": 0,
			"Connection": 1} { // the gateway's own connection
			if got := response.Header.Values(name); len(got) != want {
				t.Errorf("%s is %q, want %d", name, got, want)
			}
		}
		if got := response.Header.Values("X-Amzn-Remapped-Connection"); len(got) > 0 {
			t.Errorf("X-Amzn-Remapped-Connection %q: the adapter keeps to itself what is about its own connection", got)
		}
		date, err := http.ParseTime(response.Header.Get("Date"))
		if dates := response.Header.Values("Date"); len(dates) != 1 || err != nil ||
			time.Since(date).Abs() > time.Minute {
			t.Errorf("Date %q", dates)
		}
		if response.ContentLength != 7 || string(body) != "headers" {
			t.Errorf("%d bytes of %q", response.ContentLength, body)
		}
	})
	t.Run("Check38_bytes_without_an_Accept_header", func(t *testing.T) {
		response, body := c.do("GET", "/picture", nil)
		if string(body) != "\x89PNG\r\n\x1a\n\x00\xff\xfe" || response.Header.Get("Content-Type") != "image/png" {
			t.Errorf("%q as %q", body, response.Header.Get("Content-Type"))
		}
	})
}

// requirePackages skips the test where the Python packages of an app cannot be had.
func requirePackages(t *testing.T, requirements string) {
	t.Helper()
	pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--dest", t.TempDir(), "--requirement", requirements)
	if out, err := pip.CombinedOutput(); err != nil {
		t.Skipf("the Python packages of the app cannot be had: %v %s", err, out)
	}
}
