// Package container runs sandboxes as containers of the very image that "pulumi up" pushes, built from the
// same context, under Lambda's restrictions.
//
// The map: an [Engine] is a container engine that answers (find.go, endpoint.go), with the command that speaks
// to it; it builds an [Image] (build.go, and transcript.go for what the builder says); a [Launcher] makes
// containers of the image (launcher.go), each the host of one sandbox (host.go) with the program in the folder
// init as its process 1. The folder wire has the words the two speak.
//
// The command is used, not the engine's API: it knows the user's contexts, credentials and builders.
package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Engine is a container engine that answers.
type Engine struct {
	client
	root  string // a folder in this module
	cache string

	builder func() builder // found out while other things are done

	mu     sync.Mutex
	images map[string]*Image // built by this program, by the key of their source
	inits  map[string]string // paths of compiled inits by architecture
}

// builder is how images are built.
type builder int

const (
	buildx   builder = iota // the docker command's plugin: the way since version 23
	buildKit                // in older versions BuildKit is a matter of the environment
	classic                 // the first builder, in newer versions that lack the plugin, and in Podman's place
	buildah                 // the podman command's
)

func newEngine(c client, root, cache string) *Engine {
	e := &Engine{
		client: c, root: root, cache: filepath.Join(cache, "container"),
		images: map[string]*Image{}, inits: map[string]string{},
	}
	e.builder = sync.OnceValue(func() builder { return e.findBuilder(context.Background()) })
	go e.builder()
	return e
}

// String names the engine for a reader: "Docker", "Podman".
func (e *Engine) String() string {
	if e.kind == docker {
		return "Docker"
	}
	return "Podman"
}

func (e *Engine) findBuilder(ctx context.Context) builder {
	switch {
	case e.kind == podman:
		return buildah
	case e.kind == podmanHost, os.Getenv("DOCKER_BUILDKIT") == "0": // how Docker itself is told to do without
		return classic
	}
	ctx, cancel := context.WithTimeout(ctx, remotePatience)
	defer cancel()
	if _, _, err := e.run(ctx, "buildx", "version"); err == nil {
		return buildx
	}
	out, _, err := e.run(ctx, "version", "--format", "{{.Client.Version}}")
	major, _, _ := strings.Cut(string(out), ".")
	if n, number := strconv.Atoi(major); err == nil && number == nil && n < 23 {
		return buildKit
	}
	return classic
}

// environment is that of the command.
func (c client) environment(more ...string) []string {
	if c.host != "" {
		more = append(more, "DOCKER_HOST="+c.host)
	}
	return append(os.Environ(), more...)
}

// run runs the command. The message is what it wrote to stderr, on one line.
func (e *Engine) run(ctx context.Context, args ...string) (out []byte, message string, err error) {
	command := exec.CommandContext(ctx, e.command, args...)
	command.Env = e.environment()
	command.WaitDelay = Patience
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
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o",
		fresh, "lambda-web/local/container/init")
	command.Dir = e.root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the containers' init for linux/%s: %w\n%s", architecture, err,
			bytes.TrimSpace(out))
	}
	// Containers that run have the old file open: it is replaced, not changed.
	if err := errors.Join(os.Chmod(fresh, 0o755), os.Rename(fresh, path)); err != nil {
		return "", fmt.Errorf("put the containers' init in place: %w", err)
	}
	e.inits[architecture] = path
	return path, nil
}
