package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func newWatcher(t *testing.T) (w *watcher, app string) {
	t.Helper()
	root := t.TempDir()
	app = filepath.Join(root, "app")
	for _, folder := range append([]string{"app/lib", "adapter"}, programFolders...) {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w, err := watch(root, app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w, app
}

func write(t *testing.T, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(time.Now().String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, w *watcher) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changed, err := w.next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// After an overflow of the kernel's queue everything counts as changed, and folders that are new are watched.
func TestWatchOverflow(t *testing.T) {
	w, app := newWatcher(t)
	if err := w.notify.Remove(filepath.Join(app, "lib")); err != nil { // as if its creation had been lost
		t.Fatal(err)
	}
	go func() { w.notify.Errors <- fsnotify.ErrEventOverflow }()
	if got := next(t, w); !slices.Equal(got, []string{"adapter/", "app/", "dockerfile/", "infra/", "secrets/"}) {
		t.Errorf("changed: %q", got)
	}
	write(t, filepath.Join(app, "lib", "a.py"))
	if got := next(t, w); !slices.Equal(got, []string{"app/lib/a.py"}) {
		t.Errorf("changed: %q", got)
	}
}

// What an app writes while it runs is no change, nor what git and tools do.
func TestWatchData(t *testing.T) {
	w, app := newWatcher(t)
	for _, name := range []string{"db.sqlite3", "db.sqlite3-journal", "server.log", "__pycache__/a.pyc", ".git/index",
		"node_modules/x/index.js"} {
		write(t, filepath.Join(app, name))
	}
	write(t, filepath.Join(app, "lib", "a.py"))
	if got := next(t, w); !slices.Equal(got, []string{"app/lib/a.py"}) {
		t.Errorf("changed: %q", got)
	}
}

func TestFew(t *testing.T) {
	for _, test := range []struct{ files, want string }{
		{"a", "a"},
		{"a b c d", "a, b, c, d"},
		{"a b c d e", "a, b, c and 2 more"},
	} {
		if got := few(strings.Fields(test.files)); got != test.want {
			t.Errorf("%q: %q", test.files, got)
		}
	}
}
