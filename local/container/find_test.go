package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a home, a PATH and the system's sockets, for one test.
type machine struct {
	home, run, bin string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "m") // short: the path of a socket has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := machine{filepath.Join(dir, "home"), filepath.Join(dir, "run"), filepath.Join(dir, "bin")}
	for _, folder := range []string{m.home, m.run, m.bin} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	was, wasPodman := usualSocket, podmanSocket
	t.Cleanup(func() { usualSocket, podmanSocket = was, wasPodman })
	usualSocket, podmanSocket = filepath.Join(m.run, "usual.sock"), filepath.Join(m.run, "podman.sock")
	for name, value := range map[string]string{
		"HOME": m.home, "XDG_RUNTIME_DIR": m.run, "DOCKER_HOST": "",
		"DOCKER_CONTEXT": "", "DOCKER_CONFIG": "", "DOCKER_TLS_VERIFY": "", "DOCKER_BUILDKIT": "",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("PATH", m.bin)
	return m
}

// command puts a script on the PATH.
func (m machine) command(t *testing.T, name, script string) {
	t.Helper()
	write(t, filepath.Join(m.bin, name), "#!/bin/sh\n"+script+"\n", 0o755)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
		t.Fatal(err)
	}
}

// engine is a stand-in that answers a ping with headers, on a real socket.
func engine(t *testing.T, path string, headers map[string]string) {
	t.Helper()
	serve(t, path, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		io.WriteString(w, "OK")
	})
}

func serve(t *testing.T, path string, handler http.HandlerFunc) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// context makes a Docker context as the docker command does.
func (m machine) context(t *testing.T, name, host string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	meta, _ := json.Marshal(map[string]any{"Name": name,
		"Endpoints": map[string]any{"docker": map[string]any{"Host": host}}})
	write(t, filepath.Join(m.home, ".docker/contexts/meta", hex.EncodeToString(sum[:]), "meta.json"), string(meta),
		0o644)
}

func (m machine) current(t *testing.T, name string) {
	t.Helper()
	write(t, filepath.Join(m.home, ".docker/config.json"), `{"auths":{},"currentContext":"`+name+`"}`, 0o644)
}

var (
	isDocker = map[string]string{"OSType": "linux", "API-Version": "1.47"}
	isPodman = map[string]string{"API-Version": "1.41", "Libpod-API-Version": "4.3.1"}
)

