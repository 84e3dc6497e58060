package buildcontext

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// SourceError is a mistake in the app's folder that its owner can put right.
type SourceError struct {
	Path   string // the file or folder at fault
	Reason string // what is wrong with it and what to do
}

func (e *SourceError) Error() string { return e.Path + " " + e.Reason }

// Check reports whether the app's folder and Dockerfile are there and the Dockerfile can be
// overlaid, without writing anything.
func (src Source) Check() error {
	info, err := os.Stat(src.App)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &SourceError{src.App, "does not exist"}
	case err != nil:
		return &SourceError{src.App, fmt.Sprintf("cannot be read (%v)", reason(err))}
	case !info.IsDir():
		return &SourceError{src.App, "is not a folder"}
	}
	_, err = src.overlay()
	return err
}

// overlay reads the app's Dockerfile and lays the adapter over it.
func (src Source) overlay() ([]byte, error) {
	name := filepath.Join(src.App, filepath.FromSlash(src.Dockerfile))
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &SourceError{name,
			"does not exist: a web app needs a Dockerfile that starts it; it need not say anything of Lambda"}
	}
	if err != nil {
		return nil, &SourceError{name, fmt.Sprintf("cannot be read (%v)", reason(err))}
	}
	overlaid, err := Overlay(text)
	if err == nil && src.Secrets {
		overlaid, err = startWithSecrets(overlaid)
	}
	if err != nil {
		return nil, &SourceError{name, err.Error()}
	}
	folders, err := WritableFolders(text, src.BuildArgs, src.Writable)
	if err != nil {
		return nil, err
	}
	overlaid, err = makeWritable(overlaid, folders)
	if err != nil {
		return nil, &SourceError{name, err.Error()}
	}
	return addHomes(overlaid), nil
}

// ignored reads the ignore file Docker would: the one named after the Dockerfile, else the
// context's (https://docs.docker.com/build/concepts/context/#dockerignore-files).
func (src Source) ignored() (*patternmatcher.PatternMatcher, error) {
	dockerfile := filepath.Join(src.App, filepath.FromSlash(src.Dockerfile))
	var patterns []string
	for _, name := range []string{dockerfile + ".dockerignore", filepath.Join(src.App, ".dockerignore")} {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &SourceError{name, fmt.Sprintf("cannot be read (%v)", reason(err))}
		}
		patterns, err = ignorefile.ReadAll(f)
		f.Close()
		if err != nil {
			return nil, &SourceError{name, fmt.Sprintf("cannot be read (%v)", reason(err))}
		}
		matcher, err := patternmatcher.New(patterns)
		if err != nil {
			return nil, &SourceError{name, fmt.Sprintf("holds a pattern Docker does not accept (%v)", err)}
		}
		return matcher, nil
	}
	return patternmatcher.New(nil)
}

// list walks the app's folder and returns what belongs into the context, folders before what is in
// them. All entries that cannot go into a context are reported together.
func (src Source) list() ([]file, error) {
	root, err := filepath.EvalSymlinks(src.App)
	if err != nil {
		return nil, &SourceError{src.App, fmt.Sprintf("cannot be read (%v)", reason(err))}
	}
	matcher, err := src.ignored()
	if err != nil {
		return nil, err
	}
	w := walk{src: src, root: root, matcher: matcher}
	if src.Output != "" {
		w.output, _ = filepath.EvalSymlinks(src.Output)
	}
	if err := w.folder(".", patternmatcher.MatchInfo{}); err != nil {
		return nil, err
	}
	return w.files, errors.Join(w.mistakes...)
}

// walk is one pass over the app's folder.
type walk struct {
	src      Source
	root     string // with symbolic links resolved
	output   string // lambda-web's own output folder, likewise
	matcher  *patternmatcher.PatternMatcher
	files    []file
	mistakes []error
}

func (w *walk) folder(dir string, parent patternmatcher.MatchInfo) error {
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(dir)))
	if err != nil {
		return &SourceError{filepath.Join(w.src.App, dir), fmt.Sprintf("cannot be read (%v)", reason(err))}
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if w.ours(filepath.Join(w.root, filepath.FromSlash(name))) {
			continue
		}
		ignore, match, err := w.matcher.MatchesUsingParentResults(name, parent)
		if err != nil {
			return &SourceError{filepath.Join(w.src.App, name),
				fmt.Sprintf("cannot be matched with the ignore file (%v)", err)}
		}
		if err := w.entry(name, entry, ignore, match); err != nil {
			return err
		}
	}
	return nil
}

