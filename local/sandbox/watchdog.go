package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// watchdog kills the process groups of a program that was itself killed and could not do it. It is
// this very program, started once more, holding the read end of a pipe: the program tells it each
// group that starts, with the Runtime API it was given ("+ 123 127.0.0.1:9001"), and each that has
// ended ("- 123"). When the pipe breaks, what is left is killed.
type watchdog struct {
	mu      sync.Mutex
	enabled bool // the program calls RunWatchdog, so starting it again is safe
	pipe    io.Writer
	groups  map[int]bool // of all sandboxes, by their leaders
}

// guard is the watchdog of this program.
var guard watchdog

// watchdogVariable in the environment makes RunWatchdog be the watchdog.
const watchdogVariable = "LAMBDA_WEB_WATCHDOG"

// RunWatchdog must be the first call of main in a program that uses sandboxes. In the program that
// the user started it returns at once; in the copy that watches over the sandboxes' processes it
// does not return.
func RunWatchdog() {
	if os.Getenv(watchdogVariable) == "" {
		guard.mu.Lock()
		guard.enabled = true
		guard.mu.Unlock()
		return
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	groups := watch(os.Stdin)
	for group := range groups {
		syscall.Kill(-group, syscall.SIGKILL)
	}
	for _, runtimeAPI := range groups {
		killStrays(runtimeAPI)
	}
	os.Exit(0)
}

// watch follows the pipe until it breaks and returns the groups that are left with their Runtime API.
func watch(pipe io.Reader) map[int]string {
	groups := map[int]string{}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		group, err := strconv.Atoi(words[1])
		switch {
		case err != nil || group <= 1: // never all processes of the user
		case words[0] == "+" && len(words) == 3:
			groups[group] = words[2]
		case words[0] == "-":
			delete(groups, group)
		}
	}
	return groups
}

func (w *watchdog) add(group int, runtimeAPI string) {
	w.note(group, true)
	w.tell("+ %d %s\n", group, runtimeAPI)
}

func (w *watchdog) remove(group int) {
	w.note(group, false)
	w.tell("- %d\n", group)
}

func (w *watchdog) note(group int, runs bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.groups == nil {
		w.groups = map[int]bool{}
	}
	w.groups[group] = true
	if !runs {
		delete(w.groups, group)
	}
}

// leaders are the first processes of all groups.
func (w *watchdog) leaders() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.groups))
}

func (w *watchdog) tell(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.enabled {
		return
	}
	if w.pipe == nil {
		pipe, err := startWatchdog()
		if err != nil {
			w.enabled = false // on Linux the parent-death signal is left
			return
		}
		w.pipe = pipe
	}
	fmt.Fprintf(w.pipe, format, args...)
}

func startWatchdog() (io.Writer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), watchdogVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go cmd.Wait()
	return pipe, nil
}
