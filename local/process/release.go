package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"

	"lambda-web/local/step"
)

// hasRelease tells whether something runs before a new version serves.
func (s *start) hasRelease() bool { return s.release != "" || len(s.before) > 0 }

// releaseCommand is what runs before a new version serves: the release command of the settings, with its program and
// paths on this machine, else the Procfile's release line.
func (s *start) releaseCommand(app *App) ([]string, error) {
	switch {
	case len(s.before) == 0 && s.release == "":
		return nil, nil
	case len(s.before) == 0:
		return []string{"/bin/sh", "-c", s.release}, nil
	}
	words := make([]string, len(s.before))
	for i, word := range s.before {
		words[i] = s.place(word, app.Dir)
	}
	program, ok := findProgram(words[0], app.Dir, app.Env["PATH"])
	if !ok {
		return nil, missing(words[0], "releaseCommand")
	}
	words[0] = program
	return words, nil
}

// announceRelease says which command runs, and returns its name.
func (a *App) announceRelease() (name string) {
	if len(a.src.Release) == 0 {
		name = a.Release[len(a.Release)-1]
		fmt.Fprintf(a.src.Log, "Running the Procfile's release line: %s\n", name)
		return "release: " + name
	}
	name = strings.Join(a.src.Release, " ")
	instead := ""
	if types, err := readProcfile(a.src.Folder); err == nil && types["release"] != "" {
		instead = ", and not the Procfile's release line"
	}
	fmt.Fprintf(a.src.Log, "Running releaseCommand%s: %s\n", instead, name)
	return "releaseCommand: " + name
}

// RunRelease runs what must be done before a new version serves, if anything, with these variables added to the app's
// own. What it writes into the app's folder belongs to the version.
func (a *App) RunRelease(ctx context.Context, variables map[string]string) error {
	if len(a.Release) == 0 {
		return nil
	}
	name := a.announceRelease()
	env := maps.Clone(a.Env)
	maps.Copy(env, variables)
	env["PATH"] = a.Env["PATH"]
	log := &prefixed{prefix: "release   | ", to: a.src.Log}
	defer log.flush()
	err := step.Run(ctx, step.Command{
		Name: name, Args: a.Release, Dir: a.Dir, Env: environ(env), Log: a.src.Log, Output: log,
	})
	if err != nil {
		return err
	}
	after, err := Stamp(a.src.Folder)
	if err == nil {
		made.add(a.src.Folder, a.Code.Stamp, after)
	}
	return err
}

func environ(variables map[string]string) []string {
	var list []string
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	return list
}

// prefixed writes whole lines with a word before each.
type prefixed struct {
	prefix string
	to     io.Writer

	mu   sync.Mutex
	line []byte
}

// longest is the length of a line that is passed on before its end.
const longest = 64 << 10

func (p *prefixed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = append(p.line, text...)
	for {
		end := bytes.IndexByte(p.line, '\n')
		if end < 0 && len(p.line) < longest {
			return len(text), nil
		}
		if end < 0 {
			end = len(p.line) - 1
		}
		fmt.Fprintf(p.to, "%s%s\n", p.prefix, bytes.TrimSuffix(p.line[:end+1], []byte("\n")))
		p.line = p.line[end+1:]
	}
}

func (p *prefixed) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) > 0 {
		fmt.Fprintf(p.to, "%s%s\n", p.prefix, p.line)
		p.line = nil
	}
}
