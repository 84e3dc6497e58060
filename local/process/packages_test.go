package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// standIns are stand-ins for this machine's Python and package managers: they note what they are asked to do, make
// what the real ones would, and wait where they are told to.
type standIns struct {
	bin  string
	note string // file of the calls, one a line
}

// begin of a stand-in: it notes its call as "NAME ARGUMENTS in FOLDER".
const noteCall = "#!/bin/sh\n" + `echo "$(basename "$0") $* in $PWD" >> "%s"` + "\n"

const (
	fakePython = `
case "$1 $2" in
"-c import"*) echo /usr/bin/python3 3.11 ;;
"-m venv") mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"; ln -s "$0" "$3/bin/python" ;;
"-m pip")
	[ -z "$FAKE_WAIT" ] || { trap '' TERM; touch "$FAKE_WAIT"; while [ -e "$FAKE_WAIT" ]; do sleep 0.01; done; }
	[ -z "$FAKE_LEAVES" ] || echo left > "$FAKE_LEAVES"
	[ -z "$FAKE_FAIL" ] || { echo "ERROR: No matching distribution found for nothing"; exit 1; } ;;
esac`
	fakeUV = `
case "$1" in
venv) for dir; do :; done; mkdir -p "$dir/bin"; touch "$dir/pyvenv.cfg" "$dir/bin/python" ;;
sync) mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"; touch "$UV_PROJECT_ENVIRONMENT/pyvenv.cfg" "$UV_PROJECT_ENVIRONMENT/bin/python" ;;
esac`
	fakeNode = `
[ -z "$FAKE_WAIT" ] || { touch "$FAKE_WAIT"; while [ -e "$FAKE_WAIT" ]; do sleep 0.01; done; }
[ -z "$FAKE_FAIL" ] || { echo "npm error code ETARGET"; exit 1; }
rm -rf node_modules; mkdir node_modules`
)

func newTools(t *testing.T, names ...string) standIns {
	t.Helper()
	made := standIns{bin: t.TempDir(), note: filepath.Join(t.TempDir(), "calls")}
	put(t, made.bin, "start", "#!/bin/sh\n")
	for _, name := range names {
		script, ok := map[string]string{"python3": fakePython, "uv": fakeUV}[name]
		if !ok {
			script = fakeNode
		}
		put(t, made.bin, name, fmt.Sprintf(noteCall, made.note)+script+"\n")
	}
	t.Setenv("PATH", made.bin+":/usr/bin:/bin")
	return made
}

