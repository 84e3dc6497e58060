package image

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// rootfs is a folder that holds the image's own files under the paths they have in the image.
type rootfs string

// rootOf is the folder of the image that a source makes.
func rootOf(src Source) rootfs { return rootfs(filepath.Join(src.Cache, "rootfs", src.Tag)) }

// mark is the file that says that the folder is complete.
func (r rootfs) mark() string { return string(r) + readyMark }

// remove deletes the folder, with stages that a build left when it was killed.
func (r rootfs) remove() error {
	stages, _ := filepath.Glob(string(r) + ".stage-*")
	copies, _ := filepath.Glob(nginxCopy(r) + "*")
	for _, folder := range slices.Concat(stages, copies, []string{r.mark(), string(r)}) {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove image %s: %w", filepath.Base(string(r)), err)
		}
	}
	return nil
}

// path is where a path of the image lives on this machine.
func (r rootfs) path(inImage string) string {
	return filepath.Join(string(r), filepath.FromSlash(path.Clean("/"+inImage)))
}

// translate maps an absolute path of the image to this machine if the image has that file.
func (r rootfs) translate(word string) string {
	if !path.IsAbs(word) || word == "/" {
		return word
	}
	here := r.path(word)
	if _, err := os.Lstat(here); err != nil {
		return word
	}
	return here
}

// lacks tells whether a pattern names no file of the image.
func (r rootfs) lacks(pattern string) bool {
	matches, _ := filepath.Glob(r.path(pattern))
	return len(matches) == 0
}

// isHere tells whether this machine has a file under the path it has in images.
func isHere(inImage string) bool {
	_, err := os.Stat(inImage)
	return path.IsAbs(inImage) && err == nil
}

// meets tells whether the image has, or has not, the files that conditions ask for.
func (r rootfs) meets(when []condition) bool {
	for _, c := range when {
		if _, err := os.Stat(r.path(c.file)); (err == nil) != c.there {
			return false
		}
	}
	return true
}

// target maps an absolute path in a command: what the image has, and what neither the image nor this
// machine has, which the command is about to make. Only this machine's own files keep their path.
func (r rootfs) target(word string) (string, error) {
	if !path.IsAbs(word) || word == "/" {
		return word, nil
	}
	if here := r.translate(word); here != word {
		return here, nil
	}
	if _, err := os.Lstat(word); err == nil {
		return word, nil
	}
	here := r.path(word)
	return here, os.MkdirAll(filepath.Dir(here), 0o755)
}

// copyStep carries out COPY: sources are patterns inside the build context, the destination is a
// folder when it ends in a slash, when there are several sources, or when a source is a folder.
func (r rootfs) copyStep(context string, s step) error {
	patterns, dest := s.args[:len(s.args)-1], s.args[len(s.args)-1]
	intoFolder := strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, "/.") || dest == "." || len(patterns) > 1
	target := join(s.workdir, dest)
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(context, filepath.FromSlash(path.Clean("/"+pattern))))
		if err != nil || len(matches) == 0 {
			return fmt.Errorf("Dockerfile line %d: COPY %s: no such file (is it in .dockerignore, or made by a command that is not run here?)", s.line, pattern)
		}
		for _, source := range matches {
			if err := r.copyOne(source, target, intoFolder || len(matches) > 1); err != nil {
				return fmt.Errorf("Dockerfile line %d: COPY %s: %w", s.line, pattern, err)
			}
		}
	}
	return nil
}

func (r rootfs) copyOne(source, target string, intoFolder bool) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return copyTree(source, r.path(target))
	}
	if there, err := os.Stat(r.path(target)); intoFolder || err == nil && there.IsDir() {
		target = path.Join(target, filepath.Base(source))
	}
	return copyFile(source, r.path(target), info.Mode())
}

// moveScripts corrects what a virtual environment says about its own place after it was copied from a stage.
func (r rootfs) moveScripts(folder string, stage rootfs) error {
	scripts, err := filepath.Glob(r.path(folder) + "/bin/*")
	if more, _ := filepath.Glob(r.path(folder) + "/.venv/bin/*"); err == nil {
		scripts = append(scripts, more...)
	}
	for _, script := range scripts {
		info, err := os.Lstat(script)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 {
			continue
		}
		text, err := os.ReadFile(script)
		if err != nil {
			return err
		}
		moved := bytes.ReplaceAll(text, []byte(stage), []byte(r))
		if bytes.HasPrefix(text, []byte("#!")) && !bytes.Equal(moved, text) {
			if err := os.WriteFile(script, moved, info.Mode()); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownPackages makes the packages in a folder, which may be a link into the cache, the image's own.
func (r rootfs) ownPackages(folder string) error {
	if path.Base(folder) != modules {
		folder = path.Join(folder, modules)
	}
	return ownFolder(r.path(folder))
}

// ownFolder replaces a link to a folder by what it links to.
func ownFolder(folder string) error {
	shared, err := os.Readlink(folder)
	if err != nil {
		return nil // it is none
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil
	}
	if err := os.Remove(folder); err != nil {
		return err
	}
	if !filepath.IsAbs(shared) {
		shared = filepath.Join(filepath.Dir(folder), shared)
	}
	return copyTree(shared, folder)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(source string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, source)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch {
		case entry.IsDir():
			if err := ownFolder(target); err != nil {
				return err
			}
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(source)
			if err != nil {
				return err
			}
			os.Remove(target)
			return os.Symlink(link, target)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return copyFile(source, target, info.Mode())
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode.Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
