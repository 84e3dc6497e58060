// Package plain walks the apps in examples/plain through a real browser. They know nothing of prefixes; the local cloud
// puts them behind a stage as "make local" does, with a distribution in front. One walk at the stage's URL tells what
// stays below it, and one at the site's that everything works there. The tests run when they are asked for (make
// test-plain), because they install packages and need Chromium.
package plain

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/test/browser"
	"lambda-web/test/launch"
)

// page is the browser's; root is the project's folder.
var (
	page context.Context
	root string
)

func TestMain(m *testing.M) {
	code, err := prepare(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func prepare(m *testing.M) (int, error) {
	if os.Getenv("LAMBDA_WEB_TEST_BROWSER") == "" {
		fmt.Println("LAMBDA_WEB_TEST_BROWSER is not set: the plain apps are not walked through in a browser")
		return 0, nil
	}
	var err error
	if root, err = filepath.Abs("../.."); err != nil {
		return 0, err
	}
	var end func()
	if page, end, err = browser.Open(context.Background()); err != nil {
		return 0, err
	}
	defer end()
	return m.Run(), nil
}

// installing is how long a first start may take, which installs the app's packages.
const installing = 10 * time.Minute

// open starts an app of examples/plain in process mode with its own settings and a distribution in front, and has it
// walked at its stage's URL, then at the site's. The second walk finds what the first has left. Sessions that an app
// has in its memory are in one sandbox, whatever a browser asks for at once.
func open(t *testing.T, name string, walks func(w *walk)) {
	t.Helper()
	app, err := fresh(name)
	if err != nil {
		t.Fatal(err)
	}
	command := local(app, "-port", "0", "-watch=false", "-c", "front=cloudfront", "-c", "reservedConcurrency=1")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = append(os.Environ(), "LAMBDA_WEB_STOP_WITH_PARENT=1")
	c, err := launch.Start(command, installing, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the local cloud printed:\n%s", c.Log())
		}
	})
	line, err := c.Await(0, installing, " siteUrl")
	if err != nil {
		t.Fatal(err)
	}
	_, site, _ := strings.Cut(line, ": ")
	for _, at := range []struct {
		name, url, other string
		atSite           bool
	}{{"stage", c.URL, site, false}, {"site", site, c.URL, true}} {
		t.Run(at.name, func(t *testing.T) {
			w := newWalk(t, parse(t, at.url), parse(t, at.other).Host)
			w.atSite = at.atSite
			walks(w)
		})
	}
}

// parse reads a URL of the local cloud, and has it with HTTPS, as on AWS.
func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme = "https"
	return u
}

// local is the built local cloud with an app's own settings.
func local(app string, args ...string) *exec.Cmd {
	settings := filepath.Join(app, "Pulumi."+filepath.Base(app)+".yaml")
	args = append([]string{"-mode", "process", "-app", app, "-config-file", settings}, args...)
	command := exec.Command(filepath.Join(root, ".lambda-web", "bin", "local"), args...)
	command.Dir = root
	return command
}

// folder is where an app runs: a folder of the build with the same name each time, so that the packages that were made
// for it are used again.
func folder(name string) string { return filepath.Join(root, ".lambda-web", "plain", name) }

// run runs a command in the app's environment, as "make run" does.
func run(t *testing.T, name, command string) {
	t.Helper()
	if out, err := local(folder(name), "-run", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// fresh copies an app to its folder, where it writes its database.
func fresh(name string) (string, error) {
	app := folder(name)
	if err := os.RemoveAll(app); err != nil {
		return "", err
	}
	return app, os.CopyFS(app, os.DirFS(filepath.Join(root, "examples", "plain", name)))
}
