package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Patience is how long an engine of this machine may take to say that it is there.
const Patience = time.Second

// remotePatience is the time of an engine elsewhere, which its user has chosen by name.
const remotePatience = 10 * time.Second

// UnavailableError says why there is no container engine to use, and what to do about it.
type UnavailableError struct {
	Reason string // "the user may not use the engine at unix:///var/run/docker.sock"
	Advice string // "add the user to the group docker (...)"
}

func (e *UnavailableError) Error() string {
	return e.Reason + ": " + e.Advice + ", or run the app without containers: make local MODE=process"
}

// Find returns the container engine that the user's docker command would speak to (DOCKER_HOST, DOCKER_CONTEXT, the
// current context), else the first of the usual sockets that answers: Docker's, those of rootless engines and of
// desktop programs, Podman's Docker-compatible one; else a Podman that needs no service. It takes [Patience] at
// most where the engine is on this machine. Without an engine the error is an *UnavailableError. The root is a
// folder in this module, from where the containers' init is compiled into the cache.
func Find(ctx context.Context, root, cache string) (*Engine, error) {
	chosen, err := chosenEndpoint()
	if err != nil {
		return nil, err
	}
	var found client
	switch docker, missing := exec.LookPath("docker"); {
	case missing != nil:
		found, err = findPodman(ctx)
	case chosen != nil:
		found, err = chosen.ask(ctx, docker)
	default:
		found, err = findSocket(ctx, docker)
	}
	if err != nil {
		return nil, orItsEnd(ctx, err)
	}
	return newEngine(found, root, cache), nil
}

// orItsEnd prefers the end of the caller's patience as a reason.
func orItsEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// client is a command and the engine that it speaks to.
type client struct {
	command string // path
	kind    kind
	host    string // value of DOCKER_HOST for the command; empty leaves the choice to it
}

// kind is what answers.
type kind int

const (
	docker     kind = iota
	podmanHost      // Podman behind its Docker-compatible socket
	podman          // the podman command
)

// sockets are where engines listen that no setting names, the usual one first.
func sockets() []string {
	home, _ := os.UserHomeDir()
	run := os.Getenv("XDG_RUNTIME_DIR")
	if run == "" {
		run = fmt.Sprintf("/run/user/%d", os.Getuid())
	}
	return []string{
		usualSocket,
		filepath.Join(run, "docker.sock"), // https://docs.docker.com/engine/security/rootless/
		filepath.Join(home, ".docker/run/docker.sock"),
		filepath.Join(home, ".docker/desktop/docker.sock"),
		filepath.Join(home, ".orbstack/run/docker.sock"),
		filepath.Join(home, ".colima/default/docker.sock"),
		filepath.Join(home, ".rd/docker.sock"),
		filepath.Join(run,
			"podman/podman.sock"), // https://docs.podman.io/en/stable/markdown/podman-system-service.1.html
		podmanSocket,
	}
}

// Where services of the system listen. Tests have other places.
var (
	usualSocket  = "/var/run/docker.sock" // which the docker command takes without being told
	podmanSocket = "/run/podman/podman.sock"
)

