// Package webapp is the client of the user's web app: it finds out when the app is ready, keeps one
// connection to it, and sends it one request at a time.
package webapp

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

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

// isRefused reports whether nobody listens at an address (yet), or a unix socket's queue is full:
// no byte was sent, so trying again is safe.
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
	case http1.IsTimeout(err):
		return "timeout, its queue of connections may be full"
	}
	return http1.Reason(err)
}
