//go:build !linux

package webapp

import "net/netip"

// listening is only known on Linux.
func listening() []netip.AddrPort { return nil }

func listeners(map[string]bool) (own, all []netip.AddrPort) { return nil, nil }

func environmentSockets() map[string]bool { return nil }
