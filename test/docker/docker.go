// Package docker gives tests a Docker daemon and base images, on machines that have neither: a daemon that lives as
// long as the tests, and stand-ins made of distribution packages where no registry can be reached.
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait for the daemon.
const patience = time.Minute

// Daemon is a Docker daemon for tests.
type Daemon struct {
	own  bool // started here, with a data folder of its own: images may be given any name
	stop func()
}

// Use finds the daemon that the docker command speaks to, or starts one, which DOCKER_HOST then names. Its images stay
// in .lambda-web/dockerd below the project's folder, so that the next time they are there. The error says why there can
// be none.
func Use(root string) (*Daemon, error) {
	if answers(os.Getenv("DOCKER_HOST")) {
		return &Daemon{stop: func() {}}, nil
	}
	if os.Getuid() != 0 {
		return nil, errors.New("no Docker daemon answers, and only root may install and start one")
	}
	if err := Install("dockerd", "docker.io", "iptables"); err != nil {
		return nil, fmt.Errorf("no Docker daemon answers, and none can be installed: %w", err)
	}
	data, err := filepath.Abs(filepath.Join(root, ".lambda-web", "dockerd")) // a relative one makes dockerd hang
	if err != nil {
		return nil, err
	}
	var mistakes []error
	for _, more := range [][]string{nil, {"--storage-driver=vfs"}, {"--storage-driver=vfs", "--iptables=false"}} {
		stop, err := start(data, more)
		if err == nil {
			return &Daemon{own: true, stop: stop}, nil
		}
		mistakes = append(mistakes, err)
	}
	return nil, fmt.Errorf("no Docker daemon answers, and none can be started on this system: %w",
		errors.Join(mistakes...))
}

// Stop ends a daemon that Use started.
func (d *Daemon) Stop() { d.stop() }

// Install installs distribution packages unless the program is there.
func Install(program string, packages ...string) error {
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
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, Last(out))
		}
	}
	_, err := exec.LookPath(program)
	return err
}

// Last is the end of what a program printed, 20 lines.
func Last(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// start starts a daemon that keeps its images in a folder, and waits until it answers.
func start(data string, more []string) (stop func(), err error) {
	folder, err := os.MkdirTemp("", "dockerd") // what the daemon leaves there may be hard to remove
	if err != nil {
		return nil, err
	}
	socket := "unix://" + filepath.Join(folder, "docker.sock")
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command("dockerd", append([]string{
		"--host", socket, "--pidfile", filepath.Join(folder, "pid"), "--exec-root", filepath.Join(folder, "exec"),
		"--data-root", data,
	}, more...)...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // tests that are killed take the daemon along: its parent is this thread
		err := command.Start()
		started <- err
		if err == nil {
			command.Wait()
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	stop = func() { end(command.Process, ended) }
	if !starts(socket, ended) {
		stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("dockerd %s: %s", strings.Join(more, " "), Last(text))
	}
	if err := os.Setenv("DOCKER_HOST", socket); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// answers tells whether a daemon answers at an address; the empty one is the docker command's own choice.
func answers(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience/6)
	defer cancel()
	probe := exec.CommandContext(ctx, "docker", "version")
	probe.Env = append(os.Environ(), "DOCKER_HOST="+address)
	return probe.Run() == nil
}

// starts waits until a daemon answers at its socket; it does not if the daemon ends before.
func starts(socket string, ended <-chan struct{}) bool {
	for limit := time.Now().Add(2 * patience); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		if answers(socket) {
			return true
		}
		select {
		case <-ended:
			return false
		default:
		}
	}
	return false
}

func end(daemon *os.Process, ended <-chan struct{}) {
	daemon.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(patience):
		syscall.Kill(-daemon.Pid, syscall.SIGKILL)
		<-ended
	}
}

// run runs a command; the error has the end of what it printed.
func run(name string, args ...string) (string, error) {
	var stderr strings.Builder
	command := exec.Command(name, args...)
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, Last(out),
			Last([]byte(stderr.String())))
	}
	return strings.TrimSpace(string(out)), nil
}
