package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lambda-web/dockerfile/stage"
)

// start is how an app is started.
type start struct {
	from    string   // where it is written: "COMMAND", "the Procfile", "the Dockerfile"
	words   []string // the program and its arguments
	release string   // the Procfile's line
	before  []string // what runs before a new version serves: another command
	env     map[string]string
	workdir string // in the image, or empty
}

// StartError: the app does not say how it is started, or not so that this machine can do it.
type StartError struct{ sentence string }

func (e *StartError) Error() string { return e.sentence }

func startError(format string, args ...any) error { return &StartError{fmt.Sprintf(format, args...)} }

// readStart finds the start command: COMMAND, else the web line of the Procfile, else the Dockerfile's.
func readStart(src Source) (*start, error) {
	types, err := readProcfile(src.Folder)
	if err != nil {
		return nil, err
	}
	s := &start{release: types["release"], before: src.Release, env: map[string]string{}}
	switch {
	case src.Command != "":
		s.from, s.words = "COMMAND", []string{"/bin/sh", "-c", src.Command}
	case types["web"] != "":
		s.from, s.words = "the Procfile", []string{"/bin/sh", "-c", types["web"]}
	default:
		return s, s.readDockerfile(src)
	}
	return s, nil
}

func (s *start) readDockerfile(src Source) error {
	file, err := os.Open(src.Dockerfile)
	if errors.Is(err, fs.ErrNotExist) {
		return startError("nothing says how the app in %s is started: it has no Dockerfile and no Procfile with a line "+
			"\"web: ...\"; add one, or give the command: make local COMMAND='gunicorn app:app'", src.Folder)
	}
	if err != nil {
		return fmt.Errorf("open the Dockerfile: %w", err)
	}
	defer file.Close()
	m, err := stage.Read(file, src.Args)
	if err != nil {
		return fmt.Errorf("read the Dockerfile: %w", err)
	}
	s.from, s.env, s.workdir = "the Dockerfile", m.Env, m.Workdir
	s.words = slices.Concat(m.Entrypoint, m.Cmd)
	if len(s.words) == 0 {
		return startError("the Dockerfile has neither ENTRYPOINT nor CMD, so its base image says how the app is started: %s",
			insteadOf("give the command with a Procfile or COMMAND=..."))
	}
	return nil
}

// insteadOf names the two ways out.
func insteadOf(way string) string { return way + ", or run the app's image: make local MODE=container" }

// boundary characters stand before or behind a path in a command line or a variable.
const boundary = " \t\n\"'`=:,;()<>&|[]{}"

// place turns the paths in a text that are the image's working directory, or below it, into those of the folder.
func (s *start) place(text, folder string) string {
	switch s.workdir {
	case "":
		return text
	case "/": // only what the folder has: the rest is the image's system
		if path.IsAbs(text) && isFile(filepath.Join(folder, text)) && !isFile(text) {
			return filepath.Join(folder, text)
		}
		return text
	}
	var out strings.Builder
	for {
		i := strings.Index(text, s.workdir)
		if i < 0 {
			return out.String() + text
		}
		end := i + len(s.workdir)
		begins := i == 0 && (out.Len() == 0 || strings.ContainsRune(boundary, rune(out.String()[out.Len()-1]))) ||
			i > 0 && strings.ContainsRune(boundary, rune(text[i-1]))
		ends := end == len(text) || strings.ContainsRune(boundary+"/", rune(text[end]))
		if begins && ends {
			out.WriteString(text[:i] + folder)
		} else {
			out.WriteString(text[:end])
		}
		text = text[end:]
	}
}

// command is the start command with its program and paths on this machine. What is plainly missing is an error
// that says so.
func (s *start) command(ctx context.Context, app *App) ([]string, error) {
	words := s.placed(app.src.Folder)
	program, ok := findProgram(words[0], app.Dir, app.Env["PATH"])
	if !ok {
		return nil, missing(words[0], s.from)
	}
	words[0] = program
	if script, ok := shellScript(words); ok {
		return words, s.checkShell(ctx, app, words[0], script)
	}
	return words, nil
}