// calls are those since the last look, without the random part of an environment's name.
func (m standIns) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(m.note)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	os.Remove(m.note)
	var list []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "-c import sys") && !strings.HasPrefix(line, "print(") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func prepare(t *testing.T, src Source) *App {
	t.Helper()
	app, err := Prepare(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// startable is an app whose start command is there, with further files.
func startable(t *testing.T, files map[string]string) Source {
	t.Helper()
	files["Procfile"] = "web: start\n"
	return source(t, files)
}

// TestPythonTools: which tool installs what. ENV is the new environment, APP the app's folder.
func TestPythonTools(t *testing.T) {
	const package_ = "[project]\nname = \"a\"\ndependencies = [\"flask>=3\", \"gunicorn; python_version > '3'\"]\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		tools []string
		want  []string
	}{
		{"requirements.txt by pip", map[string]string{"requirements.txt": "flask\n", "pyproject.toml": package_},
			[]string{"python3"},
			[]string{"python3 -m venv ENV",
				"python -m pip install --no-input --disable-pip-version-check -r APP/requirements.txt"}},
		{"requirements.txt by uv", map[string]string{"requirements.txt": "flask\n"}, []string{"python3", "uv"},
			[]string{"uv venv --python BIN/python3 ENV",
				"uv pip install --python ENV/bin/python -r APP/requirements.txt"}},
		{"pyproject.toml by pip", map[string]string{"pyproject.toml": package_}, []string{"python3"},
			[]string{"python3 -m venv ENV",
				"python -m pip install --no-input --disable-pip-version-check flask>=3 gunicorn; python_version > '3'"}},
		{"a project that is a package", map[string]string{"pyproject.toml": package_ +
			"[build-system]\nrequires = []\n"}, []string{"python3"},
			[]string{"python3 -m venv ENV", "python -m pip install --no-input --disable-pip-version-check -e APP"}},
		{"Poetry's", map[string]string{"pyproject.toml": "[tool.poetry]\nname = " +
			"\"a\"\n[build-system]\nrequires = []\n"}, []string{"python3", "uv"},
			[]string{"uv venv --python BIN/python3 ENV", "uv pip install --python ENV/bin/python -e APP"}},
		{"uv.lock by uv", map[string]string{"uv.lock": "version = 1\n", "pyproject.toml": package_,
			"requirements.txt": "flask\n"}, []string{"python3", "uv"},
			[]string{"uv sync --frozen --python BIN/python3"}},
		{"uv.lock without uv", map[string]string{"uv.lock": "version = 1\n", "pyproject.toml": package_},
			[]string{"python3"},
			[]string{"python3 -m venv ENV",
				"python -m pip install --no-input --disable-pip-version-check flask>=3 gunicorn; python_version > '3'"}},
		{"settings of tools are no packages",
			map[string]string{"pyproject.toml": "[tool.black]\nline-length = 100\n"}, []string{"python3"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := startable(t, test.files)
			made := newTools(t, test.tools...)
			app := prepare(t, src)
			environment := app.Env["VIRTUAL_ENV"]
			var want []string
			for _, call := range test.want {
				want = append(want, strings.NewReplacer("ENV", environment, "APP", src.Folder, "BIN",
					made.bin).Replace(call)+" in "+src.Folder)
			}
			if got := made.calls(t); !slices.Equal(got, want) {
				t.Errorf("calls %q\nwant  %q", got, want)
			}
			if (environment != "") != (want != nil) || environment != "" && !strings.HasPrefix(app.Env["PATH"],
				environment+"/bin:") {
				t.Errorf("environment %q, PATH %q", environment, app.Env["PATH"])
			}
			if prepare(t, src); len(made.calls(t)) > 0 {
				t.Error("the second start installs again")
			}
		})
	}
}

// An environment of the developer's is used as it is.
func TestPythonOwnEnvironment(t *testing.T) {
	made := newTools(t, "python3")
	src := startable(t, map[string]string{"requirements.txt": "flask\n", "venv/pyvenv.cfg": "",
		"venv/bin/python": "#!/bin/sh\n"})
	if got := prepare(t, src).Env["VIRTUAL_ENV"]; got != filepath.Join(src.Folder, "venv") {
		t.Errorf("got %q, want the one in the app's folder", got)
	}
	active := folder(t, map[string]string{"pyvenv.cfg": "", "bin/python": "#!/bin/sh\n"})
	t.Setenv("VIRTUAL_ENV", active)
	if got := prepare(t, src).Env["VIRTUAL_ENV"]; got != active {
		t.Errorf("got %q, want the active one", got)
	}
	if calls := made.calls(t); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
}

// TestPythonIsMadeAnew when something changed that the environment is made of, and not otherwise.
func TestPythonIsMadeAnew(t *testing.T) {
	files := map[string]string{
		"requirements.txt": "-r more/base.txt\n-c limits.txt\n./lib[extra]; python_version > '3'\nx @ " +
			"file:./wheels/x.whl\n-e ./edit # mine\n",
		"more/base.txt": "flask\n", "limits.txt": "", "wheels/x.whl": "1", "app.py": "",
		"lib/pyproject.toml": "", "lib/lib/__init__.py": "1", "edit/pyproject.toml": "", "edit/edit/__init__.py": "1",
	}
	for _, test := range []struct {
		file, text string
		anew       bool
	}{
		{"requirements.txt", "flask==3\n", true},
		{"more/base.txt", "django\n", true},
		{"limits.txt", "flask<4\n", true},
		{"wheels/x.whl", "2", true},
		{"lib/lib/__init__.py", "2", true},
		{"lib/lib/new.py", "", true},
		{"edit/pyproject.toml", "[project]\n", true},
		{"edit/edit/__init__.py", "2", false}, // it is used where it lies
		{"lib/lib/__pycache__/x.pyc", "2", false},
		{"app.py", "2", false},
		{"pyproject.toml", "[tool.black]\n", false},
	} {
		t.Run(test.file, func(t *testing.T) {
			made := newTools(t, "python3")
			src := startable(t, files)
			before := prepare(t, src).Env["VIRTUAL_ENV"]
			made.calls(t)
			put(t, src.Folder, test.file, test.text)
			after := prepare(t, src).Env["VIRTUAL_ENV"]
			if calls := made.calls(t); (len(calls) > 0) != test.anew || (before != after) != test.anew {
				t.Errorf("made anew: %t, want %t; calls %q", before != after, test.anew, calls)
			}
		})
	}
}

// The same for what a lock file of uv names.
func TestUVLockFingerprint(t *testing.T) {
	src := source(t, map[string]string{
		"pyproject.toml": "", "libs/a/pyproject.toml": "", "libs/a/a.py": "", "libs/b/b.py": "", "wheels/c.whl": "",
		"uv.lock": "[[package]]\nname = \"a\"\nsource = { editable = \"libs/a\" }\n[[package]]\nname = " +
			"\"b\"\nsource = { directory = \"libs/b\" }\n" +
			"[[package]]\nname = \"c\"\nsource = { path = \"wheels/c.whl\" }\n[[package]]\nname = " +
			"\"d\"\nsource = { registry = \"https://pypi.org/simple\" }\n",
	})
	newTools(t, "python3")
	key := func() string {
		e, err := src.environment(t.Context(), uvLock, filepath.Join(src.Folder, uvLock))
		if err != nil {
			t.Fatal(err)
		}
		return e.base
	}
	for _, file := range []string{"libs/a/pyproject.toml", "libs/b/b.py", "wheels/c.whl", "pyproject.toml"} {
		before := key()
		put(t, src.Folder, file, "# changed\n")
		if key() == before {
			t.Errorf("a change of %s changes nothing", file)
		}
	}
	before := key()
	if put(t, src.Folder, "libs/a/a.py", "changed"); key() != before {
		t.Error("code that is used where it lies counts")
	}
}

// Two starts at once install once, and both get the same.
func TestTwoStartsAtOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		call  string
	}{
		{"Python", map[string]string{"requirements.txt": "flask\n"}, "python -m pip install"},
		{"Node", map[string]string{"package.json": `{"dependencies":{"ms":"2"}}`, "package-lock.json": "{}"}, "npm ci"},
	} {
		t.Run(test.name, func(t *testing.T) {
			made := newTools(t, "python3", "npm")
			src := startable(t, test.files)
			var group sync.WaitGroup
			environments := make([]string, 4)
			for i := range environments {
				group.Go(func() {
					app, err := Prepare(context.Background(), src)
					if err != nil {
						t.Error(err)
						return
					}
					environments[i] = app.Env["VIRTUAL_ENV"]
				})
			}
			group.Wait()
			installs := 0
			for _, call := range made.calls(t) {
				if strings.HasPrefix(call, test.call) {
					installs++
				}
			}
			if installs != 1 || len(slices.Compact(environments)) != 1 {
				t.Errorf("%d installations, environments %q", installs, environments)
			}
		})
	}
}

