package cloud

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// copyApp is an app of the tests in a folder of its own, with further files and without those that are empty.
func copyApp(t *testing.T, files map[string]string) string {
	t.Helper()
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(wsgiApp)); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(app, name)
		err := os.Remove(file)
		if text != "" {
			err = os.WriteFile(file, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return app
}

// An app without a Dockerfile starts as its Procfile says; its release line runs before each new version, and a version
// whose release fails does not take over.
func TestProcfile(t *testing.T) {
	app := copyApp(t, map[string]string{
		"Dockerfile": "",
		"Procfile": "web: PYTHONPATH=lib exec python3 serve.py\nrelease: echo release for $GREETING; cat " +
			"lib/application.py > made.txt; [ ! -e lib/broken.py ]\n",
	})
	c := start(t, "-watch=true", "-app", app, "-c", `environment={"GREETING":"dev"}`)
	c.waitFor("release   | release for dev")
	if response, _ := c.do("GET", "/empty", nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", response.StatusCode)
	}
	printed := c.Printed()
	broken := filepath.Join(app, "lib", "broken.py")
	if err := os.WriteFile(broken, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if line := c.waitAfter(printed, "Not deployed; what served before goes on serving."); !strings.Contains(line,
		"release: ") {
		t.Errorf("it does not say that the release failed: %s", line)
	}
	if response, _ := c.do("GET", "/empty", nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("after a failed release: status %d", response.StatusCode)
	}
	printed = c.Printed()
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	c.waitAfter(printed, "Nothing to deploy")
	c.edit(filepath.Join(app, "lib", "application.py"), `("X-Empty", "yes")`, `("X-Empty", "new")`, "Deployed ")
	if response, _ := c.do("GET", "/empty", nil); response.Header.Get("X-Empty") != "new" {
		t.Errorf("the new version answers %v", response.Header)
	}
	if n := strings.Count(c.Log(), "release   | release for dev"); n != 3 { // the start, the failure, the change
		t.Errorf("the release line ran %d times", n)
	}
}

// COMMAND reaches the app as it is, through make and the shell.
func TestCommand(t *testing.T) {
	command := exec.Command("make", "-n", "local", `COMMAND=echo "it's $PORT" && exec python3 x.py`)
	out, err := command.CombinedOutput()
	if want := `-command 'echo "it'\''s $PORT" && exec python3 x.py'`; err != nil || !strings.Contains(string(out),
		want) {
		t.Errorf("make runs %s, want %s: %v", out, want, err)
	}
	app := copyApp(t, map[string]string{"Dockerfile": ""})
	c := start(t, "-app", app, "-command", `echo "it's $PORT"; PYTHONPATH=lib exec python3 serve.py`)
	c.waitFor("it's ")
	if response, _ := c.do("GET", "/empty", nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A command runs in the app's folder and environment, with the terminal and the exit code of the command.
func TestOneOffCommand(t *testing.T) {
	app := copyApp(t, nil)
	command := exec.Command(filepath.Join(bin, "local"), "-bin", bin, "-app", app, "-mode", "process",
		"-c", `environment={"GREETING":"hi"}`,
		"-run", `cat; echo "$GREETING from $PWD with $PYTHONUNBUFFERED and ${HIDDEN-nothing else}"; exit 3`)
	command.Env = append(os.Environ(), "HIDDEN=of the shell")
	command.Stdin = strings.NewReader("typed\n")
	out, err := command.Output()
	folder, _ := filepath.EvalSymlinks(app)
	if want := "typed\nhi from " + folder + " with 1 and nothing else\n"; string(out) != want ||
		command.ProcessState.ExitCode() != 3 {
		t.Errorf("%q with %v, want %q and exit code 3", out, err, want)
	}
	out, err = exec.Command("make", "-n", "run", `CMD=echo "it's $HOME"`).CombinedOutput()
	if want := `-run 'echo "it'\''s $HOME"'`; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("make runs %s, want %s: %v", out, want, err)
	}
}

// A signal while something is installed ends everything within two seconds, also what ignores it and what left its
// group.
func TestStoppedWhileInstalling(t *testing.T) {
	const pip = `#!/bin/sh
case "$1 $2" in
"-c import"*) echo /usr/bin/python3 3.11 ;;
"-m venv") mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"; ln -s "$0" "$3/bin/python" ;;
"-m pip") trap '' TERM INT
	setsid sh -c 'trap "" TERM; echo $$ > "$PIDS/daemon"; while :; do sleep 1; done' &
	sh -c 'trap "" TERM; echo $$ > "$PIDS/child"; while :; do sleep 1; done' &
	echo $$ > "$PIDS/pip"; while :; do sleep 1; done ;;
esac
`
	for name, signal := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			tools, pids := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(tools, "python3"), []byte(pip), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
			t.Setenv("PIDS", pids)
			t.Setenv("VIRTUAL_ENV", "")
			app := copyApp(t, map[string]string{"requirements.txt": fmt.Sprintf("flask # %s\n", pids)})
			c := begin(t, "-port", "0", "-mode", "process", "-app", app)
			c.waitFor("Installing the app's Python packages")
			var left []int
			for _, name := range []string{"daemon", "child", "pip"} {
				left = append(left, awaitPID(t, filepath.Join(pids, name)))
			}
			asked := time.Now()
			if err := c.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(asked); took > 4*time.Second { // two on a machine with nothing else to do
				t.Errorf("it took %s to end", took)
			}
			for _, pid := range left {
				if running(pid) {
					t.Errorf("process %d is still there", pid)
				}
			}
		})
	}
}

func awaitPID(t *testing.T, file string) int {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if pid, wrong := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && wrong == nil {
			return pid
		}
	}
	t.Fatalf("%s was not written", file)
	return 0
}

// running is false for a process that has been killed and that nobody has waited for.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}