func (s *start) placed(folder string) []string {
	words := make([]string, len(s.words))
	for i, word := range s.words {
		words[i] = s.place(word, folder)
	}
	return words
}

func missing(program, from string) error {
	return startError("%s, which %s starts, is not on this machine: %s", path.Base(program), from,
		insteadOf("install it, or add it to the app's packages"))
}

// findProgram looks a program up on a PATH. One with a place of its own in the image (/usr/local/bin/python) is
// taken from this machine by its name.
func findProgram(name, dir, searchPath string) (string, bool) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if _, err := exec.LookPath(name); err == nil {
			return name, true
		}
	}
	names := []string{path.Base(name)}
	if names[0] == "python" { // images call it python; many systems have python3 alone
		names = append(names, "python3")
	}
	for _, name := range names {
		for _, folder := range filepath.SplitList(searchPath) {
			if program, err := exec.LookPath(filepath.Join(folder, name)); err == nil && filepath.IsAbs(program) {
				return program, true
			}
		}
	}
	return "", false
}

// shellScript is the text of a command like sh -c TEXT.
func shellScript(words []string) (string, bool) {
	if len(words) < 3 || !slices.Contains([]string{"sh", "bash", "dash", "ash"}, filepath.Base(words[0])) {
		return "", false
	}
	for i, word := range words[1 : len(words)-1] {
		if strings.HasPrefix(word, "-") && strings.HasSuffix(word, "c") {
			return words[i+2], true
		}
	}
	return "", false
}

// firstWord is the program that a script starts with, if it is a plain one.
var firstWord = regexp.MustCompile(`^\s*(?:exec\s+)?(?:[A-Za-z_]\w*=[\w./:-]*\s+)*(?:exec\s+)?([\w./+-]+)(?:[\s;&|]|$)`)

// checkShell asks the shell itself whether it knows the script's first program.
func (s *start) checkShell(ctx context.Context, app *App, shell, script string) error {
	match := firstWord.FindStringSubmatch(script)
	if match == nil || s.hasRelease() && strings.Contains(match[1], "/") {
		return nil // it may be made before the start
	}
	ask := exec.CommandContext(ctx, shell, "-c", `command -v -- "$1" >/dev/null`, shell, match[1])
	ask.Dir = app.Dir
	ask.Env = []string{"PATH=" + app.Env["PATH"]}
	var exit *exec.ExitError
	if err := ask.Run(); errors.As(err, &exit) && ctx.Err() == nil {
		return missing(match[1], s.from)
	}
	return nil
}

// interpreters take a file of the app as their first argument.
var interpreters = regexp.MustCompile(`^(python|python3|node|nodejs|ruby|php|perl|bash|sh|java|deno|bun)([0-9.]*)$`)

// programFile is the name of a file of source code, or of one that was built.
var programFile = regexp.MustCompile(`^[\w./@+-]+\.(py|js|mjs|cjs|ts|rb|php|pl|sh|jar)$`)

// checkFile wants the file that an interpreter is to run, before anything is installed for it.
func (s *start) checkFile(folder string) error {
	words := s.placed(folder)
	if script, ok := shellScript(words); ok {
		match := firstWord.FindStringSubmatchIndex(script)
		if match == nil {
			return nil
		}
		words = strings.Fields(script[match[2]:])
	}
	if !interpreters.MatchString(filepath.Base(words[0])) || s.hasRelease() { // which may make it
		return nil
	}
	for _, word := range words[1:] {
		if strings.HasPrefix(word, "-") {
			if word == "-jar" {
				continue
			}
			return nil // options may take any form
		}
		file := word
		if !filepath.IsAbs(file) {
			file = filepath.Join(folder, file)
		}
		if !programFile.MatchString(word) || isFile(file) {
			return nil
		}
		return startError("%s, which %s starts, is not in the app's folder; it is probably made when the image is built: %s",
			word, s.from, insteadOf("give the command that you start the app with, in a Procfile or as COMMAND=..."))
	}
	return nil
}
