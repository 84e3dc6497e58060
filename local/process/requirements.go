package process

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// requirement is a line of a requirements file that is about other files.
type requirement struct {
	file     string // another requirements or constraints file, or a folder of archives (--find-links)
	path     string // a package on this machine
	editable bool   // which is used where it lies, so that only what describes it counts
}

// parseRequirements returns the lines of a requirements file that name files and folders.
// https://pip.pypa.io/en/stable/reference/requirements-file-format/
func parseRequirements(text string) []requirement {
	var list []requirement
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", "")
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		option, value := splitOption(line)
		switch option {
		case "-r", "--requirement", "-c", "--constraint", "-f", "--find-links":
			if !strings.Contains(value, "://") && value != "" {
				list = append(list, requirement{file: value})
			}
		case "-e", "--editable":
			if path := localPath(value); path != "" {
				list = append(list, requirement{path: path, editable: true})
			}
		case "":
			if path := localPath(line); path != "" {
				list = append(list, requirement{path: path})
			}
		}
	}
	return list
}

// splitOption splits "-r FILE", "-rFILE" and "--requirement=FILE". A line without an option has none.
func splitOption(line string) (option, value string) {
	if !strings.HasPrefix(line, "-") {
		return "", line
	}
	if end := strings.IndexAny(line, " \t="); end >= 0 {
		option, value = line[:end], strings.TrimSpace(line[end+1:])
	} else if option = line; !strings.HasPrefix(line, "--") && len(line) > 2 {
		option, value = line[:2], line[2:]
	}
	return option, strings.Trim(value, `"'`)
}

var direct = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@\s*`)

// localPath is the path of a requirement that lies on this machine: ./lib, ../lib[extra], lib/x.whl,
// file:lib, name @ file:///lib. It is empty for all others.
func localPath(text string) string {
	if at := direct.FindString(text); at != "" {
		text = text[len(at):]
		if !strings.HasPrefix(text, "file:") {
			return ""
		}
	}
	text, _, _ = strings.Cut(text, ";")
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "file:"); ok {
		text, _, _ = strings.Cut(strings.TrimPrefix(rest, "//"), "#")
	} else if strings.Contains(text, "://") {
		return ""
	}
	if open := strings.LastIndexByte(text, '['); open > 0 && strings.HasSuffix(text, "]") {
		text = text[:open]
	}
	if strings.HasPrefix(text, ".") || strings.Contains(text, "/") || strings.HasSuffix(text, ".whl") ||
		strings.HasSuffix(text, ".tar.gz") {
		return strings.TrimSpace(text)
	}
	return ""
}

// fingerprint is a hash over everything that an environment is made of.
type fingerprint struct {
	hash hash.Hash
	seen map[string]bool
}

func newFingerprint(words ...string) *fingerprint {
	f := &fingerprint{hash: sha256.New(), seen: map[string]bool{}}
	fmt.Fprintf(f.hash, "%q\n", words)
	return f
}

func (f *fingerprint) key() string { return hex.EncodeToString(f.hash.Sum(nil))[:16] }

// requirements adds a requirements file with the files it names. Paths in it that pip takes from the working
// directory are those of the folder. What is missing is the package manager's to report.
func (f *fingerprint) requirements(folder, file string) error {
	if f.seen[file] {
		return nil
	}
	f.seen[file] = true
	if isFolder(file) {
		return f.tree(file)
	}
	text, err := f.file(file)
	if err != nil {
		return err
	}
	for _, r := range parseRequirements(string(text)) {
		if r.file != "" {
			err = f.requirements(folder, absolute(filepath.Dir(file), r.file))
		} else {
			err = f.local(absolute(folder, r.path), r.editable)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// local adds a package on this machine.
func (f *fingerprint) local(path string, editable bool) error {
	if f.seen[path] {
		return nil
	}
	f.seen[path] = true
	if !isFolder(path) {
		_, err := f.file(path)
		return err
	}
	if !editable {
		return f.tree(path)
	}
	return f.descriptions(path)
}

// descriptions adds the files that describe a package of Python.
func (f *fingerprint) descriptions(folder string) error {
	for _, name := range []string{"pyproject.toml", "setup.py", "setup.cfg"} {
		if _, err := f.file(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// file adds a file's content, and returns it. A file that is not there is empty.
func (f *fingerprint) file(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read what the app's packages are made of: %w", err)
	}
	fmt.Fprintf(f.hash, "%q %d %t\n", path, len(text), err == nil)
	f.hash.Write(text)
	return text, nil
}

// tree adds all files of a folder but those that tools write while they work on it.
func (f *fingerprint) tree(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read what the app's packages are made of: %w", err)
		case entry.IsDir() && path != folder && (IgnoredFolder(entry.Name()) || entry.Name() == "build" ||
			strings.HasSuffix(entry.Name(), ".egg-info")):
			return filepath.SkipDir
		case entry.Type().IsRegular() && judge(path) != isData:
			_, err = f.file(path)
		}
		return err
	})
}

// lockedPackages are the packages of a uv.lock by their sources: { editable = "libs/x" }, { registry = "..." }.
// https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
type lockedPackages struct {
	Package []struct {
		Source struct{ Editable, Virtual, Directory, Path string }
	}
}

// uvLock adds a project's lock file with the packages of this machine that it names.
func (f *fingerprint) uvLock(folder string) error {
	text, err := f.file(filepath.Join(folder, "uv.lock"))
	if err != nil {
		return err
	}
	var locked lockedPackages
	if _, err := toml.Decode(string(text), &locked); err != nil {
		return fmt.Errorf("read uv.lock: %w", err)
	}
	for _, p := range locked.Package {
		s := p.Source
		if path := cmp.Or(s.Editable, s.Virtual); path != "" {
			err = f.local(absolute(folder, path), true)
		} else if path := cmp.Or(s.Directory, s.Path); path != "" {
			err = f.local(absolute(folder, path), false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func absolute(folder, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, path)
}
