package http1

import (
	"net"
	"net/netip"
	"time"
)

// Dial connects to a TCP address, host:port. An address that is a number is connected to in one step.
func Dial(address string, timeout time.Duration) (Stream, error) {
	if target, err := netip.ParseAddrPort(address); err == nil {
		return DialTCP(target, timeout)
	}
	return dialByName("tcp", address, timeout)
}

func dialByName(network, address string, timeout time.Duration) (Stream, error) {
	// Keep-alive probes would only cost system calls: a connection is never idle for long.
	dialer := net.Dialer{Timeout: timeout, KeepAlive: -1}
	return dialer.Dial(network, address)
}
