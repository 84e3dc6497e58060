package cloud

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests start the built programs, as "make local" does, and call the app through the gateway, the
// sandbox and the adapter. The app is a WSGI application that needs nothing but Python.

const wsgiApp = "test/cloud/testdata/wsgi-app"

// Bytes in are bytes out, whatever they are.
func TestAppThroughEverything(t *testing.T) {
	c := start(t, "-app", wsgiApp, "-c", onDemand)
	random := make([]byte, 1<<20)
	rand.Read(random)
	t.Run("a body of random bytes", func(t *testing.T) {
		response, got := c.do("POST", "/bytes", random, "Content-Type", "application/x-random")
		if response.StatusCode != 200 || !bytes.Equal(got, random) ||
			response.Header.Get("Content-Type") != "application/x-random" {
			t.Errorf("status %d, %d bytes, equal %v", response.StatusCode, len(got), bytes.Equal(got, random))
		}
	})
	t.Run("an UTF-8 path, a query with repeats", func(t *testing.T) {
		_, got := c.do("GET", "/caf%C3%A9/%F0%9F%99%82/a%20b?x=1&x=2&y=%26%3D&z", nil)
		var seen struct{ Path, Query, Host string }
		if err := json.Unmarshal(got, &seen); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if seen.Path != "/café/🙂/a b" || seen.Query != "x=1&x=2&y=%26%3D&z=" || seen.Host != strings.Split(c.URL,
			"/")[2] {
			t.Errorf("the app saw %+v", seen)
		}
	})
	t.Run("cookies both ways", func(t *testing.T) {
		response, _ := c.do("GET", "/cookies", nil, "Cookie", "k=v; l=w")
		if got := response.Header.Values("Set-Cookie"); len(got) != 2 || got[0] != "a=1; Path=/" ||
			got[1] != "b=2; HttpOnly" {
			t.Errorf("Set-Cookie %q", got)
		}
		if got := response.Header.Get("X-Cookies"); got != "k=v; l=w" {
			t.Errorf("the app saw Cookie %q", got)
		}
	})
	t.Run("204", func(t *testing.T) {
		response, got := c.do("GET", "/empty", nil)
		if response.StatusCode != 204 || len(got) != 0 || response.Header.Get("X-Empty") != "yes" {
			t.Errorf("status %d, body %q", response.StatusCode, got)
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		response, got := c.do("HEAD", "/cookies", nil)
		if response.StatusCode != 200 || len(got) != 0 {
			t.Errorf("status %d, body %q", response.StatusCode, got)
		}
	})
	t.Run("a redirect", func(t *testing.T) {
		response, _ := c.do("GET", "/moved", nil)
		if response.StatusCode != 302 || response.Header.Get("Location") != "/v1/bytes?from=moved" {
			t.Errorf("status %d, Location %q", response.StatusCode, response.Header.Get("Location"))
		}
	})
	t.Run("a browser that logs in", func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{Jar: jar}
		for _, visit := range []struct {
			what string
			call func() (*http.Response, error)
			end  string
			want string
		}{
			{"before the login", func() (*http.Response, error) { return browser.Get(c.URL + "/account") },
				"/account", "401 GET "},
			{"the login", func() (*http.Response, error) {
				return browser.PostForm(c.URL+"/login", url.Values{"name": {"zoë"}})
			}, "/account?from=login", "200 GET session=s3cr3t"},
			{"after the login", func() (*http.Response, error) { return browser.Get(c.URL + "/account") }, "/account",
				"200 GET session=s3cr3t"},
		} {
			response, err := visit.call()
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if got := fmt.Sprint(response.StatusCode, " ", string(body)); got != visit.want ||
				response.Request.URL.String() != c.URL+visit.end {
				t.Errorf("%s: %q at %s, want %q at %s", visit.what, got, response.Request.URL, visit.want, visit.end)
			}
		}
	})
	t.Run("a reply of 4 MB", func(t *testing.T) {
		const size = 4 << 20
		response, got := c.do("GET", "/large?n="+strconv.Itoa(size), nil)
		if response.StatusCode != 200 || len(got) != size || got[5] != 35 || got[size-1] != 255*7%256 {
			t.Errorf("status %d, %d bytes", response.StatusCode, len(got))
		}
	})
	t.Run("the log has Lambda's lines", func(t *testing.T) {
		c.waitFor("START RequestId: ")
		c.waitFor("END RequestId: ")
		report := c.waitFor("REPORT RequestId: ")
		for _, part := range []string{"Duration: ", "Billed Duration: ", "Memory Size: 512 MB", "Max Memory Used: "} {
			if !strings.Contains(report, part) {
				t.Errorf("%q has no %q", report, part)
			}
		}
		if !strings.Contains(c.Log(), "\tInit Duration: ") {
			t.Error("no Init Duration in any REPORT line")
		}
	})
}

