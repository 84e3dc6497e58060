package conformance

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// Ports come from below the range that the kernel gives to outgoing connections, so that a port on which nothing listens for the
// moment stays refused.
const firstPort, lastPort = 11000, 31999

var nextPort atomic.Int32

func init() { nextPort.Store(int32(os.Getpid() * 37 % (lastPort - firstPort))) }

// FreePort returns a loopback port on which nothing listens and which no other call in this process has returned.
func FreePort() (int, error) {
	for range lastPort - firstPort {
		port := firstPort + int(nextPort.Add(1))%(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}
