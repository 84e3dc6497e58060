package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// app is a copy of the WSGI application of the tests, which can be edited.
type app struct {
	folder  string
	version int
	mark    string // in the environment of all its processes
}

const appSource = "test/cloud/testdata/wsgi-app"

func newApp() (*app, error) {
	folder, err := os.MkdirTemp("", "lambda-web-soak")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the app: %w", err)
	}
	a := &app{folder: folder, mark: rand.Text()}
	if err := os.CopyFS(folder, os.DirFS(appSource)); err != nil {
		a.remove()
		return nil, fmt.Errorf("copy the app (run this in the project's folder): %w", err)
	}
	dockerfile := filepath.Join(folder, "Dockerfile")
	text, err := os.ReadFile(dockerfile)
	if err == nil {
		text = bytes.Replace(text, []byte("ENV "), []byte("ENV SOAK="+a.mark+" "), 1)
		err = os.WriteFile(dockerfile, text, 0o644)
	}
	if err != nil {
		a.remove()
		return nil, fmt.Errorf("mark the app: %w", err)
	}
	return a, nil
}

// edit changes what the app answers on /empty.
func (a *app) edit() error {
	file := filepath.Join(a.folder, "lib", "application.py")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("edit the app: %w", err)
	}
	header := func(version int) []byte {
		if version == 0 {
			return []byte(`("X-Empty", "yes")`)
		}
		return fmt.Appendf(nil, `("X-Empty", "version %d")`, version)
	}
	if !bytes.Contains(text, header(a.version)) {
		return fmt.Errorf("edit the app: %s does not hold %s", file, header(a.version))
	}
	text = bytes.Replace(text, header(a.version), header(a.version+1), 1)
	a.version++
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("edit the app: %w", err)
	}
	return nil
}

func (a *app) remove() { os.RemoveAll(a.folder) }
