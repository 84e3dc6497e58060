package endtoend

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-web/test/launch"
)

// forged is what a client may send to a REST API to be taken for another, at another host. Tomcat takes the address
// that tests call from, as all of 127.0.0.0/8, for a proxy's, and goes on to the one before it.
var forged = []string{"X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example", "X-Forwarded-For",
	"198.51.100.1", "X-Forwarded-Prefix", "/evil"}

// The recipe's links, file and redirect stay below the stage, and no client tells the app another host.
func TestRecipeSpring(t *testing.T) {
	b := startRecipe(t, "spring")
	b.greet("Hello, Spring")
	b.wantLinks("/v1/style.css", "/v1/old")
	b.get("/").want(200, "<code>https://127.0.0.1/v1/</code>") // port 443, as X-Forwarded-Port says here as on AWS
	b.get("/", forged...).want(200, "<code>https://127.0.0.1/v1/</code>")
}

// What docs/examples.md says of SERVER_FORWARD_HEADERS_STRATEGY, with the other settings of Tomcat as they are by
// default.
func TestRecipeSpringForwardedHeaders(t *testing.T) {
	for _, test := range []struct{ name, strategy, front, links, forged, visitor string }{
		{"framework", "framework", "none", "/v1", "http://evil.example/v1/", "198.51.100.1"},
		{"framework behind a front", "framework", "cloudfront", "/v1", "https://127.0.0.1/v1/", "198.51.100.1"},
		{"native", "native", "none", "", "https://evil.example/", "198.51.100.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, b := startSpring(t, test.strategy, test.front)
			b.get("/").want(200, `href="`+test.links+`/style.css"`, `href="`+test.links+`/old"`)
			b.get("/old").follow().want(200)
			b.get("/", forged...).want(200, "<code>"+test.forged+"</code>", "<code>"+test.visitor+"</code>")
			if test.front != "none" {
				site := newBrowser(t, siteURL(t, c))
				site.greet("Hello, Spring")
				site.wantLinks("/style.css", "/old")
				site.get("/", forged...).want(200, "<code>https://127.0.0.1/</code>", "<code>"+test.visitor+"</code>")
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		_, b := startSpring(t, "none", "none")
		b.get("/", forged...).want(200, `href="/style.css"`, "<code>http://"+b.stage.Host+"/</code>")
		if got, want := b.get("/old").header.Get("Location"), "/v1/"; got != want { // the app said http://HOST/
			t.Errorf("the redirect leads to %q, want %q", got, want)
		}
	})
}

// startSpring starts the recipe with Tomcat's defaults, mounted nowhere: the prefix comes with each request.
func startSpring(t *testing.T, strategy, front string) (*launch.Cloud, *browser) {
	t.Helper()
	if mode(t) != "container" {
		t.Skip("the recipes are images: make test-examples MODE=container")
	}
	return start(t, Example{
		Name: "recipes/spring",
		Settings: map[string]string{"port": "auto", "forwardedPrefix": "auto", "readinessPath": "/",
			"front": front},
		Environment: map[string]string{"SERVER_SERVLET_CONTEXT_PATH": "", "SERVER_FORWARD_HEADERS_STRATEGY": strategy,
			"SERVER_TOMCAT_REMOTEIP_HOST_HEADER":   "X-Forwarded-Host",
			"SERVER_TOMCAT_USE_RELATIVE_REDIRECTS": strconv.FormatBool(strategy != "none")},
	})
}

func siteURL(t *testing.T, c *launch.Cloud) string {
	t.Helper()
	line, err := c.Await(0, 10*time.Second, " siteUrl")
	if err != nil {
		t.Fatal(err)
	}
	_, url, _ := strings.Cut(line, ": ")
	return strings.TrimSuffix(strings.TrimSpace(url), "/")
}

// wantLinks follows the first page's links, and fails unless these are among them.
func (b *browser) wantLinks(want ...string) {
	b.t.Helper()
	page := b.get("/").want(200)
	for _, link := range want {
		page.want(200, `href="`+link+`"`)
	}
	for _, link := range page.links() {
		target := b.get(link)
		if target.status >= 300 && target.status <= 399 {
			target = target.follow()
		}
		target.want(200)
	}
}
