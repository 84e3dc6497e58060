package container_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testVariable in the environment makes the tests with real containers run: they may install Docker and
// take minutes ("make test-container").
const testVariable = "LAMBDA_WEB_TEST_CONTAINER"

// testDaemon is a Docker daemon for the tests.
type testDaemon struct {
	own  bool   // started here, with a data folder of its own: images may be given any name
	root string // of the project
}

// useDaemon finds a daemon or starts one; without one the test is skipped with a reason.
func useDaemon(t testing.TB) *testDaemon {
	t.Helper()
	if os.Getenv(testVariable) == "" {
		t.Skip("needs Docker and minutes: start it with make test-container")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	d := &testDaemon{root: root}
	if exec.Command("docker", "version").Run() == nil {
		return d
	}
	if os.Getuid() != 0 {
		t.Skip("no Docker daemon answers, and only root may install and start one")
	}
	if err := install("dockerd", "docker.io", "iptables"); err != nil {
		t.Skipf("no Docker daemon answers, and none can be installed: %v", err)
	}
	var mistakes []error
	for _, more := range [][]string{nil, {"--storage-driver=vfs"}, {"--storage-driver=vfs", "--iptables=false"}} {
		err := d.start(t, more)
		if err == nil {
			d.own = true
			return d
		}
		mistakes = append(mistakes, err)
	}
	t.Skipf("no Docker daemon answers, and none can be started on this system: %v", errors.Join(mistakes...))
	return nil
}

// install installs distribution packages unless the program is there.
func install(program string, packages ...string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is missing, and apt-get, too", program)
	}
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-q", "-y",
		"--no-install-recommends"}, packages...)} {
		command := exec.Command("apt-get", args...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, lastOf(out))
		}
	}
	_, err := exec.LookPath(program)
	return err
}

func lastOf(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// start starts a daemon that lives as long as the test. Its images stay in the project's cache, so the
// next time they are there.
func (d *testDaemon) start(t testing.TB, more []string) error {
	t.Helper()
	folder, err := os.MkdirTemp("", "dockerd") // what the daemon leaves there may be hard to remove
	if err != nil {
		return err
	}
	socket := "unix://" + filepath.Join(folder, "docker.sock")
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command("dockerd", append([]string{
		"--host", socket, "--pidfile", filepath.Join(folder, "pid"), "--exec-root", filepath.Join(folder, "exec"),
		"--data-root", filepath.Join(d.root, ".lambda-web", "dockerd"),
	}, more...)...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		command.Wait()
		close(ended)
	}()
	stop := func() {
		command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	}
	for limit := time.Now().Add(2 * patience); ; time.Sleep(100 * time.Millisecond) {
		probe := exec.Command("docker", "version")
		probe.Env = append(os.Environ(), "DOCKER_HOST="+socket)
		if probe.Run() == nil {
			break
		}
		select {
		case <-ended:
		default:
			if time.Now().Before(limit) {
				continue
			}
		}
		stop()
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("dockerd %s: %s", strings.Join(more, " "), lastOf(text))
	}
	t.Cleanup(stop)
	t.Setenv("DOCKER_HOST", socket)
	t.Logf("started dockerd %s", strings.Join(more, " "))
	return nil
}

// run runs a command and fails the test when the command fails.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	command := exec.Command(name, args...)
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, lastOf(out), lastOf([]byte(stderr.String())))
	}
	return strings.TrimSpace(string(out))
}
