package procfs

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"
)

func TestPeakMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this package reads /proc, which only Linux has; elsewhere the sandbox asks ps")
	}
	before := PeakMemory(os.Getpid())
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	if after := PeakMemory(os.Getpid()); before <= 0 || after < before || after < int64(len(block)) {
		t.Errorf("%d bytes, and %d after taking %d", before, after, len(block))
	}
	runtime.KeepAlive(block)
	command := exec.Command("true")
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	if peak := PeakMemory(command.Process.Pid); peak != 0 {
		t.Errorf("a process that has ended: %d bytes", peak)
	}
}

// TestEnding: a process that runs does not end; one that has ended does, also before anybody has waited for it.
func TestEnding(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this package reads /proc, which only Linux has")
	}
	command := exec.Command("cat")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	pid := command.Process.Pid
	if Ending(pid) {
		t.Error("it ends from the start on")
	}
	input.Close()
	for limit := time.Now().Add(20 * time.Second); !Ending(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it never ends")
		}
	}
	command.Wait()
	if !Ending(pid) {
		t.Error("a process that is gone does not end")
	}
}

// Workers share most of their memory: each page counts once in their sum.
func TestSharedPagesCountOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this package reads /proc, which only Linux has; elsewhere the sandbox asks ps")
	}
	const workers, block = 4, 64 << 20
	script := "import os, sys\nblock = b'x' * " + strconv.Itoa(block) + "\n" +
		"for _ in range(" + strconv.Itoa(workers) + "):\n" +
		"    if os.fork() == 0:\n        os.write(1, b'%d\\n' % os.getpid())\n        sys.stdin.read()\n     " +
		"   os._exit(0)\n" +
		"os.write(1, b'%d\\n' % os.getpid())\nsys.stdin.read()"
	command := exec.Command("python3", "-c", script)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Skip("this test needs Python 3: ", err)
	}
	defer command.Wait()
	defer in.Close()
	var sum int64
	lines := bufio.NewScanner(out)
	var pids []int
	for len(pids) <= workers && lines.Scan() {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		sum += PeakMemory(pid)
	}
	if sum < block || sum > 2*block {
		t.Errorf("%d processes that share %d bytes have %d together", len(pids), block, sum)
	}
}