// A start that is stopped while it installs ends soon, and the next one installs from the beginning.
func TestStoppedInstallation(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"Python": {"requirements.txt": "flask\n"},
		"Node":   {"package.json": `{"dependencies":{"ms":"2"}}`, "package-lock.json": "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			made := newTools(t, "python3", "npm")
			src := startable(t, files)
			waits := filepath.Join(t.TempDir(), "waits")
			t.Setenv("FAKE_WAIT", waits)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { _, err := Prepare(ctx, src); ended <- err }()
			for !isFile(waits) {
				time.Sleep(time.Millisecond)
			}
			asked := time.Now()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(asked) > 4*time.Second {
				t.Errorf("it ended after %s: %v", time.Since(asked), err)
			}
			t.Setenv("FAKE_WAIT", "")
			put(t, src.Folder, "node_modules/half", "")
			made.calls(t)
			prepare(t, src)
			if calls := made.calls(t); len(calls) == 0 {
				t.Error("the next start takes what is half done")
			}
			left, _ := filepath.Glob(filepath.Join(src.Cache, "python", "*"))
			if name == "Python" && len(left) != 3 { // the environment, the link to it, the lock
				t.Errorf("left: %q", left)
			}
		})
	}
}

// What a start left that was killed while it installed is removed by the next one.
func TestKilledInstallation(t *testing.T) {
	newTools(t, "python3")
	src := startable(t, map[string]string{"requirements.txt": "flask\n"})
	e, err := src.environment(t.Context(), requirements, filepath.Join(src.Folder, requirements))
	if err != nil {
		t.Fatal(err)
	}
	put(t, e.base+".ABCDEFGH", "bin/python", "#!/bin/sh\n")
	prepare(t, src)
	if isFolder(e.base + ".ABCDEFGH") {
		t.Error("the half environment is still there")
	}
}

