package webapp

import (
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// listening returns the TCP addresses on which processes of this execution environment listen, from
// /proc/net/tcp and tcp6 (proc(5)). If none of them is known to listen it returns those of the
// whole machine: a process whose environment cannot be read, or was cleaned, is not recognised, and
// to say that nothing listens could be wrong.
func listening() []netip.AddrPort {
	own, all := listeners(environmentSockets())
	if len(own) > 0 {
		return own
	}
	return all
}

// listeners returns the addresses that belong to the given sockets, and all addresses.
func listeners(sockets map[string]bool) (own, all []netip.AddrPort) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			columns := strings.Fields(line)
			const stateListen, inode = "0A", 9
			if len(columns) <= inode || columns[3] != stateListen {
				continue
			}
			address, ok := parseProcAddress(columns[1])
			if !ok || slices.Contains(all, address) {
				continue
			}
			all = append(all, address)
			if sockets[columns[inode]] {
				own = append(own, address)
			}
		}
	}
	return own, all
}

// environmentSockets returns the inodes of the sockets that the processes of this execution
// environment have open, without Lambda's extensions. Its processes are those that know the same
// Runtime API: on Lambda all of them, on a laptop those of one sandbox, where discovery must not
// take the app of another one for this one's.
func environmentSockets() map[string]bool {
	environment := runtimeAPI("/proc/self")
	inodes := map[string]bool{}
	if environment == "" {
		return nil
	}
	for _, folder := range namesIn("/proc") {
		process := "/proc/" + folder
		if runtimeAPI(process) != environment || isExtension(process) {
			continue
		}
		for _, descriptor := range namesIn(process + "/fd") {
			target, _ := os.Readlink(process + "/fd/" + descriptor)
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return inodes
}

// namesIn returns what is in a folder that can be read. It leaves the names in no order, as to sort them
// would cost 8 KB of the binary.
func namesIn(folder string) []string {
	file, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer file.Close()
	names, _ := file.Readdirnames(-1)
	return names
}

// runtimeAPI is the address of the Runtime API that a process was started with.
func runtimeAPI(process string) string {
	environ, _ := os.ReadFile(process + "/environ")
	for entry := range strings.SplitSeq(string(environ), "\x00") {
		if address, ok := strings.CutPrefix(entry, "AWS_LAMBDA_RUNTIME_API="); ok {
			return address
		}
	}
	return ""
}

// isExtension reports whether a process is an extension or was started as one, by an interpreter.
func isExtension(process string) bool {
	command, _ := os.ReadFile(process + "/cmdline")
	for word := range strings.SplitSeq(string(command), "\x00") {
		if strings.HasPrefix(word, "/opt/extensions/") {
			return true
		}
	}
	return false
}

// parseProcAddress reads `0100007F:1F90`: groups of four bytes in the machine's order, which is
// little-endian on every machine that Lambda has, then the port.
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
