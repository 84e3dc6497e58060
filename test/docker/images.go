package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Python is the base image that most apps here start from.
const Python = "python:3.13-slim"

// Provide makes sure that an image is there: it is fetched, or, where no registry can be reached and the daemon is the
// tests' own, replaced by a stand-in of the same name. The error says why it cannot be.
func (d *Daemon) Provide(image string) error {
	if exec.Command("docker", "image", "inspect", image).Run() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", "pull", "--quiet", image).CombinedOutput()
	if err == nil {
		return nil
	}
	reason := fmt.Sprintf("%s cannot be fetched (%s)", image, Last(out))
	if !d.own {
		return errors.New(reason + ", and this daemon is not the tests' own, so no stand-in gets that name")
	}
	folder, err := os.MkdirTemp("", "stand-in")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := d.standIn(image, folder); err != nil {
		return fmt.Errorf("%s, and a stand-in cannot be made: %w", reason, err)
	}
	return nil
}

// ProvideFor provides the images that a Dockerfile starts from.
func (d *Daemon) ProvideFor(dockerfile string) error {
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return err
	}
	for _, image := range bases(string(text)) {
		if err := d.Provide(image); err != nil {
			return err
		}
	}
	return nil
}

// bases are the images that a Dockerfile's stages start from, with the defaults of its build arguments, and those that
// it copies from.
func bases(dockerfile string) []string {
	var images []string
	arguments, stages := map[string]string{}, map[string]bool{"scratch": true}
	add := func(name string) {
		image := os.Expand(name, func(name string) string { return arguments[name] })
		if image != "" && !stages[image] {
			images = append(images, image)
		}
	}
	for line := range strings.Lines(dockerfile) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "ARG":
			name, value, _ := strings.Cut(words[1], "=")
			arguments[name] = value
		case words[0] == "FROM":
			add(words[1])
			if len(words) == 4 {
				stages[words[3]] = true
			}
		case words[0] == "COPY" && strings.HasPrefix(words[1], "--from="):
			add(strings.TrimPrefix(words[1], "--from="))
		}
	}
	return images
}

// standIn makes an image of programs of this machine or of distribution packages, by the name of the original.
func (d *Daemon) standIn(image, folder string) error {
	name, _, _ := strings.Cut(image, ":")
	switch name {
	case "python":
		return d.python(image, folder)
	case "node":
		return d.node(image, folder)
	case "golang":
		return d.golang(image, folder)
	case "nginx":
		return d.derive(image, folder, "CMD [\"nginx\", \"-g\", \"daemon off;\"]\n", nil)
	case "nginxinc/nginx-unprivileged":
		return d.derive(image, folder, "COPY nginx.conf /etc/nginx/nginx.conf\nRUN mkdir -p /usr/share/nginx/html\n"+
			"USER 101\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n", map[string]string{"nginx.conf": unprivilegedNginx})
	case "php":
		return d.derive(image, folder, "RUN mkdir -p /usr/local/bin && ln -s /usr/bin/php[0-9]* /usr/local/bin/php\n", nil)
	case "ruby":
		return d.derive(image, folder, "COPY bundle /usr/local/bin/bundle\nRUN chmod 755 /usr/local/bin/bundle\n",
			map[string]string{"bundle": localBundle})
	case "eclipse-temurin":
		return d.java(image, folder)
	case "maven":
		return d.maven(image, folder)
	case "oven/bun":
		return d.bun(image, folder)
	case "gcr.io/distroless/static-debian12":
		return build(image, folder, "FROM scratch\nCOPY empty /tmp/\nUSER 65532\n", map[string]string{"empty": ""})
	}
	return errors.New("nobody has made one")
}

// unprivilegedNginx is what that image's configuration comes to: nothing is written but below /tmp.
// https://github.com/nginxinc/docker-nginx-unprivileged
const unprivilegedNginx = `pid /tmp/nginx.pid;
error_log /dev/stderr;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/client;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server { listen 8080; root /usr/share/nginx/html; }
}
`

// localBundle has bundler take the gems that are there: its registry may be out of reach.
const localBundle = `#!/bin/sh
[ "$1" = install ] && set -- "$@" --local
exec /usr/bin/bundle "$@"
`

// build makes an image from a Dockerfile and files beside it.
func build(image, folder, dockerfile string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text),
			0o644)); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return err
	}
	_, err := run("docker", "build", "--tag", image, folder)
	return err
}

// interpreters are the distribution's packages of the stand-in from which others are made, which its tag names.
var interpreters = []string{"bundler", "nginx-light", "php-cli", "puma", "ruby", "ruby-sinatra"}

// derive makes an image of the distribution's packages.
func (d *Daemon) derive(image, folder, lines string, files map[string]string) error {
	distribution := "lambda-web/stand-in:" + strings.Join(interpreters, "_")
	if exec.Command("docker", "image", "inspect", distribution).Run() != nil {
		if err := extract(folder, distribution, interpreters...); err != nil {
			return err
		}
	}
	return build(image, folder, "FROM "+distribution+"\n"+lines, files)
}
