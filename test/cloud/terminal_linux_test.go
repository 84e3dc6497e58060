package cloud

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal that answers no questions, such as one behind some CI systems and editors: nothing waits for an answer, at
// the start and at a change.
func TestSilentTerminal(t *testing.T) {
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(wsgiApp)); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(app, "lib", "application.py")
	args := []string{"-port", "0", "-mode", "process", "-app", app, "-c", fmt.Sprintf("port=%d", freePort(t))}

	started := time.Now()
	c := begin(t, args...)
	if err := c.Ready(patience); err != nil {
		t.Fatal(err)
	}
	withoutStart, started := time.Since(started), time.Now()
	c.edit(source, `("X-Empty", "yes")`, `("X-Empty", "no")`, "Deployed ")
	withoutChange := time.Since(started)
	c.Kill()

	started = time.Now()
	screen := startOnTerminal(t, args...)
	screen.waitFor(t, "Ready in ")
	withStart, started := time.Since(started), time.Now()
	text, err := os.ReadFile(source)
	if err == nil {
		err = os.WriteFile(source, []byte(strings.Replace(string(text), `("X-Empty", "no")`, `("X-Empty", "yes")`,
			1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	screen.waitFor(t, "Deployed ")
	withChange := time.Since(started)

	t.Logf("start: %s without a terminal, %s with one; change: %s and %s", withoutStart, withStart, withoutChange,
		withChange)
	const margin = 3 * time.Second // who asks a terminal waits for 5 s
	if withStart > withoutStart+margin || withChange > withoutChange+margin {
		t.Errorf("on a terminal the start takes %s instead of %s, a change %s instead of %s", withStart, withoutStart,
			withChange, withoutChange)
	}
}

// On a terminal package managers show their own progress.
func TestProgressOnATerminal(t *testing.T) {
	const python = `#!/bin/sh
case "$1 $2" in
"-c import"*) echo /usr/bin/python3 3.11 ;;
"-m venv") mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"; ln -s "$0" "$3/bin/python" ;;
"-m pip") [ -t 1 ] && [ -t 2 ] && echo "pip sees a terminal" ;;
esac
`
	tools := t.TempDir()
	if err := os.WriteFile(filepath.Join(tools, "python3"), []byte(python), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	t.Setenv("VIRTUAL_ENV", "")
	app := copyApp(t, map[string]string{"requirements.txt": "flask # " + tools + "\n", "Procfile": "web: sleep 60\n"})
	startOnTerminal(t, "-port", "0", "-mode", "process", "-app", app).waitFor(t, "pip sees a terminal")
}

// screen is the other end of a terminal.
type screen struct{ lines chan string }

// startOnTerminal runs the local cloud on a terminal of its own that nobody types on.
func startOnTerminal(t *testing.T, args ...string) screen {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	command := exec.Command(filepath.Join(bin, "local"), append([]string{"-bin", bin}, args...)...)
	command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	command.Env = append(os.Environ(), "TERM=xterm-256color", "CI=") // the tests themselves may run where it is set
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		master.Close()
	})
	s := screen{lines: make(chan string, 10000)}
	go func() {
		defer close(s.lines)
		for in := bufio.NewScanner(master); in.Scan(); {
			s.lines <- in.Text()
		}
	}()
	return s
}

func (s screen) waitFor(t *testing.T, text string) {
	t.Helper()
	var seen []string
	late := time.After(patience)
	for {
		select {
		case line, open := <-s.lines:
			if seen = append(seen, line); strings.Contains(line, text) {
				return
			}
			if !open {
				t.Fatalf("it ended without %q:\n%s", text, strings.Join(seen, "\n"))
			}
		case <-late:
			t.Fatalf("no line says %q:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}
