package process

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lambda-web/dockerfile/stage"
)

// ignoredFolders hold no sources, or are written to by tools while an app runs.
var ignoredFolders = []string{
	".git", ".hg", ".svn", ".lambda-web", "__pycache__", modules, ".venv", "venv", ".pytest_cache", ".mypy_cache",
	".ruff_cache", ".tox",
	".idea", ".vscode",
}

// IgnoredFolder tells whether changes in folders of this name are no changes of an app.
func IgnoredFolder(name string) bool { return slices.Contains(ignoredFolders, name) }

// data are the endings of files that apps write while they run.
var data = []string{
	".pyc", ".pyo", "~", ".swp", ".swx", ".log", ".pid", ".sock",
	".sqlite", ".sqlite3", ".db", "-journal", "-wal", "-shm",
}

// sources are the endings of files that count even where version control ignores them: what a build or a compiler
// beside the app writes.
var sources = []string{
	".py", ".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".json", ".html", ".css", ".map", ".rb", ".php", ".go",
	".java", ".class", ".jar",
	".so", ".wasm", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env",
}

// IsData tells whether a file holds what an app writes while it runs, not what it is made of: by its ending, or
// because version control ignores it and it is no source, setting or program.
func IsData(file string) bool {
	switch judge(file) {
	case isData:
		return true
	case askGit:
		info, err := os.Stat(file)
		return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 == 0 &&
			len(ignoredByGit(filepath.Dir(file), []string{file})) > 0
	}
	return false
}

type judgement int

const (
	isSource judgement = iota
	isData
	askGit
)

func judge(file string) judgement {
	name := filepath.Base(file)
	ends := func(with string) bool { return strings.HasSuffix(name, with) }
	switch {
	case slices.ContainsFunc(data, ends):
		return isData
	case slices.ContainsFunc(sources, ends), strings.HasPrefix(name, ".env"), name == "Procfile", name == "Dockerfile":
		return isSource
	}
	return askGit
}

// ignoredByGit asks git which of the files it ignores. Without git, or outside of a work tree, none.
func ignoredByGit(folder string, files []string) []string {
	git, err := exec.LookPath("git")
	if err != nil || len(files) == 0 {
		return nil
	}
	ask := exec.Command(git, "check-ignore", "-z", "--stdin")
	ask.Dir = folder
	ask.Stdin = strings.NewReader(strings.Join(files, "\x00") + "\x00")
	out, _ := ask.Output() // exit code 1 is none
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

// Stamp names the content of an app's folder: names, modes and bytes of everything but data. Contents are read
// again only when a file's size or time differs from the last look.
func Stamp(folder string) (string, error) {
	files, err := listFiles(folder)
	if err != nil {
		return "", fmt.Errorf("read the app's folder: %w", err)
	}
	var doubtful []string
	for _, f := range files {
		if f.doubtful {
			doubtful = append(doubtful, f.path)
		}
	}
	left := ignoredByGit(folder, doubtful)
	hash := sha256.New()
	for _, f := range files {
		if f.doubtful && slices.Contains(left, f.path) {
			continue
		}
		if err := f.stamp(hash, folder); err != nil {
			return "", fmt.Errorf("read the app's folder: %w", err)
		}
	}
	return made.before(folder, hex.EncodeToString(hash.Sum(nil))), nil
}

// made remembers what installations and release lines made of folders: content that came of a version's own start is
// that version's.
var made = makings{stamps: map[Code]string{}}

type makings struct {
	mu     sync.Mutex
	stamps map[Code]string // the stamp before, by folder and the stamp after
}

func (m *makings) add(folder, before, after string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if after != before {
		m.stamps[Code{folder, after}] = before
	}
}

func (m *makings) before(folder, stamp string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.stamps[Code{folder, stamp}]; ok {
		return before
	}
	return stamp
}

// Code is the content of an app's folder at one time.
type Code struct{ Folder, Stamp string }

// Current tells whether the folder still has that content.
func (c Code) Current() bool {
	now, err := Stamp(c.Folder)
	return err != nil || now == c.Stamp
}

// appFile is a file of the app's folder.
type appFile struct {
	path     string
	info     fs.FileInfo
	doubtful bool // data if git ignores it
}

// listFiles lists what is not data for certain.
func listFiles(folder string) ([]appFile, error) {
	var files []appFile
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != folder {
			return nil // just removed
		}
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != folder && (IgnoredFolder(entry.Name()) || isFile(filepath.Join(path, "pyvenv.cfg"))) {
				return filepath.SkipDir
			}
			return nil
		}
		is := judge(path)
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || is == isData {
			return nil
		}
		if err != nil {
			return err
		}
		doubtful := is == askGit && info.Mode().IsRegular() && info.Mode().Perm()&0o111 == 0
		files = append(files, appFile{path: path, info: info, doubtful: doubtful})
		return nil
	})
	return files, err
}

