package image

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// installation is the Python packages of one image: what its "pip install" lines ask for.
type installation struct {
	lines []pipLine
}

type pipLine struct {
	root rootfs   // the image whose files the line names
	dir  string   // where pip runs, in the image
	args []string // what follows "pip install"
}

// add takes one "pip install" line. Options that choose a place inside the image are left out: the
// place is a virtual environment here. So are wheels made by a line that is taken for an installation itself.
func (in *installation) add(root rootfs, s step) error {
	var kept []string
	for i := 0; i < len(s.args); i++ {
		name, value, joined := strings.Cut(s.args[i], "=")
		switch name {
		case "--user", "--break-system-packages", "--no-cache-dir", "--no-cache", "--ignore-installed", "--system", "--no-index":
			continue
		case "--target", "-t", "--prefix", "--root", "--wheel-dir", "-w", "--find-links", "-f":
			if !joined && i+1 < len(s.args) {
				i++
				value = s.args[i]
			}
			if name == "--find-links" || name == "-f" {
				if strings.Contains(value, "://") {
					kept = append(kept, name, value)
				}
				continue
			}
			if err := os.MkdirAll(root.path(join(s.workdir, value)), 0o755); err != nil { // others copy from it
				return fmt.Errorf("Dockerfile line %d: make the folder of the packages: %w", s.line, err)
			}
			continue
		}
		if isWheels := strings.HasPrefix(name, "/") && root.lacks(name); !isWheels {
			kept = append(kept, s.args[i])
		}
	}
	wanted := slices.DeleteFunc(slices.Clone(kept), func(a string) bool {
		return strings.HasPrefix(a, "-") || a == "pip" || a == "setuptools" || a == "wheel"
	})
	if len(wanted) > 0 { // a line that only upgrades pip itself says nothing about the app
		in.lines = append(in.lines, pipLine{root, s.workdir, kept})
	}
	return nil
}

// here is an argument with the paths of the image as they are on this machine.
func (l pipLine) here(arg string) string {
	if option, file, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(option, "--") {
		return option + "=" + l.root.translate(file)
	}
	for _, option := range []string{"-r", "-c"} {
		if file, ok := strings.CutPrefix(arg, option); ok {
			return option + l.root.translate(file)
		}
	}
	return l.root.translate(arg)
}

