package http1

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// unixPrefix marks the path of a unix socket in an address.
const unixPrefix = "unix:"

// Dialer opens connections to one address.
type Dialer struct {
	address string
	unix    string           // path of the socket, or empty
	targets []netip.AddrPort // none: address is a name, which is resolved each time
}

// NewDialer returns a dialer for host:port or unix:/path. Both addresses behind the host
// `localhost` are tried: a server may listen on only one of them.
func NewDialer(address string) *Dialer {
	d := &Dialer{address: address}
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		d.unix = path
		return d
	}
	hosts := []string{address}
	if host, port, err := net.SplitHostPort(address); err == nil && strings.ToLower(host) == "localhost" {
		hosts = []string{"127.0.0.1:" + port, "[::1]:" + port}
	}
	for _, host := range hosts {
		if target, err := netip.ParseAddrPort(host); err == nil {
			d.targets = append(d.targets, target)
		}
	}
	return d
}

// Dial connects. It gives up at the deadline; the zero time means when the system does.
func (d *Dialer) Dial(deadline time.Time) (Stream, error) {
	switch {
	case d.unix != "":
		return dialUnix(d.unix, deadline)
	case len(d.targets) == 0:
		return dialByName(d.address, deadline)
	}
	var first error
	for i, target := range d.targets {
		sock, err := dialTCP(target, deadline)
		if err == nil {
			// Where somebody listens is tried first from now on.
			d.targets[0], d.targets[i] = d.targets[i], d.targets[0]
			return sock, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func dialByName(address string, deadline time.Time) (Stream, error) {
	// Keep-alive probes would only cost system calls: a connection is never idle for long.
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if conn.LocalAddr().String() == conn.RemoteAddr().String() {
		return nil, refuseSelf(conn.(*net.TCPConn))
	}
	return conn, nil
}

// refuseSelf ends a connection to itself. Where nobody listens on a port of the ephemeral range,
// the system may choose that very port as the source of the connection, and TCP then takes the two
// ends for a simultaneous open (RFC 9293 section 3.5): the connection succeeds, and its peer is its
// own echo. Package net tries again twice (net/tcpsock_posix.go); here it is what it means: nobody
// listens. The connection is reset, as the TIME-WAIT of an orderly close would keep the app from
// listening on its port.
func refuseSelf(conn *net.TCPConn) error {
	_ = conn.SetLinger(0)
	_ = conn.Close()
	return syscall.ECONNREFUSED
}
