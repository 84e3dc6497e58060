// Package container runs sandboxes as containers of the very image that "pulumi up" pushes, built from the
// same context, under Lambda's restrictions.
//
// The map: an [Engine] is a Docker daemon with the docker command that speaks to it; it builds an
// [Image] (build.go, and transcript.go for what the builder says); a [Launcher] makes containers of the
// image (launcher.go), each the host of one sandbox (container.go) with the program in the folder init as its
// process 1. The folder wire has the words the two speak.
//
// The command is used, not the daemon's API: it knows the user's contexts, credentials and builders.
package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Engine is a Docker daemon that answers.
type Engine struct {
	command string // path of the docker command
	builder builder
	root    string // a folder in this module
	cache   string

	mu     sync.Mutex
	images map[string]*Image // built by this program, by the key of their source
	inits  map[string]string // paths of compiled inits by architecture
}

// builder is how the docker command builds images.
type builder int

const (
	buildx   builder = iota // the plugin: the way since version 23
	buildKit                // in older versions BuildKit is a matter of the environment
	classic                 // the first builder, in newer versions that lack the plugin
)

// UnavailableError says why there is no Docker to use.
type UnavailableError struct{ sentence string }

func (e *UnavailableError) Error() string { return e.sentence }

// Find finds the docker command and a daemon that answers it, or returns an *UnavailableError. The
// root is a folder in this module, from where the containers' init is compiled into the cache.
func Find(ctx context.Context, root, cache string) (*Engine, error) {
	command, err := exec.LookPath("docker")
	if err != nil {
		return nil, &UnavailableError{"MODE=container needs the docker command, which was not found: install Docker (https://docs.docker.com/get-docker/), or run the app without it: make local MODE=process"}
	}
	e := &Engine{command: command, root: root, cache: filepath.Join(cache, "container"), images: map[string]*Image{}, inits: map[string]string{}}
	var v struct {
		Client struct{ Version string }
		Server *struct {
			Version string
			Os      string
		}
	}
	out, message, err := e.run(ctx, "version", "--format", "{{json .}}")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if decoding := json.Unmarshal(out, &v); err != nil || decoding != nil || v.Server == nil {
		return nil, unavailable(message)
	}
	if v.Server.Os != "linux" {
		return nil, &UnavailableError{"Docker runs containers of " + v.Server.Os + "; Lambda's are Linux: switch Docker to Linux containers, or run the app without it: make local MODE=process"}
	}
	e.builder = e.findBuilder(ctx, v.Client.Version)
	return e, nil
}

func unavailable(message string) error {
	if strings.Contains(message, "permission denied") {
		return &UnavailableError{"this user may not use the Docker daemon: add the user to the group docker (sudo usermod -aG docker $USER) and log in again, or run the app without Docker: make local MODE=process"}
	}
	return &UnavailableError{"no Docker daemon answers (" + strings.TrimSuffix(message, ".") + "): start Docker Desktop, or the service (sudo systemctl start docker), or run the app without Docker: make local MODE=process"}
}

func (e *Engine) findBuilder(ctx context.Context, version string) builder {
	if os.Getenv("DOCKER_BUILDKIT") == "0" { // how Docker itself is told to do without
		return classic
	}
	if _, _, err := e.run(ctx, "buildx", "version"); err == nil {
		return buildx
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 23 {
		return buildKit
	}
	return classic
}

// run runs the docker command. The message is what it wrote to stderr, on one line.
func (e *Engine) run(ctx context.Context, args ...string) (out []byte, message string, err error) {
	command := exec.CommandContext(ctx, e.command, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err = command.Output()
	return out, strings.Join(strings.Fields(stderr.String()), " "), err
}

// init returns the path of the containers' init for an architecture in Go's words, compiled once.
func (e *Engine) init(ctx context.Context, architecture string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if path := e.inits[architecture]; path != "" {
		return path, nil
	}
	path := filepath.Join(e.cache, "init-"+architecture)
	fresh := path + "." + strconv.Itoa(os.Getpid())
	defer os.Remove(fresh)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", fresh, "lambda-web/local/container/init")
	command.Dir = e.root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the containers' init for linux/%s: %w\n%s", architecture, err, bytes.TrimSpace(out))
	}
	// Containers that run have the old file open: it is replaced, not changed.
	if err := errors.Join(os.Chmod(fresh, 0o755), os.Rename(fresh, path)); err != nil {
		return "", fmt.Errorf("put the containers' init in place: %w", err)
	}
	e.inits[architecture] = path
	return path, nil
}
