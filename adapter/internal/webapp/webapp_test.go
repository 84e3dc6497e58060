package webapp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/request"
)

func addressOf(listener net.Listener) Address {
	if listener.Addr().Network() == "unix" {
		return Address{Host: "unix:" + listener.Addr().String()}
	}
	return Address{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port}
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func send(c *Client, method string, body []byte, limits Limits) (string, *failure.Failure) {
	r := request.Request{Method: []byte(method), Size: len(body), Body: body,
		Head: []byte(method + " / HTTP/1.1\r\nhost: x\r\ncontent-length: " + strconv.Itoa(len(body)) + "\r\n\r\n")}
	if _, f := c.Do(&r, limits); f != nil {
		return "", f
	}
	var got []byte
	for {
		piece, err := c.Body().Next()
		if err == io.EOF {
			c.Finish()
			return string(got), nil
		}
		if err != nil {
			f := c.BodyFailed(err)
			c.Abort()
			return "", f
		}
		got = append(got, piece...)
	}
}

// An app that sends its answer while it still reads must not wait for ever: both sides would only
// write.
func TestEchoWhileReading(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	defer app.Close()
	c := NewClient(addressOf(app.Listener), time.Minute)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
	for range 2 {
		got, f := send(c, "POST", body, Limits{GiveUp: time.Now().Add(30 * time.Second)})
		if f != nil || got != string(body) {
			t.Fatalf("%d bytes came back as %d, %v", len(body), len(got), f)
		}
	}
}

// A kept connection that the app closes when the request arrives: repeatable methods are sent
// again, once; others fail.
func TestKeptConnectionDies(t *testing.T) {
	for method, wantOK := range map[string]bool{"GET": true, "HEAD": true, "PUT": true, "DELETE": true,
		"OPTIONS": true, "TRACE": true, "POST": false, "PATCH": false} {
		t.Run(method, func(t *testing.T) {
			listener := listen(t, "tcp", "127.0.0.1:0")
			var requests atomic.Int32
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					in := bufio.NewReader(conn)
					for n := 0; ; n++ {
						if _, err := http.ReadRequest(in); err != nil {
							break
						}
						requests.Add(1)
						if n == 1 { // the second request on a connection finds its end
							_ = conn.Close()
							break
						}
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				}
			}()
			c := NewClient(addressOf(listener), time.Minute)
			if _, f := send(c, method, nil, Limits{}); f != nil {
				t.Fatal(f)
			}
			_, f := send(c, method, nil, Limits{})
			if ok := f == nil; ok != wantOK {
				t.Errorf("%v", f)
			}
			want := int32(2)
			if wantOK {
				want = 3
			}
			if got := requests.Load(); got != want {
				t.Errorf("the app saw %d requests, want %d", got, want)
			}
		})
	}
}

func TestReuse(t *testing.T) {
	var connections atomic.Int32
	var header atomic.Value
	header.Store("")
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if h := header.Load().(string); h != "" {
			w.Header().Set("Keep-Alive", h)
		}
	}))
	app.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	app.Start()
	defer app.Close()
	rows := []struct {
		rule, header string
		limit        time.Duration // of the client
		apart        time.Duration // the deadlines of two invocations
		want         int32
	}{
		{"kept", "", time.Minute, 0, 1},
		{"no reuse", "", 0, 0, 3},
		{"idle by the deadlines", "", time.Minute, 2 * time.Minute, 3},
		{"half of the app's own limit", "timeout=100", time.Hour, 51 * time.Second, 3},
		{"within half of the app's own limit", "timeout=100", time.Hour, 40 * time.Second, 1},
		{"the app keeps nothing", "timeout=0", time.Minute, 0, 3},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			connections.Store(0)
			header.Store(row.header)
			c := NewClient(addressOf(app.Listener), row.limit)
			defer c.Abort()
			deadline := time.Now().Add(time.Minute)
			for range 3 {
				if _, f := send(c, "GET", nil, Limits{Deadline: deadline}); f != nil {
					t.Fatal(f)
				}
				deadline = deadline.Add(row.apart)
			}
			if got := connections.Load(); got != row.want {
				t.Errorf("%d connections, want %d", got, row.want)
			}
		})
	}
}