// largest is the size of a file up to which its content counts. Of larger ones, which are no sources, size and time do.
const largest = 4 << 20

func (f appFile) stamp(to io.Writer, folder string) error {
	name, err := filepath.Rel(folder, f.path)
	if err != nil {
		return err
	}
	switch f.info.Mode().Type() {
	case fs.ModeSymlink:
		target, _ := os.Readlink(f.path)
		fmt.Fprintf(to, "link %q %q\n", name, target)
	case 0:
		if f.info.Size() > largest {
			fmt.Fprintf(to, "file %q %d %d\n", name, f.info.Size(), f.info.ModTime().UnixNano())
			return nil
		}
		sum, err := contents.sum(f.path, f.info)
		if err != nil {
			return err
		}
		fmt.Fprintf(to, "file %q %t %x\n", name, f.info.Mode().Perm()&0o111 != 0, sum)
	}
	return nil
}

// contents remembers the hashes of files.
var contents = hashes{known: map[string]known{}}

type hashes struct {
	mu    sync.Mutex
	known map[string]known
}

type known struct {
	size int64
	time time.Time
	sum  [sha256.Size]byte
}

// sum is the hash of a file. One that changed within the last second may change once more with the same time.
func (h *hashes) sum(path string, info fs.FileInfo) ([sha256.Size]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k, ok := h.known[path]; ok && k.size == info.Size() && k.time.Equal(info.ModTime()) {
		return k.sum, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return [sha256.Size]byte{}, nil
	}
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return [sha256.Size]byte{}, err
	}
	k := known{size: info.Size(), time: info.ModTime()}
	copy(k.sum[:], hash.Sum(nil))
	if time.Since(k.time) > time.Second {
		h.known[path] = k
	}
	return k.sum, nil
}

// standInNote is the first line of a Dockerfile that is none of the app's.
const standInNote = "# The app has no Dockerfile: this one lets the program run. Nobody builds it.\n"

// StandIn fills a folder that takes the place of the app's for the Pulumi program: with the app's Dockerfile, or one
// that says nothing, and a stamp of the app's content, so that the program sees a change where there is one. Nothing is
// built in process mode, so the app's files are not copied. The Dockerfile's path is relative to both folders.
//
// It is false for a Dockerfile that cannot be read: the program says best what is wrong with it. An app that does not
// say how it is started is a *StartError.
func StandIn(folder string, src Source, dockerfile string) (bool, error) {
	if !filepath.IsLocal(filepath.FromSlash(dockerfile)) {
		return false, nil
	}
	if _, err := readStart(src); err != nil {
		if missing := (*StartError)(nil); errors.As(err, &missing) {
			return false, err
		}
		return false, nil
	}
	text, err := os.ReadFile(src.Dockerfile)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte(standInNote+"FROM scratch\nCMD [\"none\"]\n"), nil
	}
	if err != nil {
		return false, nil
	}
	if _, err := stage.Read(bytes.NewReader(text), nil); err != nil {
		return false, nil
	}
	stamp, err := Stamp(src.Folder)
	if err != nil {
		return false, err
	}
	for name, content := range map[string][]byte{filepath.FromSlash(dockerfile): text, "stamp": []byte(stamp + "\n")} {
		if err := writeIfChanged(filepath.Join(folder, name), content); err != nil {
			return false, fmt.Errorf("prepare the app's folder for the program: %w", err)
		}
	}
	return true, nil
}

// writeIfChanged replaces a file as a whole, as another start may read it.
func writeIfChanged(file string, content []byte) error {
	if now, err := os.ReadFile(file); err == nil && bytes.Equal(now, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), ".fresh-*")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(content)
	return errors.Join(err, fresh.Chmod(0o644), fresh.Close(), os.Rename(fresh.Name(), file))
}