// The app runs in Lambda's environment, with the settings of the stack.
func TestEnvironment(t *testing.T) {
	c := start(t, "-app", wsgiApp, "-c", `environment={"GREETING":"hi"}`, "-c", "memory=640")
	_, got := c.do("GET", "/environment", nil)
	var env map[string]string
	if err := json.Unmarshal(got, &env); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	for name, want := range map[string]string{
		"GREETING": "hi", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "640", "AWS_REGION": "eu-central-1",
		"PYTHONUNBUFFERED": "1",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	for _, name := range []string{"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API", "PORT"} {
		if env[name] == "" {
			t.Errorf("%s is not set", name)
		}
	}
	if env["PORT"] != env["AWS_LWA_PORT"] {
		t.Errorf("app and adapter disagree: PORT %s, AWS_LWA_PORT %s", env["PORT"], env["AWS_LWA_PORT"])
	}
}

// With AWS_IAM the credentials that are printed at the start open the API, to any client that signs.
func TestSignedRequests(t *testing.T) {
	c := start(t, "-app", wsgiApp, "-c", "auth=AWS_IAM")
	if response, body := c.do("GET", "/", nil); response.StatusCode != 403 ||
		string(body) != `{"message":"Missing Authentication Token"}` {
		t.Errorf("not signed: %d %s", response.StatusCode, body)
	}
	printed := func(name string) string {
		_, value, _ := strings.Cut(c.waitFor("export "+name+"="), "=")
		return value
	}
	key, secret := printed("AWS_ACCESS_KEY_ID"), printed("AWS_SECRET_ACCESS_KEY")
	invoke := filepath.Join(t.TempDir(), "invoke")
	if out, err := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", invoke,
		"./invoke").CombinedOutput(); err != nil {
		t.Fatalf("build invoke: %v\n%s", err, out)
	}
	clients := map[string][]string{"invoke": {invoke, "-base", c.URL, "-d", "a+b=%2F", "/bytes?x=1%2F2"}}
	if curl, err := exec.LookPath("curl"); err == nil {
		clients["curl"] = []string{curl, "--silent", "--fail-with-body", "--aws-sigv4",
			"aws:amz:eu-central-1:execute-api", "--user", key + ":" + secret,
			"--data", "a+b=%2F", c.URL + "/bytes?x=1%2F2"}
	}
	for name, client := range clients {
		command := exec.Command(client[0], client[1:]...)
		command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret,
			"AWS_REGION=eu-central-1", "AWS_SESSION_TOKEN=", "AWS_CONFIG_FILE=/dev/null")
		out, err := command.Output()
		if err != nil || strings.TrimSpace(string(out)) != "a+b=%2F" {
			t.Errorf("%s: %v, answer %q", name, err, out)
		}
	}
}