// How long a connection was idle is told by the clock of the system, and by the deadlines of two
// invocations, which go on while the environment, and maybe its clock, stands still. An invocation
// that took long is no idle time.
func TestIdle(t *testing.T) {
	now := time.Now()
	deadline := now.Add(time.Minute)
	rows := []struct {
		rule      string
		ended     time.Duration // before now
		took      time.Duration // the last exchange
		deadlines [2]time.Time
		want      time.Duration
	}{
		{"by the system's clock", time.Second, 0, [2]time.Time{}, time.Second},
		{"only one deadline is known", time.Second, 0, [2]time.Time{{}, deadline}, time.Second},
		{"the clock stood still", 0, 0, [2]time.Time{deadline, deadline.Add(time.Hour)}, time.Hour},
		{"a long exchange", time.Second, 50 * time.Second, [2]time.Time{deadline, deadline.Add(51 * time.Second)},
			time.Second},
		{"the clock was set back", -time.Hour, 0, [2]time.Time{deadline, deadline.Add(time.Second)}, time.Second},
	}
	for _, row := range rows {
		ended := now.Add(-row.ended).Round(0)
		c := Client{started: ended.Add(-row.took), idleSince: ended, limits: Limits{Deadline: row.deadlines[0]}}
		if got := c.idle(now, Limits{Deadline: row.deadlines[1]}); got != row.want {
			t.Errorf("%s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// An app that has begun to answer has seen the request: it is not sent again, whatever the method.
func TestPartOfAnAnswerIsAnAnswer(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	var requests atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			for n := 0; n < 2; n++ {
				if _, err := http.ReadRequest(in); err != nil {
					break
				}
				requests.Add(1)
				answer := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
				_, _ = io.WriteString(conn, answer[:len(answer)-n]) // the second lacks its last byte
			}
			_ = conn.Close()
		}
	}()
	c := NewClient(addressOf(listener), time.Minute)
	if _, f := send(c, "GET", nil, Limits{}); f != nil {
		t.Fatal(f)
	}
	if _, f := send(c, "GET", nil, Limits{}); f == nil || f.Type != failure.AppBadResponse {
		t.Errorf("%v", f)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("the app saw %d requests, want 2", n)
	}
}

// keeping is an app on one connection at a time that answers the first request, and goes on with
// what then does.
func keeping(t *testing.T, then func(net.Conn, *bufio.Reader)) (address Address, requests *atomic.Int32) {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			if _, err := http.ReadRequest(in); err == nil {
				requests.Add(1)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				then(conn, in)
			}
			_ = conn.Close()
		}
	}()
	return addressOf(listener), requests
}

// An exchange that is given up is over: the app may have done what it was asked for.
func TestGivenUpIsNotRepeated(t *testing.T) {
	address, requests := keeping(t, func(_ net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = in.ReadByte() // until the client leaves
		}
	})
	c := NewClient(address, time.Minute)
	if _, f := send(c, "GET", nil, Limits{}); f != nil {
		t.Fatal(f)
	}
	_, f := send(c, "GET", nil, Limits{GiveUp: time.Now().Add(50 * time.Millisecond)})
	if f == nil || f.Type != failure.AppTimeout {
		t.Errorf("%v", f)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("the app saw %d requests on new connections, want 1", n)
	}
}

// An app that answers without reading the whole body does not get the next request behind it.
func TestBodyThatIsNotRead(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	}()
	c := NewClient(addressOf(listener), time.Minute)
	body := make([]byte, 64<<20) // more than the system holds
	for n := range 2 {
		got, f := send(c, "POST", body, Limits{GiveUp: time.Now().Add(30 * time.Second)})
		if f != nil || got != "ok" {
			t.Fatalf("request %d: %q, %v", n+1, got, f)
		}
		body = nil
	}
}

// A kept connection that the app has closed meanwhile is not used for anything, least of all for a
// request that may not be repeated.
func TestClosedMeanwhile(t *testing.T) {
	ends := map[string]func(net.Conn, *bufio.Reader){
		"closed":     func(net.Conn, *bufio.Reader) {},
		"stray byte": func(conn net.Conn, in *bufio.Reader) { _, _ = io.WriteString(conn, "x"); _, _ = in.ReadByte() },
	}
	for name, then := range ends {
		t.Run(name, func(t *testing.T) {
			address, requests := keeping(t, then)
			c := NewClient(address, time.Minute)
			for range 2 {
				if _, f := send(c, "POST", nil, Limits{}); f != nil {
					t.Fatal(f)
				}
				for c.conn.Silent() { // what came from the other side is on its way
					time.Sleep(time.Millisecond)
				}
			}
			if n := requests.Load(); n != 2 {
				t.Errorf("the app saw %d requests, want 2", n)
			}
		})
	}
}

// Where nobody listens it is tried again for 2 s, but not beyond what is left of the invocation or
// of the exchange.
func TestNobodyListens(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	address := addressOf(listener)
	_ = listener.Close()
	unix := Address{Host: "unix:" + filepath.Join(t.TempDir(), "none.sock")}
	const soon, far = 50 * time.Millisecond, time.Hour
	rows := []struct {
		rule             string
		address          Address
		deadline, giveUp time.Duration // from now; 0 means none
		least, most      time.Duration
	}{
		{"no limit", address, 0, 0, restartPatience, far},
		{"far limits", unix, far, far, restartPatience, far},
		{"the deadline has passed", address, -soon, 0, 0, restartPatience},
		{"the deadline is near", address, answerMargin + soon, 0, soon, answerMargin + soon},
		{"the exchange is given up soon", address, 0, soon, soon, restartPatience},
		{"the exchange is given up before the deadline", unix, far, soon, soon, restartPatience},
		{"the deadline is before the exchange is given up", address, answerMargin + soon, far, soon, restartPatience},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			var limits Limits
			if row.deadline != 0 {
				limits.Deadline = began.Add(row.deadline)
			}
			if row.giveUp != 0 {
				limits.GiveUp = began.Add(row.giveUp)
			}
			_, f := send(NewClient(row.address, time.Second), "GET", nil, limits)
			if f == nil || f.Type != failure.AppConnect || !strings.Contains(f.Message, row.address.String()) {
				t.Errorf("%v", f)
			}
			if took := time.Since(began); took < row.least || took >= row.most {
				t.Errorf("gave up after %v, want between %v and %v", took, row.least, row.most)
			}
		})
	}
}

