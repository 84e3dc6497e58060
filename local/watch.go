package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"lambda-web/local/process"
	"lambda-web/local/step"
)

// watcher tells which files changed: the app, the adapter, the Pulumi program and the settings.
type watcher struct {
	root    string
	folders []string // watched with everything below; the app's first
	notify  *fsnotify.Watcher
}

// settle is how long files must be quiet before a change counts as complete: editors and version
// control write several files one after the other.
const settle = 100 * time.Millisecond

// programFolders have the sources of the Pulumi program: its own and those of the packages it imports.
var programFolders = []string{"infra", "dockerfile", "secrets"}

// watch starts to watch the app's folder and the sources under root.
func watch(root, app string) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{root: root, notify: notify, folders: []string{app, filepath.Join(root, "adapter")}}
	for _, folder := range programFolders {
		w.folders = append(w.folders, filepath.Join(root, folder))
	}
	for _, folder := range w.folders {
		if err := w.add(folder); err != nil {
			notify.Close()
			return nil, fmt.Errorf("watch %s: %w", folder, err)
		}
	}
	if err := notify.Add(root); err != nil { // for the files beside Pulumi.yaml
		notify.Close()
		return nil, fmt.Errorf("watch %s: %w", root, err)
	}
	return w, nil
}

// move follows the app to another folder. Without a watcher it does nothing.
func (w *watcher) move(app string) error {
	if w == nil || w.folders[0] == app {
		return nil
	}
	w.folders[0] = app
	if err := w.add(app); err != nil {
		return fmt.Errorf("watch %s: %w", app, err)
	}
	return nil
}

// add watches a folder and those below it, as the operating system reports one folder at a time.
func (w *watcher) add(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone already, or not ours to read
		}
		if !entry.IsDir() {
			return nil
		}
		if path != folder && process.IgnoredFolder(entry.Name()) {
			return filepath.SkipDir
		}
		return w.notify.Add(path)
	})
}

// follow hands over changes until the context ends.
func (w *watcher) follow(ctx context.Context, changes chan<- []string) {
	for {
		changed, err := w.next(ctx)
		if err != nil {
			return
		}
		select {
		case changes <- changed:
		case <-ctx.Done():
			return
		}
	}
}

// next waits for changes and returns the files, relative to root where they are below it.
func (w *watcher) next(ctx context.Context) ([]string, error) {
	var changed []string
	made := map[string]bool{} // since the first of these changes
	quiet := time.NewTimer(time.Hour)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-w.notify.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return nil, fmt.Errorf("watch files: %w", err)
			}
			changed = w.rescan(changed)
			quiet.Reset(settle)
		case event := <-w.notify.Events:
			if name, ok := w.relevant(event); ok {
				if !slices.Contains(changed, name) {
					changed = append(changed, name)
					made[name] = event.Has(fsnotify.Create)
				}
				quiet.Reset(settle)
			}
		case <-quiet.C:
			// Many editors write a new file and give it the old one's name.
			changed = slices.DeleteFunc(changed, func(name string) bool { return made[name] && !w.exists(name) })
			if len(changed) > 0 {
				slices.Sort(changed)
				return changed, nil
			}
		}
	}
}

// rescan follows an overflow of the kernel's queue, after which nobody knows what changed: folders that are new are
// watched, too, and everything counts as changed.
func (w *watcher) rescan(changed []string) []string {
	for _, folder := range w.folders {
		w.add(folder)
		name, err := filepath.Rel(w.root, folder)
		if err != nil || strings.HasPrefix(name, "..") {
			name = folder
		}
		if name = filepath.ToSlash(name) + "/"; !slices.Contains(changed, name) {
			changed = append(changed, name)
		}
	}
	return changed
}

// few names at most a few files.
func few(files []string) string {
	const most = 3
	if len(files) <= most+1 {
		return strings.Join(files, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(files[:most], ", "), len(files)-most)
}

func (w *watcher) relevant(event fsnotify.Event) (string, bool) {
	name := filepath.Base(event.Name)
	if event.Op == fsnotify.Chmod || process.IgnoredFolder(name) || process.IsData(event.Name) {
		return "", false
	}
	if filepath.Dir(event.Name) == w.root && !slices.Contains(w.folders, w.root) &&
		!strings.HasPrefix(name, "Pulumi.") && name != "go.mod" && name != "go.sum" {
		return "", false
	}
	if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
		w.add(event.Name)
	}
	if !w.source(event.Name) {
		return "", false
	}
	if relative, err := filepath.Rel(w.root, event.Name); err == nil && !strings.HasPrefix(relative, "..") {
		return filepath.ToSlash(relative), true
	}
	return event.Name, true
}

// exists tells whether a file, named as next names it, is there.
func (w *watcher) exists(name string) bool {
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.root, filepath.FromSlash(name))
	}
	_, err := os.Lstat(name)
	return err == nil
}

// source tells whether a file below adapter or infra goes into a program. In the app's folder every file may.
func (w *watcher) source(file string) bool {
	for _, folder := range w.folders[1:] {
		if strings.HasPrefix(file, folder+string(filepath.Separator)) && !strings.HasPrefix(file,
			w.folders[0]+string(filepath.Separator)) {
			return strings.HasSuffix(file, ".s") || strings.HasSuffix(file, ".go") && !strings.HasSuffix(file,
				"_test.go")
		}
	}
	return true
}

func (w *watcher) close() { w.notify.Close() }

// rebuild compiles the programs whose sources are among the changed files.
func rebuild(ctx context.Context, o options, changed []string) error {
	in := func(folder string) bool {
		return slices.ContainsFunc(changed, func(file string) bool {
			return strings.HasPrefix(file, folder+"/") || strings.HasPrefix(file, "go.")
		})
	}
	if in("adapter") {
		if err := build(ctx, o, "-static", "lambda-adapter=./adapter"); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(programFolders, in) {
		return build(ctx, o, "./infra")
	}
	return nil
}

func build(ctx context.Context, o options, args ...string) error {
	var out bytes.Buffer
	err := step.Run(ctx, step.Command{
		Name: "go run", Args: append([]string{"go", "run", "./local/build", "-silent", "-o", filepath.Dir(o.infra)},
			args...),
		Dir: o.root, Output: &out,
	})
	var failed *step.Error
	if !errors.As(err, &failed) {
		return err
	}
	// What "go run" says last is only that the program it ran has failed.
	said := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(out.String()), failed.Err.Error()))
	return errors.New(cmp.Or(said, fmt.Sprintf("build %s: %v", args[len(args)-1], failed.Err)))
}
