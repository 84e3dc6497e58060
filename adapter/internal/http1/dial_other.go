//go:build !linux

package http1

import (
	"net"
	"net/netip"
	"time"
)

func dialTCP(target netip.AddrPort, deadline time.Time) (Stream, error) {
	return dialByName(target.String(), deadline)
}

func dialUnix(path string, deadline time.Time) (Stream, error) {
	dialer := net.Dialer{Deadline: deadline}
	return dialer.Dial("unix", path)
}
