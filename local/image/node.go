package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// modules is the folder that Node's package managers install into.
const modules = "node_modules"

// packageFiles decide what Node's package managers install.
var packageFiles = []string{
	"package.json", ".npmrc", "package-lock.json", "npm-shrinkwrap.json",
	"yarn.lock", ".yarnrc", ".yarnrc.yml", "pnpm-lock.yaml", "pnpm-workspace.yaml",
}

// installsNodePackages recognises the commands that fill node_modules from package.json.
func installsNodePackages(program string, args []string) bool {
	named := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
	switch {
	case program == "yarn" && len(named) == 0:
		return !slices.Contains(args, "--version")
	case len(named) == 0 || slices.Contains(args, "-g") || slices.Contains(args, "--global"):
		return false
	case program == "npm":
		return slices.Contains([]string{"ci", "install", "i", "clean-install"}, named[0])
	case program == "yarn", program == "pnpm":
		return named[0] == "install" || program == "pnpm" && named[0] == "i"
	}
	return false
}

// throughNPM has npm run another package manager, at the version that the app asks for.
// https://nodejs.org/api/packages.html#packagemanager
func throughNPM(dir string, args []string) ([]string, bool) {
	name := filepath.Base(args[0])
	version, known := map[string]string{"yarn": "1", "pnpm": "10"}[name]
	if !known {
		return nil, false
	}
	var described struct{ PackageManager string }
	if text, err := os.ReadFile(filepath.Join(dir, "package.json")); err == nil {
		json.Unmarshal(text, &described) // a broken file is the package manager's own to report
	}
	if asked, ok := strings.CutPrefix(described.PackageManager, name+"@"); ok {
		version, _, _ = strings.Cut(asked, "+")
	}
	source := name
	if name == "yarn" && !strings.HasPrefix(version, "1") {
		source = "@yarnpkg/cli-dist" // where its later versions are
	}
	return append([]string{"npm", "exec", "--yes", "--package=" + source + "@" + version, "--", name}, args[1:]...), true
}

// installNode provides node_modules for a folder. It is installed once into the cache and linked from
// there, or copied if commands of the image may change it. Packages that need files of the app are installed in the image itself.
func (b *builder) installNode(ctx context.Context, root rootfs, s step, own bool) error {
	said := fmt.Sprintf("Dockerfile line %d: %s", s.line, strings.Join(s.args, " "))
	dir := root.path(s.workdir)
	env := buildEnvironment(b.environment(s.env, root), root)
	words, err := b.toolCommand(dir, env["PATH"], s.args)
	if err != nil {
		return fmt.Errorf("%s: npm is not on the PATH; install Node.js", said)
	}
	manager := packageManager{words: words, env: env}
	if needsApp(dir, s.args) {
		fmt.Fprintln(b.src.Log, "Installing the app's Node packages")
		if err := manager.run(ctx, dir); err != nil {
			return fmt.Errorf("%s: %w", said, err)
		}
		return nil
	}
	key, err := manager.key(ctx, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", said, err)
	}
	cached := filepath.Join(b.src.Cache, "npm", key)
	if _, err := os.Stat(filepath.Join(cached, readyMark)); err != nil {
		fmt.Fprintln(b.src.Log, "Installing the app's Node packages (once)")
		if err := manager.install(ctx, dir, cached); err != nil {
			return fmt.Errorf("%s: %w", said, err)
		}
	}
	b.cached = append(b.cached, cached)
	return provideModules(filepath.Join(cached, modules), filepath.Join(dir, modules), own)
}

// provideModules puts the packages of the cache into a folder of the image.
func provideModules(cached, folder string, own bool) error {
	if _, err := os.Stat(cached); errors.Is(err, fs.ErrNotExist) {
		return nil // an app without dependencies
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("replace node_modules: %w", err)
	}
	if own {
		return copyTree(cached, folder)
	}
	return os.Symlink(cached, folder)
}

// needsApp tells whether an installation is about more than the package files: packages named in the
// command, folders of the app that are packages, scripts that run when it is done.
func needsApp(dir string, args []string) bool {
	named := slices.DeleteFunc(slices.Clone(args[1:]), func(a string) bool { return strings.HasPrefix(a, "-") })
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil || len(named) > 1 {
		return len(named) > 1
	}
	var described struct {
		Workspaces                                          json.RawMessage
		Scripts                                             map[string]string
		Dependencies, DevDependencies, OptionalDependencies map[string]string
	}
	if json.Unmarshal(text, &described) != nil {
		return false // the package manager reports it
	}
	for _, script := range []string{"preinstall", "install", "postinstall", "prepare"} {
		if described.Scripts[script] != "" {
			return true
		}
	}
	for _, list := range []map[string]string{described.Dependencies, described.DevDependencies, described.OptionalDependencies} {
		for _, version := range list {
			if strings.HasPrefix(version, "file:") || strings.HasPrefix(version, "link:") || strings.HasPrefix(version, "workspace:") {
				return true
			}
		}
	}
	_, err = os.Stat(filepath.Join(dir, "pnpm-workspace.yaml"))
	return len(described.Workspaces) > 0 || err == nil
}

// packageManager is one command of npm, yarn or pnpm.
type packageManager struct {
	words []string
	env   map[string]string // of the image: NODE_ENV and the like decide what is installed
}

// key names an installation: the same files, command, environment and Node give the same packages.
func (m packageManager) key(ctx context.Context, dir string) (string, error) {
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask node for its version: %w", err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s%q%s", version, m.words, m.env["NODE_ENV"])
	for _, name := range packageFiles {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d %s", name, len(text), text)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// install fills a folder of the cache.
func (m packageManager) install(ctx context.Context, dir, cached string) error {
	if err := os.RemoveAll(cached); err != nil {
		return err
	}
	if err := os.MkdirAll(cached, 0o755); err != nil {
		return err
	}
	for _, name := range packageFiles {
		err := copyFile(filepath.Join(dir, name), filepath.Join(cached, name), 0o644)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := m.run(ctx, cached); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(cached, readyMark), nil, 0o644)
}

func (m packageManager) run(ctx context.Context, dir string) error {
	command := exec.CommandContext(ctx, m.words[0], m.words[1:]...)
	command.Dir = dir
	command.Env = append(os.Environ(), append(list(m.env),
		"npm_config_audit=false", "npm_config_fund=false", "npm_config_update_notifier=false",
		"YARN_NODE_LINKER=node-modules", "YARN_ENABLE_GLOBAL_CACHE=true", "CI=1")...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(&output, 6))
	}
	return nil
}
