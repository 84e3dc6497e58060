package buildcontext

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestStageDoesNotDependOnTheUmask(t *testing.T) {
	dir := app(t, map[string]string{"a/b": "x"})
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	narrow := stage(t, source(dir), filepath.Join(t.TempDir(), "context"))
	syscall.Umask(0)
	wide := stage(t, source(dir), filepath.Join(t.TempDir(), "context"))
	if narrow.Digest != wide.Digest {
		t.Error("the umask changed the digest")
	}
}

func TestDigestFollowsContentAlone(t *testing.T) {
	base := map[string]string{"a": "1", "lib/b": "2"}
	with := func(name, content string) map[string]string {
		files := maps.Clone(base)
		files[name] = content
		return files
	}
	digest := func(files map[string]string, change func(*Source)) string {
		src := source(app(t, files))
		if change != nil {
			change(&src)
		}
		return stage(t, src, filepath.Join(t.TempDir(), "context")).Digest
	}
	unchanged := digest(base, nil)
	same := map[string]string{
		"another checkout": digest(base, nil),
		"a change of no matter": digest(with(".git/", ""), func(s *Source) {
			must(t, os.Remove(filepath.Join(s.App,
				".git")))
		}),
		"a later time": digest(base, func(s *Source) {
			must(t, os.Chtimes(filepath.Join(s.App, "a"), time.Time{}, time.Now().Add(time.Hour)))
		}),
	}
	for what, got := range same {
		if got != unchanged {
			t.Errorf("%s changed the digest", what)
		}
	}
	seen := map[string]string{unchanged: "the base"}
	different := map[string]string{
		"content":             digest(with("a", "2"), nil),
		"content of a folder": digest(with("lib/b", "3"), nil),
		"a new file":          digest(with("c", ""), nil),
		"a new folder":        digest(with("d/", ""), nil),
		"the Dockerfile":      digest(with("Dockerfile", "FROM alpine\n"), nil),
		"the adapter":         digest(base, func(s *Source) { s.Compile = stubAdapter("newer") }),
		"the architecture": digest(base, func(s *Source) {
			s.Architecture = "arm64"
			s.Compile = func(ctx context.Context, program, _, file string) error {
				return stubAdapter("adapter")(ctx, program, "amd64", file)
			}
		}),
		"an executable":        digest(base, func(s *Source) { must(t, os.Chmod(filepath.Join(s.App, "a"), 0o755)) }),
		"a link for a file":    digest(base, func(s *Source) { relink(t, s.App, "a", "lib/b") }),
		"a link's other place": digest(base, func(s *Source) { relink(t, s.App, "a", "lib/../lib/b") }),
		"a name":               digest(map[string]string{"A": "1", "lib/b": "2"}, nil),
	}
	for what, got := range different {
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the digest of %s", what, other)
		}
		seen[got] = what
	}
}

func relink(t testing.TB, dir, name, target string) {
	t.Helper()
	path := filepath.Join(dir, name)
	os.Remove(path)
	must(t, os.Symlink(target, path))
}

func TestTagNamesArchitectureAndContent(t *testing.T) {
	dir := app(t, nil)
	staged := stage(t, source(dir), filepath.Join(t.TempDir(), "context"))
	if got, want := staged.Tag("amd64"), "amd64-"+staged.Digest[:16]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
