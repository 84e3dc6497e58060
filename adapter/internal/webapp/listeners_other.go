//go:build !linux

package webapp

import "net/netip"

// listening is only known on Linux.
func listening() []netip.AddrPort { return nil }