// What a package manager said is in the error, with what to do.
func TestFailedInstallation(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"No matching distribution found for nothing": {"requirements.txt": "nothing\n"},
		"npm error code ETARGET": {"package.json": `{"dependencies":{"ms":"2"}}`,
			"package-lock.json": "{}"},
	} {
		newTools(t, "python3", "npm")
		src := startable(t, files)
		t.Setenv("FAKE_FAIL", "1")
		_, err := Prepare(t.Context(), src)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "MODE=container") {
			t.Errorf("error %v, want %q", err, want)
		}
		t.Setenv("FAKE_FAIL", "")
		prepare(t, src)
	}
}

// TestNodeTools: the one command of the lock file, in the app's folder, said before it runs.
func TestNodeTools(t *testing.T) {
	const plain = `{"dependencies":{"ms":"2"}}`
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"npm", map[string]string{"package.json": plain, "package-lock.json": "{}"}, "npm ci"},
		{"pnpm", map[string]string{"package.json": plain, "pnpm-lock.yaml": ""}, "pnpm install --frozen-lockfile"},
		{"yarn 1", map[string]string{"package.json": plain, "yarn.lock": ""}, "yarn install --frozen-lockfile"},
		{"yarn 4", map[string]string{"package.json": `{"packageManager":"yarn@4.9.1","dependencies":{"ms":"2"}}`,
			"yarn.lock": ""}, "yarn install --immutable"},
		{"bun", map[string]string{"package.json": plain, "bun.lock": ""}, "bun install --frozen-lockfile"},
		{"two lock files",
			map[string]string{"package.json": `{"packageManager":"pnpm@10.1.0","devDependencies":{"ms":"2"}}`,
				"package-lock.json": "{}", "pnpm-lock.yaml": ""}, "pnpm install --frozen-lockfile"},
		{"no dependencies", map[string]string{"package.json": `{"name":"x"}`, "package-lock.json": "{}"}, ""},
		{"packages that are there", map[string]string{"package.json": plain, "package-lock.json": "{}",
			"node_modules/x": ""}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			made := newTools(t, "npm", "pnpm", "yarn", "bun")
			src := startable(t, test.files)
			var log bytes.Buffer
			src.Log = &log
			prepare(t, src)
			var want []string
			if test.want != "" {
				want = []string{test.want + " in " + src.Folder}
			}
			if got := made.calls(t); !slices.Equal(got, want) {
				t.Errorf("calls %q, want %q", got, want)
			}
			if !strings.Contains(log.String(), test.want) {
				t.Errorf("said %q", log.String())
			}
		})
	}
}

// Packages that this program installed follow the lock file; those that somebody else installed are theirs.
func TestNodeFollowsTheLockFile(t *testing.T) {
	made := newTools(t, "npm")
	src := startable(t, map[string]string{"package.json": `{"dependencies":{"ms":"2"}}`, "package-lock.json": "{}"})
	prepare(t, src)
	if calls := made.calls(t); len(calls) != 1 {
		t.Fatalf("calls %q", calls)
	}
	put(t, src.Folder, "package-lock.json", `{"changed":1}`)
	prepare(t, src)
	if calls := made.calls(t); len(calls) != 1 {
		t.Errorf("after a change of the lock file: calls %q", calls)
	}
	put(t, src.Folder, "package-lock.json", `{"changed":2}`)
	put(t, src.Folder, "node_modules/other/index.js", "") // the developer's own npm install
	prepare(t, src)
	if calls := made.calls(t); len(calls) != 0 {
		t.Errorf("what somebody else installed was replaced: calls %q", calls)
	}
}

