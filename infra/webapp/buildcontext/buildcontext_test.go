package buildcontext

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stubAdapter stands for the compiler; compiling the real one is TestCompileAdapter's part.
func stubAdapter(content string) func(context.Context, string, string, string) error {
	return func(_ context.Context, program, architecture, file string) error {
		if program != adapterPackage {
			content = program
		}
		return os.WriteFile(file, []byte(content+" "+architecture), 0o600)
	}
}

// app makes a folder with a Dockerfile and these files; a name with a slash at its end is a folder.
func app(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, dir, name, content)
	}
	if _, ok := files["Dockerfile"]; !ok {
		put(t, dir, "Dockerfile", "FROM scratch\n")
	}
	return dir
}

func put(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if strings.HasSuffix(name, "/") {
		must(t, os.MkdirAll(path, 0o755))
		return
	}
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func source(dir string) Source {
	return Source{App: dir, Dockerfile: "Dockerfile", Architecture: "amd64", Compile: stubAdapter("adapter")}
}

func stage(t testing.TB, src Source, dir string) Staged {
	t.Helper()
	staged, err := Stage(t.Context(), src, dir)
	must(t, err)
	return staged
}

// names lists what is in a context, without what lambda-web adds.
func names(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if name == Reserved {
			return fs.SkipDir
		}
		if entry.IsDir() {
			name += "/"
		}
		if name != "./" {
			found = append(found, name)
		}
		return nil
	}))
	return found
}

