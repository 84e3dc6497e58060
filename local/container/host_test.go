package container

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lambda-web/local/container/wire"
	"lambda-web/local/sandbox"
)

// The test program plays the processes in a sandbox, too: its name says which.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "runtime":
		playRuntime()
	case "watcher":
		playExtension()
	case "finder":
		playFinder()
	}
	var err error
	if testFolder, err = os.MkdirTemp("", "docker-test"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(testFolder)
	os.Exit(code)
}

// testFolder is there as long as the test program.
var testFolder string

// playRuntime answers each event with itself; some words in it are orders.
func playRuntime() {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	go func() {
		<-terms
		fmt.Println("runtime: SIGTERM")
		os.Exit(0)
	}()
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			os.Exit(9)
		}
		event, _ := io.ReadAll(next.Body)
		fmt.Fprintf(os.Stderr, "runtime: %d bytes\n", len(event))
		switch {
		case bytes.Contains(event, []byte("exit 3")):
			os.Exit(3)
		case bytes.Contains(event, []byte("spawn")): // a child in the group, and a daemon
			for _, own := range []bool{false, true} {
				child := exec.Command("sleep", "1000")
				child.SysProcAttr = &syscall.SysProcAttr{Setsid: own}
				if err := child.Start(); err == nil {
					fmt.Println("child pid", child.Process.Pid)
				}
			}
		}
		answer, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response",
			"application/json", bytes.NewReader(event))
		if err != nil || answer.StatusCode != http.StatusAccepted {
			os.Exit(8)
		}
	}
}

// playExtension registers for SHUTDOWN and says when it comes.
func playExtension() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/"
	request, _ := http.NewRequest(http.MethodPost, base+"register", strings.NewReader(`{"events":["SHUTDOWN"]}`))
	request.Header.Set("Lambda-Extension-Name", "watcher")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		os.Exit(7)
	}
	request, _ = http.NewRequest(http.MethodGet, base+"event/next", nil)
	request.Header.Set("Lambda-Extension-Identifier", answer.Header.Get("Lambda-Extension-Identifier"))
	if _, err := http.DefaultClient.Do(request); err == nil {
		fmt.Println("watcher: SHUTDOWN")
	}
	os.Exit(0)
}

const patience = 30 * time.Second

// logBook keeps log lines.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// bareLauncher starts the real init without a container around it: the docker command is a script.
func bareLauncher(t *testing.T) Launcher {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the init of containers runs on Linux only")
	}
	if l, err := net.Listen("tcp", wire.RuntimeAPI); err != nil {
		t.Skipf("needs the address %s of the Runtime API, which is in use", wire.RuntimeAPI)
	} else {
		l.Close()
	}
	initPath, err := bareInit()
	if err != nil {
		t.Fatal(err)
	}
	docker := filepath.Join(t.TempDir(), "docker")
	script := "#!/bin/sh\n[ \"$1\" = run ] || exit 1\necho 'WARNING: something about swap' >&2\nexec " + initPath + "\n"
	if err := os.WriteFile(docker, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return Launcher{Command: docker, Image: "sha256:0", Platform: "linux/" + runtime.GOARCH, Init: initPath}
}

// bareInit is the init, compiled once.
var bareInit = sync.OnceValues(func() (string, error) {
	path := filepath.Join(testFolder, "init")
	if out, err := exec.Command("go", "build", "-o", path, "./init").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the init: %w\n%s", err, out)
	}
	return path, nil
})

// newFunction is a function whose processes this program plays.
func newFunction(t *testing.T, l sandbox.Launcher, adjust func(*sandbox.Config)) (*sandbox.Function, *logBook) {
	t.Helper()
	dir, log := t.TempDir(), &logBook{}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"runtime", "watcher"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := sandbox.Config{
		Name: "boxed", Version: "1", Region: "eu-central-1", AccountID: "123456789012", Launcher: l,
		MemorySize: 512, Timeout: patience, Command: []string{"runtime"}, Dir: dir, Log: log,
		Extensions: []string{filepath.Join(dir, "watcher")}, MaxConcurrency: 1,
		Env: map[string]string{"PATH": dir + ":" + os.Getenv("PATH")},
	}
	if adjust != nil {
		adjust(&cfg)
	}
	f, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close(context.Background())
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return f, log
}

