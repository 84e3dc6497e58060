package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"

	"lambda-web/local/procfs"
)

// FollowWrites tells, once for each, the files of an app's folder that its processes write, by their paths relative to
// the folder, until it is stopped. A file counts when one of the processes has it open for writing as it changes. What
// an editor, a package manager or a release line writes does not. A file that is closed before anybody can look may be
// missed, until it is written once more. Folders of interpreters and tools (__pycache__, node_modules) do not count.
func FollowWrites(folder string, processes func() []int, tell func(file string)) (stop func(), err error) {
	folder, err = filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, err
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &writes{folder: folder, notify: notify, processes: processes, tell: tell, told: map[string]bool{}}
	w.add(folder)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.follow()
	}()
	return func() {
		notify.Close()
		<-ended
	}, nil
}

type writes struct {
	folder    string
	notify    *fsnotify.Watcher
	processes func() []int
	tell      func(file string)

	known []int // the processes as of the last look
	told  map[string]bool
}

// add follows a folder and those below it.
func (w *writes) add(folder string) {
	filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return nil // gone already, or not ours to read
		case path != w.folder && IgnoredFolder(entry.Name()):
			return filepath.SkipDir
		}
		return w.notify.Add(path)
	})
}

// follow looks at each change at once: what was opened may be closed soon.
func (w *writes) follow() {
	for {
		select {
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.add(w.folder) // what was missed may change again
			}
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if event.Has(fsnotify.Create) || event.Has(fsnotify.Write) {
				w.look(event)
			}
		}
	}
}

func (w *writes) look(event fsnotify.Event) {
	if w.told[event.Name] || strings.HasSuffix(event.Name, ".pyc") {
		return
	}
	if w.open(event.Name) {
		w.told[event.Name] = true
		if name, err := filepath.Rel(w.folder, event.Name); err == nil {
			w.tell(filepath.ToSlash(name))
		}
		return
	}
	if !event.Has(fsnotify.Create) {
		return
	}
	if info, err := os.Lstat(event.Name); err == nil && info.IsDir() && !IgnoredFolder(info.Name()) {
		w.add(event.Name)
	}
}

// open asks the processes of the last look first, which is quick.
func (w *writes) open(file string) bool {
	writesIt := func(pid int) bool { return procfs.OpenForWriting(pid, file) }
	if slices.ContainsFunc(w.known, writesIt) {
		return true
	}
	w.known = w.processes()
	return slices.ContainsFunc(w.known, writesIt)
}
