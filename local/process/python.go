package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"lambda-web/local/step"
)

// python is the virtual environment that the app runs in, or empty: the active one, the one in the app's
// folder, or one that is made of the app's own files.
func (src Source) python(ctx context.Context) (string, error) {
	kind, file := src.pythonProject()
	if active := os.Getenv("VIRTUAL_ENV"); active != "" && isFile(filepath.Join(active, "pyvenv.cfg")) {
		if kind != "" {
			fmt.Fprintf(src.Log, "Python packages: those of the active virtual environment %s\n", active)
		}
		return active, nil
	}
	for _, name := range []string{".venv", "venv"} {
		folder := filepath.Join(src.Folder, name)
		if !isFile(filepath.Join(folder, "pyvenv.cfg")) {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, "bin", "python")); err != nil {
			return "", startError("the virtual environment %s has no Python any more; make it anew: python3 "+
				"-m venv --clear %s", folder, folder)
		}
		return folder, nil
	}
	if kind == "" {
		return "", nil
	}
	e, err := src.environment(ctx, kind, file)
	if err != nil {
		return "", err
	}
	return e.prepare(ctx)
}

// The kinds of files that an environment is made of.
const (
	uvLock       = "uv.lock"
	requirements = "requirements.txt"
	project      = "pyproject.toml"
)

// pyproject is what a pyproject.toml says about packages. One with the settings of tools alone has neither table.
// https://packaging.python.org/en/latest/specifications/pyproject-toml/
type pyproject struct {
	Project     *struct{ Dependencies []string }
	BuildSystem *struct{} `toml:"build-system"` // the project is itself a package
	Tool        struct{ Poetry *struct{} }
}

func readPyproject(folder string) (p pyproject, err error) {
	if _, err = toml.DecodeFile(filepath.Join(folder, project), &p); err != nil {
		err = fmt.Errorf("read %s: %w", project, err)
	}
	return p, err
}

// pythonProject is what the app's packages are listed in, and the file's path.
func (src Source) pythonProject() (kind, file string) {
	path := func(name string) string { return filepath.Join(src.Folder, name) }
	if isFile(path(uvLock)) && isFile(path(project)) {
		return uvLock, path(uvLock)
	}
	if isFile(path(requirements)) {
		return requirements, path(requirements)
	}
	if p, err := readPyproject(src.Folder); isFile(path(project)) && (err != nil || p.Project != nil ||
		p.Tool.Poetry != nil) {
		return project, path(project) // one that cannot be read is reported when it is used
	}
	return "", ""
}

// environment is a virtual environment that is made for an app.
type environment struct {
	src         Source
	kind        string
	file        string
	interpreter string // python3 of this machine
	uv          string // path of uv, or empty
	base        string // path of the environments of this content; a link of this name leads to the one that is ready
}

// environment finds this machine's tools and names the environment by everything that it is made of.
func (src Source) environment(ctx context.Context, kind, file string) (*environment, error) {
	e := &environment{src: src, kind: kind, file: file}
	e.uv, _ = exec.LookPath("uv")
	var err error
	if e.interpreter, err = findPython(); err != nil {
		return nil, err
	}
	ask := exec.CommandContext(ctx, e.interpreter, "-c", "import sys; print(sys.executable, sys.version)")
	ask.Dir = src.Folder
	version, err := ask.Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", e.interpreter, err)
	}
	f := newFingerprint(src.Folder, kind, string(version))
	switch kind {
	case uvLock:
		err = errors.Join(f.uvLock(src.Folder), f.descriptions(src.Folder))
	case requirements:
		err = f.requirements(src.Folder, file)
	case project:
		err = f.descriptions(src.Folder)
	}
	e.base = filepath.Join(src.Cache, "python", f.key())
	return e, err
}

