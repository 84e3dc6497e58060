package cloud

import (
	"fmt"
	"maps"
	"os/exec"
	"testing"

	"lambda-web/test/hostile"
)

// TestNothingOutsideIsChanged: whatever a Dockerfile says, in process mode nothing outside of the project and the app's
// folder is another than before. test/container has the same for containers.
func TestNothingOutsideIsChanged(t *testing.T) {
	m := hostile.New(t, wsgiApp)
	for _, h := range hostile.Lines {
		t.Run(h.Name, func(t *testing.T) {
			app := m.App(t, h.Text)
			before := m.Look(t)
			c := begin(t, "-port", "0", "-watch=false", "-mode", "process", "-app", app, "-c", fmt.Sprintf("port=%d",
				freePort(t)))
			if err := c.Ready(patience); err != nil {
				t.Error(err)
			} else {
				c.do("GET", "/empty", nil)
				if err := c.Stop(); err != nil {
					t.Error(err)
				}
			}
			<-c.Ended()
			m.Same(t, before)
		})
	}
	t.Run("what would have been seen", func(t *testing.T) {
		for _, line := range []string{
			"python -m pip uninstall --yes important", "npm config set registry http://evil.invalid/",
			"go env -w GOPROXY=off", "npm cache clean --force",
			"go clean -modcache", "uv pip sync", "echo evil >> ~/.bashrc", "rm ../neighbour/file",
		} {
			before := m.Look(t)
			command := exec.Command("sh", "-c", line)
			command.Dir = m.App(t, "")
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", line, err, out)
			}
			if maps.Equal(before, m.Look(t)) {
				t.Errorf("%s changes nothing that the test looks at", line)
			}
		}
	})
}
