package container_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/local/container"
	"lambda-web/local/sandbox"
	"lambda-web/test/launch"
)

// TestContainer is the proof with real images and containers. "make test-container" runs it.
func TestContainer(t *testing.T) {
	d := useDaemon(t)
	d.provideBase(t)
	e := d.engine(t)
	t.Run("the app alone, as the tutorial runs it", d.testTutorial)
	t.Run("two checkouts of the same tree have the same tag", d.testTag)
	for name, kit := range map[string]string{"the docker command's own builder": "", "the classic builder": "0"} {
		t.Run("the final image, by "+name, func(t *testing.T) {
			setBuilder(t, kit)
			d.testImage(t, filepath.Join(d.root, "app"))
			d.testImage(t, "probe")
		})
		t.Run("folders that can be written, by "+name, func(t *testing.T) {
			setBuilder(t, kit)
			d.testWritable(t, d.engine(t))
		})
		t.Run("builds that fail, by "+name, func(t *testing.T) {
			setBuilder(t, kit)
			testFailures(t, d.engine(t))
		})
	}
	t.Run("apps without a Dockerfile", d.testUnprepared)
	t.Run("restrictions", func(t *testing.T) { d.testRestrictions(t, e) })
	t.Run("memory", func(t *testing.T) { d.testMemory(t, e) })
	t.Run("apps of any stack", d.testStacks)
	t.Run("make local", d.testLocal)
	t.Run("commands", d.testCommands)
	t.Run("release command", d.testRelease)
	t.Run("nothing outside is changed", d.testNothingOutside)
	t.Run("Podman", d.testPodman)
}

