// Package endtoend uses the apps in examples/ as people use them: each is started by the local cloud, as
// "make local APP=examples/NAME" starts it, and called through its REST API. The tests run when they are asked for
// (make test-examples), because they install packages and take some minutes.
package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"lambda-web/local/monitor"
	"lambda-web/test/launch"
)

// Example is one of the apps in examples/.
type Example struct {
	Root string // the project's folder, where "make build" was run
	Name string // folder below examples/, such as go or plain/flask-blog

	// Dockerfile is another Dockerfile than the app's own, inside its folder.
	Dockerfile string
	// Environment is added to the environment that the example's settings give to the app.
	Environment map[string]string
	// Settings are added to the example's own.
	Settings map[string]string
	// Mode is how the app runs: process or container.
	Mode string
	// Cold lets the first request start the app.
	Cold bool
	// Freeze stops the app's processes between requests, as Lambda does.
	Freeze bool
}

// Folder is the app's folder.
func (e Example) Folder() string { return filepath.Join(e.Root, "examples", e.Name) }

// File holds the example's settings: a stack's configuration, ready to be copied beside Pulumi.yaml.
func (e Example) File() string {
	return filepath.Join(e.Folder(), "Pulumi."+filepath.Base(e.Name)+".yaml")
}

// installing is how long a first start may take, which installs the app's packages.
const installing = 10 * time.Minute

// Start starts the local cloud with an example and waits until it is ready.
func Start(e Example) (*launch.Cloud, error) {
	args, err := e.arguments()
	if err != nil {
		return nil, err
	}
	command := exec.Command(filepath.Join(e.Root, ".lambda-web", "bin", "local"), args...)
	command.Dir = e.Root
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = append(os.Environ(), "LAMBDA_WEB_STOP_WITH_PARENT=1")
	return launch.Start(command, installing, nil)
}

// Run runs a command in an example's environment or image, as "make run" does, and returns what it wrote.
func Run(e Example, command string) (string, error) {
	args, err := e.arguments()
	if err != nil {
		return "", err
	}
	run := exec.Command(filepath.Join(e.Root, ".lambda-web", "bin", "local"), append(args, "-run", command)...)
	run.Dir = e.Root
	out, err := run.CombinedOutput()
	return string(out), err
}

// arguments are those of "make local", on ports that nobody else has, unless an example says which its app has.
func (e Example) arguments() ([]string, error) {
	args := []string{"-port", "0", "-watch=false", "-mode", e.Mode, "-config-file", e.File(), "-app", e.Folder()}
	settings, err := os.ReadFile(e.File())
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(settings, []byte("lambda-web:port:")) {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		args = append(args, "-c", fmt.Sprintf("port=%d", port))
	}
	if e.Cold {
		args = append(args, "-cold")
	}
	if e.Freeze {
		args = append(args, "-freeze")
	}
	if e.Dockerfile != "" {
		args = append(args, "-c", "dockerfile="+e.Dockerfile)
	}
	for key, value := range e.Settings {
		args = append(args, "-c", key+"="+value)
	}
	if len(e.Environment) == 0 {
		return args, nil
	}
	environment, err := e.environment()
	return append(args, "-c", "environment="+environment), err
}

// environment is the one of the example's settings with what is added to it, as JSON.
func (e Example) environment() (string, error) {
	stack, err := monitor.LoadStack(e.Root, "dev", e.File())
	if err != nil {
		return "", err
	}
	variables := map[string]string{}
	if err := json.Unmarshal([]byte(stack.Config[stack.Project+":environment"]), &variables); err != nil {
		return "", fmt.Errorf("environment in %s: %w", e.File(), err)
	}
	maps.Copy(variables, e.Environment)
	encoded, err := json.Marshal(variables)
	return string(encoded), err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
