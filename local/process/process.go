// Package process makes an app ready to run as its developer runs it: in its own folder, with this machine's
// interpreters and the packages of the app's own lock files.
//
// The map: a start command comes from COMMAND, the app's Procfile or its Dockerfile (start.go, procfile.go,
// dockerfile.go); packages come from a virtual environment (python.go, requirements.go) or node_modules
// (node.go); a release command, or a Procfile's release line, runs before a new version (release.go); files.go tells
// when the app has changed.
//
// Of a Dockerfile only ENTRYPOINT, CMD, ENV and WORKDIR of the final stage are read. No RUN, COPY or ADD is ever
// carried out. What this package writes is in the project's .lambda-web folder and in the app's own folder.
package process

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Source is an app and where its parts are.
type Source struct {
	Folder     string            // the app's
	Command    string            // a shell command line that starts it, instead of what its files say; or empty
	Dockerfile string            // path; the file need not exist
	Args       map[string]string // build arguments, which a Dockerfile's ENV may name
	Release    []string          // a command to run before a new version serves, instead of what the Procfile says
	Cache      string            // folder for environments, locks and package caches, kept between runs
	Log        io.Writer
	Terminal   *os.File // shows the progress of package managers; nil is none
}

// App is an app that is ready to start.
type App struct {
	Command []string          // program and arguments; the program is an absolute path
	Dir     string            // working directory
	Env     map[string]string // what the app's files say, and what finds this machine's programs and packages
	Release []string          // a command to run before a new version serves; or none
	Code    Code              // the app's files as they are now

	src Source
}

// Prepare reads how the app starts and installs its packages if they are not there. It is quick when they are.
func Prepare(ctx context.Context, src Source) (*App, error) {
	s, err := readStart(src)
	if err != nil {
		return nil, err
	}
	if err := s.checkFile(src.Folder); err != nil {
		return nil, err
	}
	before, err := Stamp(src.Folder)
	if err != nil {
		return nil, err
	}
	python, err := src.python(ctx)
	if err != nil {
		return nil, err
	}
	if err := src.installNode(ctx); err != nil {
		return nil, err
	}
	stamp, err := Stamp(src.Folder)
	if err != nil {
		return nil, err
	}
	made.add(src.Folder, before, stamp) // package managers leave files beside local packages
	stamp = before
	app := &App{Dir: src.Folder, Env: machine(), Code: Code{src.Folder, stamp}, src: src}
	for name, value := range s.env {
		if name == "HOME" && !isFolder(s.place(value, src.Folder)) {
			continue // the image's user has no home here
		}
		app.Env[name] = s.place(value, src.Folder)
	}
	app.Env["PATH"] = s.searchPath(src.Folder, python)
	if python != "" {
		app.Env["VIRTUAL_ENV"] = python
	}
	if app.Command, err = s.command(ctx, app); err != nil {
		return nil, err
	}
	app.Release, err = s.releaseCommand(app)
	return app, err
}

// tools are the variables by which programs of this machine are found and reach the network. The rest of the
// developer's environment stays outside: on Lambda an app has what its settings say.
var tools = []string{
	"HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
	"NODE_EXTRA_CA_CERTS",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"PYENV_ROOT", "PYENV_VERSION", "NVM_DIR", "FNM_DIR", "VOLTA_HOME", "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR",
	"COREPACK_HOME",
	"GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOFLAGS",
	"JAVA_HOME", "M2_HOME", "GRADLE_USER_HOME", "DOTNET_ROOT", "CARGO_HOME", "RUSTUP_HOME",
	"RBENV_ROOT", "RBENV_VERSION", "GEM_HOME", "GEM_PATH", "BUNDLE_PATH", "COMPOSER_HOME",
}

// machine is this machine's part of an app's environment.
func machine() map[string]string {
	env := map[string]string{}
	for _, name := range tools {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	return env
}

// searchPath finds programs in the virtual environment, then where the app's files say, then on this machine.
func (s *start) searchPath(folder, python string) string {
	var folders []string
	if python != "" {
		folders = append(folders, filepath.Join(python, "bin"))
	}
	for _, entry := range filepath.SplitList(s.env["PATH"]) {
		if placed := s.place(entry, folder); placed != entry {
			folders = append(folders, placed)
		}
	}
	if modules := filepath.Join(folder, "node_modules", ".bin"); isFolder(modules) {
		folders = append(folders, modules)
	}
	return strings.Join(append(folders, os.Getenv("PATH")), string(os.PathListSeparator))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
