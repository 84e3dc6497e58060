package http1

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestDial(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // a machine without IPv6
			continue
		}
		at := listener.Addr().String()
		conn, err := NewDialer(at).Dial(time.Now().Add(time.Second))
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("hello")); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		_ = conn.Close()
		if got, err := io.ReadAll(accepted); string(got) != "hello" || err != nil {
			t.Errorf("%s received %q, %v", at, got, err)
		}
		_ = accepted.Close()
		_ = listener.Close()
		if _, err := NewDialer(at).Dial(time.Now().Add(time.Second)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("where nobody listens: %v", err)
		}
	}
}

// A host that never answers costs no more than the given time.
func TestDialGivesUp(t *testing.T) {
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	if err := syscall.Bind(listener, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	began := time.Now()
	for range 10 { // the queue takes one or two
		conn, err := NewDialer(at).Dial(time.Now().Add(50 * time.Millisecond))
		if err == nil {
			defer conn.Close()
			continue
		}
		if !IsTimeout(err) {
			t.Errorf("a full queue: %v, want a timeout", err)
		}
		if waited := time.Since(began); waited < 50*time.Millisecond {
			t.Errorf("gave up after %v", waited)
		}
		return
	}
	t.Skip("this system's queue of connections takes more than its length, so no attempt to connect has to wait")
}

func TestDialUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	if _, err := NewDialer("unix:" + path).Dial(time.Time{}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("no socket: %v", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := NewDialer("unix:" + path).Dial(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
