package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// builder carries out one recipe.
type builder struct {
	src    Source
	venv   string             // the virtual environment that serves as the image's Python, or empty
	cached []string           // folders of the cache that the image needs beside its own files
	stages map[*recipe]rootfs // the stages that were built for this image, shared by their builders
}

// build fills a folder with the files of a recipe. Files are copied first, then packages are installed,
// then the commands of the app's own language run. It is done once for a tag; a mark says so.
func (b *builder) build(ctx context.Context, root rootfs, r *recipe) error {
	if b.recall(root) {
		return nil
	}
	if err := root.remove(); err != nil {
		return err
	}
	if err := os.MkdirAll(root.path(r.workdir), 0o755); err != nil {
		return fmt.Errorf("make the image's folder: %w", err)
	}
	for _, phase := range []func(context.Context, rootfs, *recipe) error{b.copyFiles, b.install, b.runTools, b.configureNginx} {
		if err := phase(ctx, root, r); err != nil {
			return err
		}
	}
	return b.remember(root)
}

// remember writes the mark of a complete image: what it needs beside its own files.
func (b *builder) remember(root rootfs) error {
	return os.WriteFile(root.mark(), []byte(strings.Join(append([]string{b.venv}, b.cached...), "\n")), 0o644)
}

// recall tells whether an image is complete and all that it needs is still in the cache.
func (b *builder) recall(root rootfs) bool {
	text, err := os.ReadFile(root.mark())
	if err != nil {
		return false
	}
	needs := strings.Split(string(text), "\n")
	for _, folder := range needs {
		if folder == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, readyMark)); err != nil {
			return false
		}
	}
	b.venv, b.cached = needs[0], needs[1:]
	return true
}

