package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"sync"

	"lambda-web/local/step"
)

// RunRelease runs the Procfile's release line, if there is one, with these variables added to the app's own. What it
// writes into the app's folder belongs to the version.
func (a *App) RunRelease(ctx context.Context, variables map[string]string) error {
	if a.Release == "" {
		return nil
	}
	fmt.Fprintf(a.src.Log, "Running the Procfile's release line: %s\n", a.Release)
	env := maps.Clone(a.Env)
	maps.Copy(env, variables)
	env["PATH"] = a.Env["PATH"]
	log := &prefixed{prefix: "release   | ", to: a.src.Log}
	defer log.flush()
	err := step.Run(ctx, step.Command{
		Name: "release: " + a.Release, Args: []string{"/bin/sh", "-c", a.Release}, Dir: a.Dir, Env: environ(env),
		Log: a.src.Log, Output: log,
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
