package container

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lambda-web/local/container/wire"
	"lambda-web/local/sandbox"
)

// Launcher makes containers of one image. Two launchers of the same image are equal.
type Launcher struct {
	Command  string // path of the docker or the podman command
	Host     string // of the engine; empty leaves the choice to the command
	Engine   string // Docker or Podman
	Image    string // id
	Platform string // linux/amd64 or linux/arm64
	Init     string // path of the program that is process 1

	kind kind
}

var _ sandbox.Launcher = Launcher{}

// initInside is the place of Lambda's own process 1.
const initInside = "/var/rapid/init"

// Label marks the containers of sandboxes.
const Label = "lambda-web.sandbox"

// restrictions are those of Lambda for every process of an image, whatever its USER: an unprivileged
// user without capabilities, a root that cannot be written, no shared memory, 1024 processes and
// threads, 1024 open files. The init has the rights to see to the first two and the last, and gives them up before it
// starts anything.
//
// https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-reqs
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution
func (l Launcher) restrictions() []string {
	return []string{
		"--platform", l.Platform,
		"--user", "0:0",
		"--cap-drop", "ALL", "--cap-add", "SYS_ADMIN", "--cap-add", "SETUID", "--cap-add", "SETGID", "--cap-add",
		"SETPCAP",
		"--security-opt", "apparmor=unconfined", // Docker's profile would not let the init mount
		"--security-opt", "no-new-privileges",
		"--read-only",
		"--ipc", "none",
		"--pids-limit", "1024",
		"--workdir", "/",
		"--no-healthcheck",
		"--mount", "type=bind,readonly,source=" + l.Init + ",target=" + initInside,
		"--entrypoint", initInside,
	}
}

func (l Launcher) client() client { return client{command: l.Command, host: l.Host} }

// Launch implements sandbox.Launcher.
func (l Launcher) Launch(cfg *sandbox.Config, number int) (sandbox.Host, error) {
	name := fmt.Sprintf("lambda-web-%s-%d-%s", cfg.Name, number, suffix())
	memory := strconv.Itoa(cfg.MemorySize) + "m"
	args := slices.Concat([]string{
		"run", "--rm", "--interactive", "--sig-proxy=false", "--log-driver", "none",
		"--name", name, "--label", Label + "=" + cfg.Name,
		"--memory", memory, "--memory-swap", memory,
		"--tmpfs", "/tmp:rw,exec,nosuid,nodev,mode=1777,size=" + strconv.Itoa(cfg.EphemeralStorage) + "m",
	}, l.hostName(), l.restrictions(), []string{l.Image, wire.Seal})
	return l.run(name, args, cfg.AppPort)
}

// hostName makes this machine host.docker.internal. Podman does so by itself, and its command knows no host-gateway
// in its older versions.
func (l Launcher) hostName() []string {
	if l.kind == podman {
		return nil
	}
	return []string{"--add-host", "host.docker.internal:host-gateway"}
}

// startError says why a container did not start.
func (l Launcher) startError(message string, err error) error {
	switch {
	case strings.Contains(message, "exec format error"):
		return errors.New(otherProcessorError(l.Platform))
	case noSpace.MatchString(message):
		return fmt.Errorf("start a container: %s. The %s", strings.TrimSuffix(message, "."), fullDisk)
	case strings.Contains(message, "No such image"), strings.Contains(message, "Unable to find image"),
		strings.Contains(message, "image not known"):
		return fmt.Errorf("the image %s is not in %s any more: start make local again to build it", l.Image, l.Engine)
	case strings.Contains(message, "bind source path does not exist"):
		return fmt.Errorf("the container engine does not see this machine's files (%s): use an engine of "+
			"this machine, or share the project's folder with it", message)
	case message == "":
		return fmt.Errorf("start a container: %w", err)
	}
	return fmt.Errorf("start a container: %s", message)
}
