package cloud

import (
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// site is the same cloud, called at the distribution in front of its stage.
func (c *cloud) site() *cloud {
	c.t.Helper()
	_, url, _ := strings.Cut(c.waitFor(" siteUrl"), ": ")
	return &cloud{Cloud: c.Cloud, URL: strings.TrimSpace(url), t: c.t}
}

// fields are what the app was told, by its names of them.
func (c *cloud) fields(headers ...string) map[string]string {
	c.t.Helper()
	response, body := c.do("GET", "/fields", nil, headers...)
	var told map[string]string
	if err := json.Unmarshal(body, &told); err != nil {
		c.t.Fatalf("%d %s: %v", response.StatusCode, body, err)
	}
	return told
}

// An app that knows nothing of it is at the root of the site's URL and, at the same time, below the stage of the other.
func TestFront(t *testing.T) {
	c := start(t, "-app", wsgiApp, "-c", "front=cloudfront")
	site := c.site()
	host := strings.TrimPrefix(site.URL, "http://")
	if strings.Contains(host, "/") || host == strings.Split(c.URL, "/")[2] {
		t.Fatalf("the site is at %s, the stage at %s", site.URL, c.URL)
	}
	t.Run("the app sees the browser's request", func(t *testing.T) {
		told := site.fields("X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.example",
			"Forwarded", "host=evil.example", "X-Forwarded-Prefix", "/evil", "X-Lambda-Web-Front", "guess")
		for name, want := range map[string]string{
			"host": host, "x_forwarded_host": host, "x_forwarded_proto": "https", "link": "https://" + host + "/login",
			"x_forwarded_for": "203.0.113.9,127.0.0.1", "x_forwarded_prefix": "", "forwarded": "", "x_lambda_web_front": "",
		} {
			if told[name] != want {
				t.Errorf("%s is %q, want %q", name, told[name], want)
			}
		}
		if told := site.fields(); told["x_forwarded_for"] != "127.0.0.1" {
			t.Errorf("the client's address is %q", told["x_forwarded_for"])
		}
	})
	t.Run("nobody else says so", func(t *testing.T) {
		for _, header := range []string{"X-Lambda-Web-Front", "X_Lambda_Web_Front", "X-Other"} {
			told := c.fields(header, "guess", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example")
			stage := strings.Split(c.URL, "/")[2]
			if strings.Contains(fmt.Sprint(told), "evil") || told["host"] != stage ||
				told["link"] != "https://"+stage+"/v1/login" || told["x_lambda_web_front"] != "" {
				t.Errorf("with %s the app is told %v", header, told)
			}
		}
	})
	t.Run("redirects and cookies", func(t *testing.T) {
		for where, prefix := range map[*cloud]string{site: "", c: "/v1"} {
			response, _ := where.do("GET", "/moved", nil)
			if got := response.Header.Get("Location"); got != prefix+"/bytes?from=moved" {
				t.Errorf("%s: Location %q", where.URL, got)
			}
		}
	})
	t.Run("through CloudFront", func(t *testing.T) {
		response, body := site.do("GET", "/environment", nil, "Accept-Encoding", "br, gzip")
		for name, want := range map[string]string{"X-Cache": "Miss from cloudfront", "Content-Encoding": "gzip",
			"Vary": "Accept-Encoding"} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if unpacked, err := gzip.NewReader(strings.NewReader(string(body))); err != nil {
			t.Error(err)
		} else if body, err = io.ReadAll(unpacked); err != nil || !json.Valid(body) {
			t.Errorf("%v %s", err, body)
		}
		response, _ = site.do("GET", "/@/", nil)
		if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
			t.Errorf("/@/ is the app's at the site: %d %v", response.StatusCode, response.Header)
		}
	})
	t.Run("HTTPS on the same port", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		response, err := client.Get("https://" + host + "/empty")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 204 {
			t.Errorf("status %d", response.StatusCode)
		}
		client.CloseIdleConnections()
	})
	t.Run("the secret is nowhere", func(t *testing.T) {
		_, environment := c.do("GET", "/environment", nil)
		digest := site.digests()
		for _, text := range []string{string(environment), fmt.Sprint(site.fields()), fmt.Sprint(c.fields()), c.Log()} {
			for _, word := range regexp.MustCompile(`[0-9A-Za-z]{20,}`).FindAllString(text, -1) {
				if sum := sha256.Sum256([]byte(word)); strings.Contains(digest, hex.EncodeToString(sum[:])) {
					t.Errorf("the secret is in %s", text)
				}
			}
		}
	})
	c.Signal(syscall.SIGTERM)
	if code := c.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// digests are what the app's environment has of the secret.
func (c *cloud) digests() string {
	c.t.Helper()
	_, body := c.do("GET", "/environment", nil)
	var environment map[string]string
	if err := json.Unmarshal(body, &environment); err != nil {
		c.t.Fatal(err)
	}
	return environment["AWS_LWA_FRONT_SECRET_SHA256"]
}

// Each piece of a stream passes the distribution before the next is there.
func TestFrontStreams(t *testing.T) {
	c := start(t, "-app", streamApp, "-c", "front=cloudfront", "-c", "invokeMode=response_stream")
	stream := c.site().openStream("one")
	for range 3 {
		stream.expect("one")
	}
	stream.close()
}

// A change of the app keeps the secret; a rotation loses no request; a site that nobody wants any more does not listen.
func TestWatchFront(t *testing.T) {
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(wsgiApp)); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(app, "Pulumi.app.yaml")
	const text = "config:\n  aws:region: eu-central-1\n  lambda-web:front: cloudfront\n" +
		"  lambda-web:frontSecretRotation: 0\n"
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := start(t, "-watch=true", "-app", app, "-config-file", settings)
	site := c.site()
	first := site.digests()
	calls := site.keepCalling("/empty")
	c.edit(filepath.Join(app, "lib", "application.py"), `("X-Empty", "yes")`, `("X-Empty", "changed")`, "Deployed ")
	if now := site.digests(); now != first || len(first) != 64 {
		t.Errorf("the digests were %q and are %q", first, now)
	}
	c.edit(settings, "Rotation: 0", "Rotation: 1", "Deployed ")
	if now := site.digests(); len(now) != 129 || !strings.HasSuffix(now, ","+first) {
		t.Errorf("the digests were %q and are %q", first, now)
	}
	if told := site.fields(); told["host"] != strings.TrimPrefix(site.URL, "http://") {
		t.Errorf("after the rotation the app is told %v", told)
	}
	calls.expect("204 yes", "204 changed")
	c.edit(settings, "cloudfront\n  lambda-web:frontSecretRotation: 1", "none", "Deployed ")
	if response, err := http.Get(site.URL + "/empty"); err == nil {
		response.Body.Close()
		t.Errorf("without a distribution the site answers: %s", response.Status)
	}
	if response, _ := c.do("GET", "/empty", nil); response.StatusCode != 204 {
		t.Errorf("at the stage: status %d", response.StatusCode)
	}
}
