package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errNotSeen is returned when a time to wait is over.
var errNotSeen = errors.New("did not happen")

// Process is a running adapter, or an application that runs as a process of its own.
type Process struct {
	Started time.Time
	command *exec.Cmd
	log     *Log
	exited  chan struct{}
	code    int
}

// StartProcess runs command with exactly the environment env and keeps everything it writes.
func StartProcess(command []string, directory string, env []string) (*Process, error) {
	p := &Process{log: &Log{changed: make(chan struct{})}, exited: make(chan struct{})}
	p.command = exec.Command(command[0], command[1:]...)
	p.command.Env, p.command.Dir = env, directory
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.command.WaitDelay = 2 * time.Second
	p.Started = time.Now()
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	go func() {
		_ = p.command.Wait()
		p.code = p.command.ProcessState.ExitCode()
		close(p.exited)
	}()
	return p, nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Log is what the process has written to its standard output and error.
func (p *Process) Log() *Log { return p.log }

// Signal sends a signal to the process alone.
func (p *Process) Signal(signal syscall.Signal) error { return p.command.Process.Signal(signal) }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// AwaitExit returns the exit code; a process that ended by a signal has -1.
func (p *Process) AwaitExit(patience time.Duration) (int, error) {
	select {
	case <-p.exited:
		return p.code, nil
	case <-time.After(patience):
		return 0, fmt.Errorf("the end of the process %w within %v", errNotSeen, patience)
	}
}

// Kill ends the process and its children and waits for the end.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.exited
}

// Freeze stops the process as Lambda does between invocations and returns once it stands still.
func (p *Process) Freeze() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze the adapter: %w", err)
	}
	for give := time.Now().Add(5 * time.Second); time.Now().Before(give); {
		if status, err := p.status("State"); err != nil || strings.HasPrefix(status, "T") {
			return err
		}
		time.Sleep(100 * time.Microsecond)
	}
	return errors.New("freeze the adapter: it does not stop")
}

// Thaw lets a frozen process go on.
func (p *Process) Thaw() error { return p.Signal(syscall.SIGCONT) }

// Usage is what a process holds.
type Usage struct {
	RSS         int // KiB
	Threads     int
	Descriptors int
}

// Usage reads what the process holds now, from /proc.
func (p *Process) Usage() (Usage, error) {
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		return Usage{}, fmt.Errorf("count the adapter's descriptors: %w", err)
	}
	usage := Usage{Descriptors: len(descriptors)}
	for field, number := range map[string]*int{"VmRSS": &usage.RSS, "Threads": &usage.Threads} {
		text, err := p.status(field)
		if err != nil {
			return Usage{}, err
		}
		if *number, err = strconv.Atoi(strings.TrimSuffix(text, " kB")); err != nil {
			return Usage{}, fmt.Errorf("read %s of the adapter: %w", field, err)
		}
	}
	return usage, nil
}

func (p *Process) status(field string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return "", fmt.Errorf("read the state of the adapter: %w", err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("/proc has no %s for the adapter", field)
}

// Log is the output of a process, complete lines with the time at which they were read.
type Log struct {
	mu      sync.Mutex
	rest    []byte
	lines   []Line
	changed chan struct{}
}

// Line is one line of output.
type Line struct {
	At   time.Time
	Text string
}

// Write takes output from the process.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.lines = append(l.lines, Line{time.Now(), string(line)})
		l.rest = rest
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return len(p), nil
}

// Lines returns the lines that contain all of parts, compared without case.
func (l *Log) Lines(parts ...string) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Line
	for _, line := range l.lines {
		if containsAll(line.Text, parts) {
			found = append(found, line)
		}
	}
	return found
}

func containsAll(text string, parts []string) bool {
	text = strings.ToLower(text)
	for _, part := range parts {
		if !strings.Contains(text, strings.ToLower(part)) {
			return false
		}
	}
	return true
}

// Text is the whole output.
func (l *Log) Text() string {
	var b strings.Builder
	for _, line := range l.Lines() {
		b.WriteString(line.Text + "\n")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.String() + string(l.rest)
}

// Await waits for a line that contains all of parts, compared without case.
func (l *Log) Await(patience time.Duration, parts ...string) (Line, error) {
	expired := time.After(patience)
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if found := l.Lines(parts...); len(found) > 0 {
			return found[0], nil
		}
		select {
		case <-changed:
		case <-expired:
			return Line{}, fmt.Errorf("a log line with %q %w within %v", parts, errNotSeen, patience)
		}
	}
}

// Forget drops the lines kept so far: for runs too long to keep them.
func (l *Log) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}
