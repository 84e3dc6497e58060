package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gunicornVersion returns a folder with a version of gunicorn, installed once.
func gunicornVersion(t testing.TB, version string) string {
	t.Helper()
	commands := sites.commands(t)
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, ".lambda-web", "gunicorn-"+version)
	unlock, err := Lock(folder + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	stamp := filepath.Join(folder, "installed")
	if _, err := os.Stat(stamp); err == nil {
		return folder
	}
	if gap := install(commands, "--no-deps", "--upgrade", "--target", folder, "gunicorn=="+version); gap != "" {
		t.Skip(gap)
	}
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

// site is the app of testdata/prefix under a gunicorn.
type site struct {
	gunicorn, worker string
	variables        []string
	takes            bool // SCRIPT_NAME
	aware            bool // the app itself reads X-Forwarded-Prefix
	ready            string
}

// start serves the app on the environment's port, or on another one if a connection of some other process has
// taken it meanwhile.
func (s site) start(t *testing.T, e *environment) {
	t.Helper()
	e.app.Refuse()
	for tries := 0; !s.serve(t, e.port); tries++ {
		if tries == 5 {
			t.Fatal("gunicorn found no free port")
		}
		e.port = e.freePort()
	}
	e.variables["AWS_LWA_PORT"] = strconv.Itoa(e.port)
}

// serve reports whether the port was free.
func (s site) serve(t *testing.T, port int) bool {
	folder := gunicornVersion(t, s.gunicorn)
	program, worker := "plain:app", s.worker
	if worker == "uvicorn" {
		program, worker = "plain:asgi", "uvicorn.workers.UvicornWorker"
	}
	process, err := StartProcess([]string{filepath.Join(sites.commands(t), "python"), "-c",
		"from gunicorn.app.wsgiapp import run; run()", "--bind", fmt.Sprintf("127.0.0.1:%d", port),
		"--worker-class", worker, "--log-level", "info", program}, "testdata/prefix",
		append(os.Environ(), append(s.variables, "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1", "SITE_SERVER="+
			s.worker, "HOME="+t.TempDir(), "PYTHONWARNINGS=ignore")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Logf("gunicorn wrote:\n%s", process.Log().Text())
		}
	})
	for len(process.Log().Lines("Listening at")) == 0 { // to connect to a free port could take it
		select {
		case <-process.Exited():
			if strings.Contains(process.Log().Text(), "ImportError") || strings.Contains(process.Log().Text(),
				"ModuleNotFoundError") {
				t.Skip("gunicorn " + s.gunicorn + " with its " + s.worker + " worker does not run on this Python")
			}
			if strings.Contains(process.Log().Text(), "already in use") || strings.Contains(process.Log().Text(),
				"Can't connect to") {
				return false
			}
			t.Fatal("gunicorn ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

// restEvent is a REST API's event for a path at the stage v1, or at a domain without a prefix.
func restEvent(path, public string) string {
	resource, parameters := "/{proxy+}", quoted(map[string]string{"proxy": strings.Trim(path, "/")})
	if path == "/" {
		resource, parameters = "/", "null"
	}
	return `{"resource":"` + resource + `","path":"` + path +
		`","httpMethod":"GET","headers":{"Host":"api.example.com","X-Forwarded-Proto":"https",` +
		`"SCRIPT_NAME":"/evil","Script-Name":"/evil"},` +
		`"pathParameters":` + parameters + `,"requestContext":{"resourcePath":"` + resource +
		`","httpMethod":"GET","path":"` + public + `","stage":"v1"},"body":null,"isBase64Encoded":false}`
}

func quoted(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

// An app that was not written for a prefix is right below one, under every gunicorn that takes SCRIPT_NAME and with
// every kind of worker; and for each request anew. Under the others its redirects are.
func TestForwardedPrefixAuto(t *testing.T) {
	t.Parallel()
	sites := map[string]site{
		"uvicorn workers": {gunicorn: "23.0.0", worker: "uvicorn"},
		"22.0.0 drops it": {gunicorn: "22.0.0", worker: "sync"},
		"22.0.0, an app for all": {gunicorn: "22.0.0", worker: "sync",
			variables: []string{"SITE_ANSWERS_EVERYTHING=1"}},
		"22.0.0, ProxyFix": {gunicorn: "22.0.0", worker: "sync",
			variables: []string{"SITE_MIDDLEWARE=ProxyFix"}, aware: true},
		"27.0.1, ProxyFix": {gunicorn: "27.0.1", worker: "sync",
			variables: []string{"SITE_MIDDLEWARE=ProxyFix"}, takes: true, aware: true},
		"27.0.1, own middleware": {gunicorn: "27.0.1", worker: "gthread",
			variables: []string{"SITE_MIDDLEWARE=own"}, takes: true, aware: true},
		"27.0.1, an app for all": {gunicorn: "27.0.1", worker: "sync",
			variables: []string{"SITE_ANSWERS_EVERYTHING=1"}, takes: true},
		"27.0.1, HTTPS alone": {gunicorn: "27.0.1", worker: "gthread",
			variables: []string{"SITE_WANTS_HTTPS=1"}, takes: true},
		"22.0.0, HTTPS alone":       {gunicorn: "22.0.0", worker: "sync", variables: []string{"SITE_WANTS_HTTPS=1"}},
		"27.0.1, no readiness page": {gunicorn: "27.0.1", worker: "sync", ready: "/missing", takes: true},
		"22.0.0, no readiness page": {gunicorn: "22.0.0", worker: "sync", ready: "/missing"},
		"20.1.0, an app for all": {gunicorn: "20.1.0", worker: "sync",
			variables: []string{"SITE_ANSWERS_EVERYTHING=1"}, takes: true},
		"uvicorn, an app for all": {gunicorn: "23.0.0", worker: "uvicorn",
			variables: []string{"SITE_ANSWERS_EVERYTHING=1"}},
		"uvicorn, own header's user": {gunicorn: "23.0.0", worker: "uvicorn",
			variables: []string{"SITE_MIDDLEWARE=ProxyFix"}, aware: true},
	}
	for _, version := range []string{"19.10.0", "20.1.0", "21.2.0", "23.0.0", "27.0.1"} {
		for _, worker := range []string{"sync", "gthread", "gevent"} {
			sites[version+" "+worker] = site{gunicorn: version, worker: worker, takes: true}
		}
	}
	for name, site := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			site.start(t, e)
			e.variables["AWS_LWA_FORWARDED_PREFIX"] = "auto"
			e.variables["AWS_LWA_READINESS_CHECK_PATH"] = site.ready
			e.startReady()
			for _, prefix := range []string{"/v1", "", "/v1"} {
				site.check(t, e, prefix)
			}
		})
	}
}

// check asks for each page of the site below a prefix.
func (s site) check(t *testing.T, e *environment, prefix string) {
	t.Helper()
	inside := "" // what the app knows of the prefix
	if s.takes || s.aware {
		inside = prefix
	}
	for _, path := range []string{"/", "/login"} {
		public := prefix + path
		if path == "/" && prefix != "" {
			public = prefix // the bare stage
		}
		reply := e.invoke(restEvent(path, public)).status(200)
		var page struct{ Home, Login, Path, Root string }
		if err := json.Unmarshal([]byte(reply.Body), &page); err != nil {
			t.Fatal(err)
		}
		if page.Home != inside+"/" || page.Login != inside+"/login" || page.Path != path || page.Root != inside {
			t.Errorf("below %q, %s is %+v", prefix, path, page)
		}
	}
	for path, want := range map[string]string{"/leave": prefix + "/", "/hard": prefix + "/login"} {
		reply := e.invoke(restEvent(path, prefix+path)).status(302)
		if location := reply.MultiValueHeaders["location"]; len(location) != 1 || location[0] != want {
			t.Errorf("below %q, %s leads to %q, want %s", prefix, path, location, want)
		}
		if cookie := reply.MultiValueHeaders["set-cookie"]; path == "/hard" && (len(cookie) != 1 ||
			!strings.HasSuffix(cookie[0], "; Path="+want)) {
			t.Errorf("below %q, %s sets %q", prefix, path, cookie)
		}
	}
}

// With header the app is told, and what it answers is its own.
func TestForwardedPrefixHeaderLeavesRedirects(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	site{gunicorn: "27.0.1", worker: "sync"}.start(t, e)
	e.variables["AWS_LWA_FORWARDED_PREFIX"] = "header"
	e.startReady()
	reply := e.invoke(restEvent("/hard", "/v1/hard")).status(302)
	if location := reply.MultiValueHeaders["location"]; fmt.Sprint(location) != "[/login]" {
		t.Errorf("location %q", location)
	}
}
