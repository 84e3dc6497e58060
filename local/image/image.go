// Package image turns a staged build context, the very folder that "docker build" would get, into
// something this machine can run without Docker: the app's files under the paths they have in the image,
// its Python packages in a virtual environment, its start command, working directory and environment.
//
// Only what a Dockerfile says about files and Python packages is carried out. Its other RUN lines are
// made for the image's own system and are never run on this one.
package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Source is a staged build context.
type Source struct {
	Context    string            // folder with the app's files
	Dockerfile string            // path of the Dockerfile
	Args       map[string]string // build arguments
	Tag        string            // names the content: the same tag is the same content
	Cache      string            // folder for what is made of it, kept between runs
	Log        io.Writer
}

// Image is an app that is ready to start.
type Image struct {
	Command []string          // program and arguments; the program is an absolute path
	Dir     string            // working directory
	Env     map[string]string // the image's ENV, and a PATH that finds its programs
}

// Prepare makes an image ready to start. It is quick when the cache already holds the same content.
func Prepare(ctx context.Context, src Source) (*Image, error) {
	file, err := os.Open(src.Dockerfile)
	if err != nil {
		return nil, fmt.Errorf("open Dockerfile: %w", err)
	}
	defer file.Close()
	r, err := readRecipe(file, src.Args)
	if err != nil {
		return nil, err
	}
	if len(r.commandLine()) == 0 {
		return nil, errNoCommand
	}
	root := rootfs(filepath.Join(src.Cache, "rootfs", src.Tag))
	packages, err := fill(root, src, r)
	if err != nil {
		return nil, err
	}
	environment, err := prepareVenv(ctx, src, packages)
	if err != nil {
		return nil, err
	}
	return finish(r, root, environment)
}

// Remove deletes the files of one tag from the cache. Packages stay: other tags may use them.
func Remove(cache, tag string) error {
	root := filepath.Join(cache, "rootfs", tag)
	if err := errors.Join(os.RemoveAll(root+readyMark), os.RemoveAll(root)); err != nil {
		return fmt.Errorf("remove image %s: %w", tag, err)
	}
	return nil
}

// fill carries out the recipe's steps. The files are copied once per tag; a mark says that all are there.
func fill(root rootfs, src Source, r *recipe) (installation, error) {
	mark := string(root) + readyMark
	_, err := os.Stat(mark)
	complete := err == nil
	if !complete {
		if err := os.RemoveAll(string(root)); err != nil {
			return installation{}, fmt.Errorf("remove unfinished image: %w", err)
		}
	}
	if err := os.MkdirAll(root.path(r.workdir), 0o755); err != nil {
		return installation{}, fmt.Errorf("make the image's folder: %w", err)
	}
	var packages installation
	for _, s := range r.steps {
		switch s.kind {
		case stepCopy:
			if isAdapter(s) || complete {
				continue // the sandbox starts the adapter built for this machine
			}
			if err := root.copyStep(src.Context, s); err != nil {
				return installation{}, err
			}
		case stepPip:
			if err := packages.add(root.path(s.workdir), s.line, s.args); err != nil {
				return installation{}, err
			}
		case stepSkipped:
			if complete {
				continue // said when the files were copied
			}
			fmt.Fprintf(src.Log, "Dockerfile line %d is left to the real image build: RUN %s\n", s.line, s.args[0])
		}
	}
	return packages, os.WriteFile(mark, nil, 0o644)
}

// isAdapter recognises the line that lays the adapter over the app.
func isAdapter(s step) bool {
	return strings.HasPrefix(s.args[len(s.args)-1], "/opt/extensions/")
}

// prepareVenv is the path of the virtual environment that serves as the image's Python.
func prepareVenv(ctx context.Context, src Source, packages installation) (string, error) {
	if len(packages.lines) == 0 {
		return "", nil
	}
	python, version, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	key, err := packages.key(version, src.Tag)
	if err != nil {
		return "", err
	}
	v := venv{
		dir: filepath.Join(src.Cache, "venv", key), python: python,
		systems: []string{"/usr/bin/python3", python}, log: src.Log,
	}
	return v.dir, v.prepare(ctx, packages)
}

func finish(r *recipe, root rootfs, environment string) (*Image, error) {
	img := &Image{Dir: root.path(r.workdir), Env: map[string]string{}}
	for _, v := range r.env {
		parts := strings.Split(v.value, ":")
		for i := range parts {
			parts[i] = root.translate(parts[i])
		}
		img.Env[v.name] = strings.Join(parts, ":")
	}
	img.Env["PATH"] = searchPath(r, root, environment)
	if environment != "" {
		img.Env["VIRTUAL_ENV"] = environment
	}
	for _, word := range r.commandLine() {
		img.Command = append(img.Command, root.translate(word))
	}
	program, err := findProgram(img.Command[0], img.Dir, img.Env["PATH"])
	if err != nil {
		return nil, err
	}
	img.Command[0] = program
	return img, nil
}

// searchPath finds programs in the virtual environment, then in the image's own folders, then on this machine.
func searchPath(r *recipe, root rootfs, environment string) string {
	var folders []string
	if environment != "" {
		folders = append(folders, filepath.Join(environment, "bin"))
	}
	inImage, _ := lookup(r.env, "PATH")
	for _, folder := range strings.Split(inImage, ":") {
		if here := root.translate(folder); here != folder {
			folders = append(folders, here)
		}
	}
	return strings.Join(append(folders, os.Getenv("PATH")), ":")
}

// findProgram looks a start command up as the image's shell would. Programs with a place of their own in
// the image (/usr/local/bin/python) are taken from this machine by their name.
func findProgram(name, dir, searchPath string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if _, err := exec.LookPath(name); err == nil {
			return name, nil
		}
	}
	base := path.Base(filepath.ToSlash(name))
	candidates := []string{base}
	if base == "python" { // images call it python; many systems have python3 alone
		candidates = append(candidates, "python3")
	}
	for _, candidate := range candidates {
		for _, folder := range filepath.SplitList(searchPath) {
			if program, err := exec.LookPath(filepath.Join(folder, candidate)); err == nil {
				return program, nil
			}
		}
	}
	return "", fmt.Errorf("the app's start command %q is not on this machine: install it, or add it to the packages the Dockerfile installs", base)
}
