package sandbox

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestTraffic: what passes between the adapter and the app is with the invocation it was for.
func TestTraffic(t *testing.T) {
	n := newNotebook()
	f := newFixture(t, func(c *Config) { c.Observe, c.Record = n.observe, func() bool { return true } },
		extensionScripts{"lambda-adapter": adapterScript}, "listen", "block")
	for _, id := range []string{"one", "two"} {
		if _, err := f.Invoke(context.Background(), Invocation{RequestID: id, Event: []byte(`""`)}); err != nil {
			t.Fatal(err)
		}
		records := n.await(t, "the traffic of "+id, func(r Record) bool {
			traffic, ok := r.(Traffic)
			return ok && traffic.RequestID == id
		})
		traffic := records[len(records)-1].(Traffic)
		if !strings.HasPrefix(string(traffic.Sent.Bytes), "GET /?gate= HTTP/1.1\r\n") ||
			!strings.Contains(string(traffic.Received.Bytes), "from port") {
			t.Errorf("%s: sent %q, received %q", id, traffic.Sent.Bytes, traffic.Received.Bytes)
		}
		if traffic.Answered.Before(traffic.Asked) || traffic.Ended.Before(traffic.Answered) || traffic.Asked.IsZero() {
			t.Errorf("%s: the times are %v, %v and %v", id, traffic.Asked, traffic.Answered, traffic.Ended)
		}
	}
}

// newPair is a client, the tap and the app's end of one connection.
func newPair(t *testing.T) (tp *tap, client, app *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if tp, err = newTap(listener.Addr().(*net.TCPAddr).Port); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tp.close)
	probe, err := listener.Accept() // the tap looks whether the app listens
	if err != nil {
		t.Fatal(err)
	}
	probe.Close()
	limit := time.Now().Add(patience)
	var c net.Conn
	for {
		if c, err = net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tp.port}); err == nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	a, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); a.Close() })
	return tp, c.(*net.TCPConn), a.(*net.TCPConn)
}

// TestTapPassesEnds: the end of one direction leaves the other open, and a reset is a reset on the other side.
func TestTapPassesEnds(t *testing.T) {
	_, client, app := newPair(t)
	io.WriteString(client, "question")
	client.CloseWrite()
	asked, err := io.ReadAll(app)
	if err != nil || string(asked) != "question" {
		t.Fatalf("the app read %q, %v", asked, err)
	}
	io.WriteString(app, "answer")
	app.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
		t.Errorf("the client read %q, %v", got, err)
	}

	_, client, app = newPair(t)
	io.WriteString(client, "question")
	io.ReadFull(app, make([]byte, len("question")))
	reset(app)
	if _, err := io.ReadAll(client); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("after a reset of the app the client reads %v", err)
	}
}

// TestTapIsClosedWhileTheAppIsNotThere: nothing listens on the tap's port before the app listens, and nothing after
// the end.
func TestTapIsClosedWhileTheAppIsNotThere(t *testing.T) {
	port := freeAppPort(t)
	tp, err := newTap(port)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tp.port}).String()); err == nil {
		c.Close()
		t.Error("the tap listens before the app does")
	}
	tp.close()
	tp.close() // twice does no harm
}
