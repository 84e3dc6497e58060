package monitor

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"lambda-web/local/container"
	"lambda-web/local/image"
	"lambda-web/local/sandbox"
)

// preparedImage is an image that is ready to start on this machine.
type preparedImage struct {
	command    []string
	dir        string
	env        map[string]string
	extensions []string
	launcher   sandbox.Launcher // nil for processes of this machine
}

// prepareImage finds the image that a function is pinned to and makes it ready: with Docker it is built, else
// the app's files and packages are laid out for processes of this machine.
func prepareImage(ctx context.Context, d *Deployment, function *Resource, s Settings) (preparedImage, error) {
	uri := text(function.Inputs, "imageUri")
	for _, r := range d.OfType("docker:index/image:Image") {
		switch {
		case text(r.Outputs, "repoDigest") != uri:
		case s.Docker != nil:
			return buildImage(ctx, r, s)
		default:
			return layOutImage(ctx, r, appPort(texts(object(object(function.Inputs, "environment"), "variables"))), s)
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

func layOutImage(ctx context.Context, r *Resource, port int, s Settings) (preparedImage, error) {
	build := object(r.Inputs, "build")
	_, tag, _ := strings.Cut(imageName(r), ":")
	img, err := image.Prepare(ctx, image.Source{
		Context:    filepath.Join(s.Program.Dir, text(build, "context")),
		Dockerfile: filepath.Join(s.Program.Dir, text(build, "dockerfile")),
		Args:       texts(object(build, "args")),
		Port:       port,
		Tag:        tag,
		Cache:      s.Cache,
		Log:        s.Log,
	})
	if err != nil {
		return preparedImage{}, err
	}
	return preparedImage{command: img.Command, dir: img.Dir, env: img.Env, extensions: []string{s.Adapter}}, nil
}

// imageName is the name and tag of an image without its registry.
func imageName(r *Resource) string { return filepath.Base(text(r.Inputs, "imageName")) }