func findPython() (string, error) {
	for _, name := range []string{"python3", "python"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", startError("python3 is not on the PATH: %s", insteadOf("install Python 3.9 or newer"))
}

// prepare returns the environment's folder. It is made beside its place, under a lock, and shown when it is
// complete, so that two starts at once, or one that is stopped, never use half of one.
func (e *environment) prepare(ctx context.Context) (string, error) {
	if folder, ok := e.ready(); ok {
		return folder, nil
	}
	unlock, err := lock(ctx, e.base+".lock", e.src.Log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if folder, ok := e.ready(); ok {
		return folder, nil // made by the other while this one waited
	}
	e.removeUnfinished()
	folder := e.base + "." + rand.Text()[:8]
	if err := e.build(ctx, folder); err != nil {
		os.RemoveAll(folder)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", e.explain(err)
	}
	link := folder + ".link"
	if err := errors.Join(os.Symlink(filepath.Base(folder), link), os.Rename(link, e.base)); err != nil {
		return "", fmt.Errorf("put the virtual environment in place: %w", err)
	}
	prune(filepath.Dir(e.base))
	return folder, nil
}

// ready is the complete environment, noted as used now.
func (e *environment) ready() (string, bool) {
	folder, err := filepath.EvalSymlinks(e.base)
	if err != nil || !isFile(filepath.Join(folder, "bin", "python")) {
		return "", false
	}
	now := time.Now()
	os.Chtimes(folder, now, now) // for prune; failing is harmless
	return folder, true
}

// removeUnfinished needs the lock: what no link leads to was left by a start that was killed.
func (e *environment) removeUnfinished() {
	os.Remove(e.base)
	left, _ := filepath.Glob(e.base + ".*")
	for _, path := range left {
		if path != e.base+".lock" {
			os.RemoveAll(path)
		}
	}
}

// keepUnused is how long an environment stays that no start uses.
const keepUnused = 14 * 24 * time.Hour

// prune removes environments that nobody has used for a long time.
func prune(parent string) {
	links, _ := filepath.Glob(filepath.Join(parent, strings.Repeat("[0-9a-f]", 16)))
	for _, link := range links {
		info, err := os.Stat(link)
		if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) > keepUnused {
			folder, _ := filepath.EvalSymlinks(link)
			os.Remove(link)
			if folder != "" {
				os.RemoveAll(folder)
			}
		}
	}
}

// build makes an environment in a folder.
func (e *environment) build(ctx context.Context, folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("make a folder for virtual environments: %w", err)
	}
	tool := "pip"
	if e.uv != "" {
		tool = "uv"
	}
	fmt.Fprintf(e.src.Log, "Installing the app's Python packages with %s (once, as %s says)\n", tool, e.kind)
	if e.uv != "" {
		return e.buildWithUV(ctx, folder)
	}
	if err := e.run(ctx, folder, e.interpreter, "-m", "venv", folder); err != nil {
		return fmt.Errorf("make a virtual environment (on Debian that needs the package python3-venv): %w", err)
	}
	pip := []string{filepath.Join(folder, "bin", "python"), "-m", "pip", "install", "--no-input",
		"--disable-pip-version-check"}
	if e.kind == requirements {
		return e.run(ctx, folder, append(pip, "-r", e.file)...)
	}
	return e.installProject(ctx, folder, pip)
}

// installProject installs a project where it lies, or, if it is no package, what it depends on.
func (e *environment) installProject(ctx context.Context, folder string, install []string) error {
	p, err := readPyproject(e.src.Folder)
	switch {
	case err != nil:
		return err
	case p.BuildSystem != nil:
		return e.run(ctx, folder, append(install, "-e", e.src.Folder)...)
	case p.Project == nil || len(p.Project.Dependencies) == 0:
		return nil
	}
	return e.run(ctx, folder, append(install, p.Project.Dependencies...)...)
}

// buildWithUV lets uv do it, which takes the lock file as it is.
func (e *environment) buildWithUV(ctx context.Context, folder string) error {
	if e.kind == uvLock {
		return e.run(ctx, folder, e.uv, "sync", "--frozen", "--python", e.interpreter)
	}
	if err := e.run(ctx, folder, e.uv, "venv", "--python", e.interpreter, folder); err != nil {
		return err
	}
	install := []string{e.uv, "pip", "install", "--python", filepath.Join(folder, "bin", "python")}
	if e.kind == requirements {
		return e.run(ctx, folder, append(install, "-r", e.file)...)
	}
	return e.installProject(ctx, folder, install)
}

// run runs a tool in the app's folder.
func (e *environment) run(ctx context.Context, folder string, args ...string) error {
	name := "python3 -m venv"
	if slices.Contains(args, "pip") {
		name = "pip install"
	} else if args[0] == e.uv {
		name = "uv " + args[1]
	}
	return step.Run(ctx, step.Command{
		Name: name, Args: args, Dir: e.src.Folder, Env: e.variables(folder), Terminal: e.src.Terminal, Log: e.src.Log,
	})
}

// variables keep an installation inside its environment and its cache inside the project. The developer's
// configuration of pip and uv (indexes, proxies) stays in force.
func (e *environment) variables(folder string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{
			"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON",
			"UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_PYTHON", "UV_BREAK_SYSTEM_PACKAGES",
		}, name)
	})
	return append(env, "VIRTUAL_ENV="+folder, "UV_PROJECT_ENVIRONMENT="+folder, "UV_PYTHON_DOWNLOADS=never",
		"PIP_CACHE_DIR="+filepath.Join(e.src.Cache, "cache", "pip"), "UV_CACHE_DIR="+filepath.Join(e.src.Cache,
			"cache", "uv"))
}

// explain says what to do about packages that could not be installed.
func (e *environment) explain(err error) error {
	return fmt.Errorf("the app's Python packages could not be installed as %s says. Mend the file or the "+
		"connection, make a virtual environment "+
		"yourself (%s is used as it is), or run the app's image: make local MODE=container. %w", e.kind,
		filepath.Join(e.src.Folder, ".venv"), err)
}
