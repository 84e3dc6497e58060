package webapp

import (
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// listening returns the TCP addresses on which some process listens, from /proc/net/tcp and tcp6 (proc(5)).
func listening() []netip.AddrPort {
	var found []netip.AddrPort
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			columns := strings.Fields(line)
			const stateListen = "0A"
			if len(columns) < 4 || columns[3] != stateListen {
				continue
			}
			if address, ok := parseProcAddress(columns[1]); ok && !slices.Contains(found, address) {
				found = append(found, address)
			}
		}
	}
	return found
}

// parseProcAddress reads `0100007F:1F90`: groups of four bytes in the machine's order, which is little-endian on
// every machine that Lambda has, then the port.
func parseProcAddress(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for group := 0; group < len(raw); group += 4 {
		slices.Reverse(raw[group : group+4])
	}
	ip, ok := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(ip, uint16(number)), ok && err == nil
}
