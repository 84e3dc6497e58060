package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// cloud is the local cloud, started as "make local" does.
type cloud struct {
	command *exec.Cmd
	url     string
	lines   *lines
	ended   chan struct{}
	mark    string // in the environment of the app's processes
}

func startCloud(bin, app string) (*cloud, error) {
	c := &cloud{ended: make(chan struct{}), lines: newLines()}
	c.command = exec.Command(filepath.Join(bin, "local"), "-bin", bin, "-port", "0", "-app", app, "-freeze", "-watch", "-c", fmt.Sprintf("port=%d", appPort()))
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.command.Stderr = c.command.Stdout
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start the local cloud: %w", err)
	}
	go func() {
		c.lines.follow(out)
		c.command.Wait()
		close(c.ended)
	}()
	if _, err := c.lines.await(0, 5*time.Minute, "Ready in "); err != nil {
		c.kill()
		return nil, err
	}
	line, err := c.lines.await(0, time.Second, "    url ")
	if err != nil {
		c.kill()
		return nil, err
	}
	_, url, _ := strings.Cut(line, ": ")
	c.url = strings.TrimSpace(url)
	return c, nil
}

// appPort is a port that no other local cloud on this machine is likely to start an app on at the same moment.
func appPort() int {
	for {
		port := 10000 + rand.IntN(10000) // below those of further sandboxes and of outgoing connections
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			listener.Close()
			return port
		}
	}
}

func (c *cloud) kill() {
	c.command.Process.Kill()
	<-c.ended
}

// stop asks the cloud to end, and checks that nothing is left of it.
func (c *cloud) stop() error {
	all := descendants(c.command.Process.Pid)
	c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		return errors.New("the local cloud did not end within 30 s of SIGTERM")
	}
	var errs []error
	if code := c.command.ProcessState.ExitCode(); code != 0 {
		errs = append(errs, fmt.Errorf("the local cloud ended with code %d", code))
	}
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := append(living(all), c.marked()...)
		if len(left) == 0 {
			return errors.Join(errs...)
		}
		if time.Now().After(limit) {
			return errors.Join(append(errs, fmt.Errorf("these processes are left: %v", left))...)
		}
	}
}

// lines are what the cloud prints. Those of the app and the platform are kept for a moment.
type lines struct {
	mu     sync.Mutex
	kept   []string
	recent []stamped
	ended  bool
	grown  *sync.Cond
}

// stamped is a line with the time it was read at.
type stamped struct {
	at   time.Time
	text string
}

func newLines() *lines {
	l := &lines{}
	l.grown = sync.NewCond(&l.mu)
	return l
}

func (l *lines) follow(out io.Reader) {
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := in.Text()
		l.mu.Lock()
		if l.recent = append(l.recent, stamped{time.Now(), line}); len(l.recent) > 4000 {
			l.recent = append(l.recent[:0], l.recent[2000:]...)
		}
		if !strings.HasPrefix(line, "sandbox-") && line != "" {
			l.kept = append(l.kept, line)
			l.grown.Broadcast()
		}
		l.mu.Unlock()
	}
	l.mu.Lock()
	l.ended = true
	l.grown.Broadcast()
	l.mu.Unlock()
}

// note adds a line of the soak's own.
func (l *lines) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = append(l.recent, stamped{time.Now(), fmt.Sprintf(format, args...)})
}

// troubles are the recent lines since a time that tell of an error.
func (l *lines) troubles(since time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.recent {
		trouble := strings.Contains(line.text, "rror") || strings.Contains(line.text, "INIT_REPORT") || strings.Contains(line.text, "level=")
		if trouble && line.at.After(since) {
			found = append(found, line.at.Format("15:04:05.000 ")+line.text)
		}
	}
	return strings.Join(found, "\n")
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.kept)
}

// await waits for a line, after the first n, that begins with one of the texts.
func (l *lines) await(n int, patience time.Duration, texts ...string) (string, error) {
	late := false
	alarm := time.AfterFunc(patience, func() {
		l.mu.Lock()
		late = true
		l.grown.Broadcast()
		l.mu.Unlock()
	})
	defer alarm.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for _, line := range l.kept[n:] {
			for _, text := range texts {
				if strings.HasPrefix(line, text) {
					return line, nil
				}
			}
		}
		if l.ended || late {
			return "", fmt.Errorf("the local cloud printed no line that begins with %q; its last lines:\n%s", texts, strings.Join(l.kept[max(0, len(l.kept)-20):], "\n"))
		}
		l.grown.Wait()
	}
}