// An app whose queue of connections is full, because it has no time to accept, is waited for as
// long as the invocation may take: it is alive.
func TestFullQueueOfConnections(t *testing.T) {
	fd, address := queueOfOne(t)
	conns := make(chan net.Conn, 16)
	for full := false; !full; {
		conn, err := net.DialTimeout("tcp", address.String(), 100*time.Millisecond)
		if full = err != nil; !full {
			if len(conns) == cap(conns) {
				t.Skip("this system's queue of connections takes more than its length")
			}
			conns <- conn
		}
	}
	_, f := send(NewClient(address, 0), "GET", nil, Limits{Deadline: time.Now().Add(answerMargin +
		50*time.Millisecond)})
	if f == nil || f.Type != failure.AppConnect || !strings.Contains(f.Message, "queue of connections") {
		t.Errorf("with a near deadline: %v", f)
	}
	time.AfterFunc(restartPatience+200*time.Millisecond, func() {
		file := os.NewFile(uintptr(fd), "listener")
		listener, err := net.FileListener(file)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = listener.Close(); _ = file.Close() })
		for close(conns); len(conns) > 0; {
			_ = (<-conns).Close()
		}
		_ = http.Serve(listener, http.NotFoundHandler())
	})
	if _, f := send(NewClient(address, 0), "GET", nil, Limits{Deadline: time.Now().Add(time.Minute)}); f != nil {
		t.Errorf("an app that accepts again: %v", f)
	}
}

// queueOfOne is a listener that does not accept, and takes no more than one or two connections.
func queueOfOne(t *testing.T) (fd int, address Address) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd,
		0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, Address{Host: "127.0.0.1", Port: name.(*syscall.SockaddrInet4).Port}
}

func TestListenHint(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	port := addressOf(listener).Port
	if got := listenHint(Address{Host: "127.0.0.1", Port: port}, nil); got != "" {
		t.Errorf("an app that listens where it should: %q", got)
	}
	for address, want := range map[string]bool{"0.0.0.0": true, "127.0.0.1": true, "::": true, "::1": false,
		"10.0.0.1": false, "::ffff:127.0.0.1": true} {
		if got := reaches(netip.MustParseAddr(address), "127.0.0.1"); got != want {
			t.Errorf("a listener on %s reaches 127.0.0.1: %v", address, got)
		}
	}
}

// A listener is never kept quiet because its process is not recognised as one of this environment.
func TestListening(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("listeners are only known on Linux")
	}
	first, second := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	found := listening() // this process was not started by Lambda, so nothing is recognised
	for _, listener := range []net.Listener{first, second} {
		if want := listener.Addr().(*net.TCPAddr).AddrPort(); !slices.Contains(found, want) {
			t.Errorf("%v is not among %v", want, found)
		}
	}
}

func TestReadiness(t *testing.T) {
	rows := []struct {
		rule    string
		handler http.HandlerFunc
		want    string // part of the error; empty: ready
	}{
		{"healthy", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }, ""},
		{"unhealthy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "status 503"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timeout"},
		{"closes", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, "connection closed"},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			app := httptest.NewServer(row.handler)
			defer app.Close()
			r := NewReadiness(Check{Address: addressOf(app.Listener), Path: "/ready", Limit: 300 * time.Millisecond,
				Healthy: func(status int) bool { return status == 200 }}, time.Now(), logging.New(io.Discard,
				logging.Info, false))
			r.Run()
			err := r.Wait(time.Now())
			if row.want == "" {
				if err != nil || r.Failed() {
					t.Fatal(err)
				}
				c := NewClient(addressOf(app.Listener), time.Minute)
				r.HandOver(c)
				if !c.conn.Usable() {
					t.Error("the probe's connection was not handed over")
				}
				c.Abort()
				return
			}
			if err == nil || !r.Failed() || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(),
				"/ready") {
				t.Errorf("%v", err)
			}
			r.conn.Close()
		})
	}
}

// The log is told after 1, 2 and 5 seconds, then every 5; a time that was missed is left out.
func TestNextReport(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{
		time.Second:              2 * time.Second,
		1100 * time.Millisecond:  2 * time.Second,
		2 * time.Second:          5 * time.Second,
		3 * time.Second:          5 * time.Second,
		5 * time.Second:          10 * time.Second,
		5300 * time.Millisecond:  10 * time.Second,
		10 * time.Second:         15 * time.Second,
		98400 * time.Millisecond: 100 * time.Second,
		100 * time.Second:        105 * time.Second,
	} {
		if got := nextReport(waited); got != want {
			t.Errorf("after %v the next is at %v, want %v", waited, got, want)
		}
	}
}
