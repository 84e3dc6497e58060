package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// procfileLine is a process type and its shell command line.
// https://devcenter.heroku.com/articles/procfile#procfile-format
var procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):[ \t]*(.*?)[ \t\r]*$`)

// parseProcfile returns the command lines of a Procfile by their process type. Lines of another form are left
// out, as Heroku does.
func parseProcfile(text string) map[string]string {
	types := map[string]string{}
	for line := range strings.Lines(text) {
		if match := procfileLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); match != nil && match[2] != "" {
			types[match[1]] = match[2]
		}
	}
	return types
}

// readProcfile reads the Procfile of an app's folder. Without one there are no process types.
func readProcfile(folder string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(folder, "Procfile"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the Procfile: %w", err)
	}
	return parseProcfile(string(text)), nil
}
