package conformance

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLocalhost(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"::1", "127.0.0.1"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_HOST"] = "localhost"
			if address == "::1" {
				e.app.Refuse()
				if err := e.app.Listen("tcp", fmt.Sprintf("[::1]:%d", e.port)); errors.Is(err,
					syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
					t.Skip("this machine has no IPv6 loopback")
				} else {
					e.must(err)
				}
			}
			e.start()
			e.invoke(HTTPEvent("GET", "/", "")).status(200)
		})
	}
	t.Run("[::1]", func(t *testing.T) {
		t.Parallel()
		e := newEnvironment(t)
		e.variables["AWS_LWA_HOST"] = "[::1]"
		e.app.Refuse()
		if err := e.app.Listen("tcp", fmt.Sprintf("[::1]:%d", e.port)); err != nil {
			t.Skipf("this machine has no IPv6 loopback: %v", err)
		}
		e.start()
		e.invoke(`{"Records":[]}`)
		if host := e.app.Served()[0].Header.Get("host"); host != e.app.Address() {
			t.Errorf("Host %q, want %q", host, e.app.Address())
		}
	})
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	socket := filepath.Join(t.TempDir(), "app.sock")
	e.app.Refuse()
	delete(e.variables, "AWS_LWA_PORT")
	e.variables["AWS_LWA_HOST"] = "unix:" + socket
	e.variables["AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS"] = "600"
	e.start()
	e.logs(socket) // not there yet
	e.must(e.app.Listen("unix", socket))
	for range 3 {
		e.invoke(HTTPEvent("POST", "/", "over a socket")).status(200)
	}
	calls := e.app.Served()
	if len(calls) != 3 || e.app.Connections() != 1 || string(calls[2].Body) != "over a socket" {
		t.Errorf("%d requests on %d connections", len(calls), e.app.Connections())
	}
	e.invoke(`{"Records":[]}`)
	if host := e.app.Requests()[len(e.app.Requests())-1].Header.Get("host"); host == "" || strings.Contains(host, "/") {
		t.Errorf("Host %q is no host", host)
	}
	e.app.Refuse() // the application restarts and makes its socket anew
	e.app.CloseIdle()
	i := e.invocation(HTTPEvent("POST", "/", "again"))
	e.api.Push(i)
	time.AfterFunc(100*time.Millisecond, func() { _ = e.app.Resume() })
	e.answered(i).status(200)
	e.app.Refuse()
	e.app.CloseIdle()
	e.invoke(HTTPEvent("POST", "/", "gone")).failed("Function.AppConnectError", socket)
}

// A unix socket whose queue is full for the moment is no reason to fail: nothing was sent, so the adapter tries again.
func TestUnixSocketWithAFullQueue(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	socket := filepath.Join(t.TempDir(), "app.sock")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	e.must(err)
	file := os.NewFile(uintptr(fd), socket)
	defer file.Close()
	e.must(syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}))
	e.must(syscall.Listen(fd, 0)) // room for one connection that nobody has accepted yet
	e.app.Refuse()
	delete(e.variables, "AWS_LWA_PORT")
	e.variables["AWS_LWA_HOST"] = "unix:" + socket
	e.variables["AWS_LWA_READINESS_CHECK_PROTOCOL"] = "tcp"
	e.startReady() // the probe's connection takes the room
	i := e.invocation(HTTPEvent("POST", "/", "x"))
	e.api.Push(i)
	time.AfterFunc(200*time.Millisecond, func() {
		listener, err := net.FileListener(file)
		if err != nil {
			t.Errorf("accept at last: %v", err)
			return
		}
		e.app.Serve(listener)
	})
	e.answered(i).status(200)
	if n := len(e.app.Served()); n != 1 {
		t.Errorf("one POST was sent %d times", n)
	}
}
