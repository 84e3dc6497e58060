package sandbox

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// On Lambda every sandbox has a network of its own; here all share the one of this machine, so each
// app needs a port of its own. None is given the declared port: an app that listens there was not told to,
// and so knows no other.

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

// leasePort gives a free port to one sandbox. Nothing listens on it until the app does: whoever waits for
// the app would take that for the app. If another program takes the port in that moment, the init fails
// and is repeated with another port.
func leasePort() (int, error) {
	leases.Lock()
	defer leases.Unlock()
	for range 1000 {
		if port := firstFreePort + rand.IntN(lastFreePort-firstFreePort+1); tryPort(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a port for the app: none was free between %d and %d", firstFreePort, lastFreePort)
}

// tryPort needs the lock of leases. Apps listen on the loopback address or on all: both must be
// free, and some systems allow the one beside the other.
func tryPort(port int) bool {
	if leases.taken[port] {
		return false
	}
	for _, host := range []string{"127.0.0.1", ""} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	leases.taken[port] = true
	return true
}

// releasePort gives a port back.
func releasePort(port int) {
	leases.Lock()
	defer leases.Unlock()
	delete(leases.taken, port)
}
