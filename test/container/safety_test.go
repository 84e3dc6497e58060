package container_test

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/docker"
	"lambda-web/test/hostile"
	"lambda-web/test/launch"
)

// testNothingOutside: whatever a Dockerfile says, building and running its image changes nothing outside of the project
// and the app's folder. test/cloud has the same for processes.
func (d *testDaemon) testNothingOutside(t *testing.T) {
	bin := filepath.Join(d.root, ".lambda-web", "bin")
	t.Setenv("BUILDX_CONFIG", t.TempDir()) // where the docker command's own builder notes what it did
	app := filepath.Join(d.root, "test/cloud/testdata/wsgi-app")
	if err := d.ProvideFor(filepath.Join(app, "Dockerfile")); err != nil {
		t.Skip(err)
	}
	m := hostile.New(t, app)
	built := 0
	for _, h := range hostile.Lines {
		t.Run(h.Name, func(t *testing.T) {
			app := m.App(t, h.Text)
			before := m.Look(t)
			command := exec.Command(filepath.Join(bin, "local"), "-root", d.root, "-bin", bin, "-port", "0",
				"-watch=false", "-mode", "container", "-app", app)
			command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cloud, err := launch.Start(command, 2*time.Minute, nil)
			if err != nil { // many cannot be built: what they want to change is not in the image
				t.Logf("not started: %s", docker.Last([]byte(err.Error())))
			} else {
				built++
				if err := cloud.Stop(); err != nil {
					t.Error(err)
				}
			}
			m.Same(t, before)
		})
	}
	if built == 0 {
		t.Errorf("none of %d images was built and started", len(hostile.Lines))
	}
	none(t)
}