// findSocket asks all sockets at once and takes the first in their order that answers.
func findSocket(ctx context.Context, command string) (client, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	type answer struct {
		kind kind
		err  error
	}
	paths := slices.DeleteFunc(sockets(), func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
	answers := make([]chan answer, len(paths))
	for i, path := range paths {
		answers[i] = make(chan answer, 1)
		go func() {
			k, err := ping(ctx, "unix://"+path)
			answers[i] <- answer{k, err}
		}()
	}
	var first error
	for i, path := range paths {
		a := <-answers[i]
		if a.err == nil {
			host := "unix://" + path
			if path == usualSocket {
				host = ""
			}
			return client{command, a.kind, host}, nil
		}
		if first == nil {
			first = unavailable("unix://"+path, a.err)
		}
	}
	if first != nil {
		return client{}, first
	}
	return client{}, &UnavailableError{"no container engine answers",
		"start Docker Desktop, or the service (sudo systemctl start docker), or Podman's (systemctl --user " +
			"start podman.socket)"}
}

// findPodman takes the podman command where the docker command is missing.
func findPodman(ctx context.Context) (client, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	command, err := exec.LookPath("podman")
	if err != nil {
		return client{}, &UnavailableError{"neither the docker command nor podman is on this machine",
			"install Docker (https://docs.docker.com/get-docker/) or Podman (https://podman.io)"}
	}
	version := exec.CommandContext(ctx, command, "version", "--format", "{{.Client.Version}}")
	version.WaitDelay = Patience
	if out, err := version.CombinedOutput(); err != nil {
		return client{}, &UnavailableError{"podman does not answer (" + sentence(string(out), err) + ")",
			"start its machine (podman machine start) or see podman info"}
	}
	return client{command, podman, ""}, nil
}

// ask finds out whether the engine that the user has chosen answers.
func (e *endpoint) ask(ctx context.Context, command string) (client, error) {
	if !e.plain() { // the command has what is needed: ssh, certificates
		ctx, cancel := context.WithTimeout(ctx, remotePatience)
		defer cancel()
		version := exec.CommandContext(ctx, command, "version", "--format", "{{.Server.Os}}")
		version.WaitDelay = Patience
		var stderr strings.Builder
		version.Stderr = &stderr
		out, err := version.Output()
		if err == nil {
			err = linux(strings.TrimSpace(string(out)))
		} else {
			err = errors.New(sentence(stderr.String(), err))
		}
		if err != nil {
			return client{}, e.unavailable(err)
		}
		return client{command, docker, ""}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	k, err := ping(ctx, e.host)
	if err != nil {
		return client{}, e.unavailable(err)
	}
	return client{command, k, ""}, nil
}

func (e *endpoint) unavailable(err error) error {
	u := unavailable(e.host, err)
	if reason := (*UnavailableError)(nil); errors.As(u, &reason) {
		reason.Reason += ", which " + e.from + " names"
		reason.Advice += ", or change " + e.from
	}
	return u
}

// ping asks an engine what it is. The host is unix://PATH or tcp://HOST:PORT.
//
// https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemPing
func ping(ctx context.Context, host string) (kind, error) {
	network, address, _ := strings.Cut(host, "://")
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return 0, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("it answers %s", response.Status)
	}
	if response.Header.Get("Libpod-API-Version") != "" {
		return podmanHost, nil
	}
	return docker, linux(response.Header.Get("OSType"))
}

// errSystem is an engine that runs other containers than Lambda's.
type errSystem string

func (e errSystem) Error() string { return "runs containers of " + string(e) + "; Lambda's are Linux" }

// linux checks what system an engine's containers have. Old engines do not say.
func linux(system string) error {
	if system != "" && system != "linux" {
		return errSystem(system)
	}
	return nil
}

// unavailable says why the engine at a host does not answer.
func unavailable(host string, err error) error {
	var system errSystem
	path := strings.TrimPrefix(host, "unix://")
	switch {
	case errors.Is(err, fs.ErrPermission), strings.Contains(err.Error(), "permission denied"):
		return &UnavailableError{"this user may not use the container engine at " + host,
			"add the user to the group " + groupOf(path) + " (sudo usermod -aG " + groupOf(path) +
				" $USER) and log in again, or use a rootless engine"}
	case errors.As(err, &system):
		return &UnavailableError{"the container engine at " + host + " " + err.Error(),
			"switch Docker to Linux containers"}
	case errors.Is(err, context.DeadlineExceeded):
		return &UnavailableError{fmt.Sprintf("the container engine at %s has not answered within %s", host, Patience),
			"see whether it hangs (docker version) and start it again"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &UnavailableError{"no container engine listens at " + host,
			"start Docker Desktop, or the service (sudo systemctl start docker)"}
	}
	reason := err.Error()
	if op := (*url.Error)(nil); errors.As(err, &op) {
		reason = op.Err.Error()
	}
	return &UnavailableError{"the container engine at " + host + " does not answer (" + strings.TrimSuffix(reason,
		".") + ")", "start Docker Desktop, or the service (sudo systemctl start docker)"}
}

// sentence is what a command wrote, on one line, or how it ended.
func sentence(text string, err error) string {
	if line := strings.Join(strings.Fields(text), " "); line != "" {
		return strings.TrimSuffix(line, ".")
	}
	return err.Error()
}
