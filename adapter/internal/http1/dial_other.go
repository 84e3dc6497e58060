//go:build !linux

package http1

import (
	"net/netip"
	"time"
)

// DialTCP connects.
func DialTCP(target netip.AddrPort, timeout time.Duration) (Stream, error) {
	return dialByName("tcp", target.String(), timeout)
}

// DialUnix connects to a unix socket.
func DialUnix(path string, timeout time.Duration) (Stream, error) {
	return dialByName("unix", path, timeout)
}
