//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a running adapter or app.
type process struct {
	command *exec.Cmd
	output  *os.File
	started time.Time
	ended   atomic.Bool
	done    chan struct{}
}

// start runs a binary with exactly the given environment.
func start(binary string, arguments, env []string, folder string) (*process, error) {
	output, err := os.CreateTemp("", "bench-output")
	if err != nil {
		return nil, fmt.Errorf("make a file for the output: %w", err)
	}
	_ = os.Remove(output.Name()) // it lives as long as it is open
	p := &process{command: exec.Command(binary, arguments...), output: output, done: make(chan struct{})}
	p.command.Env, p.command.Dir = env, folder
	p.command.Stdout, p.command.Stderr = output, output
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.started = time.Now()
	if err := p.command.Start(); err != nil {
		_ = output.Close()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		_ = p.command.Wait() // it ends by a signal
		p.ended.Store(true)
		close(p.done)
	}()
	return p, nil
}

// stop ends the process and waits until it is gone.
func (p *process) stop() {
	_ = p.command.Process.Kill()
	<-p.done
	_ = p.output.Close()
}

// said is the end of what the process has written.
func (p *process) said() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", p.output.Fd()))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// usage is what a process and its children have used so far.
type usage struct {
	cpu      time.Duration
	switches int   // of context, of the threads that live
	resident int64 // bytes
}

func (p *process) usage() (u usage, err error) {
	pids := family(p.command.Process.Pid)
	for _, pid := range pids {
		// The kernel's name for the CPU clock of another process: clock_getcpuclockid(3).
		var spent unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &spent); err != nil {
			return u, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
		}
		u.cpu += time.Duration(spent.Nano())
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return u, err
		}
		for _, task := range tasks {
			status, err := os.ReadFile(task)
			if err != nil {
				continue // a thread has ended in between
			}
			u.switches += statusNumber(status, "voluntary_ctxt_switches") + statusNumber(status,
				"nonvoluntary_ctxt_switches")
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return u, fmt.Errorf("read the memory of process %d: %w", pid, err)
		}
		u.resident += int64(statusNumber(status, "VmRSS")) << 10
	}
	return u, nil
}

// family is a process and all its descendants.
func family(pid int) []int {
	pids := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(text)) {
			if number, err := strconv.Atoi(child); err == nil {
				pids = append(pids, family(number)...)
			}
		}
	}
	return pids
}

// statusNumber reads a number from /proc/PID/status. proc(5).
func statusNumber(status []byte, name string) int {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	digits, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	number, _ := strconv.Atoi(string(digits))
	return number
}
