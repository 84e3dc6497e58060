package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// builder carries out recipes.
type builder struct {
	src  Source
	venv string // the virtual environment that serves as the image's Python, or empty
}

// build fills a folder with the files of a recipe. Files are copied first, then packages are installed,
// then the commands of the app's own language run. It is done once for a tag; a mark says so.
func (b *builder) build(ctx context.Context, root rootfs, r *recipe) error {
	mark := string(root) + readyMark
	_, err := os.Stat(mark)
	complete := err == nil
	if !complete {
		if err := os.RemoveAll(string(root)); err != nil {
			return fmt.Errorf("remove unfinished image: %w", err)
		}
	}
	if err := os.MkdirAll(root.path(r.workdir), 0o755); err != nil {
		return fmt.Errorf("make the image's folder: %w", err)
	}
	if !complete {
		if err := b.copyFiles(ctx, root, r); err != nil {
			return err
		}
	}
	if err := b.install(ctx, root, r); err != nil {
		return err
	}
	if complete {
		return nil
	}
	if err := b.runTools(ctx, root, r); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}

func (b *builder) copyFiles(ctx context.Context, root rootfs, r *recipe) error {
	for number, s := range r.steps {
		if s.kind != stepCopy || isAdapter(s) || s.from != nil && hasCommands(s.from) {
			continue // a stage that makes its files is copied from when it has run: see runTools
		}
		if err := b.copyStep(ctx, root, number, s); err != nil {
			return err
		}
	}
	return nil
}

// copyStep copies from the build context, or from another stage, which is built first.
func (b *builder) copyStep(ctx context.Context, root rootfs, number int, s step) error {
	from := b.src.Context
	if s.from != nil {
		stage := rootfs(string(root) + ".from-" + strconv.Itoa(number))
		defer os.RemoveAll(string(stage))
		defer os.Remove(string(stage) + readyMark)
		other := builder{src: b.src}
		if err := other.build(ctx, stage, s.from); err != nil {
			return err
		}
		from = string(stage)
	}
	return root.copyStep(from, s)
}

// isAdapter recognises the line that lays the adapter over the app: the sandbox starts the adapter that
// is built for this machine.
func isAdapter(s step) bool {
	return strings.HasPrefix(s.args[len(s.args)-1], "/opt/extensions/")
}

// hasCommands tells whether a stage makes files by commands.
func hasCommands(r *recipe) bool {
	for _, s := range r.steps {
		if s.kind == stepTool || s.kind == stepNPM {
			return true
		}
	}
	return false
}

// install provides the packages of Python and Node. Both live in the cache, shared between tags.
func (b *builder) install(ctx context.Context, root rootfs, r *recipe) error {
	var python installation
	for _, s := range r.steps {
		switch s.kind {
		case stepPip:
			if err := python.add(root.path(s.workdir), s.line, s.args); err != nil {
				return err
			}
		case stepNPM:
			if err := b.installNode(ctx, root.path(s.workdir), s); err != nil {
				return err
			}
		}
	}
	if len(python.lines) == 0 {
		return nil
	}
	return b.installPython(ctx, python)
}

func (b *builder) installPython(ctx context.Context, packages installation) error {
	python, version, err := findPython(ctx)
	if err != nil {
		return err
	}
	key, err := packages.key(version, b.src.Tag)
	if err != nil {
		return err
	}
	v := venv{
		dir: filepath.Join(b.src.Cache, "venv", key), python: python,
		systems: []string{"/usr/bin/python3", python}, log: b.src.Log,
	}
	b.venv = v.dir
	return v.prepare(ctx, packages)
}

// runTools runs the commands of the app's own language, in order, and names those that are not run here.
func (b *builder) runTools(ctx context.Context, root rootfs, r *recipe) error {
	for number, s := range r.steps {
		switch {
		case s.kind == stepSkipped:
			fmt.Fprintf(b.src.Log, "Dockerfile line %d is left to the real image build: RUN %s\n", s.line, strings.Join(s.args, " "))
		case s.kind == stepTool:
			if err := b.runTool(ctx, root, s); err != nil {
				return err
			}
		case s.kind == stepCopy && s.from != nil && hasCommands(s.from):
			if err := b.copyStep(ctx, root, number, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) runTool(ctx context.Context, root rootfs, s step) error {
	env := b.environment(s.env, root)
	dir := root.path(s.workdir)
	program, err := findProgram(s.args[0], dir, env["PATH"])
	if err != nil {
		return fmt.Errorf("Dockerfile line %d: RUN %s: %w", s.line, strings.Join(s.args, " "), err)
	}
	var words []string
	for _, word := range s.args[1:] {
		here, err := root.target(word)
		if err != nil {
			return fmt.Errorf("Dockerfile line %d: make the folder of %s: %w", s.line, word, err)
		}
		words = append(words, here)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the image's folder: %w", err)
	}
	command := exec.CommandContext(ctx, program, words...)
	command.Dir = dir
	command.Env = append(os.Environ(), list(env)...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("Dockerfile line %d: RUN %s: %w: %s", s.line, strings.Join(s.args, " "), err, lastLines(&output, 12))
	}
	return nil
}

// environment is the image's ENV with its own files under the paths they have here, and a PATH that
// finds programs in the virtual environment, then in the image's own folders, then on this machine.
func (b *builder) environment(vars []variable, root rootfs) map[string]string {
	env := map[string]string{}
	var path []string
	if b.venv != "" {
		env["VIRTUAL_ENV"] = b.venv
		path = append(path, filepath.Join(b.venv, "bin"))
	}
	for _, v := range vars {
		parts := strings.Split(v.value, ":")
		for i, part := range parts {
			parts[i] = root.translate(part)
			if v.name == "PATH" && parts[i] != part {
				path = append(path, parts[i])
			}
		}
		env[v.name] = strings.Join(parts, ":")
	}
	env["PATH"] = strings.Join(append(path, os.Getenv("PATH")), ":")
	return env
}

func list(env map[string]string) []string {
	var words []string
	for name, value := range env {
		words = append(words, name+"="+value)
	}
	return words
}