// MODE=auto goes on without a container engine and says why; MODE=container says what is missing.
func TestNoContainerEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "nobody.sock"))
	for _, args := range [][]string{{"-mode", "auto"}, {}} { // it is the default
		c := startAs(t, append(args, "-app", wsgiApp)...)
		if line := c.waitFor("Process mode, as "); !strings.Contains(line, "MODE=container") {
			t.Errorf("%q does not say how to have the other mode", line)
		}
		if response, _ := c.do("GET", "/empty", nil); response.StatusCode != 204 {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	c := begin(t, "-port", "0", "-app", wsgiApp, "-mode", "container")
	if code := c.ExitCode(); code != 1 || !strings.Contains(c.Log(), "make local MODE=process") {
		t.Errorf("MODE=container ended with code %d:\n%s", code, c.Log())
	}
}

// Requests at once get sandboxes of their own; provisioned concurrency is warm before the first call.
func TestConcurrency(t *testing.T) {
	c := start(t, "-app", wsgiApp, "-c", "provisionedConcurrency=2")
	if log := c.Log(); strings.Count(log, "listening on ") != 2 {
		t.Errorf("want two apps ready before the first request:\n%s", log)
	}
	folder := t.TempDir()
	pids := make(chan string)
	for range 3 {
		go func() {
			response, err := http.Get(c.URL + "/meet?count=3&folder=" + url.QueryEscape(folder))
			if err != nil {
				pids <- err.Error()
				return
			}
			defer response.Body.Close()
			pid, _ := io.ReadAll(response.Body)
			pids <- fmt.Sprint(response.StatusCode, " ", string(pid))
		}()
	}
	seen := map[string]bool{}
	for range 3 {
		seen[<-pids] = true
	}
	if len(seen) != 3 {
		t.Errorf("want three sandboxes, got %v", seen)
	}
	for answer := range seen {
		if !strings.HasPrefix(answer, "200 ") {
			t.Errorf("answer %q", answer)
		}
	}
}

// The outcomes of the contract when the app misbehaves, and words that a web developer understands.
func TestAppMisbehaves(t *testing.T) {
	t.Run("dies during a request", func(t *testing.T) {
		c := start(t, "-app", wsgiApp)
		response, got := c.do("GET", "/die", nil)
		if response.StatusCode != 502 || string(got) != `{"message": "Internal server error"}` {
			t.Errorf("status %d, body %q", response.StatusCode, got)
		}
		c.waitFor("Runtime.ExitError")
		if response, _ := c.do("GET", "/again", nil); response.StatusCode != 200 {
			t.Errorf("the request after it: status %d", response.StatusCode)
		}
	})
	t.Run("dies during each other request", func(t *testing.T) {
		t.Parallel()
		c := start(t, "-app", wsgiApp, "-c", onDemand)
		for n := range 12 {
			if response, _ := c.do("GET", "/die", nil); response.StatusCode != 502 {
				t.Errorf("death %d: status %d", n, response.StatusCode)
			}
			if response, _ := c.do("GET", "/again", nil); response.StatusCode != 200 {
				t.Errorf("the request at once after death %d: status %d", n, response.StatusCode)
			}
		}
	})
	t.Run("listens on another port", func(t *testing.T) {
		t.Parallel()
		free := freePort(t)
		c := begin(t, "-port", "0", "-watch=false", "-app", wsgiApp, "-mode", "process", "-c", onDemand, "-c",
			fmt.Sprintf("port=%d", freePort(t)),
			"-c", fmt.Sprintf(`environment={"APP_LISTENS_ON":"%d","AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS":"6"}`,
				free))
		if line := c.waitFor(strconv.Itoa(free) + ", expected "); !strings.Contains(line, "setting port") {
			t.Errorf("it does not name the setting: %s", line)
		}
		if code := c.ExitCode(); code != 1 || strings.Contains(c.Log(), "Ready in ") {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("starts over and over", func(t *testing.T) {
		t.Parallel()
		app := copyApp(t, map[string]string{"start.sh": "while :; do echo cannot connect to db:5432; sleep 1.1; done\n"})
		c := begin(t, "-port", "0", "-watch=false", "-app", app, "-mode", "process", "-command", "exec sh start.sh")
		c.waitFor("lambda-web: the app is not ready and tries again and again; it said 3 times: cannot connect to db:5432")
		if err := c.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
	})
	t.Run("takes longer than the init phase", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes 22 s")
		}
		t.Parallel()
		c := start(t, "-app", wsgiApp, "-c", onDemand, "-c", `environment={"START_DELAY":"12"}`, "-c",
			"asyncInit=true", "-c", "timeout=29")
		if response, _ := c.do("GET", "/", nil); response.StatusCode != 200 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}

func TestMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"a taken port", []string{"-port", port}, []string{"port " + port +
			" on 127.0.0.1 cannot be used (address already in use)", "PORT"}},
		{"a taken port for the site", []string{"-port", "0", "-site-port", port, "-app", wsgiApp, "-mode",
			"process", "-c", "front=cloudfront"},
			[]string{"port " + port + " on 127.0.0.1, for the site in front of the API, cannot be used " +
				"(address already in use)", "SITE_PORT"}},
		{"a site's port out of range", []string{"-port", "0", "-site-port", "70000"},
			[]string{"SITE_PORT is 70000", "1 to 65535"}},
		{"one port for both", []string{"-port", port, "-site-port", port}, []string{"SITE_PORT and PORT are the same"}},
		{"a port out of range", []string{"-port", "70000"}, []string{"PORT is 70000", "1 to 65535"}},
		{"no such app", []string{"-port", "0", "-app", "nowhere"}, []string{`APP is "nowhere", which is not a folder`}},
		{"no such stack", []string{"-port", "0", "-stack", "nope"}, []string{`no stack "nope"`, "dev, prod"}},
		{"several settings at once", []string{"-port", "0", "-c", "memory=64", "-c", "auth=PASSWORD"},
			[]string{"memory", "64", "128", "auth", "PASSWORD", "AWS_IAM"}},
		{"an app that does not say how it starts", []string{"-port", "0", "-app", "docs"}, []string{"docs",
			"no Dockerfile", "Procfile", "make local COMMAND="}},
		{"a mode there is none", []string{"-port", "0", "-mode", "vm"}, []string{`MODE is "vm"`,
			"process, container and auto"}},
		{"a command for a container", []string{"-port", "0", "-mode", "container", "-command", "true"},
			[]string{"COMMAND is for process mode"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := begin(t, test.args...)
			if code := c.ExitCode(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			for _, want := range test.want {
				if !strings.Contains(c.Log(), want) {
					t.Errorf("the message does not say %q:\n%s", want, c.Log())
				}
			}
		})
	}
}

// However it ends, nothing is left running.
func TestNothingIsLeftRunning(t *testing.T) {
	for _, test := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"Ctrl-C", syscall.SIGINT, 0}, {"SIGTERM", syscall.SIGTERM, 0}, {"killed", syscall.SIGKILL, -1}} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, "-app", wsgiApp)
			var pids []int
			for _, path := range []string{"/", "/x"} {
				_, got := c.do("GET", path, nil)
				var seen struct{ Pid int }
				if err := json.Unmarshal(got, &seen); err != nil {
					t.Fatal(err)
				}
				pids = append(pids, seen.Pid)
			}
			if err := c.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			if code := c.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if test.signal != syscall.SIGKILL && !strings.Contains(c.Log(), "the app got SIGTERM") {
				t.Error("the app was not asked to stop")
			}
			for _, pid := range pids {
				waitGone(t, pid)
			}
		})
	}
}

// waitGone waits until a process does not exist any more.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for syscall.Kill(pid, 0) == nil {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// A first start builds the Pulumi program itself, and says why it could not.
func TestBuildsTheProgram(t *testing.T) {
	empty := t.TempDir()
	if err := os.Symlink(filepath.Join(bin, "lambda-adapter"), filepath.Join(empty, "lambda-adapter")); err != nil {
		t.Fatal(err)
	}
	c := start(t, "-app", wsgiApp, "-bin", empty, "-build")
	if answer, _ := c.do("GET", "/v1/", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("the app answers %d", answer.StatusCode)
	}
	if _, err := os.Stat(filepath.Join(empty, "infra")); err != nil {
		t.Error(err)
	}
	t.Setenv("GOFLAGS", "-mod=nonsense")
	failing := exec.Command(filepath.Join(bin, "local"), "-port", "0", "-bin", empty, "-build")
	out, err := failing.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the Pulumi program did not build") {
		t.Errorf("%v\n%s", err, out)
	}
}
