// Package program finds programs as a process in a sandbox would.
package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Find is the absolute path of a command on a PATH, or, if the command is a path itself, seen from the
// working directory.
func Find(command, path, dir string) (string, error) {
	folders := filepath.SplitList(path)
	if strings.Contains(command, "/") {
		folders = []string{""}
	}
	for _, folder := range folders {
		file := filepath.Join(folder, command)
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		info, err := os.Stat(file)
		if err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
		if len(folders) == 1 && err == nil {
			return "", fmt.Errorf("%s is not executable", file)
		}
	}
	return "", fmt.Errorf("%s: %w", command, errors.Join(fs.ErrNotExist, fmt.Errorf("PATH is %q", path)))
}

// Variable is the value of a variable in an environment of NAME=value entries, or empty.
func Variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
