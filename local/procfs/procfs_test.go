package procfs

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

func TestPeakResident(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this package reads /proc, which only Linux has; elsewhere the sandbox asks ps")
	}
	before := PeakResident(os.Getpid())
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	if after := PeakResident(os.Getpid()); before <= 0 || after < before || after < int64(len(block)) {
		t.Errorf("%d bytes, and %d after taking %d", before, after, len(block))
	}
	runtime.KeepAlive(block)
	command := exec.Command("true")
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	if peak := PeakResident(command.Process.Pid); peak != 0 {
		t.Errorf("a process that has ended: %d bytes", peak)
	}
}
