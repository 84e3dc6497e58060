package conformance

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// discovering prepares an environment with port discovery in which nobody listens where the
// application should.
func discovering(t *testing.T) *environment {
	e := newEnvironment(t)
	e.app.Refuse()
	e.variables["AWS_LWA_PORT_DISCOVERY"] = "true"
	return e
}

// listen starts a process of the environment that listens on a port of its own.
func (e *environment) listen(kind string) (port int, process *Process) {
	e.Helper()
	port = e.freePort()
	return port, e.listenAs(e.api.Address(), strconv.Itoa(port), kind)
}

// listenAs starts a listener in the environment of a Runtime API.
func (e *environment) listenAs(runtimeAPI string, arguments ...string) *Process {
	e.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		e.Skip("python3 is missing, so discovery was not tested")
	}
	return e.runAs(runtimeAPI, append([]string{python, "listener.py"}, arguments...))
}

func (e *environment) runAs(runtimeAPI string, command []string) *Process {
	e.Helper()
	process, err := StartProcess(command, "testdata/servers", append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+
		runtimeAPI))
	e.must(err)
	e.Cleanup(process.Kill)
	return process
}

// awaitListener waits until somebody listens.
func (e *environment) awaitListener(address string) {
	e.Helper()
	for give := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(give) {
			e.Fatal(err)
		}
	}
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// foundAt asserts that the adapter took the application at port, said so in one line, and sends it
// invocations.
func (e *environment) foundAt(port int) {
	e.Helper()
	want := fmt.Sprintf("the app listens on %d, not %d; set port: %d", port, e.port, port)
	e.logs(want)
	e.awaitNext(1)
	if lines := e.adapter.Log().Lines(want); len(lines) != 1 {
		e.Errorf("%d lines say %q", len(lines), want)
	}
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
}

// notFound asserts that the adapter takes nobody for the application for a while, and the right one
// when it comes.
func (e *environment) notFound() {
	e.Helper()
	e.awaitLines(2, "the app is not ready after", e.appAddress())
	if lines := e.adapter.Log().Lines("the app listens on"); len(lines) != 0 {
		e.Errorf("took %v", lines)
	}
	e.must(e.app.Resume())
	e.invoke(HTTPEvent("GET", "/", "")).status(200)
	if len(e.app.Served()) != 1 {
		e.Errorf("the application was asked %d times", len(e.app.Served()))
	}
}

// awaitLines waits for a number of log lines.
func (e *environment) awaitLines(n int, parts ...string) {
	e.Helper()
	for give := time.Now().Add(patience); len(e.adapter.Log().Lines(parts...)) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(give) {
			e.Fatalf("there are no %d lines with %q", n, parts)
		}
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	t.Run("gunicorn", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		port := e.freePort()
		command := []string{filepath.Join(python(t), "gunicorn"), "--bind", local(port), "--log-level", "error",
			"--no-control-socket", "wsgi:app"}
		e.runAs(e.api.Address(), command)
		e.start()
		e.foundAt(port)
	})
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "::", "::1"} {
		t.Run("at "+host, func(t *testing.T) {
			t.Parallel()
			if listener, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
				t.Skip(err)
			} else {
				_ = listener.Close()
			}
			e := discovering(t)
			port, _ := e.listen("host=" + host)
			e.start()
			e.foundAt(port)
		})
	}
	t.Run("beside listeners that are not the application", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		for _, kind := range []string{"503", "silent", "smtp", "brief"} {
			e.listen(kind)
		}
		port, _ := e.listen("http")
		e.start()
		e.foundAt(port)
	})
	t.Run("with several workers", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		e.variables["AWS_LAMBDA_MAX_CONCURRENCY"] = "4"
		port, _ := e.listen("http")
		e.start()
		e.foundAt(port)
		for range 8 {
			if got := e.invoke(`{"Records":[]}`); string(got.Body) == "" {
				t.Error("no answer")
			}
		}
	})
}

func TestDiscoveryTakesNobody(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"503", "silent", "smtp", "brief"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			e := discovering(t)
			port, _ := e.listen(kind)
			e.awaitListener(local(port))
			e.start()
			e.notFound()
		})
	}
	t.Run("several answer", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		for range 2 {
			port, _ := e.listen("http")
			e.awaitListener(local(port))
		}
		e.start()
		e.logs("2 other listeners answer as the app would", "set port")
		e.notFound()
	})
	t.Run("another environment", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		port := e.freePort()
		e.listenAs("127.0.0.1:1", strconv.Itoa(port), "http")
		e.awaitListener(local(port))
		e.start()
		e.notFound()
	})
	t.Run("an extension", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		port := e.freePort()
		e.listenAs(e.api.Address(), strconv.Itoa(port), "http", "/opt/extensions/telemetry")
		e.awaitListener(local(port))
		e.start()
		e.notFound()
	})
	t.Run("the proxy of the Runtime API", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		e.variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "provisioned-concurrency"
		port, proxy := e.listen("http")
		e.awaitListener(local(port))
		e.variables["AWS_LWA_LAMBDA_RUNTIME_API_PROXY"] = local(port)
		e.start()
		e.awaitLines(2, "the app is not ready after")
		if lines := e.adapter.Log().Lines("the app listens on"); len(lines) != 0 {
			t.Errorf("took %v", lines)
		}
		proxy.Kill()
	})
	t.Run("the application is where it should be, and slow", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		e.must(e.app.Resume())
		e.app.OnReadiness(func(x *lambda.Exchange) {
			time.Sleep(time.Second)
			x.Reply(200, nil, nil)
		})
		port, _ := e.listen("http")
		e.awaitListener(local(port))
		e.start()
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		if lines := e.adapter.Log().Lines("the app listens on"); len(lines) != 0 || len(e.app.Served()) != 1 {
			t.Errorf("%v, and %d requests at the right place", lines, len(e.app.Served()))
		}
	})
	t.Run("the application comes late to where it should be, and is unhealthy at first", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		var healthy atomic.Bool
		e.app.OnReadiness(func(x *lambda.Exchange) {
			status := 503
			if healthy.Load() {
				status = 200
			}
			x.Reply(status, nil, nil)
		})
		e.start()
		e.awaitLines(1, "the app is not ready after") // discovery looks around by now
		e.must(e.app.Resume())
		e.must(e.app.Await(patience, "a probe", func() bool { return len(e.app.Probes()) > 0 }))
		port, _ := e.listen("http")
		e.awaitListener(local(port))
		e.awaitLines(2, "the app is not ready after")
		healthy.Store(true)
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
		if lines := e.adapter.Log().Lines("the app listens on"); len(lines) != 0 || len(e.app.Served()) != 1 {
			t.Errorf("%v, and %d requests at the right place", lines, len(e.app.Served()))
		}
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		delete(e.variables, "AWS_LWA_PORT_DISCOVERY")
		port, _ := e.listen("http")
		e.awaitListener(local(port))
		e.start()
		e.notFound()
	})
	t.Run("after init", func(t *testing.T) {
		t.Parallel()
		e := discovering(t)
		e.variables["AWS_LWA_ASYNC_INIT"] = "true"
		e.start()
		e.awaitNext(1)
		port, _ := e.listen("http")
		e.awaitListener(local(port))
		i := e.invocation(HTTPEvent("GET", "/", ""))
		i.Header[0].Value = fmt.Sprint(time.Now().Add(4 * time.Second).UnixMilli())
		e.run(i).failed("Function.AppNotReady", e.appAddress(), local(port))
		e.must(e.app.Resume())
		e.invoke(HTTPEvent("GET", "/", "")).status(200)
	})
}
