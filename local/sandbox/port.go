package sandbox

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// On Lambda every sandbox has a network of its own; here all share the one of this machine, so each
// app needs a port of its own.

// Free ports are taken from below the ranges that operating systems use for outgoing connections,
// so that no such connection can take the port while the app still boots.
const (
	firstFreePort = 20000
	lastFreePort  = 32767
)

// leases are the ports given to sandboxes of this program.
var leases = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}

// portLease reserves a port for one app. The listener holds it until the app is about to start.
type portLease struct {
	port     int
	listener net.Listener
}

// leasePort reserves the preferred port if it is not 0 and free on this machine, else any free one.
func leasePort(preferred int) (*portLease, error) {
	leases.Lock()
	defer leases.Unlock()
	if preferred != 0 {
		if lease := tryPort(preferred); lease != nil {
			return lease, nil
		}
	}
	for range 1000 {
		if lease := tryPort(firstFreePort + rand.IntN(lastFreePort-firstFreePort+1)); lease != nil {
			return lease, nil
		}
	}
	return nil, fmt.Errorf("find a port for the app: none was free between %d and %d", firstFreePort, lastFreePort)
}

// tryPort needs the lock of leases. Apps listen on the loopback address or on all: both must be
// free, and some systems allow the one beside the other.
func tryPort(port int) *portLease {
	if leases.taken[port] {
		return nil
	}
	loopback, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil
	}
	loopback.Close()
	all, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return nil
	}
	leases.taken[port] = true
	return &portLease{port: port, listener: all}
}

// yield lets the app bind the port; no other sandbox gets it.
func (l *portLease) yield() {
	l.listener.Close()
}

// release gives the port back.
func (l *portLease) release() {
	l.listener.Close()
	leases.Lock()
	defer leases.Unlock()
	delete(leases.taken, l.port)
}