func TestRelease(t *testing.T) {
	newTools(t)
	src := startable(t, map[string]string{})
	put(t, src.Folder, "Procfile", "web: start\nrelease: echo $GREETING from $PWD; printf end; [ -z \"$FAIL\" ]\n")
	var log bytes.Buffer
	src.Log = &log
	app := prepare(t, src)
	if err := app.RunRelease(t.Context(), map[string]string{"GREETING": "hello"}); err != nil {
		t.Error(err)
	}
	if said := log.String(); !strings.HasSuffix(said, "release   | hello from "+src.Folder+"\nrelease   | end\n") {
		t.Errorf("said %q", said)
	}
	err := app.RunRelease(t.Context(), map[string]string{"FAIL": "1"})
	if err == nil || !strings.Contains(err.Error(), "release: ") || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("error %v", err)
	}
	if err := (&App{src: Source{Log: io.Discard}}).RunRelease(t.Context(), nil); err != nil {
		t.Errorf("without a release line: %v", err)
	}
}

// Nor what a package manager leaves there.
func TestInstallationIsPartOfItsVersion(t *testing.T) {
	newTools(t, "python3")
	src := startable(t, map[string]string{"requirements.txt": "-e ./lib\n", "lib/pyproject.toml": ""})
	before, err := Stamp(src.Folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAKE_LEAVES", filepath.Join(src.Folder, "lib", "x.egg-info.txt"))
	if app := prepare(t, src); app.Code.Stamp != before || !app.Code.Current() {
		t.Error("the installation made another version of the app")
	}
}

// What a release line writes into the app's folder is no change of the app.
func TestReleaseIsPartOfItsVersion(t *testing.T) {
	newTools(t)
	src := startable(t, map[string]string{"style.css": "1"})
	put(t, src.Folder, "Procfile",
		"web: ./made\nrelease: cp style.css made.css; echo '#!/bin/sh' > made; chmod +x made\n")
	app := prepare(t, src)
	if err := app.RunRelease(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !app.Code.Current() || prepare(t, src).Code != app.Code {
		t.Error("after its own release the version is outdated")
	}
	put(t, src.Folder, "style.css", "2")
	if app.Code.Current() {
		t.Error("a change after the release is none")
	}
}

func TestParseRequirements(t *testing.T) {
	got := parseRequirements("# c\nflask==3 # ./not-this\n-r a.txt\n--requirement=b.txt\r\n" +
		"-cc.txt\n-f ./wheels\n-f https://x.invalid/\n" +
		"-e ./lib1\n--editable \"lib 2\"\n-e git+https://x.invalid/y#egg=z\n./x[extra] ; " +
		"python_version<'4'\nfile:///abs/y\nz @ file:z.whl\n" +
		"q @ https://x.invalid/q.whl\nvendor/w-1-py3-none-any.whl\n--index-url https://x.invalid/\n-e \\\n ../up\n")
	want := []requirement{
		{file: "a.txt"}, {file: "b.txt"}, {file: "c.txt"}, {file: "./wheels"}, {path: "./lib1", editable: true},
		{path: "./x"}, {path: "/abs/y"}, {path: "z.whl"}, {path: "vendor/w-1-py3-none-any.whl"}, {path: "../up",
			editable: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func FuzzRequirements(f *testing.F) {
	f.Add("-r a.txt\n-e ./lib[x]; y\nz @ file:///z.whl#sha256=1\n\\\n--editable=\"x\"")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range parseRequirements(text) {
			if (r.file == "") == (r.path == "") || strings.ContainsAny(r.file+r.path, "\n") {
				t.Errorf("%q gave %+v", text, r)
			}
		}
	})
}
