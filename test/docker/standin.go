package docker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

func (d *Daemon) python(image, folder string) error {
	if image == Python {
		return extract(folder, image, "dumb-init", "python3", "python3-pip", "python-is-python3", "tini")
	}
	if err := d.Provide(Python); err != nil {
		return err
	}
	return build(image, folder, "FROM "+Python+"\n", nil)
}

// node is this machine's Node.js and npm.
func (d *Daemon) node(image, folder string) error {
	if err := d.Provide(Python); err != nil {
		return err
	}
	if err := copyProgram(folder, "node"); err != nil {
		return err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return err
	}
	if npm, err = filepath.EvalSymlinks(npm); err != nil {
		return err
	}
	if _, err := run("cp", "-rL", filepath.Dir(filepath.Dir(npm)), filepath.Join(folder, "npm")); err != nil {
		return err
	}
	registry, err := run("npm", "config", "get", "registry")
	if err != nil {
		return err
	}
	return build(image, folder, "FROM "+Python+"\nCOPY root/ /\nCOPY npm /usr/lib/node_modules/npm\n"+
		"RUN ln -s /usr/lib/node_modules/npm/bin/npm-cli.js /usr/bin/npm && useradd --create-home node\n"+
		"ENV npm_config_registry="+registry+" NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n", nil)
}

// bun is the program as it is in npm's registry.
func (d *Daemon) bun(image, folder string) error {
	if err := d.Provide(Python); err != nil {
		return err
	}
	processor := map[string]string{"amd64": "x64", "arm64": "aarch64"}[runtime.GOARCH]
	install := exec.Command("npm", "install", "--no-save", "--prefix", folder, "@oven/bun-linux-"+processor+"@1")
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w\n%s", err, Last(out))
	}
	return build(image, folder, "FROM "+Python+"\nCOPY node_modules/@oven/bun-linux-"+processor+
		"/bin/bun /usr/local/bin/bun\n", nil)
}

// golang is what of this machine's Go compiles an app.
func (d *Daemon) golang(image, folder string) error {
	if err := d.Provide(Python); err != nil {
		return err
	}
	root, err := run("go", "env", "GOROOT")
	if err != nil {
		return err
	}
	to := filepath.Join(folder, "go")
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"cp", "-r", root + "/bin", root + "/pkg", root + "/src", root + "/VERSION", root + "/go.env", to},
		{"rm", "-rf", filepath.Join(to, "src", "cmd")},
		{"find", filepath.Join(to, "src"), "-name", "testdata", "-prune", "-exec", "rm", "-rf", "{}", "+"},
	} {
		if _, err := run(command[0], command[1:]...); err != nil {
			return err
		}
	}
	proxy, err := run("go", "env", "GOPROXY")
	if err != nil {
		return err
	}
	return build(image, folder, "FROM "+Python+"\nCOPY go /usr/local/go\nENV PATH=/usr/local/go/bin:$PATH "+
		"GOTOOLCHAIN=local GOPROXY="+proxy+"\n", nil)
}

// copyProgram puts a program of this machine and its libraries below root/.
func copyProgram(folder, program string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	if err := copyFiles(folder, path); err != nil {
		return err
	}
	return copyLibraries(folder, path)
}

// copyLibraries puts what the loader finds for programs or libraries below root/.
func copyLibraries(folder string, of ...string) error {
	libraries, err := run("ldd", of...)
	if err != nil {
		return err
	}
	var files []string
	for _, word := range strings.Fields(libraries) {
		if strings.HasPrefix(word, "/") && !strings.HasSuffix(word, ":") { // of several, ldd names each
			files = append(files, word)
		}
	}
	return copyFiles(folder, files...)
}

// copyFiles puts files of this machine below root/, where they are here.
func copyFiles(folder string, files ...string) error {
	for _, file := range files {
		target := filepath.Join(folder, "root", file)
		if strings.HasPrefix(file, "/lib") { // the image's own /lib is a link
			target = filepath.Join(folder, "root", "usr", file)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if _, err := run("cp", "-L", file, target); err != nil {
			return err
		}
	}
	return nil
}

// extract makes an image of a minimal system with distribution packages, which are unpacked and not configured.
func extract(folder, image string, packages ...string) error {
	if err := Install("mmdebstrap", "mmdebstrap"); err != nil {
		return err
	}
	root := filepath.Join(folder, "root")
	suite, sources, err := packageSources()
	if err != nil {
		return err
	}
	packages = append([]string{"base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash",
		"libc-bin", "login", "netbase", "passwd", "tzdata"}, packages...)
	if _, err := run("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory",
		"--include="+strings.Join(packages, ","), suite, root, sources); err != nil {
		return err
	}
	// What configuring would have done.
	for _, file := range []string{"passwd", "group"} {
		if err := os.Rename(filepath.Join(root, "usr/share/base-passwd", file+".master"), filepath.Join(root, "etc",
			file)); err != nil {
			return err
		}
	}
	changes, err := connect(root)
	if err != nil {
		return err
	}
	err = importRoot(root, image, changes)
	return errors.Join(err, os.RemoveAll(root))
}

// connect makes what leads this machine to its package indexes lead there from the image, too.
func connect(root string) (changes []string, err error) {
	changes = []string{"ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
		"ENV PIP_BREAK_SYSTEM_PACKAGES=1", `CMD ["python3"]`}
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"} {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if err := errors.Join(os.MkdirAll(root+filepath.Dir(file), 0o755), os.WriteFile(root+file, content,
			0o644)); err != nil {
			return nil, err
		}
		if filepath.Ext(file) == ".crt" {
			changes = append(changes, "ENV PIP_CERT="+file+" SSL_CERT_FILE="+file+" REQUESTS_CA_BUNDLE="+file)
		}
	}
	for _, name := range []string{"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT"} {
		if value := os.Getenv(name); value != "" {
			changes = append(changes, "ENV "+name+"="+value)
		}
	}
	return changes, nil
}

func importRoot(root, image string, changes []string) error {
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	archive := exec.Command("tar", "-c", "-C", root, ".")
	load := exec.Command("docker", append(args, "-", image)...)
	var err error
	if load.Stdin, err = archive.StdoutPipe(); err != nil {
		return err
	}
	if err := archive.Start(); err != nil {
		return err
	}
	out, err := load.CombinedOutput()
	if err := errors.Join(err, archive.Wait()); err != nil {
		return fmt.Errorf("docker import: %w\n%s", err, out)
	}
	return nil
}

// packageSources are this system's suite and the file that says where its packages come from.
func packageSources() (suite, sources string, err error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			suite = strings.Trim(value, `"`)
		}
	}
	for _, file := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list.d/ubuntu.sources",
		"/etc/apt/sources.list"} {
		if _, err := os.Stat(file); err == nil {
			return suite, file, nil
		}
	}
	return "", "", errors.New("there is no list of package sources under /etc/apt")
}
