package http1

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// ephemeralPort is a port on which nobody listens, of those that the system gives to outgoing
// connections first: those with the parity of the range's lower end.
func ephemeralPort(t *testing.T) (port, size int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skipf("the range of ephemeral ports is not known: %v", err)
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		t.Fatal(err)
	}
	for port := low + (high-low)/4*2; port < high; port += 2 {
		listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			_ = listener.Close()
			return port, high - low
		}
	}
	t.Fatal("no port is free")
	return 0, 0
}

// Where nobody listens, nobody answers, however often one asks: sooner or later the system takes
// the port itself for the source of the connection. Each attempt takes the next port, so that one
// turn through the range meets it.
func TestDialNeverReachesItself(t *testing.T) {
	port, size := ephemeralPort(t)
	addresses := []string{fmt.Sprint("127.0.0.1:", port), fmt.Sprint("0.0.0.0:", port)}
	if listener, err := net.Listen("tcp", "[::1]:0"); err == nil {
		_ = listener.Close()
		addresses = append(addresses, fmt.Sprint("[::1]:", port))
	}
	for _, address := range addresses {
		d := NewDialer(address)
		for range size {
			conn, err := d.Dial(time.Time{})
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue
			}
			if err == nil {
				_ = conn.Close()
			}
			t.Fatalf("%s: %v, want connection refused", address, err)
		}
		// What was given up does not keep a server from listening there.
		listener, err := (&net.ListenConfig{Control: withoutReuse}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Errorf("%s cannot be listened on afterwards: %v", address, err)
			continue
		}
		_ = listener.Close()
	}
}

// withoutReuse makes a listener as plain as possible, which the TIME-WAIT of an old connection
// keeps from its port.
func withoutReuse(_, _ string, c syscall.RawConn) (err error) {
	_ = c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR,
			0)
	})
	return err
}

// The Go runtime interrupts its own threads with signals; an attempt to connect goes on all the
// same.
func TestDialUnderSignals(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	threads, done := make(chan int), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		threads <- syscall.Gettid()
		d := NewDialer(listener.Addr().String())
		for range 500 {
			conn, err := d.Dial(time.Now().Add(time.Minute))
			if err != nil {
				t.Errorf("%v", err)
				return
			}
			_ = conn.Close()
		}
	}()
	thread := <-threads
	for {
		select {
		case <-done:
			return
		default:
			_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(thread),
				uintptr(syscall.SIGURG))
		}
	}
}
