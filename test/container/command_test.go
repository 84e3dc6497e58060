package container_test

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/launch"
)

// local is the built local cloud in container mode.
func (d *testDaemon) local(args ...string) *exec.Cmd {
	bin := filepath.Join(d.root, ".lambda-web", "bin")
	return exec.Command(filepath.Join(bin, "local"), append([]string{"-root", d.root, "-bin", bin, "-port", "0",
		"-mode", "container", "-watch=false"}, args...)...)
}

// testCommands: commands in the app's image, with the adapter as their runtime.
func (d *testDaemon) testCommands(t *testing.T) {
	for name, row := range map[string]struct {
		command, out, says string
		code               int
	}{
		"an exit code": {`python -c "import os, sys; print(os.getcwd(), os.environ['GREETING']); sys.exit(3)"`,
			"/app hello\n", "", 3},
		"success":           {`python -c "print('no end', end='')"`, "no end\n", "", 0},
		"a signal":          {`sh -c 'kill -9 $$'`, "", "", 137},
		"a writable folder": {`python -c "open('data/x', 'w').write('y'); print(open('data/x').read())"`, "y\n", "", 0},
		"no program":        {`nowhere x`, "", "nowhere x: command not found", 127},
		"a shell is needed": {`a | b`, "", "no shell runs the command", 1},
	} {
		command := d.local("-c", `environment={"GREETING":"hello"}`, "-c", `writable=["data"]`, "-run", row.command)
		var out, says bytes.Buffer
		command.Stdout, command.Stderr = &out, &says
		began := time.Now()
		err := command.Run()
		if command.ProcessState.ExitCode() != row.code || out.String() != row.out ||
			!strings.Contains(says.String(), row.says) {
			t.Errorf("%s: %v with %q, want exit code %d with %q; it said\n%s", name, err, out.String(), row.code,
				row.out, &says)
		}
		t.Logf("%s took %v", name, time.Since(began).Round(10*time.Millisecond))
	}
	none(t)
	d.testInterrupted(t)
}

// testInterrupted: Ctrl-C ends a command with its container.
func (d *testDaemon) testInterrupted(t *testing.T) {
	endless := d.local("-run", "python -u -c \"import time; print('runs'); time.sleep(1000)\"")
	out, err := endless.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := endless.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	endless.Process.Signal(syscall.SIGINT)
	if exit := (*exec.ExitError)(nil); !errors.As(endless.Wait(), &exit) || exit.ExitCode() != 130 {
		t.Errorf("after Ctrl-C: %v", endless.ProcessState)
	}
	none(t)
}

// testRelease: the release command runs in the new image, and one that fails keeps it from serving.
func (d *testDaemon) testRelease(t *testing.T) {
	cloud, err := launch.Start(d.local("-c", `releaseCommand=["python","-c","print('migrated')"]`), 2*time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Kill()
	for _, line := range []string{"Running releaseCommand in the new image: python -c print('migrated')\n",
		"release   | migrated\n"} {
		if !strings.Contains(cloud.Log(), line) {
			t.Errorf("the log has no %q:\n%s", line, cloud.Log())
		}
	}
	cloud.Kill()
	failing := d.local("-c", `releaseCommand=["python","-c","print('broken'); exit(3)"]`)
	if said, err := failing.CombinedOutput(); err == nil || !strings.Contains(string(said), "exit status 3\nbroken") {
		t.Errorf("%v:\n%s", err, said)
	}
	none(t)
}
