package sandbox

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// parentVariable makes the test program be a program with a sandbox, until it is killed. Its value
// is the folder of the actor.
const parentVariable = "SANDBOX_TEST_PARENT"

func runParent() {
	folder := os.Getenv(parentVariable)
	f, err := New(Config{
		Name: "doomed", Version: "1", Region: "eu-central-1", AccountID: "123456789012",
		MemorySize: 512, Timeout: time.Minute, Dir: folder, Log: os.Stdout,
		Command: []string{filepath.Join(folder, "actor"), "pid", "spawn same", "spawn own", "serve"},
		Env:     map[string]string{"PATH": os.Getenv("PATH")},
	})
	if err == nil {
		_, err = f.Invoke(context.Background(), Invocation{Event: []byte("{}")})
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	select {}
}

// TestCheck64_D_NoOrphansAfterKill [D]: nothing outlives a program that was killed, also not the
// children of an app's process (the workers of a pre-forking server) and daemons it started.
func TestCheck64_D_NoOrphansAfterKill(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), parentVariable+"="+filepath.Dir(actor))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []string
	lines := bufio.NewScanner(out)
	for len(pids) < 3 && lines.Scan() {
		if found := regexp.MustCompile(`(?:actor:|child) pid (\d+)`).FindStringSubmatch(lines.Text()); found != nil {
			pids = append(pids, found[1])
		}
	}
	cmd.Process.Kill()
	go io.Copy(io.Discard, out)
	cmd.Wait()
	if len(pids) < 3 {
		t.Fatalf("the program told only %v", pids)
	}
	for _, pid := range pids {
		checkGone(t, pid)
	}
}

// TestWatchdogKnowsWhatIsLeft: groups that were told and not withdrawn, never the group of all.
func TestWatchdogKnowsWhatIsLeft(t *testing.T) {
	left := watch(strings.NewReader("+ 100 127.0.0.1:1\n+ 200 127.0.0.1:2\n- 100\n+ 1 x\n+ -5 x\n+ 0 x\n+ " +
		"300\n- \nnonsense\n+ 400 127.0.0.1:4"))
	if len(left) != 2 || left[200] != "127.0.0.1:2" || left[400] != "127.0.0.1:4" {
		t.Errorf("left are %v, want 200 and 400", left)
	}
}
