// Package webapp is the client of the user's web app: it finds out when the app is ready, keeps one connection to
// it, and sends it one request at a time.
package webapp

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lambda-web/adapter/internal/http1"
)

// Address is where the app listens.
type Address struct {
	Host string // a name, an IPv4 address, an IPv6 address in brackets, or unix:/path of a socket
	Port int    // not used with a unix socket
}

const unixPrefix = "unix:"

// IsUnix reports whether the app listens on a unix socket.
func (a Address) IsUnix() bool { return strings.HasPrefix(a.Host, unixPrefix) }

// String returns host:port, or unix:/path.
func (a Address) String() string {
	if a.IsUnix() {
		return a.Host
	}
	return a.Host + ":" + strconv.Itoa(a.Port)
}

// HostField is the Host of requests that name no other.
func (a Address) HostField() string {
	if a.IsUnix() {
		return "localhost"
	}
	return a.String()
}

// dialer opens connections to an address. The addresses behind `localhost` are both tried: an app may listen on only
// one of them.
type dialer struct {
	name    string
	unix    string
	targets []netip.AddrPort
}

func newDialer(a Address) dialer {
	d := dialer{name: a.String()}
	if a.IsUnix() {
		d.unix = strings.TrimPrefix(a.Host, unixPrefix)
		return d
	}
	hosts := []string{strings.Trim(a.Host, "[]")}
	if strings.EqualFold(a.Host, "localhost") {
		hosts = []string{"127.0.0.1", "::1"}
	}
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			d.targets = append(d.targets, netip.AddrPortFrom(ip, uint16(a.Port)))
		}
	}
	return d
}

// dial connects. A name that is not an address is resolved each time.
func (d *dialer) dial(timeout time.Duration) (http1.Stream, error) {
	switch {
	case d.unix != "":
		return http1.DialUnix(d.unix, timeout)
	case len(d.targets) == 0:
		return http1.Dial(d.name, timeout)
	}
	var first error
	for i, target := range d.targets {
		sock, err := http1.DialTCP(target, timeout)
		if err == nil {
			d.targets[0], d.targets[i] = d.targets[i], d.targets[0] // where the app listens is tried first from now on
			return sock, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// isRefused reports whether nobody listens at an address (yet), or a unix socket's queue is full: no byte was sent, so
// trying again is safe.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EAGAIN)
}

// dialReason says why no connection was made.
func dialReason(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ENOENT):
		return "no such socket"
	case errors.Is(err, syscall.EAGAIN):
		return "its queue of connections is full"
	}
	return http1.Reason(err)
}
