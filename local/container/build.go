package container

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Source is a staged build context, as "pulumi up" gives it to its builder.
type Source struct {
	Context    string            // folder
	Dockerfile string            // path of the Dockerfile, in the context
	Args       map[string]string // build arguments
	Platform   string            // linux/amd64 or linux/arm64
	Name       string            // repository and tag for the image on this machine; the same name is the same content
	Log        io.Writer         // is told of a build that takes its time
}

// Image is a built image and what it says about its processes.
type Image struct {
	ID       string
	Command  []string          // ENTRYPOINT and CMD
	Dir      string            // WORKDIR
	Env      map[string]string // ENV
	Size     int64             // bytes
	Launcher Launcher
}

// Build builds the image, or takes what the builder has in its cache. What the build itself says no to
// is a *BuildError.
func (e *Engine) Build(ctx context.Context, src Source) (*Image, error) {
	key := fmt.Sprint(src.Name, src.Platform, slices.Sorted(maps.Keys(src.Args)), slices.Sorted(maps.Values(src.Args)))
	e.mu.Lock()
	img := e.images[key]
	e.mu.Unlock()
	if img != nil {
		return img, nil
	}
	if err := e.build(ctx, src); err != nil {
		return nil, err
	}
	img, err := e.inspect(ctx, src)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images[key] = img
	go e.prune(context.WithoutCancel(ctx), src.Name)
	return img, nil
}

// keepImages is how many images of earlier starts stay for each app.
const keepImages = 5

// prune removes old images of an app: each change makes one. Those of this start stay, as its versions may need
// them, and so do those that containers use.
func (e *Engine) prune(ctx context.Context, name string) {
	repository, _, _ := strings.Cut(name, ":")
	out, _, err := e.run(ctx, "image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}", repository)
	if err != nil {
		return
	}
	for _, tag := range e.old(strings.Split(strings.TrimSpace(string(out)), "\n")) {
		e.run(ctx, "image", "rm", tag)
	}
}

// old are the tags to remove of lines "ID TAG", the newest first.
func (e *Engine) old(lines []string) (tags []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	own := map[string]bool{}
	for _, img := range e.images {
		own[strings.TrimPrefix(img.ID, "sha256:")] = true
	}
	earlier := 0
	for _, line := range lines {
		id, tag, found := strings.Cut(line, " ")
		if !found || own[strings.TrimPrefix(id, "sha256:")] {
			continue
		}
		if earlier++; earlier > keepImages {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (e *Engine) build(ctx context.Context, src Source) error {
	dockerfile, err := filepath.Rel(src.Context, src.Dockerfile)
	if err != nil {
		return fmt.Errorf("find the Dockerfile in the build context: %w", err)
	}
	args := []string{"build", "--platform", src.Platform, "--tag", src.Name}
	for _, name := range slices.Sorted(maps.Keys(src.Args)) {
		args = append(args, "--build-arg", name+"="+src.Args[name])
	}
	setting, b := "DOCKER_BUILDKIT=1", e.builder()
	switch b {
	case buildx:
		args = append(args, "--progress", "plain", "--load", "--file", src.Dockerfile, src.Context)
	case buildKit:
		args = append(args, "--progress", "plain", "--file", src.Dockerfile, src.Context)
	case classic:
		setting = "DOCKER_BUILDKIT=0"
		args = append(args, "--file", filepath.ToSlash(dockerfile), "-")
	case buildah:
		args = append(args, "--format", "docker", "--file", src.Dockerfile, src.Context) // OCI's format has no SHELL
	}
	command := exec.CommandContext(ctx, e.command, args...)
	// Attestations are no part of the image that Lambda gets.
	command.Env = e.environment(setting, "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	// Whoever stops this program stops the build: the command tells the engine, then its group ends with it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
	command.WaitDelay = Patience
	if b == classic {
		command.Stdin = pack(src.Context)
	}
	t := newTranscript(b, src)
	defer t.close()
	command.Stdout, command.Stderr = t, t
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			if command.Process != nil {
				syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
			}
			return ctx.Err()
		}
		return t.failure(err)
	}
	return nil
}

// pack is the context as a stream: of a folder the classic builder would leave out what the app's own
// ignore file names, which was applied when the folder was made.
func pack(folder string) io.Reader {
	r, w := io.Pipe()
	go func() {
		archive := tar.NewWriter(w)
		w.CloseWithError(errors.Join(archive.AddFS(os.DirFS(folder)), archive.Close()))
	}()
	return r
}

// inspect reads what the image says.
func (e *Engine) inspect(ctx context.Context, src Source) (*Image, error) {
	out, message, err := e.run(ctx, "image", "inspect", src.Name)
	if err != nil {
		return nil, fmt.Errorf("read the settings of the image %s: %w: %s", src.Name, err, message)
	}
	img, err := readImage(out)
	if err != nil {
		return nil, err
	}
	_, architecture, _ := strings.Cut(src.Platform, "/")
	start, err := e.init(ctx, architecture)
	if err != nil {
		return nil, err
	}
	img.Launcher = Launcher{Command: e.command, Host: e.host, Engine: e.String(), Image: img.ID,
		Platform: src.Platform, Init: start, kind: e.kind}
	return img, nil
}

func readImage(inspected []byte) (*Image, error) {
	var images []struct {
		ID     string `json:"Id"`
		Size   int64
		Config struct {
			Entrypoint, Cmd, Env []string
			WorkingDir           string
		}
	}
	if err := json.Unmarshal(inspected, &images); err != nil || len(images) != 1 {
		return nil, fmt.Errorf("read the settings of the image: got %.100q: %w", inspected,
			cmp.Or(err, errors.New("one image was asked for")))
	}
	v := images[0]
	img := &Image{ID: v.ID, Size: v.Size, Command: slices.Concat(v.Config.Entrypoint, v.Config.Cmd),
		Dir: v.Config.WorkingDir, Env: map[string]string{}}
	if len(img.Command) == 0 {
		return nil, errors.New("the image has neither CMD nor ENTRYPOINT: add CMD with the line that starts " +
			"the app to the Dockerfile, for example CMD [\"gunicorn\", \"app:app\"]")
	}
	if img.Dir == "" {
		img.Dir = "/"
	}
	for _, entry := range v.Config.Env {
		name, value, _ := strings.Cut(entry, "=")
		img.Env[name] = value
	}
	return img, nil
}