// ours reports whether a path is no part of the app: lambda-web's output, and beside it the secrets of
// this machine, which must not be in an image.
func (w *walk) ours(path string) bool {
	if w.output == "" || filepath.Dir(path) != filepath.Dir(w.output) {
		return false
	}
	secrets, _ := filepath.Match("secrets.*.env", filepath.Base(path)) // the pattern is one
	return path == w.output || secrets
}

func (w *walk) entry(name string, entry fs.DirEntry, ignore bool, match patternmatcher.MatchInfo) error {
	if !entry.IsDir() {
		if !ignore {
			w.add(name, entry)
		}
		return nil
	}
	if name == Reserved && !ignore {
		w.add(name, entry)
		return nil
	}
	// A pattern that starts with "!" may bring back something below an ignored folder; the
	// folder is then kept only for what is in it.
	if ignore && !w.matcher.Exclusions() {
		return nil
	}
	above := w.files
	w.files = nil
	if err := w.folder(name, match); err != nil {
		return err
	}
	below := w.files
	w.files = above
	if ignore && len(below) == 0 {
		return nil
	}
	w.add(name, entry)
	w.files = append(w.files, below...)
	return nil
}

// add appends the entry to the context or to the mistakes.
func (w *walk) add(name string, entry fs.DirEntry) {
	f := file{name: name, source: filepath.Join(w.root, filepath.FromSlash(name)), shown: filepath.Join(w.src.App,
		name)}
	refuse := func(why string, args ...any) {
		w.mistakes = append(w.mistakes, &SourceError{f.shown, fmt.Sprintf(why, args...)})
	}
	info, err := entry.Info()
	if err != nil {
		refuse("cannot be read (%v)", reason(err))
		return
	}
	f.info = info
	switch kind := info.Mode().Type(); {
	case name == Reserved:
		refuse("is a name lambda-web needs for itself in the build context: rename it, or list it in .dockerignore")
		return
	case kind == fs.ModeSocket:
		return // left by a running server; Docker leaves sockets out too
	case kind == fs.ModeSymlink:
		if f.link, err = os.Readlink(f.source); err != nil {
			refuse("cannot be read (%v)", reason(err))
			return
		}
	case kind != 0 && kind != fs.ModeDir:
		refuse("is neither a file, a folder nor a link and cannot go into an image: list it in .dockerignore")
		return
	}
	w.files = append(w.files, f)
}

// file is one entry of the app's folder on its way into the context.
type file struct {
	name   string // relative to the context, with slashes
	source string // where it is read
	shown  string // how the user knows it
	info   fs.FileInfo
	// A symbolic link's target: it goes into the context as it is, also where it leads out of it or nowhere, as with
	// Docker.
	link string
}

// copyTo writes the entry below dir with a mode that does not depend on anybody's umask. The time
// of the last change is kept, as Docker does: web servers make Last-Modified and ETag from it.
func (f file) copyTo(dir string) error {
	target := filepath.Join(dir, filepath.FromSlash(f.name))
	switch f.info.Mode().Type() {
	case fs.ModeDir:
		return makeDir(target)
	case fs.ModeSymlink:
		if err := os.Symlink(f.link, target); err != nil {
			return fmt.Errorf("copy the link %s: %w", f.shown, err)
		}
		return nil
	}
	in, err := os.Open(f.source)
	if err != nil {
		return &SourceError{f.shown,
			fmt.Sprintf("cannot be read (%v): change its permissions, or list it in .dockerignore", reason(err))}
	}
	defer in.Close()
	mode := fs.FileMode(0o644)
	if f.info.Mode().Perm()&0o100 != 0 {
		mode = 0o755
	}
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("copy %s: %w", f.shown, err)
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(mode), out.Close(), os.Chtimes(target, f.info.ModTime(), f.info.ModTime()))
	if err != nil {
		return fmt.Errorf("copy %s: %w", f.shown, err)
	}
	return nil
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create a folder of the build context: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("create a folder of the build context: %w", err)
	}
	return nil
}

func writeFile(name string, content []byte) error {
	if err := os.WriteFile(name, content, 0o644); err != nil {
		return fmt.Errorf("write the build context: %w", err)
	}
	if err := os.Chmod(name, 0o644); err != nil {
		return fmt.Errorf("write the build context: %w", err)
	}
	return nil
}

// reason drops the path from an error that is reported together with it.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return strings.TrimSpace(err.Error())
}