// engine is the daemon as the product finds it, with an empty memory.
func (d *testDaemon) engine(t *testing.T) *container.Engine {
	t.Helper()
	e, err := container.Find(context.Background(), d.root, filepath.Join(d.root, ".lambda-web"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// setBuilder asks for a builder in Docker's own way.
func setBuilder(t *testing.T, kit string) {
	t.Helper()
	if kit != "" {
		t.Setenv("DOCKER_BUILDKIT", kit)
	}
}

// testTutorial: docker build, docker run -p 8080:8080, three requests.
func (d *testDaemon) testTutorial(t *testing.T) {
	run(t, "docker", "build", "--tag", "hello", filepath.Join(d.root, "app"))
	port := "8080"
	if l, err := net.Listen("tcp", ":8080"); err != nil {
		port = "0" // any: the usual one is taken on this machine
	} else {
		l.Close()
	}
	id := run(t, "docker", "run", "--rm", "--detach", "--publish", "127.0.0.1:"+port+":8080", "hello")
	defer run(t, "docker", "rm", "--force", id)
	base := "http://" + run(t, "docker", "port", id, "8080/tcp")
	eventually(t, "the app", func() bool {
		answer, err := http.Get(base)
		if err == nil {
			answer.Body.Close()
		}
		return err == nil
	})
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/", "", `{"status":"healthy"}`},
		{"GET", "/api/hello?name=Ada", "", `{"message":"Hello, Ada!"}`},
		{"POST", "/api/echo", `{"a":1}`, `{"received":{"a":1}}`},
	} {
		request, _ := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if got := strings.TrimSpace(string(body)); got != c.want || answer.StatusCode != http.StatusOK {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.path, answer.StatusCode, got, c.want)
		}
	}
}

// stage makes the build context of an app as the Pulumi program does.
func (d *testDaemon) stage(t *testing.T, app string) (buildcontext.Staged, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "context")
	staged, err := buildcontext.Stage(context.Background(), buildcontext.Source{
		App: app, Dockerfile: "Dockerfile", Architecture: runtime.GOARCH,
		Output: filepath.Join(d.root, ".lambda-web"), Compile: buildcontext.Compile,
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return staged, staged.Tag(runtime.GOARCH)
}

// testTag: neither the place of a checkout nor times nor modes that a umask makes count.
func (d *testDaemon) testTag(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(d.root, "app"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(copied, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if entry.IsDir() {
			mode = 0o700
		}
		return errors.Join(os.Chmod(path, mode), os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, here := d.stage(t, filepath.Join(d.root, "app"))
	if _, there := d.stage(t, copied); there != here {
		t.Errorf("the tags are %s and %s", here, there)
	}
}

func source(staged buildcontext.Staged, name, tag string, log io.Writer) container.Source {
	return container.Source{
		Context: staged.Dir, Dockerfile: filepath.Join(staged.Dir, buildcontext.Dockerfile),
		Platform: "linux/" + runtime.GOARCH, Name: "lambda-web/" + name + ":" + tag, Log: log,
	}
}

// settings are what an image says about itself beside its files.
type settings struct {
	Entrypoint, Cmd, Env []string
	User, WorkingDir     string
	ExposedPorts, Labels map[string]any
}

func settingsOf(t *testing.T, image string) (s settings) {
	t.Helper()
	if err := json.Unmarshal([]byte(run(t, "docker", "image", "inspect", "--format", "{{json .Config}}", image)),
		&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// testImage: the image is the app's own and one file more.
func (d *testDaemon) testImage(t *testing.T, app string) {
	e := d.engine(t)
	staged, tag := d.stage(t, app)
	src := source(staged, "test-"+filepath.Base(app), tag, nil)
	img, err := e.Build(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	alone := "lambda-web/test-alone-" + filepath.Base(app)
	if _, err := e.Build(context.Background(), container.Source{
		Context: app, Dockerfile: filepath.Join(app, "Dockerfile"), Platform: src.Platform, Name: alone,
	}); err != nil {
		t.Fatal(err)
	}
	with, without := settingsOf(t, img.ID), settingsOf(t, alone)
	// The one setting more: where the image says nothing of them, these folders are where Lambda can write.
	with.Env = slices.DeleteFunc(with.Env, func(entry string) bool {
		return entry == "HOME=/tmp" || strings.HasPrefix(entry, "XDG_CACHE_HOME=/tmp")
	})
	if !reflect.DeepEqual(with, without) {
		t.Errorf("the image says\n%+v\nthe app's own says\n%+v", with, without)
	}
	header, content := fileOf(t, img.ID, buildcontext.InstalledAdapter)
	adapter, err := os.ReadFile(filepath.Join(staged.Dir, buildcontext.Adapter))
	if err != nil {
		t.Fatal(err)
	}
	if header.Mode&0o7777 != 0o755 || header.Uid != 0 || header.Gid != 0 || !bytes.Equal(content, adapter) {
		t.Errorf("the adapter has mode %o, owner %d:%d and %d bytes, want 755, 0:0 and the %d that were staged",
			header.Mode, header.Uid, header.Gid, len(content), len(adapter))
	}
	if again, err := d.engine(t).Build(context.Background(), src); err != nil || again.ID != img.ID {
		t.Errorf("the second build gives %+v, %v, want %s", again, err, img.ID)
	}
	var size int64
	fmt.Sscan(run(t, "docker", "image", "inspect", "--format", "{{.Size}}", alone), &size)
	t.Logf("%s: %.2f MB, the app alone %.2f MB, the adapter %.2f MB", filepath.Base(app), mega(img.Size), mega(size),
		mega(int64(len(adapter))))
	// An app that copies its whole folder gets what lambda-web has put there, too.
	if more := img.Size - size; more < int64(len(adapter)) || more > 2*int64(len(adapter))+256<<10 {
		t.Errorf("the image is %d bytes larger than the app alone, the adapter has %d", more, len(adapter))
	}
}

func mega(n int64) float64 { return float64(n) / 1e6 }

// fileOf takes a file out of an image without running it.
func fileOf(t *testing.T, image, path string) (*tar.Header, []byte) {
	t.Helper()
	id := run(t, "docker", "create", image)
	defer run(t, "docker", "rm", id)
	out, err := exec.Command("docker", "cp", id+":"+path, "-").Output()
	if err != nil {
		t.Fatalf("take %s out of %s: %v", path, image, err)
	}
	r := tar.NewReader(bytes.NewReader(out))
	header, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return header, content
}

// testFailures: the sentences that users get when they make the usual mistakes.
func testFailures(t *testing.T, e *container.Engine) {
	for _, c := range []struct{ dockerfile, step, want string }{
		{"FROM " + baseImage + "\nRUN echo before && exit 3\nCMD [\"x\"]\n", "RUN echo before && exit 3",
			"\n    before"},
		{"FROM " + baseImage + "\nCOPY missing .\nCMD [\"x\"]\n", "COPY missing .", "missing"},
		{"FROM no-such-registry.invalid/base:1\nCMD [\"x\"]\n", "",
			"the base image no-such-registry.invalid/base:1 is not on this machine and could not be fetched"},
		{"FROM " + baseImage + "\nCMD []\nENTRYPOINT []\n", "", "neither CMD nor ENTRYPOINT"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(c.dockerfile), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := e.Build(context.Background(), container.Source{
			Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Platform: "linux/" + runtime.GOARCH,
			Name: "lambda-web/test-failure:1",
		})
		if err == nil || !strings.Contains(err.Error(), c.step) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want the step %q and %q", err, c.step, c.want)
		}
	}
}

// probe is a function of the app that tells what it can see and do.
func (d *testDaemon) probe(t *testing.T, e *container.Engine, adjust func(*sandbox.Config)) (*sandbox.Function,
	*logBook) {
	t.Helper()
	staged, tag := d.stage(t, "probe")
	img, err := e.Build(context.Background(), source(staged, "test-probe", tag, nil))
	if err != nil {
		t.Fatal(err)
	}
	return newFunction(t, img.Launcher, func(c *sandbox.Config) {
		c.Command, c.Dir, c.Env, c.AppPort = img.Command, img.Dir, img.Env, 8123
		c.MemorySize, c.EphemeralStorage = 256, 700
		adjust(c)
	})
}

// get is the answer of the app to a request through the adapter.
func get(t *testing.T, f *sandbox.Function, path string) (map[string]any, sandbox.Result) {
	t.Helper()
	event, _ := json.Marshal(map[string]any{
		"resource": "/{proxy+}", "path": path, "httpMethod": "GET", "headers": map[string]string{"Host": "x"},
		"requestContext": map[string]any{"httpMethod": "GET", "path": path, "stage": "v1",
			"identity": map[string]any{}},
	})
	r := invoke(t, f, string(event))
	var answer struct{ Body string }
	var facts map[string]any
	if json.Unmarshal(r.Payload, &answer) == nil {
		json.Unmarshal([]byte(answer.Body), &facts)
	}
	return facts, r
}

// testRestrictions: what a process on Lambda may not do it may not do here.
func (d *testDaemon) testRestrictions(t *testing.T, e *container.Engine) {
	f, log := d.probe(t, e, func(c *sandbox.Config) { c.Freeze = true })
	facts, r := get(t, f, "/facts")
	want := map[string]any{
		"uid": 993.0, "gid": 990.0, "groups": []any{}, "capabilities": 0.0, "no new privileges": 1.0,
		"open files": 1024.0,
		"write /srv": "Read-only file system", "write /": "Read-only file system",
		"write a file of root": "Read-only file system",
		"write /etc":           "Read-only file system", "bounding capabilities": 0.0, "write /tmp": "done",
		"/tmp MB":  700.0,
		"/dev/shm": false, "folder": "/srv", "greeting": "hello from the image", "PORT": "8123", "function": "boxed",
		"runtime API": "127.0.0.1:9001",
	}
	for name, value := range want {
		if got := facts[name]; !reflect.DeepEqual(got, value) && !(name == "groups" && reflect.DeepEqual(got,
			[]any{990.0})) {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
	if len(facts) == 0 {
		t.Fatalf("the answer is %s", r.Payload)
	}
	eventually(t, "a frozen sandbox", func() bool { return f.Stats().Idle == 1 })
	if again, _ := get(t, f, "/again"); len(again) == 0 {
		t.Error("no answer after the freeze")
	}
	eventually(t, "the end of the invocation", func() bool { return f.Stats().Idle == 1 })
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"answered /again", "got SIGTERM"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("%q is missing in the log", line)
		}
	}
	none(t)
}

// none checks that no container of a sandbox is left.
func none(t *testing.T) {
	t.Helper()
	eventually(t, "the end of all containers", func() bool {
		return run(t, "docker", "ps", "--all", "--quiet", "--filter", "label="+container.Label) == ""
	})
}

// testMemory: an app that takes more than its function has is killed, and the next request starts over.
func (d *testDaemon) testMemory(t *testing.T, e *container.Engine) {
	f, log := d.probe(t, e, func(*sandbox.Config) {})
	if facts, r := get(t, f, "/facts"); len(facts) == 0 {
		t.Fatalf("the answer is %s", r.Payload)
	}
	for death := range 3 {
		if _, r := get(t, f, "/fill"); r.FunctionError == "" {
			t.Errorf("an app that takes too much memory answers %s", r.Payload)
		}
		if facts, r := get(t, f, "/facts"); len(facts) == 0 { // at once: the app that dies does not get it
			t.Errorf("after death %d the answer is %s", death, r.Payload)
		}
	}
	if text := log.String(); !strings.Contains(text, "Runtime.ExitError") || !strings.Contains(text, "signal: killed") {
		t.Error("the log does not say that the app was killed")
	}
	f.Close(context.Background())
	none(t)
}

// testLocal: the command that users start, with the sample app and the requests of the smoke test; and
// what is left of it when it is killed.
func (d *testDaemon) testLocal(t *testing.T) {
	bin := filepath.Join(d.root, ".lambda-web", "bin")
	local := filepath.Join(bin, "local")
	if _, err := os.Stat(local); err != nil {
		t.Fatalf("needs the built programs: make build (%v)", err)
	}
	args := []string{"-root", d.root, "-bin", bin, "-port", "0", "-mode", "container"}
	smoke := append([]string{"run", "lambda-web/test/smoke", local}, args...)
	t.Log("\n" + run(t, "go", smoke...))
	none(t)

	auto := append(args[:len(args)-1:len(args)-1], "auto") // which finds the daemon
	command := exec.Command(local, append(auto, "-watch=false", "-c", "provisionedConcurrency=1")...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cloud, err := launch.Start(command, 2*time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Kill()
	if run(t, "docker", "ps", "--quiet", "--filter", "label="+container.Label) == "" {
		t.Errorf("MODE=auto did not find the daemon:\n%s", cloud.Log())
	}
	cloud.Kill()
	none(t)
}
