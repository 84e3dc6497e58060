package sandbox

import (
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Apps that listen on ports of their own choice. On Lambda that does no harm, as each sandbox has a network of
// its own; here such an app can run only once. Which app is one is seen by what listens where, and never
// guessed from a start that failed: starts fail for many reasons.

// forward passes connections to the port that the app was told on to the one where it listens.
type forward struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	ended bool
}

// portInterval is how often a boot looks at the ports; portGrace is how long the app may listen on the
// declared port before it counts as one that does not listen on the other.
const (
	portInterval = 20 * time.Millisecond
	portGrace    = 200 * time.Millisecond
)

// followPort looks where the app listens while it boots. One that listens on the declared port and not on the one
// it was told is reached there all the same.
func (m *machine) followPort(settled <-chan struct{}) {
	tick := time.NewTicker(portInterval)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-settled:
			return
		case <-tick.C:
		}
		told, declared := m.listens()
		switch {
		case told:
			return
		case !declared:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= portGrace:
			m.startForward()
			return
		}
	}
}

// listens tells whether the app listens on the port it was told, and on the declared one.
func (m *machine) listens() (told, declared bool) {
	if ports, known := m.ports(); known {
		return slices.Contains(ports, m.port), slices.Contains(ports, m.declared)
	}
	return !vacant(m.port), m.vacant && !vacant(m.declared)
}

// ports are those on which the sandbox's processes listen, where the operating system tells.
func (m *machine) ports() (ports []int, known bool) {
	var groups []int
	for _, p := range m.all() {
		groups = append(groups, p.pid)
	}
	return listeningPorts(groups)
}

// fixedPorts are the ports on which the app listens although it was told another one.
func (m *machine) fixedPorts() []int {
	if m.ignoresPort() {
		return []int{m.declared}
	}
	ports, _ := m.ports()
	return slices.DeleteFunc(ports, func(port int) bool { return port == m.port })
}

// ignoresPort is true when the app listens on the declared port, whatever it was told.
func (m *machine) ignoresPort() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forward != nil
}

func (m *machine) startForward() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(m.port))
	if err != nil {
		return // the app listens there by now, or the init will say what is missing
	}
	f := &forward{listener: listener, to: "127.0.0.1:" + strconv.Itoa(m.declared), conns: map[net.Conn]struct{}{}}
	m.mu.Lock()
	m.forward = f
	m.mu.Unlock()
	go f.accept()
}

func (f *forward) accept() {
	for {
		from, err := f.listener.Accept()
		if err != nil {
			return
		}
		go f.pass(from)
	}
}

// pass carries one connection until either side ends it.
func (f *forward) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer to.Close()
	if !f.hold(from, to) {
		return
	}
	defer f.drop(from, to)
	done := make(chan struct{})
	go func() {
		io.Copy(to, from)
		to.(*net.TCPConn).CloseWrite()
		close(done)
	}()
	io.Copy(from, to)
	from.(*net.TCPConn).CloseWrite()
	<-done
}

func (f *forward) hold(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		f.conns[c] = struct{}{}
	}
	return !f.ended
}

func (f *forward) drop(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		delete(f.conns, c)
	}
}

func (f *forward) close() {
	f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for c := range f.conns {
		c.Close()
	}
}

// vacant is true when nobody listens on a port of this machine.
func vacant(port int) bool {
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		c.Close()
	}
	return err != nil
}

// bootOutput is what the processes of a sandbox say while it boots, of interest when that fails.
type bootOutput struct {
	over  atomic.Bool // nobody asks any more
	spoke atomic.Bool
	inUse atomic.Bool // an address that was in use
}

// addressInUse is how programs say EADDRINUSE: the C library's text, Node's name of the error, gunicorn, Windows.
var addressInUse = regexp.MustCompile(`(?i)EADDRINUSE|\b(address|port|connection|socket)\b.{0,80}\bin use\b|only one usage of each socket`)

func (w *bootOutput) hear(text []byte) {
	if w == nil || len(text) == 0 || w.over.Load() {
		return
	}
	w.spoke.Store(true)
	if addressInUse.Match(text) {
		w.inUse.Store(true)
	}
}

// wantedPort is true when a failed boot may have failed because a port was taken: its processes said so, or
// nothing at all.
func (w *bootOutput) wantedPort() bool { return w.inUse.Load() || !w.spoke.Load() }
