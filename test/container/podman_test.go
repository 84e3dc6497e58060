package container_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-web/local/container"
	"lambda-web/local/sandbox"
	"lambda-web/test/docker"
)

// testPodman: the same with Podman, by its Docker-compatible socket and the docker command, and by its own command
// where there is no other.
func (d *testDaemon) testPodman(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "base.tar")
	run(t, "docker", "save", "--output", archive, baseImage)
	socket := startPodman(t)
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	run(t, "docker", "load", "--input", archive)
	if out, err := exec.Command("docker", "run", "--rm", baseImage, "true").CombinedOutput(); err != nil {
		t.Skipf("Podman runs no containers on this system: %s", docker.Last(out))
	}
	t.Run("by its socket", func(t *testing.T) {
		e := d.engine(t)
		if e.String() != "Podman" {
			t.Errorf("the engine is %s", e)
		}
		d.testRestrictions(t, e)
		testFailures(t, e)
	})
	t.Run("by its command", func(t *testing.T) {
		bin := t.TempDir()
		for _, program := range []string{"podman", "go"} {
			path, err := exec.LookPath(program)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
				t.Fatal(err)
			}
		}
		path := os.Getenv("PATH")
		t.Setenv("DOCKER_HOST", "")
		t.Setenv("DOCKER_CONFIG", "")            // Podman, too, reads a file there, and wants it to be there
		t.Setenv("PATH", bin+":/usr/sbin:/sbin") // iptables, not docker
		e := d.engine(t)
		f, log := d.probe(t, e, func(*sandbox.Config) {})
		facts, r := get(t, f, "/facts")
		if facts["uid"] != 993.0 || facts["write /srv"] != "Read-only file system" {
			t.Errorf("the answer is %s", r.Payload)
		}
		if err := f.Close(context.Background()); err != nil || !strings.Contains(log.String(), "got SIGTERM") {
			t.Errorf("closed with %v", err)
		}
		t.Setenv("PATH", path)
		if left := run(t, "podman", "ps", "--all", "--quiet", "--filter", "label="+container.Label); left != "" {
			t.Errorf("containers are left: %s", left)
		}
	})
}

// startPodman starts Podman's service for the test, with a place of its own for images, and returns its socket.
func startPodman(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may start Podman with a place of its own")
	}
	if err := docker.Install("podman", "podman", "runc", "netavark"); err != nil {
		t.Skipf("Podman is not here and cannot be installed: %v", err)
	}
	folder, err := os.MkdirTemp("", "podman") // what it leaves there may be hard to remove
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{
		// crun, the default, refuses machines that have both versions of control groups.
		"CONTAINERS_CONF": "[network]\nnetwork_backend = \"netavark\"\n[containers]\ndefault_ulimits " +
			"= [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n[engine]\nruntime = \"runc\"\ncgroup_manager = " +
			"\"cgroupfs\"\nevents_logger = \"file\"\n",
		"CONTAINERS_STORAGE_CONF": fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = "+
			"\"%[1]s/images\"\nrunroot = \"%[1]s/run\"\n", folder),
	}
	for variable, text := range settings {
		file := filepath.Join(folder, variable)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv(variable, file)
	}
	socket := filepath.Join(folder, "podman.sock")
	service := exec.Command("podman", "system", "service", "--time", "0", "unix://"+socket)
	var log strings.Builder
	service.Stdout, service.Stderr = &log, &log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		service.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		service.Process.Kill()
		<-ended
	})
	for limit := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return socket
		}
		select {
		case <-ended:
			t.Skipf("Podman's service does not start: %s", log.String())
		default:
		}
		if time.Now().After(limit) {
			t.Fatal("waited for Podman's socket in vain")
		}
	}
}
