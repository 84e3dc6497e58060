// Package step runs the programs that prepare something and then end: package managers, compilers, release
// commands, the Pulumi program. Each runs in a session of its own, so that it neither gets the terminal's
// Ctrl-C nor can ask the terminal anything, and when the context ends, all that it started ends with it.
package step

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Command is one program to run.
type Command struct {
	Name string   // what users call it: "npm ci"
	Args []string // the program and its arguments
	Dir  string
	Env  []string // NAME=value; nil is this program's own environment

	// Terminal shows the program's own progress. Without one its output is kept for the error, and Log
	// gets a line every ten seconds.
	Terminal *os.File
	Log      io.Writer // nil says nothing
	Output   io.Writer // gets what the program writes, too; nil drops it
}

// Error says how a program failed.
type Error struct {
	Name   string
	Err    error
	Output string // the end of what it wrote, if nobody has got it
}

func (e *Error) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("%s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s: %v\n%s", e.Name, e.Err, e.Output)
}

func (e *Error) Unwrap() error { return e.Err }

// grace is how long a program that is asked to end may take: all has ended within two seconds, also where the machine
// has much else to do.
const grace = 700 * time.Millisecond

// interval is the time between two lines that say that a program still runs.
var interval = 10 * time.Second

// mark is the variable by which the descendants of a program are found, wherever they went.
const mark = "LAMBDA_WEB_STEP="

// Run runs a program to its end. The error is the context's, or an *Error.
func Run(ctx context.Context, c Command) error {
	id := newMark()
	command := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	command.Dir = c.Dir
	command.Env = c.Env
	if command.Env == nil {
		command.Env = os.Environ()
	}
	command.Env = append(command.Env, id)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = grace
	said := &tail{also: c.Output}
	if c.Terminal != nil {
		command.Stdout, command.Stderr = c.Terminal, c.Terminal
	} else {
		command.Stdout, command.Stderr = said, said // a pipe, never a terminal
		defer c.report(said)()
	}
	err := command.Run()
	if ctx.Err() != nil {
		if command.Process != nil {
			syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		}
		killMarked(id)
		return ctx.Err()
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && command.ProcessState.Success() {
		return nil // a daemon that it left may hold its output open
	}
	failed := &Error{Name: c.Name, Err: err}
	if c.Output == nil {
		failed.Output = said.lines(12)
	}
	return failed
}

// report writes a line now and then until the returned function is called.
func (c Command) report(said *tail) (stop func()) {
	if c.Log == nil {
		return func() {}
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		started, ticker := time.Now(), time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				fmt.Fprintf(c.Log, "%s: still running after %s. %s\n", c.Name, time.Since(started).Round(time.Second),
					said.lines(1))
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

func newMark() string {
	var b [16]byte
	rand.Read(b[:])
	return mark + hex.EncodeToString(b[:])
}

// tail keeps the end of what is written to it.
type tail struct {
	also io.Writer

	mu   sync.Mutex
	text []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	if t.also != nil {
		return t.also.Write(p)
	}
	return len(p), nil
}

// lines are the last n that say something. Of a line that was written over, the end counts.
func (t *tail) lines(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(bytes.ToValidUTF8(t.text, nil))) {
		line = strings.TrimRight(line, "\r\n\t ")
		if line = line[strings.LastIndexByte(line, '\r')+1:]; line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
