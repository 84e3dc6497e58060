package http1

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
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
