package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// groupAttributes: an own group, and death together with this program.
func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killStrays ends processes that left their group (daemons) but still carry the sandbox's Runtime
// API address in their environment.
func killStrays(runtimeAPI string) {
	mark := []byte("AWS_LAMBDA_RUNTIME_API=" + runtimeAPI + "\x00")
	for _, pid := range allProcesses() {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err == nil && pid != os.Getpid() && bytes.Contains(environ, mark) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func allProcesses() []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