func TestStageCopiesWhatDockerWouldSee(t *testing.T) {
	tests := []struct {
		name       string
		dockerfile string
		files      map[string]string
		want       []string
	}{
		{"without an ignore file, everything", "", map[string]string{"a.py": "", "lib/b.py": "", ".env": "",
			"empty/": ""},
			[]string{".env", "Dockerfile", "a.py", "empty/", "lib/", "lib/b.py"}},
		{"ignored files and folders", "", map[string]string{".dockerignore": "*.pyc\n.venv\n", "a.py": "",
			"a.pyc": "", ".venv/x": "", "lib/c.pyc": ""},
			[]string{".dockerignore", "Dockerfile", "a.py", "lib/", "lib/c.pyc"}},
		{"any depth", "", map[string]string{".dockerignore": "**/__pycache__\n", "a/__pycache__/x": "", "a/b.py": "",
			"__pycache__/y": ""},
			[]string{".dockerignore", "Dockerfile", "a/", "a/b.py"}},
		{"everything but", "", map[string]string{".dockerignore": "*\n!app.py\n!lib/keep.py\n", "app.py": "",
			"lib/keep.py": "", "lib/drop.py": "", "other/x": ""},
			[]string{"app.py", "lib/", "lib/keep.py"}},
		{"comments, spaces, leading slash, byte order mark", "",
			map[string]string{".dockerignore": "\ufeff# c\n  /secret  \n\n", "secret": "", "open": ""},
			[]string{".dockerignore", "Dockerfile", "open"}},
		{"the Dockerfile's own ignore file wins", "", map[string]string{".dockerignore": "a\n",
			"Dockerfile.dockerignore": "b\n", "a": "", "b": ""},
			[]string{".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "a"}},
		{"another Dockerfile", "deploy/prod.Dockerfile", map[string]string{"deploy/prod.Dockerfile": "FROM scratch\n",
			"deploy/prod.Dockerfile.dockerignore": "a\n", ".dockerignore": "b\n", "a": "", "b": ""},
			[]string{".dockerignore", "Dockerfile", "b", "deploy/", "deploy/prod.Dockerfile",
				"deploy/prod.Dockerfile.dockerignore"}},
		{"an ignored folder of the reserved name", "", map[string]string{".dockerignore": ".lambda-web\n",
			".lambda-web/x": ""},
			[]string{".dockerignore", "Dockerfile"}},
		{"odd names", "", map[string]string{"ü b.txt": "", "-x": "", "a\nb": ""}, []string{"-x", "Dockerfile", "a\nb",
			"ü b.txt"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := source(app(t, tt.files))
			if tt.dockerfile != "" {
				src.Dockerfile = tt.dockerfile
			}
			dir := filepath.Join(t.TempDir(), "context")
			stage(t, src, dir)
			if got := names(t, dir); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestStageAddsAdapterAndDockerfile(t *testing.T) {
	src := source(app(t, map[string]string{"Dockerfile": "FROM scratch\nCMD [\"/app\"]", ".dockerignore": "*\n"}))
	src.Architecture = "arm64"
	dir := filepath.Join(t.TempDir(), "context")
	stage(t, src, dir)
	want := map[string]string{
		Adapter:    "adapter arm64",
		Dockerfile: "FROM scratch\nCMD [\"/app\"]\n" + instruction + "\n" + homes + "\n",
		ignoreFile: ignoreNothing,
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		if string(got) != content {
			t.Errorf("%s is %q, want %q", name, got, content)
		}
	}
	info, err := os.Stat(filepath.Join(dir, Adapter))
	must(t, err)
	if info.Mode().Perm() != 0o755 {
		t.Errorf("the adapter's mode is %o, want 755", info.Mode().Perm())
	}
}

func TestStageNormalisesModesAndKeepsTimes(t *testing.T) {
	dir := app(t, map[string]string{"plain": "", "run.sh": "", "sub/": ""})
	long := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	must(t, os.Chtimes(filepath.Join(dir, "plain"), long, long))
	out := filepath.Join(t.TempDir(), "context")
	digests := map[string]bool{}
	for _, modes := range [][3]fs.FileMode{{0o644, 0o755, 0o755}, {0o600, 0o700, 0o700}, {0o664, 0o775, 0o775}} {
		must(t, os.Chmod(filepath.Join(dir, "plain"), modes[0]))
		must(t, os.Chmod(filepath.Join(dir, "run.sh"), modes[1]))
		must(t, os.Chmod(filepath.Join(dir, "sub"), modes[2]))
		digests[stage(t, source(dir), out).Digest] = true
	}
	if len(digests) != 1 {
		t.Errorf("group and other bits changed the digest: %d digests", len(digests))
	}
	for name, want := range map[string]fs.FileMode{".": 0o755, "plain": 0o644, "run.sh": 0o755, "sub": 0o755} {
		info, err := os.Stat(filepath.Join(out, name))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
	info, err := os.Stat(filepath.Join(out, "plain"))
	must(t, err)
	if !info.ModTime().Equal(long) {
		t.Errorf("the time of the last change became %v", info.ModTime())
	}
}

func TestStageLeavesARightContextAlone(t *testing.T) {
	dir := app(t, map[string]string{"a": "1", "lib/b": "2"})
	out := filepath.Join(t.TempDir(), "context")
	stage(t, source(dir), out)
	before := identities(t, out)
	now := time.Now().Add(time.Hour)
	must(t, os.Chtimes(filepath.Join(dir, "a"), now, now))
	stage(t, source(dir), out)
	if after := identities(t, out); !maps.Equal(before, after) {
		t.Errorf("nothing changed, yet\n%v\nbecame\n%v", before, after)
	}
}

// identities are inode and time of everything in a context: equal only if nothing was written.
func identities(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found[path] = fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino, info.ModTime())
		return nil
	}))
	return found
}

func TestStageReplacesAWrongContext(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, app, context string)
	}{
		{"the app lost a file", func(t *testing.T, app, _ string) { must(t, os.Remove(filepath.Join(app, "stale"))) }},
		{"the app changed", func(t *testing.T, app, _ string) { put(t, app, "a", "2") }},
		{"a file became a folder", func(t *testing.T, app, _ string) {
			must(t, os.Remove(filepath.Join(app,
				"a")))
			put(t, app, "a/b", "")
		}},
		{"somebody edited the context", func(t *testing.T, _, context string) { put(t, context, "a", "tampered") }},
		{"somebody added to the context", func(t *testing.T, _, context string) { put(t, context, "x/y", "") }},
		{"somebody changed a mode", func(t *testing.T, _, context string) {
			must(t, os.Chmod(filepath.Join(context,
				"a"), 0o600))
		}},
		{"a run died between the renames", func(t *testing.T, _, context string) { must(t, os.RemoveAll(context)) }},
		{"something else is there", func(t *testing.T, _, context string) {
			must(t, os.RemoveAll(context))
			must(t, os.WriteFile(context, nil, 0o644))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := app(t, map[string]string{"a": "1", "stale": ""})
			out := filepath.Join(t.TempDir(), "context")
			stage(t, source(dir), out)
			tt.damage(t, dir, out)
			staged := stage(t, source(dir), out)
			fresh := filepath.Join(t.TempDir(), "context")
			if want := stage(t, source(dir), fresh); staged.Digest != want.Digest {
				t.Error("the digest is not that of a fresh context")
			}
			if got, want := names(t, out), names(t, fresh); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestStageFailingLeavesTheOldContext(t *testing.T) {
	dir := app(t, map[string]string{"a": "1"})
	out := filepath.Join(t.TempDir(), "context")
	stage(t, source(dir), out)
	before := identities(t, out)
	put(t, dir, "a", "2")
	src := source(dir)
	src.Compile = func(context.Context, string, string, string) error { return errors.New("no compiler") }
	if _, err := Stage(t.Context(), src, out); err == nil || !strings.Contains(err.Error(), "no compiler") {
		t.Fatalf("got %v, want the compiler's error", err)
	}
	if after := identities(t, out); !maps.Equal(before, after) {
		t.Error("the old context was touched")
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestStageAtOnce(t *testing.T) {
	dir := app(t, map[string]string{"a": "1", "lib/b": "2"})
	out := filepath.Join(t.TempDir(), "context")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			src := source(dir)
			src.Compile = stubAdapter(fmt.Sprint(i % 2)) // two contents fight for the place
			if _, err := Stage(t.Context(), src, out); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := names(t, out), []string{"Dockerfile", "a", "lib/", "lib/b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStageOfAProjectThatIsTheApp(t *testing.T) {
	dir := app(t, map[string]string{"a": "1"})
	src := source(dir)
	src.Output = filepath.Join(dir, ".lambda-web")
	out := filepath.Join(src.Output, "build", "dev", "web")
	first := stage(t, src, out)
	second := stage(t, src, out)
	if first.Digest != second.Digest {
		t.Error("the context contains itself")
	}
}

func TestStageRemovesWhatKilledRunsLeft(t *testing.T) {
	parent := t.TempDir()
	put(t, parent, temporaryPrefix+"old/a", "")
	put(t, parent, temporaryPrefix+"new/a", "")
	long := time.Now().Add(-2 * abandonedAfter)
	must(t, os.Chtimes(filepath.Join(parent, temporaryPrefix+"old"), long, long))
	stage(t, source(app(t, nil)), filepath.Join(parent, "context"))
	for name, want := range map[string]bool{"old": false, "new": true} {
		_, err := os.Stat(filepath.Join(parent, temporaryPrefix+name))
		if got := err == nil; got != want {
			t.Errorf("%s is there: %v, want %v", name, got, want)
		}
	}
}
