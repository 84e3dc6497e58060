package webapp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"lambda-web/adapter/internal/files"
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
		text, err := files.Read(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			columns := columnsOf(line)
			const stateListen, state, local, inode = "0A", 3, 1, 9
			if columns[state] != stateListen {
				continue
			}
			address, ok := parseProcAddress(columns[local])
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

// columnsOf returns the first columns of a line, empty where it has none.
func columnsOf(line string) (columns [10]string) {
	n := 0
	for column := range strings.SplitSeq(line, " ") {
		if column == "" {
			continue
		}
		if columns[n] = column; n == len(columns)-1 {
			break
		}
		n++
	}
	return columns
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
	processes, _ := files.Names("/proc")
	for _, folder := range processes {
		process := "/proc/" + folder
		if runtimeAPI(process) != environment || isExtension(process) {
			continue
		}
		descriptors, _ := files.Names(process + "/fd")
		for _, descriptor := range descriptors {
			var target [64]byte // a socket's name is shorter
			n, _ := syscall.Readlink(process+"/fd/"+descriptor, target[:])
			if inode, ok := strings.CutPrefix(string(target[:max(n, 0)]), "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return inodes
}

// runtimeAPI is the address of the Runtime API that a process was started with.
func runtimeAPI(process string) string {
	environ, _ := files.Read(process + "/environ")
	for entry := range strings.SplitSeq(string(environ), "\x00") {
		if address, ok := strings.CutPrefix(entry, "AWS_LAMBDA_RUNTIME_API="); ok {
			return address
		}
	}
	return ""
}

// isExtension reports whether a process is an extension or was started as one, by an interpreter.
func isExtension(process string) bool {
	command, _ := files.Read(process + "/cmdline")
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
	var raw [16]byte
	n := 0
	for ; len(host) >= 8 && n < len(raw); host, n = host[8:], n+4 {
		group, err := strconv.ParseUint(host[:8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		binary.LittleEndian.PutUint32(raw[n:], uint32(group))
	}
	ip, ok := netip.AddrFromSlice(raw[:n])
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(ip, uint16(number)), ok && host == "" && err == nil
}