func invoke(t *testing.T, f *sandbox.Function, event string) sandbox.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := f.Invoke(ctx, sandbox.Invocation{Event: []byte(event)})
	if err != nil {
		t.Fatalf("invoke with %.80s: %v", event, err)
	}
	return r
}

func echo(t *testing.T, f *sandbox.Function, event string) {
	t.Helper()
	if r := invoke(t, f, event); string(r.Payload) != event || r.FunctionError != "" {
		t.Fatalf("sent %d bytes, got %d bytes %.200q with function error %q", len(event), len(r.Payload), r.Payload,
			r.FunctionError)
	}
}

// TestLifeOverTheWire: what holds for processes of this machine holds for those behind an init.
func TestLifeOverTheWire(t *testing.T) {
	for name, freeze := range map[string]bool{"running": false, "frozen between invocations": true} {
		t.Run(name, func(t *testing.T) {
			f, log := newFunction(t, bareLauncher(t), func(c *sandbox.Config) { c.Freeze = freeze })
			echo(t, f, `"hello"`)
			echo(t, f, `"`+strings.Repeat("x", 5<<20)+`"`)
			if r := invoke(t, f, `"exit 3"`); !strings.Contains(string(r.Payload),
				"Runtime exited with error: exit status 3") {
				t.Errorf("the caller of a runtime that exits gets %s", r.Payload)
			}
			echo(t, f, `"spawn"`)
			eventually(t, "the end of the invocation", func() bool { return f.Stats().Idle == 1 })
			if err := f.Close(context.Background()); err != nil {
				t.Error(err)
			}
			want := []string{
				`EXTENSION\tName: watcher\tState: Ready\tEvents: \[SHUTDOWN\]`, `START`, `runtime: 7 bytes`, `END`,
				`START`, `runtime: 5242882 bytes`, `END`, `START`, `runtime: 8 bytes`, `exit status 3`, `END`,
				`watcher: SHUTDOWN`,
				`START`, `child pid`, `child pid`, `END`, `Max Memory Used: [1-9]`, `runtime: SIGTERM`,
				`watcher: SHUTDOWN`,
			}
			text := log.String()
			for _, pattern := range want {
				at := regexp.MustCompile(pattern).FindStringIndex(text)
				if at == nil {
					t.Fatalf("%q is missing or too early in the log", pattern)
				}
				text = text[at[1]:]
			}
			gone(t, pids(log, "child pid")[:1]) // the kernel ends the daemon, where there is a container
			for _, pid := range pids(log, "child pid")[1:] {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		})
	}
}

func pids(log *logBook, words string) []int {
	var all []int
	for _, m := range regexp.MustCompile(words+` (\d+)`).FindAllStringSubmatch(log.String(), -1) {
		pid, _ := strconv.Atoi(m[1])
		all = append(all, pid)
	}
	return all
}

// gone waits until processes have ended.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, "the end of a process", func() bool { return !alive(pid) })
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// alive is false for zombies.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}

// TestContainerIsKilled: whatever ends a container costs an invocation in progress its answer, not the
// function its life.
func TestContainerIsKilled(t *testing.T) {
	l := bareLauncher(t)
	var made []*container
	f, log := newFunction(t, launcherFunc(func(cfg *sandbox.Config, number int) (sandbox.Host, error) {
		h, err := l.Launch(cfg, number)
		if err == nil {
			made = append(made, h.(*container))
		}
		return h, err
	}), nil)
	echo(t, f, `1`)
	eventually(t, "an idle sandbox", func() bool { return f.Stats().Idle == 1 })
	made[0].command.Process.Kill()
	eventually(t, "a word about the lost sandbox", func() bool {
		return strings.Contains(log.String(),
			"between invocations")
	})
	echo(t, f, `2`)
	if len(made) != 2 {
		t.Errorf("%d containers were made, want 2", len(made))
	}
}

type launcherFunc func(*sandbox.Config, int) (sandbox.Host, error)

func (l launcherFunc) Launch(cfg *sandbox.Config, number int) (sandbox.Host, error) {
	return l(cfg, number)
}

// TestContainerDoesNotStart: the words of the docker command become a sentence.
func TestContainerDoesNotStart(t *testing.T) {
	for _, c := range []struct{ says, want string }{
		{"docker: Error response from daemon: No such image: sha256:0.", "is not in Docker any more"},
		{"exec /var/rapid/init: exec format error",
			"this machine cannot run linux/arm64 images: give the stack this machine's processor (pulumi " +
				"config set architecture)"},
		{"docker: Error response from daemon: mkdir /var/lib/docker/overlay2/1-init: no space left on device.",
			"no space left on device. The disk of the container engine is full: make room (docker system df"},
		{"docker: Error response from daemon: invalid mount config for type: bind source path does not exist: /x.",
			"does not see this machine's files"},
		{"docker: Error response from daemon: something new.",
			"start a container: docker: Error response from daemon: something new."},
		{"", "start a container: "},
	} {
		docker := filepath.Join(t.TempDir(), "docker")
		if err := os.WriteFile(docker, []byte("#!/bin/sh\necho '"+c.says+"' >&2\nexit 125\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		f, _ := newFunction(t, Launcher{Command: docker, Engine: "Docker", Image: "sha256:0", Platform: "linux/arm64",
			Init: "/init"}, nil)
		if r := invoke(t, f, `1`); !strings.Contains(string(r.Payload), c.want) ||
			!strings.Contains(string(r.Payload), "Sandbox.InitError") {
			t.Errorf("docker says %q: the caller gets %s, want %q", c.says, r.Payload, c.want)
		}
	}
}

// TestStartFailures are those of a program in the container.
func TestStartFailures(t *testing.T) {
	l := bareLauncher(t)
	for _, c := range []struct {
		adjust func(*sandbox.Config)
		want   string
	}{
		{func(c *sandbox.Config) { c.Command = []string{"no-such-program"} }, `"Runtime.InvalidEntrypoint"`},
		{func(c *sandbox.Config) { c.Extensions = []string{"/nowhere/watcher"} }, `"Extension.LaunchError"`},
	} {
		f, _ := newFunction(t, l, c.adjust)
		if r := invoke(t, f, `1`); !strings.Contains(string(r.Payload), c.want) {
			t.Errorf("the caller gets %s, want %s", r.Payload, c.want)
		}
		f.Close(context.Background())
	}
}

// TestReadImage: what an image says about its processes.
func TestReadImage(t *testing.T) {
	img, err := readImage([]byte(`[{"Id":"sha256:1","Size":5,"Config":{"Entrypoint":["/entry.sh"],"Cmd":["gunicorn","app:app"],"Env":["PATH=/a:/b","X=1=2","EMPTY="],"WorkingDir":"/srv"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(img.Command, []string{"/entry.sh", "gunicorn", "app:app"}) || img.Dir != "/srv" ||
		img.Env["X"] != "1=2" || img.Env["PATH"] != "/a:/b" || len(img.Env) != 3 {
		t.Errorf("got %+v", img)
	}
	if img, err = readImage([]byte(`[{"Config":{"Cmd":["x"]}}]`)); err != nil || img.Dir != "/" {
		t.Errorf("without WORKDIR: got %+v, %v", img, err)
	}
	if _, err := readImage([]byte(`[{"Config":{"Cmd":null}}]`)); err == nil || !strings.Contains(err.Error(),
		"neither CMD nor ENTRYPOINT") {
		t.Errorf("without a command: got %v", err)
	}
}
