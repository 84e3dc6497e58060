// Package emulator fetches AWS's official Runtime Interface Emulator, for tests that compare with it. It ships inside a
// Python package, of which nothing else is used.
//
// https://github.com/aws/aws-lambda-runtime-interface-emulator
package emulator

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const (
	pythonPackage = "aws-sam-cli==1.170.0"
	memberFolder  = "samcli/local/rapid/"
	// ExtensionFolder is where the emulator looks for extensions. There is one on a machine.
	ExtensionFolder = "/opt/extensions"
)

// ErrUnavailable says that this machine cannot have the emulator or run it.
var ErrUnavailable = errors.New("the Runtime Interface Emulator cannot be used")

// Fetch returns the path of the emulator, which is downloaded once into the folder given (the project's .lambda-web).
// Until release is called, no other process gets it: they would share the folder of extensions.
func Fetch(cache string) (path string, release func(), err error) {
	name, ok := map[string]string{"amd64": "aws-lambda-rie-x86_64", "arm64": "aws-lambda-rie-arm64"}[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("%w: there is none for %s/%s", ErrUnavailable, runtime.GOOS, runtime.GOARCH)
	}
	folder := filepath.Join(cache, "rie")
	if release, err = lock(filepath.Dir(ExtensionFolder)); err != nil {
		return "", nil, err
	}
	path = filepath.Join(folder, strings.ReplaceAll(pythonPackage, "==", "-"), name)
	if _, err := os.Stat(path); err == nil {
		return path, release, nil
	}
	if err := download(name, path); err != nil {
		release()
		return "", nil, err
	}
	return path, release, nil
}

// lock holds an exclusive lock on a folder, which processes of other checkouts respect, too.
func lock(path string) (release func(), err error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		folder.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { folder.Close() }, nil
}

// download takes the emulator out of the package's wheel.
func download(name, path string) error {
	wheels, err := os.MkdirTemp("", "emulator")
	if err != nil {
		return fmt.Errorf("make a folder for the download: %w", err)
	}
	defer os.RemoveAll(wheels)
	pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--dest", wheels, pythonPackage)
	if output, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: the package index did not give %s: %v %s", ErrUnavailable, pythonPackage, err, output)
	}
	found, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("find the wheel of %s: %v %w", pythonPackage, found, err)
	}
	wheel, err := zip.OpenReader(found[0])
	if err != nil {
		return fmt.Errorf("open %s: %w", found[0], err)
	}
	defer wheel.Close()
	member, err := wheel.Open(memberFolder + name)
	if err != nil {
		return fmt.Errorf("find the emulator in %s: %w", pythonPackage, err)
	}
	defer member.Close()
	content, err := io.ReadAll(member)
	if err != nil {
		return fmt.Errorf("unpack the emulator: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the emulator's folder: %w", err)
	}
	if err := os.WriteFile(path+".new", content, 0o755); err != nil {
		return fmt.Errorf("write the emulator: %w", err)
	}
	return os.Rename(path+".new", path)
}

// Install puts executables, by the names of the extensions, where the emulator looks for them. The emulator must be
// held.
func Install(executables map[string]string) (remove func(), err error) {
	entries, err := os.ReadDir(ExtensionFolder)
	existed := err == nil
	if existed && len(entries) > 0 {
		return nil, fmt.Errorf("%w: %s holds other extensions, which it would start too", ErrUnavailable,
			ExtensionFolder)
	}
	if err := os.MkdirAll(ExtensionFolder, 0o755); err != nil {
		return nil, fmt.Errorf("%w: it needs %s: %v", ErrUnavailable, ExtensionFolder, err)
	}
	remove = func() {
		for name := range executables {
			os.Remove(filepath.Join(ExtensionFolder, name))
		}
		if !existed {
			os.Remove(ExtensionFolder)
		}
	}
	for name, file := range executables {
		content, err := os.ReadFile(file)
		if err != nil {
			remove()
			return nil, fmt.Errorf("install the extension %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(ExtensionFolder, name), content, 0o755); err != nil {
			remove()
			return nil, fmt.Errorf("%w: it needs extensions in %s: %v", ErrUnavailable, ExtensionFolder, err)
		}
	}
	return remove, nil
}
