package process

import (
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
	"strings"

	"lambda-web/local/step"
)

// modules is the folder that Node's package managers install into.
const modules = "node_modules"

// packageFile is what package.json says about packages.
// https://nodejs.org/api/packages.html#nodejs-packagejson-field-definitions
type packageFile struct {
	PackageManager                string
	Dependencies, DevDependencies map[string]string
}

// installNode provides node_modules beside the app: the one that is there, else the one command of the lock file.
// What this program installed itself is renewed when the lock file changed.
func (src Source) installNode(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(src.Folder, "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var p packageFile
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	if len(p.Dependencies)+len(p.DevDependencies) == 0 {
		return nil
	}
	r := src.nodeRecord()
	if isFolder(filepath.Join(src.Folder, modules)) && !r.stale() {
		return nil
	}
	command, lockFile := src.packageManager(p)
	if command == nil {
		return startError("the app's Node packages are not installed, and there is no lock file that says "+
			"which: run npm install in %s", src.Folder)
	}
	unlock, err := lock(ctx, r.file+".lock", src.Log)
	if err != nil {
		return err
	}
	defer unlock()
	if isFolder(filepath.Join(src.Folder, modules)) && !r.stale() {
		return nil // installed by another start while this one waited
	}
	return src.runPackageManager(ctx, command, lockFile, r)
}

func (src Source) runPackageManager(ctx context.Context, command []string, lockFile string, r nodeRecord) error {
	said := strings.Join(command, " ")
	program, err := exec.LookPath(command[0])
	if err != nil {
		return startError("%s, which installs the app's packages as %s says, is not on this machine: %s", command[0],
			lockFile,
			insteadOf("install it, or install the packages with the tool that you use"))
	}
	fmt.Fprintf(src.Log, "Installing the app's Node packages, as %s says, in %s: %s\n", lockFile, src.Folder, said)
	if err := r.write("unfinished"); err != nil {
		return err
	}
	err = step.Run(ctx, step.Command{
		Name: said, Args: append([]string{program}, command[1:]...), Dir: src.Folder, Env: src.nodeVariables(),
		Terminal: src.Terminal, Log: src.Log,
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("the app's Node packages could not be installed. Mend %s or the connection, install them yourself "+
			"(%s beside the app is used as it is), or run the app's image: make local MODE=container. %w", lockFile,
			modules, err)
	}
	return r.write(r.state())
}

// lockFiles are the commands that install exactly what a lock file says.
var lockFiles = []struct {
	name    string
	command []string
}{
	{"package-lock.json", []string{"npm", "ci"}},
	{"npm-shrinkwrap.json", []string{"npm", "ci"}},
	{"pnpm-lock.yaml", []string{"pnpm", "install", "--frozen-lockfile"}},
	{"yarn.lock", []string{"yarn", "install", "--frozen-lockfile"}},
	{"bun.lock", []string{"bun", "install", "--frozen-lockfile"}},
	{"bun.lockb", []string{"bun", "install", "--frozen-lockfile"}},
}

// packageManager is the command of the app's lock file. Of several lock files, that of the package manager named in
// package.json counts.
func (src Source) packageManager(p packageFile) (command []string, lockFile string) {
	named, version, _ := strings.Cut(p.PackageManager, "@")
	for _, l := range lockFiles {
		if !isFile(filepath.Join(src.Folder, l.name)) {
			continue
		}
		if command == nil || l.command[0] == named && command[0] != named {
			command, lockFile = l.command, l.name
		}
	}
	if lockFile == "yarn.lock" && (named == "yarn" && !strings.HasPrefix(version, "1.") ||
		isFile(filepath.Join(src.Folder, ".yarnrc.yml"))) {
		command = []string{"yarn", "install", "--immutable"} // since yarn 2
	}
	return command, lockFile
}

// nodeVariables keep the caches inside the project. The developer's configuration (registries) stays in force.
func (src Source) nodeVariables() []string {
	cache := filepath.Join(src.Cache, "cache")
	return append(os.Environ(),
		"npm_config_cache="+filepath.Join(cache, "npm"), "npm_config_store_dir="+filepath.Join(cache, "pnpm"),
		"YARN_CACHE_FOLDER="+filepath.Join(cache, "yarn"), "YARN_GLOBAL_FOLDER="+filepath.Join(cache, "yarn-berry"),
		"BUN_INSTALL_CACHE_DIR="+filepath.Join(cache, "bun"), "YARN_NODE_LINKER=node-modules",
		"npm_config_audit=false", "npm_config_fund=false", "npm_config_update_notifier=false",
		"YARN_ENABLE_TELEMETRY=0", "COREPACK_ENABLE_DOWNLOAD_PROMPT=0")
}

// nodeRecord remembers what this program installed in an app's folder.
type nodeRecord struct {
	folder string
	file   string
}

func (src Source) nodeRecord() nodeRecord {
	sum := sha256.Sum256([]byte(src.Folder))
	return nodeRecord{folder: src.Folder, file: filepath.Join(src.Cache, "node", hex.EncodeToString(sum[:])[:16])}
}

// stale tells whether the packages are those that this program installed, or began to, for another lock file.
// Packages that somebody else installed are never stale.
func (r nodeRecord) stale() bool {
	text, err := os.ReadFile(r.file)
	if err != nil {
		return false
	}
	was, now := strings.Fields(string(text)), strings.Fields(r.state())
	return was[0] == "unfinished" || len(was) == len(now) && was[0] != now[0] && was[1] == now[1]
}

// state is the lock files' hash and the time at which node_modules itself was last changed.
func (r nodeRecord) state() string {
	hash := sha256.New()
	for _, l := range lockFiles {
		text, _ := os.ReadFile(filepath.Join(r.folder, l.name))
		fmt.Fprintf(hash, "%s %d\n%s", l.name, len(text), text)
	}
	changed := "none"
	if info, err := os.Stat(filepath.Join(r.folder, modules)); err == nil {
		changed = fmt.Sprint(info.ModTime().UnixNano())
	}
	return hex.EncodeToString(hash.Sum(nil)) + " " + changed
}

func (r nodeRecord) write(state string) error {
	if err := os.MkdirAll(filepath.Dir(r.file), 0o755); err != nil {
		return fmt.Errorf("remember the installation: %w", err)
	}
	if err := os.WriteFile(r.file, []byte(state+"\n"), 0o644); err != nil {
		return fmt.Errorf("remember the installation: %w", err)
	}
	return nil
}
