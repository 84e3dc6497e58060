// Package endtoend uses the apps in examples/ as people use them: each is started by the local cloud, as
// "make local APP=examples/NAME" starts it, and called through its REST API. The tests run when they are asked for
// (make test-examples), because they install packages and take some minutes.
package endtoend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"lambda-web/local/monitor"
)

// Example is one of the apps in examples/.
type Example struct {
	Root string // the project's folder, where "make build" was run
	Name string // folder below examples/

	// Dockerfile is another Dockerfile than the app's own, inside its folder.
	Dockerfile string
	// Environment is added to the environment that the example's settings give to the app.
	Environment map[string]string
	// Settings are added to the example's own.
	Settings map[string]string
	// Freeze stops the app's processes between requests, as Lambda does.
	Freeze bool
}

// Folder is the app's folder.
func (e Example) Folder() string { return filepath.Join(e.Root, "examples", e.Name) }

// File holds the example's settings: a stack's configuration, ready to be copied beside Pulumi.yaml.
func (e Example) File() string { return filepath.Join(e.Folder(), "Pulumi."+e.Name+".yaml") }

// Cloud is a running local cloud.
type Cloud struct {
	URL string // of the stage

	command *exec.Cmd
	ended   chan struct{}
	mu      sync.Mutex
	lines   []string
	grown   *sync.Cond
}

// Start starts the local cloud with an example and waits until it is ready.
func Start(e Example) (*Cloud, error) {
	args, err := e.arguments()
	if err != nil {
		return nil, err
	}
	c := &Cloud{ended: make(chan struct{}), command: exec.Command(filepath.Join(e.Root, ".lambda-web", "bin", "local"), args...)}
	c.grown = sync.NewCond(&c.mu)
	c.command.Dir = e.Root
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.command.Env = append(os.Environ(), "LAMBDA_WEB_STOP_WITH_PARENT=1")
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.command.Stderr = c.command.Stdout
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start the local cloud (is it built? make build): %w", err)
	}
	go c.follow(out)
	if _, err := c.Await(". Stop with Ctrl-C.", 10*time.Minute); err != nil { // apps say that they are ready too; the first start installs the app's packages
		c.command.Process.Kill()
		<-c.ended
		return nil, err
	}
	url, err := c.output("url")
	c.URL = url
	return c, err
}

// arguments are those of "make local", on ports that nobody else has, unless an example says which its app has.
func (e Example) arguments() ([]string, error) {
	args := []string{"-port", "0", "-watch=false", "-config-file", e.File(), "-app", e.Folder()}
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

func (c *Cloud) follow(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c.mu.Lock()
		c.lines = append(c.lines, lines.Text())
		c.grown.Broadcast()
		c.mu.Unlock()
	}
	c.command.Wait()
	c.mu.Lock()
	close(c.ended)
	c.grown.Broadcast()
	c.mu.Unlock()
}

// Await waits for a line that holds a text. Lines that were printed before count too.
func (c *Cloud) Await(text string, patience time.Duration) (string, error) {
	late := false
	alarm := time.AfterFunc(patience, func() {
		c.mu.Lock()
		late = true
		c.grown.Broadcast()
		c.mu.Unlock()
	})
	defer alarm.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for seen := 0; ; c.grown.Wait() {
		for ; seen < len(c.lines); seen++ {
			if strings.Contains(c.lines[seen], text) {
				return c.lines[seen], nil
			}
		}
		select {
		case <-c.ended:
			return "", fmt.Errorf("the local cloud ended without a line that says %q:\n%s", text, strings.Join(c.lines, "\n"))
		default:
		}
		if late {
			return "", fmt.Errorf("no line said %q within %s:\n%s", text, patience, strings.Join(c.lines, "\n"))
		}
	}
}

// output is one of the stack's outputs.
func (c *Cloud) output(name string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.lines {
		if key, value, ok := strings.Cut(line, ": "); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("there is no output %s", name)
}

// Log is everything the local cloud and the app have printed.
func (c *Cloud) Log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

// Stop asks for an orderly end, as Ctrl-C does.
func (c *Cloud) Stop() error {
	c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		c.command.Process.Kill()
		<-c.ended
		return errors.New("the local cloud did not end within 30 s of SIGTERM")
	}
	if code := c.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the local cloud ended with code %d", code)
	}
	return nil
}
