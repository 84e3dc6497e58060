package http1

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// connected are the two ends of a TCP connection.
func connected(t *testing.T) (ours *socket, theirs *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = accepted.Close() })
	return newSocket(conn), accepted.(*net.TCPConn)
}

// More than the system takes at once arrives whole and in order, while the other direction is read.
func TestSocketWritesEverything(t *testing.T) {
	ours, theirs := connected(t)
	parts := [3][]byte{[]byte("head"), bytes.Repeat([]byte("0123456789"), 1<<20), []byte("end")}
	want := bytes.Join(parts[:], nil)
	received := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(theirs)
		_, _ = theirs.Write([]byte("done"))
		received <- all
	}()
	if n, err := ours.write(parts); n != int64(len(want)) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(want), err)
	}
	if err := ours.Stream.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-received; !bytes.Equal(got, want) {
		t.Fatalf("received %d bytes, want %d, or other ones", len(got), len(want))
	}
	var in [8]byte
	if n, err := ours.Read(in[:]); string(in[:n]) != "done" || err != nil {
		t.Errorf("read %q, %v", in[:n], err)
	}
}

func TestSocketKnowsWhenItIsSilent(t *testing.T) {
	ours, theirs := connected(t)
	if !ours.silent() {
		t.Error("an idle connection is silent")
	}
	_ = ours.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read past its deadline ends with %v", err)
	}
	_ = ours.SetDeadline(time.Time{})
	if err := theirs.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("behind the end, %d bytes and %v were read", n, err)
	}
	if ours.silent() {
		t.Error("a connection that the peer has closed is not silent")
	}
	ours, theirs = connected(t)
	_ = theirs.SetLinger(0)
	_ = theirs.Close()
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a read from a connection that was reset ends with %v", err)
	}
	if n, err := ours.write([3][]byte{[]byte("x")}); n != 0 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a write to it: %d bytes, %v", n, err)
	}
}

// A peer that writes its response in two parts holds the second one back until the first is acknowledged, as most
// servers that are not made for speed do. Each exchange would take the 40 ms of a delayed acknowledgement, 2 s
// together.
func TestPartsOfAResponseAreAcknowledged(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can send an acknowledgement early")
	}
	ours, theirs := connected(t)
	if err := theirs.SetNoDelay(false); err != nil {
		t.Fatal(err)
	}
	go func() {
		request := make([]byte, 1)
		for {
			if _, err := theirs.Read(request); err != nil {
				return
			}
			theirs.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"))
			theirs.Write([]byte("ok"))
		}
	}()
	conn := &Conn{}
	conn.Attach(ours.Stream)
	began := time.Now()
	const exchanges = 50
	for range exchanges {
		if _, err := conn.Send([]byte("?"), nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.ReadHead(false); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := conn.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if took := time.Since(began); took > exchanges*20*time.Millisecond {
		t.Errorf("%d exchanges took %s", exchanges, took)
	}
}