func (b *builder) copyFiles(ctx context.Context, root rootfs, r *recipe) error {
	for _, s := range r.steps {
		switch {
		case s.kind == stepFolder && root.meets(s.when):
			for _, folder := range s.args {
				if err := os.MkdirAll(root.path(join(s.workdir, folder)), 0o755); err != nil {
					return fmt.Errorf("Dockerfile line %d: RUN mkdir %s: %w", s.line, folder, err)
				}
			}
		case s.kind == stepCopy && !(s.from != nil && s.from.hasCommands()): // those are copied when their stage has run: see runTools
			if err := b.copyStep(ctx, root, r, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyStep copies from the build context, or from another stage, which is built first.
func (b *builder) copyStep(ctx context.Context, root rootfs, r *recipe, s step) error {
	if s.from == nil {
		return root.copyStep(b.src.Context, s)
	}
	stage, err := b.stage(ctx, s.from)
	if err != nil {
		return err
	}
	sources, dest := slices.Clone(s.args[:len(s.args)-1]), s.args[len(s.args)-1]
	sources = slices.DeleteFunc(sources, func(file string) bool {
		system := stage.lacks(file) && isHere(file)
		if system {
			fmt.Fprintf(b.src.Log, "Dockerfile line %d: %s is a file of the base image; this machine's own is used\n", s.line, file)
		}
		return system
	})
	if len(sources) == 0 {
		return nil
	}
	s.args = append(sources, dest)
	if err := root.copyStep(string(stage), s); err != nil {
		return err
	}
	if err := root.moveScripts(join(s.workdir, dest), stage); err != nil || !r.changesPackages() {
		return err
	}
	return root.ownPackages(join(s.workdir, dest))
}

// stage builds a stage that others copy from, once for the whole image.
func (b *builder) stage(ctx context.Context, r *recipe) (rootfs, error) {
	root, built := b.stages[r]
	if built {
		return root, nil
	}
	root = rootfs(fmt.Sprintf("%s.stage-%d", rootOf(b.src), len(b.stages)+1))
	b.stages[r] = root
	other := builder{src: b.src, stages: b.stages}
	if err := other.build(ctx, root, r); err != nil {
		return "", err
	}
	b.cached = append(b.cached, other.cached...)
	return root, nil
}

// removeStages deletes what was needed to make the image only.
func (b *builder) removeStages() {
	for _, root := range b.stages {
		root.remove()
	}
}

// install provides the packages of Python and Node. Both live in the cache, shared between tags.
func (b *builder) install(ctx context.Context, root rootfs, r *recipe) error {
	python := installation{}
	if err := b.collectPython(ctx, root, r, &python); err != nil {
		return err
	}
	if len(python.lines) > 0 {
		if err := b.installPython(ctx, python); err != nil {
			return err
		}
	}
	for _, s := range r.steps {
		if s.kind == stepNode && root.meets(s.when) {
			if err := b.installNode(ctx, root, s, r.changesPackages()); err != nil {
				return err
			}
		}
	}
	return nil
}

// collectPython lists the Python packages of an image: its own, and those of the stages that it copies
// from, which are how an image gets them without the tools that built them.
func (b *builder) collectPython(ctx context.Context, root rootfs, r *recipe, python *installation) error {
	var from []*recipe
	for _, s := range r.steps {
		switch {
		case s.kind == stepPip && root.meets(s.when):
			if err := python.add(root, s); err != nil {
				return err
			}
		case s.kind == stepCopy && s.from != nil && s.from.hasCommands() && !slices.Contains(from, s.from):
			from = append(from, s.from)
			stage, err := b.stage(ctx, s.from)
			if err != nil {
				return err
			}
			if err := b.collectPython(ctx, stage, s.from, python); err != nil {
				return err
			}
		}
	}
	return nil
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
	for _, s := range r.steps {
		var err error
		switch {
		case !root.meets(s.when):
		case s.kind == stepSkipped:
			fmt.Fprintf(b.src.Log, "Dockerfile line %d is left to the real image build: RUN %s\n", s.line, strings.Join(s.args, " "))
		case s.kind == stepTool:
			err = b.runTool(ctx, root, s)
		case s.kind == stepCopy && s.from != nil && s.from.hasCommands():
			err = b.copyStep(ctx, root, r, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) runTool(ctx context.Context, root rootfs, s step) error {
	said := "RUN " + strings.Join(s.args, " ")
	env := b.environment(s.env, root)
	dir := root.path(s.workdir)
	words, err := b.toolCommand(dir, env["PATH"], s.args)
	if err != nil {
		return fmt.Errorf("Dockerfile line %d: %s: %w", s.line, said, err)
	}
	for i, word := range words[1:] {
		if words[i+1], err = root.target(word); err != nil {
			return fmt.Errorf("Dockerfile line %d: make the folder of %s: %w", s.line, word, err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the image's folder: %w", err)
	}
	fmt.Fprintf(b.src.Log, "Dockerfile line %d: %s\n", s.line, said)
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Dir = dir
	command.Env = append(os.Environ(), list(buildEnvironment(env, root))...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("Dockerfile line %d: %s: %w: %s", s.line, said, err, lastLines(&output, 12))
	}
	return nil
}

// toolCommand finds the program of a command: in the image, in its packages, on this machine; package
// managers of Node that are not here are run by npm.
func (b *builder) toolCommand(dir, searchPath string, args []string) ([]string, error) {
	program, err := findProgram(args[0], dir, searchPath)
	if err == nil {
		return append([]string{program}, args[1:]...), nil
	}
	words, ok := throughNPM(dir, args)
	if !ok {
		return nil, err
	}
	if words[0], err = findProgram(words[0], dir, searchPath); err != nil {
		return nil, err
	}
	return words, nil
}

// buildEnvironment adjusts an image's environment to commands that make files: what they make is for
// this machine and its Python, what they install goes into the image, and the caches of this machine serve them.
func buildEnvironment(vars map[string]string, root rootfs) map[string]string {
	env := map[string]string{
		"npm_config_prefix": root.path("/usr/local"), "GOBIN": root.path("/go/bin"),
		"UV_PYTHON": "python3", "UV_PYTHON_DOWNLOADS": "never",
	}
	for name, value := range vars {
		switch name {
		case "GOOS", "GOARCH", "GOPATH", "GOCACHE", "GOMODCACHE", "UV_CACHE_DIR", "UV_PYTHON", "UV_PYTHON_DOWNLOADS":
		case "UV_PROJECT_ENVIRONMENT":
			if path.IsAbs(value) && !strings.HasPrefix(value, string(root)) {
				value = root.path(value)
			}
			env[name] = value
		default:
			env[name] = value
		}
	}
	return env
}

// environment is the image's ENV with its own files under the paths they have here, and a PATH that
// finds programs in the image's own folders, then in the virtual environment, then on this machine.
func (b *builder) environment(vars []variable, root rootfs) map[string]string {
	env := map[string]string{}
	var search []string
	for _, v := range vars {
		parts := strings.Split(v.value, ":")
		for i, part := range parts {
			parts[i] = root.translate(part)
			if v.name == "PATH" && parts[i] != part {
				search = append(search, parts[i])
			}
		}
		env[v.name] = strings.Join(parts, ":")
	}
	if b.venv != "" {
		env["VIRTUAL_ENV"] = b.venv
		search = append(search, filepath.Join(b.venv, "bin"))
	}
	env["PATH"] = strings.Join(append(search, os.Getenv("PATH")), ":")
	return env
}

func list(env map[string]string) []string {
	var words []string
	for name, value := range env {
		words = append(words, name+"="+value)
	}
	return words
}