// TestFind: which engine a machine's user gets.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*testing.T, machine)
		host string // the command is told; empty: it finds it by itself
		kind kind
	}{
		{"a Docker daemon of the system", func(t *testing.T, m machine) { engine(t, usualSocket, isDocker) }, "",
			docker},
		{"rootless Docker", func(t *testing.T, m machine) { engine(t, m.run+"/docker.sock", isDocker) },
			"RUN/docker.sock", docker},
		{"Docker Desktop", func(t *testing.T, m machine) { engine(t, m.home+"/.docker/run/docker.sock", isDocker) },
			"HOME/.docker/run/docker.sock", docker},
		{"rootless Podman", func(t *testing.T, m machine) { engine(t, m.run+"/podman/podman.sock", isPodman) },
			"RUN/podman/podman.sock", podmanHost},
		{"Podman of the system", func(t *testing.T, m machine) { engine(t, podmanSocket, isPodman) },
			"RUN/podman.sock", podmanHost},
		{"Podman in Docker's place", func(t *testing.T, m machine) { engine(t, usualSocket, isPodman) }, "",
			podmanHost},
		{"the usual one first", func(t *testing.T, m machine) {
			engine(t, m.run+"/podman/podman.sock", isPodman)
			engine(t, usualSocket, isDocker)
		}, "", docker},
		{"one that hangs is passed over", func(t *testing.T, m machine) {
			serve(t, usualSocket, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			engine(t, m.run+"/docker.sock", isDocker)
		}, "RUN/docker.sock", docker},
		{"a socket that nobody serves", func(t *testing.T, m machine) {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: usualSocket})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
			engine(t, m.run+"/docker.sock", isDocker)
		}, "RUN/docker.sock", docker},
		{"DOCKER_HOST", func(t *testing.T, m machine) {
			engine(t, m.run+"/x.sock", isPodman)
			t.Setenv("DOCKER_HOST", "unix://"+m.run+"/x.sock")
			t.Setenv("DOCKER_CONTEXT", "nothing")
		}, "", podmanHost},
		{"a context", func(t *testing.T, m machine) {
			engine(t, m.run+"/colima.sock", isDocker)
			m.context(t, "colima", "unix://"+m.run+"/colima.sock")
			m.current(t, "colima")
		}, "", docker},
		{"DOCKER_CONTEXT before the current one", func(t *testing.T, m machine) {
			engine(t, m.run+"/a.sock", isPodman)
			m.context(t, "a", "unix://"+m.run+"/a.sock")
			m.current(t, "b")
			t.Setenv("DOCKER_CONTEXT", "a")
		}, "", podmanHost},
		{"a broken configuration is none", func(t *testing.T, m machine) {
			write(t, m.home+"/.docker/config.json", `{"currentContext": `, 0o644)
			engine(t, usualSocket, isDocker)
		}, "", docker},
		{"an engine over ssh", func(t *testing.T, m machine) {
			m.command(t, "docker", `[ "$1" = version ] && echo linux`)
			t.Setenv("DOCKER_HOST", "ssh://me@build.example")
		}, "", docker},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.command(t, "docker", "exit 1")
			c.make(t, m)
			started := time.Now()
			e, err := Find(context.Background(), ".", t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			host := strings.NewReplacer(m.home, "HOME", m.run, "RUN", "unix://", "").Replace(e.host)
			if host != c.host || e.kind != c.kind {
				t.Errorf("got %q of kind %d, want %q of kind %d", host, e.kind, c.host, c.kind)
			}
			if took := time.Since(started); took > 2*Patience {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestNoEngine: each way of having none is a sentence that says what to do.
func TestNoEngine(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*testing.T, machine)
		want []string
	}{
		{"no command", func(t *testing.T, m machine) { os.Remove(m.bin + "/docker") },
			[]string{"neither the docker command nor podman is on this machine: install Docker " +
				"(https://docs.docker.com/get-docker/) or Podman"}},
		{"no socket", func(t *testing.T, m machine) {},
			[]string{"no container engine answers: start Docker Desktop, or the service"}},
		{"one that hangs", func(t *testing.T, m machine) {
			serve(t, usualSocket, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, []string{"has not answered within 1s: see whether it hangs"}},
		{"one of Windows", func(t *testing.T, m machine) {
			engine(t, usualSocket,
				map[string]string{"OSType": "windows"})
		}, []string{"runs containers of windows; Lambda's are Linux: switch Docker to Linux containers"}},
		{"one that fails", func(t *testing.T, m machine) {
			serve(t, usualSocket, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
		}, []string{"does not answer (it answers 503 Service Unavailable)"}},
		{"DOCKER_HOST without one", func(t *testing.T, m machine) {
			t.Setenv("DOCKER_HOST",
				"unix:///nowhere/x.sock")
		}, []string{"no container engine listens at unix:///nowhere/x.sock, which DOCKER_HOST names: start",
			"or change DOCKER_HOST"}},
		{"a context that is not there", func(t *testing.T, m machine) { m.current(t, "gone") },
			[]string{`the Docker context "gone" does not exist: choose another one (docker context ls`}},
		{"a context without an engine", func(t *testing.T, m machine) {
			m.context(t, "kube", "")
			m.current(t, "kube")
		}, []string{`the Docker context "kube" names no engine`}},
		{"an engine elsewhere that refuses", func(t *testing.T, m machine) {
			m.command(t, "docker", "echo 'error during connect: host key verification failed.' >&2; exit 1")
			t.Setenv("DOCKER_HOST", "ssh://me@build.example")
		}, []string{"does not answer (error during connect: host key verification failed), which DOCKER_HOST names"}},
		{"podman without its machine", func(t *testing.T, m machine) {
			os.Remove(m.bin + "/docker")
			m.command(t, "podman", "echo 'Cannot connect to Podman. Please verify your connection.' >&2; exit 125")
		}, []string{"podman does not answer (Cannot connect to Podman. Please verify your connection): start " +
			"its machine (podman machine start)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.command(t, "docker", "exit 1")
			c.make(t, m)
			_, err := Find(context.Background(), ".", t.TempDir())
			checkUnavailable(t, err, c.want)
		})
	}
}

func checkUnavailable(t *testing.T, err error, want []string) {
	t.Helper()
	if unavailable := (*UnavailableError)(nil); !errors.As(err, &unavailable) || !strings.HasSuffix(err.Error(),
		"MODE=process") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v, want one sentence that ends in the other way to run the app", err)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
}

// TestPodmanAlone: where only the podman command is, it is the engine.
func TestPodmanAlone(t *testing.T) {
	m := newMachine(t)
	m.command(t, "podman", "echo 5.4.0")
	e, err := Find(context.Background(), ".", t.TempDir())
	if err != nil || e.kind != podman || filepath.Base(e.command) != "podman" || e.builder() != buildah {
		t.Errorf("got %+v, %v", e, err)
	}
}

// TestNoRightsToTheSocket: a user without rights, played by a process of one.
func TestNoRightsToTheSocket(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to be another user")
	}
	m := newMachine(t)
	engine(t, m.run+"/docker.sock", isDocker)
	m.command(t, "docker", "exit 1")
	finder := filepath.Join(m.bin, "finder")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	write(t, finder, string(program), 0o755)
	if err := errors.Join(os.Chmod(m.run+"/docker.sock", 0o660), os.Chmod(filepath.Dir(m.bin), 0o755)); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(finder)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	command.Dir = "/"
	out, err := command.CombinedOutput()
	if want := "this user may not use the container engine at unix://" + m.run +
		"/docker.sock: add the user to the group docker (sudo usermod -aG docker $USER) and log in again"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("got %v, %s\nwant %s", err, out, want)
	}
}

// playFinder looks for an engine and prints why there is none.
func playFinder() {
	_, err := Find(context.Background(), ".", os.TempDir())
	fmt.Println(err)
	os.Exit(0)
}

// TestBuilders: which of its builders a command is asked for.
func TestBuilders(t *testing.T) {
	for _, c := range []struct {
		version string
		buildx  bool
		kit     string
		headers map[string]string
		want    builder
	}{
		{"28.2.2", true, "", isDocker, buildx},
		{"28.2.2", false, "", isDocker, classic},
		{"28.2.2", true, "0", isDocker, classic},
		{"20.10.24+dfsg1", false, "", isDocker, buildKit},
		{"", false, "", isDocker, classic},
		{"28.2.2", true, "", isPodman, classic},
	} {
		m := newMachine(t)
		engine(t, usualSocket, c.headers)
		m.command(t, "docker", fmt.Sprintf("if [ \"$1\" = buildx ]; then exit %d; fi\necho %s", map[bool]int{true: 0,
			false: 1}[c.buildx], c.version))
		t.Setenv("DOCKER_BUILDKIT", c.kit)
		e, err := Find(context.Background(), ".", t.TempDir())
		if err != nil || e.builder() != c.want {
			t.Errorf("version %s, buildx %t, %v: got %v, %v, want builder %d", c.version, c.buildx, c.headers, e, err,
				c.want)
		}
	}
}
