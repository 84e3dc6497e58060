// Command dockerfile looks at an application's folder and writes the Dockerfile its owner would have
// written, with a .dockerignore, and says what it saw and why it chose what.
//
//	dockerfile FOLDER
//
// It reads files and runs nothing. It never overwrites a file, and it refuses with a sentence where it
// cannot tell.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: dockerfile FOLDER") }
	flag.Parse()
	if flag.NArg() != 1 || flag.Arg(0) == "" {
		fmt.Fprintln(os.Stderr, "dockerfile: name the app's folder, for example: make dockerfile APP=../my-app")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dockerfile:", err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) error {
	a, err := open(path)
	if err != nil {
		return err
	}
	p, err := choose(a)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", path, p.kind)
	for _, reason := range p.reasons {
		fmt.Fprintf(out, "  - %s\n", reason)
	}
	if err := create(filepath.Join(path, "Dockerfile"), p.dockerfile()); err != nil {
		return err
	}
	fmt.Fprintf(out, "Wrote %s\n", filepath.Join(path, "Dockerfile"))
	ignore := filepath.Join(path, ".dockerignore")
	switch err := create(ignore, p.dockerignore()); {
	case errors.Is(err, os.ErrExist):
		fmt.Fprintf(out, "Kept %s as it is\n", ignore)
	case err != nil:
		return err
	default:
		fmt.Fprintf(out, "Wrote %s\n", ignore)
	}
	return nil
}

// choose asks each kind of app in turn. The first that knows the folder decides.
func choose(a app) (plan, error) {
	for _, name := range []string{"Dockerfile", "dockerfile", "Containerfile"} {
		if a.has(name) {
			return plan{}, fmt.Errorf("%s is there already; it is never overwritten", filepath.Join(a.path, name))
		}
	}
	kinds := []func(app) (plan, bool, error){pythonApp, nodeApp, goApp, staticSite}
	for _, kind := range kinds {
		p, known, err := kind(a)
		if known || err != nil {
			return p, err
		}
	}
	return plan{}, fmt.Errorf("%s is of no kind that is known here: there is no requirements.txt, pyproject.toml, "+
		"package.json, go.mod or index.html in it. Write a Dockerfile that starts a server on port 8080", a.path)
}

// create writes a new file; one that is there is os.ErrExist.
func create(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	return errors.Join(err, file.Close())
}