// requirementFiles lists the files named by -r and -c, and by such lines in those files.
func (l pipLine) requirementFiles() ([]string, error) {
	var files []string
	var visit func(file string) error
	visit = func(file string) error {
		if slices.Contains(files, file) {
			return nil
		}
		files = append(files, file)
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read requirements: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if next, ok := optionFile(strings.Fields(line)); ok {
				if err := visit(filepath.Join(filepath.Dir(file), next)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i := range l.args {
		if file, ok := optionFile(l.args[i:]); ok {
			if err := visit(l.root.path(join(l.dir, file))); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// optionFile reads "-r FILE", "-rFILE", "--requirement FILE", "--requirement=FILE" and the same for constraints.
func optionFile(words []string) (string, bool) {
	if len(words) == 0 {
		return "", false
	}
	for _, option := range []string{"--requirement", "--constraint", "-r", "-c"} {
		rest, ok := strings.CutPrefix(words[0], option)
		switch {
		case !ok:
		case rest == "" && len(words) > 1:
			return words[1], true
		case strings.HasPrefix(rest, "="):
			return rest[1:], true
		case rest != "" && len(option) == 2:
			return rest, true
		}
	}
	return "", false
}

// key names the virtual environment: the same packages for the same Python give the same key.
// imageTag stands for the app's files when a line installs from them.
func (in *installation) key(python, imageTag string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, python)
	for _, line := range in.lines {
		fmt.Fprintln(hash, strings.Join(line.args, "\x00"))
		files, err := line.requirementFiles()
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", fmt.Errorf("read requirements: %w", err)
			}
			fmt.Fprintf(hash, "%d\n%s\n", len(text), text)
		}
		if line.takesFiles() {
			fmt.Fprintln(hash, imageTag)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// takesFiles tells whether a line installs from files of the app, not packages of an index alone.
func (l pipLine) takesFiles() bool {
	for i, arg := range l.args {
		if i > 0 && slices.Contains(optionsWithValue, l.args[i-1]) && l.args[i-1] != "-e" && l.args[i-1] != "--editable" {
			continue
		}
		if !strings.HasPrefix(arg, "-") && !strings.Contains(arg, "://") && (strings.HasPrefix(arg, ".") || strings.Contains(arg, "/")) {
			return true
		}
	}
	return false
}

// optionsWithValue are the options of pip whose value is a word of its own.
// https://pip.pypa.io/en/stable/cli/pip_install/
var optionsWithValue = []string{
	"-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url",
	"-f", "--find-links", "--trusted-host", "--progress-bar", "--root-user-action",
}

// packages lists the distributions the lines ask for by name, as far as they name them.
func (in *installation) packages() []string {
	var names []string
	add := func(requirement string) {
		end := strings.IndexAny(requirement, "=<>!~ ;[@#\t\r\n")
		if end < 0 {
			end = len(requirement)
		}
		if name := requirement[:end]; name != "" && !strings.HasPrefix(name, "-") && !strings.ContainsAny(name, "./") {
			names = append(names, name)
		}
	}
	for _, line := range in.lines {
		for i, arg := range line.args {
			if i == 0 || !slices.Contains(optionsWithValue, line.args[i-1]) {
				add(arg)
			}
		}
		files, _ := line.requirementFiles()
		for _, file := range files {
			text, _ := os.ReadFile(file)
			for requirement := range strings.Lines(string(text)) {
				add(strings.TrimSpace(requirement))
			}
		}
	}
	return names
}

// venv is a virtual environment in the cache folder.
type venv struct {
	dir     string
	python  string   // the interpreter it is made with
	systems []string // interpreters that know the system's own packages
	log     io.Writer
}

const readyMark = ".ready" // written last: an environment without it is made anew

// prepare makes the environment unless it is there. Where the package index cannot be reached, the
// distribution's own packages serve when they have everything the app asks for.
func (v venv) prepare(ctx context.Context, in installation) error {
	if _, err := os.Stat(filepath.Join(v.dir, readyMark)); err == nil {
		return nil
	}
	if err := os.RemoveAll(v.dir); err != nil {
		return fmt.Errorf("remove unfinished environment: %w", err)
	}
	indexErr := v.fromIndex(ctx, in)
	if indexErr == nil {
		return os.WriteFile(filepath.Join(v.dir, readyMark), nil, 0o644)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	os.RemoveAll(v.dir)
	return v.fromDistribution(ctx, in, indexErr)
}

func (v venv) fromIndex(ctx context.Context, in installation) error {
	fmt.Fprintf(v.log, "Installing the app's Python packages (once): %s\n", strings.Join(in.packages(), ", "))
	if err := v.run(ctx, "", v.python, "-m", "venv", v.dir); err != nil {
		return fmt.Errorf("make a virtual environment with %s (on Debian it needs the package python3-venv): %w", v.python, err)
	}
	for _, line := range in.lines {
		args := []string{"-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet", "--retries", "1", "--timeout", "10"}
		for _, arg := range line.args {
			args = append(args, line.here(arg))
		}
		if err := v.run(ctx, line.root.path(line.dir), filepath.Join(v.dir, "bin", "python"), args...); err != nil {
			return fmt.Errorf("pip install %s: %w", strings.Join(line.args, " "), err)
		}
	}
	return nil
}

// fromDistribution uses packages that the system's package manager installed, at the versions they have.
func (v venv) fromDistribution(ctx context.Context, in installation, indexErr error) error {
	missing := in.packages()
	for _, python := range v.systems {
		found, absent := installed(ctx, python, in.packages())
		if len(absent) < len(missing) {
			missing = absent
		}
		if len(absent) > 0 || len(found) == 0 {
			continue
		}
		if err := v.run(ctx, "", python, "-m", "venv", "--system-site-packages", "--without-pip", v.dir); err != nil {
			return fmt.Errorf("make a virtual environment with %s: %w", python, err)
		}
		fmt.Fprintf(v.log, "The package index cannot be reached: using this system's own packages instead (%s)\n", strings.Join(found, ", "))
		return nil // no ready mark: the next start tries the index again
	}
	return &PackagesError{Missing: missing, Err: indexErr}
}

// installed asks an interpreter for the versions of packages; missing ones are listed apart.
func installed(ctx context.Context, python string, names []string) (found, missing []string) {
	const program = `
import sys
from importlib.metadata import PackageNotFoundError, version
for name in sys.argv[1:]:
    try:
        print(name, version(name))
    except PackageNotFoundError:
        print(name)
`
	out, err := exec.CommandContext(ctx, python, append([]string{"-c", program}, names...)...).Output()
	if err != nil {
		return nil, names
	}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) == 2 {
			found = append(found, strings.Join(words, " "))
		} else if len(words) == 1 {
			missing = append(missing, words[0])
		}
	}
	return found, missing
}

// run runs a program in dir. Its output is kept for the error.
func (v venv) run(ctx context.Context, dir, program string, args ...string) error {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = dir
	// A pip configuration or an active environment of the caller's shell stays in force; PYTHONPATH would leak packages.
	command.Env = append(os.Environ(), "PYTHONPATH=", "VIRTUAL_ENV=")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(&output, 3))
	}
	return nil
}

func lastLines(r io.Reader, n int) string {
	var lines []string
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

// PackagesError: the app's Python packages can be had neither from the index nor from the system.
type PackagesError struct {
	Missing []string
	Err     error // what the package index said
}

func (e *PackagesError) Error() string {
	return fmt.Sprintf("the app needs Python packages that are not here: %s. Either connect this machine to a Python package index and run the command again, or install them with the system's package manager (on Debian: apt-get install %s). The index said: %v",
		strings.Join(e.Missing, ", "), strings.Join(debianNames(e.Missing), " "), e.Err)
}

func (e *PackagesError) Unwrap() error { return e.Err }

func debianNames(packages []string) []string {
	var names []string
	for _, name := range packages {
		name = strings.ToLower(name)
		if name != "gunicorn" && name != "uvicorn" { // packaged under the command's own name
			name = "python3-" + strings.TrimPrefix(name, "python-")
		}
		names = append(names, name)
	}
	return names
}

// findPython is the interpreter that makes virtual environments, and its version.
func findPython(ctx context.Context) (program, version string, err error) {
	program, err = exec.LookPath("python3")
	if err != nil {
		return "", "", errors.New("python3 is not on the PATH; install Python 3.9 or newer")
	}
	out, err := exec.CommandContext(ctx, program, "-c", "import sys; print(sys.executable, sys.version)").Output()
	if err != nil {
		return "", "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	return program, strings.TrimSpace(string(out)), nil
}
