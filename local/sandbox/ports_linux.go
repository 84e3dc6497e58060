package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// listeningPorts are the TCP ports on which the processes below the given ones listen (proc_pid_net(5)).
func listeningPorts(groups []int) (ports []int, known bool) {
	listening := map[string]int{} // by the inode of the socket
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err == nil {
			known = true
			addListening(listening, text)
		}
	}
	if len(listening) == 0 {
		return nil, known
	}
	for _, pid := range descendants(groups) {
		folder := "/proc/" + strconv.Itoa(pid) + "/fd"
		files, _ := os.ReadDir(folder)
		for _, file := range files {
			target, _ := os.Readlink(folder + "/" + file.Name())
			inode, found := strings.CutPrefix(target, "socket:[")
			if port, ok := listening[strings.TrimSuffix(inode, "]")]; found && ok {
				ports = append(ports, port)
				delete(listening, strings.TrimSuffix(inode, "]")) // workers share the socket
			}
		}
	}
	return ports, known
}

// addListening reads a table of the kernel: "0: 0100007F:1F90 00000000:0000 0A ... inode".
func addListening(listening map[string]int, table []byte) {
	const listen = "0A"
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
			listening[fields[9]] = int(port)
		}
	}
}
