package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packageFiles decide what npm installs.
var packageFiles = []string{"package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"}

// installNode provides node_modules for a folder: installed once into the cache, linked from there.
func (b *builder) installNode(ctx context.Context, dir string, s step) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("Dockerfile line %d: npm %s: npm is not on the PATH; install Node.js", s.line, strings.Join(s.args, " "))
	}
	key, err := nodeKey(ctx, dir, s.args)
	if err != nil {
		return fmt.Errorf("Dockerfile line %d: npm %s: %w", s.line, strings.Join(s.args, " "), err)
	}
	cached := filepath.Join(b.src.Cache, "npm", key)
	if _, err := os.Stat(filepath.Join(cached, readyMark)); err != nil {
		fmt.Fprintln(b.src.Log, "Installing the app's Node packages (once)")
		if err := npmInstall(ctx, npm, dir, cached, s.args); err != nil {
			return fmt.Errorf("Dockerfile line %d: npm %s: %w", s.line, strings.Join(s.args, " "), err)
		}
	}
	modules := filepath.Join(cached, "node_modules")
	if _, err := os.Stat(modules); errors.Is(err, fs.ErrNotExist) {
		return nil // an app without dependencies
	}
	link := filepath.Join(dir, "node_modules")
	if target, err := os.Readlink(link); err == nil && target == modules {
		return nil
	}
	if err := os.RemoveAll(link); err != nil {
		return fmt.Errorf("replace node_modules: %w", err)
	}
	return os.Symlink(modules, link)
}

// nodeKey names an installation: the same files, arguments and Node give the same packages.
func nodeKey(ctx context.Context, dir string, args []string) (string, error) {
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask node for its version: %w", err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s%q", version, args)
	for _, name := range packageFiles {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d %s", name, len(text), text)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func npmInstall(ctx context.Context, npm, dir, cached string, args []string) error {
	if err := os.RemoveAll(cached); err != nil {
		return err
	}
	for _, name := range packageFiles {
		err := copyFile(filepath.Join(dir, name), filepath.Join(cached, name), 0o644)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(cached, 0o755); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, npm, append(args, "--no-audit", "--no-fund", "--no-update-notifier")...)
	command.Dir = cached
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(&output, 6))
	}
	return os.WriteFile(filepath.Join(cached, readyMark), nil, 0o644)
}
