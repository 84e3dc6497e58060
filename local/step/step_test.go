package step

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func shell(script string) Command {
	return Command{Name: "the script", Args: []string{"/bin/sh", "-c", script}}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         []string // in the error; none is success
	}{
		{"success", "echo fine", nil},
		{"a failure has the end of the output", "for i in $(seq 30); do echo line $i; done; exit 3",
			[]string{"the script: exit status 3", "line 19\n", "line 30"}},
		{"a line that was written over", `printf '10%%\r50%%\rfailed\n'; exit 1`, []string{"\nfailed"}},
		{"a daemon that keeps the output", "sleep 30 & echo started", nil},
		{"no such program", "exec /nowhere/at/all", []string{"exit status 127"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			started := time.Now()
			err := Run(t.Context(), shell(test.script))
			if (err == nil) != (test.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A program is alone: in a session of its own, without a terminal or input.
func TestRunIsAlone(t *testing.T) {
	var out bytes.Buffer
	c := shell("cat; [ -t 0 ] || [ -t 1 ] || [ -t 2 ] || echo no terminal; cat </dev/tty || echo nor one to " +
		"open; ps -o sid= -p $$; echo $$")
	c.Output = &out
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(out.String())
	if !strings.Contains(out.String(), "no terminal\n") || !strings.Contains(out.String(), "nor one to open") ||
		words[len(words)-1] != words[len(words)-2] {
		t.Errorf("the program saw %q", out.String())
	}
}

// When the context ends, everything the program started ends within two seconds: what ignores the request, and
// what left its group.
func TestRunEndsEverything(t *testing.T) {
	folder := t.TempDir()
	script := fmt.Sprintf(`cd %q; trap '' TERM
		sh -c 'trap "" TERM; echo $$ > child; while :; do sleep 1; done' &
		setsid sh -c 'echo $$ > daemon; while :; do sleep 1; done' &
		echo $$ > leader; while :; do sleep 1; done`, folder)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, shell(script)) }()
	var pids []int
	for _, name := range []string{"child", "daemon", "leader"} {
		pids = append(pids, readPID(t, filepath.Join(folder, name)))
	}
	asked := time.Now()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(asked); took > 4*time.Second { // two on a machine with nothing else to do
		t.Errorf("it took %s to end", took)
	}
	for _, pid := range pids {
		for deadline := time.Now().Add(2 * time.Second); syscall.Kill(pid, 0) == nil &&
			!zombie(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d is still there", pid)
			}
		}
	}
}

// zombie: killed, and not ours to wait for.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if pid, wrong := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && wrong == nil {
			return pid
		}
	}
	t.Fatalf("%s was not written", file)
	return 0
}

// lines is a log that tells of each line.
type lines struct {
	mu   sync.Mutex
	text string
	news chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.text += string(p)
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestRunSaysThatItStillRuns(t *testing.T) {
	defer func(was time.Duration) { interval = was }(interval)
	interval = 20 * time.Millisecond
	log := &lines{news: make(chan struct{}, 1)}
	folder := t.TempDir()
	c := shell(fmt.Sprintf("echo collecting wheels; until [ -e %q ]; do sleep 0.01; done", filepath.Join(folder,
		"enough")))
	c.Log = log
	ended := make(chan error, 1)
	go func() { ended <- Run(t.Context(), c) }()
	for !strings.Contains(log.said(), "collecting wheels") {
		<-log.news
	}
	if err := os.WriteFile(filepath.Join(folder, "enough"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if said := log.said(); !strings.Contains(said, "the script: still running after 0s. collecting wheels\n") {
		t.Errorf("the log says %q", said)
	}
}

func (l *lines) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}
