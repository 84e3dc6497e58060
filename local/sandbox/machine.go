package sandbox

import (
	"fmt"
	"net"
	"slices"
	"sync"
)

// machine is this machine as the host of one sandbox. All sandboxes share its network, so each app is
// given a port of its own.
type machine struct {
	listener net.Listener
	port     int  // that the app is told
	declared int  // that the function's environment says
	vacant   bool // nobody had the declared port before the app started

	mu        sync.Mutex
	processes []*process // all
	forward   *forward   // where the app listens on the declared port instead
}

var _ Host = (*machine)(nil)

// newMachine opens the listener and chooses the app's port.
func newMachine(declared int) (*machine, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the Runtime API: %w", err)
	}
	port, err := leasePort()
	if err != nil {
		listener.Close()
		return nil, err
	}
	return &machine{listener: listener, port: port, declared: declared, vacant: vacant(declared)}, nil
}

func (m *machine) Listener() net.Listener { return m.listener }
func (m *machine) RuntimeAPI() string     { return m.listener.Addr().String() }
func (m *machine) AppPort() int           { return m.port }

func (m *machine) Start(c Command, exited func(Group)) (Group, error) {
	p, err := startProcess(c, m.RuntimeAPI(), exited)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.processes = append(m.processes, p)
	return p, nil
}

func (m *machine) all() []*process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.processes)
}

func (m *machine) Drain() {
	for _, p := range m.all() {
		p.out.drain()
	}
}

func (m *machine) PeakMemory() int64 {
	var groups []int
	for _, p := range m.all() {
		groups = append(groups, p.pid)
	}
	return peakMemory(groups)
}

func (m *machine) Close() {
	m.listener.Close()
	killStrays(m.RuntimeAPI())
	for _, p := range m.all() {
		p.out.drain()
		p.out.file.Close() // also when descendants that left their group keep it open
		guard.remove(p.pid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forward != nil {
		m.forward.close()
	}
	releasePort(m.port)
}
