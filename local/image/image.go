// Package image turns a staged build context, the very folder that "docker build" would get, into
// something this machine can run without Docker: the app's files under the paths they have in the image,
// its packages, its start command, working directory and environment.
//
// A Dockerfile is read into a recipe for each of its stages; the commands of its RUN lines are sorted. Those that
// are about the app (packages of Python and Node, builds of Node, Go and Java) are carried out; the others are
// made for the image's own system and are never run on this one.
package image

import (
	"cmp"
	"context"
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
	Port       int               // port the app is set to; 0 is 8080
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
	b := builder{src: src, stages: map[*recipe]rootfs{}}
	defer b.removeStages()
	root := rootOf(src)
	if err := root.use(src.Cache); err != nil {
		return nil, fmt.Errorf("keep the image's files: %w", err)
	}
	if err := b.build(ctx, root, r); err != nil {
		return nil, err
	}
	return b.finish(r, root)
}

// Remove deletes the files of one tag from the cache. Packages stay: other tags may use them.
func Remove(cache, tag string) error {
	return rootOf(Source{Cache: cache, Tag: tag}).remove()
}

// finish is how the app of a built image is started.
func (b *builder) finish(r *recipe, root rootfs) (*Image, error) {
	img := &Image{Dir: root.path(r.workdir), Env: b.environment(r.env, root)}
	for _, word := range r.commandLine() {
		img.Command = append(img.Command, root.translate(word))
	}
	var err error
	img.Command, err = b.toolCommand(img.Dir, img.Env["PATH"], img.Command)
	if err == nil && filepath.Base(img.Command[0]) == "nginx" {
		img.Command = nginxCommand(root, cmp.Or(b.src.Port, 8080), img.Command[0], img.Command[1:])
	}
	return img, err
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
	return "", fmt.Errorf("the app's start command %q is not on this machine: install it, add it to the packages the Dockerfile installs, or run the app in containers with MODE=container", base)
}
