package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// app is the folder of an application, which is only read.
type app struct {
	path string
	fs   fs.FS
}

// maxFile is the size above which a file is not looked into.
const maxFile = 1 << 20

func open(folder string) (app, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return app{}, fmt.Errorf("the app's folder cannot be read: %w", err)
	}
	if !info.IsDir() {
		return app{}, fmt.Errorf("%s is a file; name the app's folder", folder)
	}
	return app{path: filepath.Clean(folder), fs: os.DirFS(folder)}, nil
}

func (a app) has(name string) bool {
	_, err := fs.Stat(a.fs, name)
	return err == nil
}

func (a app) hasFolder(name string) bool {
	info, err := fs.Stat(a.fs, name)
	return err == nil && info.IsDir()
}

// first is the first of the files that is there, or "".
func (a app) first(names ...string) string {
	for _, name := range names {
		if a.has(name) {
			return name
		}
	}
	return ""
}

// text is the content of a file, or "" if there is none that can be read.
func (a app) text(name string) string {
	info, err := fs.Stat(a.fs, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return ""
	}
	text, err := fs.ReadFile(a.fs, name)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// notSource are folders in which an app's own code never lies.
var notSource = []string{"node_modules", "venv", "env", "site-packages", "tests", "test", "docs", "examples",
	"migrations", "vendor", "testdata"}

// sources are the files of an ending, at most depth folders down, in the order in which a person would look.
func (a app) sources(ending string, depth int) []string {
	var found []string
	_ = fs.WalkDir(a.fs, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains(notSource,
			entry.Name()) ||
			strings.Count(name, "/") >= depth):
			return fs.SkipDir
		case !entry.IsDir() && path.Ext(name) == ending:
			found = append(found, name)
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return found
}
