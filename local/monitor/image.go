package monitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	"lambda-web/local/container"
	"lambda-web/local/process"
	"lambda-web/local/sandbox"
)

// preparedImage is an image that is ready to start on this machine.
type preparedImage struct {
	command    []string
	dir        string
	env        map[string]string
	extensions []string
	launcher   sandbox.Launcher // nil for processes of this machine
	code       sandbox.Code     // files that may change under the processes, or nil

	// release runs what must be done before a new version serves, with the function's variables. It may be nil.
	release func(ctx context.Context, variables map[string]string) error
}

// prepareImage finds the image that a function is pinned to and makes it ready: with an engine it is built, else
// the app runs from its own folder.
func prepareImage(ctx context.Context, d *Deployment, function *Resource, s Settings) (preparedImage, error) {
	uri := text(function.Inputs, "imageUri")
	for _, r := range d.OfType("docker:index/image:Image") {
		switch {
		case text(r.Outputs, "repoDigest") != uri:
		case s.Docker != nil:
			return buildImage(ctx, r, s)
		default:
			return runFolder(ctx, r, function, d, s)
		}
	}
	return preparedImage{}, fmt.Errorf("imageUri %q is not the digest of an image that this program builds", uri)
}

func buildImage(ctx context.Context, r *Resource, s Settings) (preparedImage, error) {
	build := object(r.Inputs, "build")
	img, err := s.Docker.Build(ctx, container.Source{
		Context:    filepath.Join(s.Program.Dir, text(build, "context")),
		Dockerfile: filepath.Join(s.Program.Dir, text(build, "dockerfile")),
		Args:       texts(object(build, "args")),
		Platform:   text(build, "platform"),
		Name:       "lambda-web/" + imageName(r),
		Log:        s.Log,
	})
	if err != nil {
		return preparedImage{}, err
	}
	return preparedImage{command: img.Command, dir: img.Dir, env: img.Env, launcher: img.Launcher}, nil
}

// runFolder makes the app's own folder ready to start. It needs nothing of the image but its build arguments.
func runFolder(ctx context.Context, r, function *Resource, d *Deployment, s Settings) (preparedImage, error) {
	_, command, err := d.releaseOf(function)
	if err != nil {
		return preparedImage{}, err
	}
	app, err := process.Prepare(ctx, process.Source{
		Release:    command,
		Folder:     d.App.Folder,
		Command:    s.Command,
		Dockerfile: d.App.Dockerfile,
		Args:       texts(object(object(r.Inputs, "build"), "args")),
		Cache:      s.Cache,
		Log:        s.Log,
		Terminal:   s.Terminal,
	})
	if err != nil {
		return preparedImage{}, err
	}
	return preparedImage{command: app.Command, dir: app.Dir, env: app.Env, extensions: []string{s.Adapter},
		code: app.Code, release: app.RunRelease}, nil
}

// AppEnvironment is where the app of a deployment runs as a process, for commands that belong to it: its folder, and
// its environment as NAME=value. Its packages are installed.
func AppEnvironment(ctx context.Context, d *Deployment, s Settings) (dir string, environ []string, err error) {
	functions := d.apps()
	if len(functions) == 0 {
		return "", nil, errors.New("the program makes no function")
	}
	app, err := prepareImage(ctx, d, functions[0], s)
	if err != nil {
		return "", nil, err
	}
	variables, err := s.Program.variables(functions[0])
	if err != nil {
		return "", nil, err
	}
	env := maps.Clone(app.env)
	maps.Copy(env, variables)
	env["PATH"] = app.env["PATH"]
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	return app.dir, environ, nil
}

// imageName is the name and tag of an image without its registry.
func imageName(r *Resource) string { return filepath.Base(text(r.Inputs, "imageName")) }
