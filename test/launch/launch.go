// Package launch runs the built local cloud as a program of its own, as "make local" does: it follows what the program
// prints, waits for lines of it, and ends it. Smoke test, soak, benchmarks and the tests of the examples stand on it.
package launch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Cloud is a local cloud that was started.
type Cloud struct {
	URL string // invoke URL of the stage; Ready sets it

	command *exec.Cmd
	ended   chan struct{} // closed when the program has ended and everything it printed was read
	heard   func(line string) (keep bool)

	mu    sync.Mutex
	lines []string
	grown *sync.Cond
}

// Start runs a command that starts the local cloud, as Launch does, and waits until it is ready.
func Start(command *exec.Cmd, patience time.Duration, heard func(line string) (keep bool)) (*Cloud, error) {
	c, err := Launch(command, heard)
	if err != nil {
		return nil, err
	}
	if err := c.Ready(patience); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// Launch runs a command that starts the local cloud. Each line it prints is given to heard, which says whether to
// keep it for Await and Log; without heard all are kept.
func Launch(command *exec.Cmd, heard func(line string) (keep bool)) (*Cloud, error) {
	c := &Cloud{command: command, ended: make(chan struct{}), heard: heard}
	c.grown = sync.NewCond(&c.mu)
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	command.Stdout, command.Stderr = in, in
	if err := command.Start(); err != nil {
		out.Close()
		return nil, fmt.Errorf("start the local cloud (is it built? make build): %w", err)
	}
	go c.follow(out)
	return c, nil
}

// Own tells the lines of the local cloud from those of the app and of the platform, of which a long run has a million.
func Own(line string) bool { return !strings.HasPrefix(line, "sandbox-") }

func (c *Cloud) follow(out io.ReadCloser) {
	defer out.Close()
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); err == nil || line != "" {
			c.add(line)
		}
		if err != nil {
			break
		}
	}
	c.command.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.ended)
	c.grown.Broadcast()
}

func (c *Cloud) add(line string) {
	if c.heard != nil && !c.heard(line) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	c.grown.Broadcast()
}

// Ready waits until the local cloud serves requests, and reads the invoke URL from the stack's outputs.
func (c *Cloud) Ready(patience time.Duration) error {
	// Apps print that they are ready, too.
	const notStarted = "Not started; "
	line, err := c.Await(0, patience, ". Stop with Ctrl-C.", notStarted)
	if err != nil {
		return err
	}
	if strings.HasPrefix(line, notStarted) {
		return fmt.Errorf("the local cloud runs, and the app does not:\n%s", c.Log())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.lines {
		if name, value, ok := strings.Cut(line, ": "); ok && strings.TrimSpace(name) == "url" {
			c.URL = strings.TrimSpace(value)
			return nil
		}
	}
	return fmt.Errorf("the stack has no output url:\n%s", strings.Join(c.lines, "\n"))
}

// Await waits for a line that holds one of the texts. It looks at those from the given one on; the first has number 0.
func (c *Cloud) Await(from int, patience time.Duration, texts ...string) (string, error) {
	late := false
	alarm := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.grown.Broadcast()
	})
	defer alarm.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; ; c.grown.Wait() {
		for ; from < len(c.lines); from++ {
			if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(c.lines[from], text) }) {
				return c.lines[from], nil
			}
		}
		select {
		case <-c.ended:
			return "", fmt.Errorf("the local cloud ended without a line that says %q:\n%s", texts,
				strings.Join(c.lines, "\n"))
		default:
		}
		if late {
			return "", fmt.Errorf("the local cloud printed no line that says %q within %s:\n%s", texts, patience,
				strings.Join(c.lines, "\n"))
		}
	}
}

// Printed is the number of lines kept until now.
func (c *Cloud) Printed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// Log is everything that was kept.
func (c *Cloud) Log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

// PID is the number of the program's process.
func (c *Cloud) PID() int { return c.command.Process.Pid }

// Ended is closed when the program has ended.
func (c *Cloud) Ended() <-chan struct{} { return c.ended }

// ExitCode is that of a program that has ended; -1 if a signal ended it.
func (c *Cloud) ExitCode() int {
	<-c.ended
	return c.command.ProcessState.ExitCode()
}

// Kill ends the program at once.
func (c *Cloud) Kill() {
	c.command.Process.Kill()
	<-c.ended
}

const stopPatience = 30 * time.Second

// Signal sends a signal that ends the program, and waits for the end.
func (c *Cloud) Signal(signal syscall.Signal) error {
	c.command.Process.Signal(signal) // one that has ended is as good
	select {
	case <-c.ended:
		return nil
	case <-time.After(stopPatience):
		c.Kill()
		return fmt.Errorf("the local cloud did not end within %s of the signal %q", stopPatience, signal)
	}
}

// Stop asks for an orderly end, as Ctrl-C does, and wants exit code 0.
func (c *Cloud) Stop() error {
	if err := c.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if code := c.ExitCode(); code != 0 {
		return errors.New("the local cloud ended with code " + fmt.Sprint(code))
	}
	return nil
}
