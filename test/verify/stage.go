package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"lambda-web/test/verify/contract"
)

// platform is where the app runs, in Go's words.
type platform struct{ system, processor string }

// here is the platform of a mode: a process runs on this machine, and a container on Linux.
func here(mode string) platform {
	if mode == processMode {
		return platform{runtime.GOOS, runtime.GOARCH}
	}
	return platform{"linux", runtime.GOARCH}
}

// building is held while the app is built: the phases start at once.
var building sync.Mutex

// stage puts the app into a folder of its own, as one that "pulumi up" can make an image of.
func (o options) stage(ctx context.Context, folder string, on platform) error {
	program := filepath.Join(o.out, "app-"+on.system+"-"+on.processor)
	if err := build(ctx, program, on); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("stage the app: %w", err)
	}
	for from, to := range map[string]string{program: "app", "test/verify/app/Dockerfile": "Dockerfile"} {
		if err := copyFile(from, filepath.Join(folder, to)); err != nil {
			return fmt.Errorf("stage the app: %w", err)
		}
	}
	return writeVersion(folder, "one")
}

func build(ctx context.Context, program string, on platform) error {
	building.Lock()
	defer building.Unlock()
	command := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", program, "./test/verify/app")
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+on.system, "GOARCH="+on.processor)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the app: %w\n%s", err, out)
	}
	return nil
}

// copyFile makes a file anew: the old one may be running.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	os.Remove(to) // there may be none
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// writeVersion names the version of the app that the folder holds.
func writeVersion(folder, version string) error {
	text, err := json.Marshal(version)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "version.json"), text, 0o644)
}

// writeSettings writes the settings of a phase as a stack's file.
func (o options) writeSettings(file string, phase contract.Phase, app string, stack map[string]any, few bool) error {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(root, app)
	if err != nil {
		return fmt.Errorf("the app's folder must be below the project's: %w", err)
	}
	text, err := phase.File(filepath.ToSlash(relative), stack, few)
	if err != nil {
		return fmt.Errorf("write the settings of phase %s: %w", phase, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
