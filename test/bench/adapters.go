//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// adapter is a binary that is measured.
type adapter struct {
	name      string
	path      string
	reference bool // targets are ratios to it
}

// binaryName is how Lambda knows an adapter.
const binaryName = "lambda-adapter"

// referenceVersions are those of the crate lambda_web_adapter that are measured: the newest of 0.x and of 1.x.
var referenceVersions = []string{"0.9.1", "1.0.0-rc1"}

// adapterFlags are -adapter PATH or -adapter NAME=PATH, in the order given.
type adapterFlags []adapter

func (f *adapterFlags) String() string { return "" }

func (f *adapterFlags) Set(text string) error {
	name, path, found := strings.Cut(text, "=")
	if !found {
		name, path = text, text
	}
	if name == "" || path == "" {
		return errors.New("it must be PATH or NAME=PATH")
	}
	*f = append(*f, adapter{name: name, path: path, reference: strings.HasPrefix(name, "reference")})
	return nil
}

// named gives every binary the file name under which it must register, in a folder of its own.
func named(adapters []adapter, folder string) error {
	for i, a := range adapters {
		path, err := filepath.Abs(a.path)
		if err != nil {
			return fmt.Errorf("find the adapter %s: %w", a.name, err)
		}
		if filepath.Base(path) != binaryName {
			copied := filepath.Join(folder, strconv.Itoa(i), binaryName)
			if err := copyFile(copied, path); err != nil {
				return fmt.Errorf("copy the adapter %s: %w", a.name, err)
			}
			path = copied
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("find the adapter %s: %w", a.name, err)
		}
		adapters[i].path = path
	}
	return nil
}

func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(copied, source); err != nil {
		return errors.Join(err, copied.Close())
	}
	return copied.Close()
}

// defaultAdapters builds the adapter of this repository and the naive one, and finds or installs the references.
func defaultAdapters(root string, install bool) ([]adapter, error) {
	folder := filepath.Join(root, ".lambda-web", "bench")
	var adapters []adapter
	ours, err := build(root, "./adapter", filepath.Join(folder, "lambda-web"))
	if err != nil {
		return nil, err
	}
	adapters = append(adapters, adapter{name: "lambda-web", path: ours})
	for _, version := range referenceVersions {
		path, err := reference(root, version, install)
		if err != nil {
			warn("bench: runs without the reference %s: %v", version, err)
			continue
		}
		adapters = append(adapters, adapter{name: "reference " + version, path: path, reference: true})
	}
	naive, err := build(root, "./test/bench/naive", filepath.Join(folder, "naive"))
	return append(adapters, adapter{name: "naive", path: naive}), err
}

// floorAdapters are the adapters given, or that of this repository, and the floor to which they are compared.
func floorAdapters(root string, given []adapter) ([]adapter, error) {
	folder := filepath.Join(root, ".lambda-web", "bench")
	if len(given) == 0 {
		ours, err := build(root, "./adapter", filepath.Join(folder, "lambda-web"))
		if err != nil {
			return nil, err
		}
		given = append(given, adapter{name: "lambda-web", path: ours})
	}
	floor, err := build(root, "./test/bench/floor", filepath.Join(folder, "floor"))
	return append(given, adapter{name: "floor", path: floor, reference: true}), err
}

// build compiles an adapter as it is released.
func build(root, pkg, folder string) (string, error) {
	path := filepath.Join(folder, binaryName)
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -funcalign=16",
		"-o", path, pkg)
	command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, output)
	}
	return path, nil
}

// reference finds a version of the reference, or installs it from its registry with the release profile of its own.
func reference(root, version string, install bool) (string, error) {
	folder := filepath.Join(root, ".lambda-web", "reference", version)
	path := filepath.Join(folder, "bin", binaryName)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if !install {
		return "", errors.New("it is not installed yet, and -quick does not install it")
	}
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return "", errors.New("cargo is missing; https://rustup.rs has it")
	}
	warn("bench: installing the reference %s, once; this takes some minutes", version)
	command := exec.Command(cargo, "install", "lambda_web_adapter", "--version", version, "--locked", "--root", folder)
	if output, err := command.CombinedOutput(); err != nil {
		text := strings.TrimSpace(string(output))
		return "", fmt.Errorf("cargo install: %w: %s", err, text[max(0, len(text)-300):])
	}
	return path, nil
}

// moduleRoot is the nearest folder upwards that holds go.mod.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if filepath.Dir(folder) == folder {
			return "", errors.New("find the module: no go.mod in this folder or above")
		}
		folder = filepath.Dir(folder)
	}
}
