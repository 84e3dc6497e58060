package sandbox

import "testing"

// TestListeningPorts: the table of the kernel, and only sockets of the processes asked for.
func TestListeningPorts(t *testing.T) {
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1 0 100 0 0 10 0\n" +
		"   1: 00000000:0016 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 42 1 0 100 0 0 10 0\n" +
		"   2: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 43 1 0 100\n" +
		"torn line\n"
	listening := map[string]int{}
	addListening(listening, []byte(table))
	if len(listening) != 2 || listening["41"] != 8080 || listening["43"] != 3000 {
		t.Errorf("read %v", listening)
	}
}
