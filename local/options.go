package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lambda-web/local/container"
	"lambda-web/local/monitor"
	"lambda-web/local/process"
)

// options are the command's settings. All of them are read and checked here.
type options struct {
	root        string // folder of Pulumi.yaml
	stack       string
	file        string // the stack's settings; empty is Pulumi.<stack>.yaml
	appFlag     string // folder of the app; empty is the stack's own setting
	host        string
	port        int
	sitePort    int    // of the distribution in front, if there is one
	infra       string // the built Pulumi program
	adapter     string // the built adapter
	cache       string
	config      map[string]string // settings that win over the stack's
	watch       bool              // redeploy when files change
	freeze      bool              // stop processes between invocations
	cold        bool              // the first request starts the app
	debug       bool              // no time limits, one sandbox
	log         string            // what is shown: short, platform or cloudwatch
	mode        string            // process, container or auto
	command     string            // starts the app in process mode
	build       bool              // the Pulumi program is built first
	oneOff      string            // command to run in the app's environment, in the place of the app
	consoleMode string            // on, record or off
	schedules   bool              // schedules run by the clock

	say func(format string, arguments ...any)
}

func readOptions(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("local", flag.ContinueOnError)
	set.StringVar(&o.root, "root", ".", "folder of Pulumi.yaml")
	set.StringVar(&o.stack, "stack", "dev", "stack to run: its settings are in Pulumi.<stack>.yaml")
	set.StringVar(&o.file, "config-file", "", "file with the stack's settings, in place of Pulumi.<stack>.yaml")
	set.StringVar(&o.appFlag, "app", "", "folder of the app (default: the stack's setting)")
	set.BoolVar(&o.freeze, "freeze", false, "stop all processes of a sandbox between invocations, as Lambda does")
	set.StringVar(&o.host, "host", "127.0.0.1", "address to listen on")
	set.IntVar(&o.port, "port", 3000, "port to listen on, 0 for a free one")
	set.IntVar(&o.sitePort, "site-port", besidePort,
		"port for the site of a distribution in front (front: cloudfront), 0 for a free one (default: the port behind -port)")
	set.BoolVar(&o.watch, "watch", true, "redeploy when the app, the adapter, the program or the settings change")
	set.BoolVar(&o.debug, "debug", false, "stop the clocks for a debugger: no time limits, no freeze, one sandbox")
	set.BoolVar(&o.cold, "cold", false, "let the first request start the app, as on Lambda, to measure it")
	set.StringVar(&o.log, "log", shortLog,
		"what a terminal shows: short (a line per request), platform (with START, END and REPORT), or "+
			"cloudwatch (as elsewhere: the lines of CloudWatch)")
	set.StringVar(&o.mode, "mode", autoMode,
		"how the app runs: process, container, or auto for container where an engine answers")
	set.StringVar(&o.command, "command", "", "shell command line that starts the app, in process mode")
	set.StringVar(&o.oneOff, "run", "",
		"run a command in the app's environment (a shell command line) or image (without a shell), and end "+
			"with its exit code")
	set.BoolVar(&o.build, "build", false, "build the Pulumi program first, while the app's packages are installed")
	set.StringVar(&o.consoleMode, "console", consoleOn,
		"the page that shows invocations, at /@/: on, record (with the traffic between adapter and app) or off")
	set.BoolFunc("schedules", "run schedules by the clock of this machine (=on)", func(text string) error {
		o.schedules = text == "on" || text == "true"
		if !o.schedules && text != "off" && text != "false" {
			return errors.New("it is on or off")
		}
		return nil
	})
	bin := set.String("bin", "", "folder of the built programs (default: .lambda-web/bin)")
	o.config = map[string]string{}
	set.Func("c", "setting of the stack, KEY=VALUE; may be repeated", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("it must have the form KEY=VALUE")
		}
		o.config[key] = value
		return nil
	})
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(0)
		}
		return o, err
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return o, fmt.Errorf("find the project's folder: %w", err)
	}
	o.root = root
	if o.mode == "docker" { // its name until now
		o.mode = containerMode
	}
	o.cache = filepath.Join(root, ".lambda-web")
	folder, err := filepath.Abs(cmp.Or(*bin, filepath.Join(o.cache, "bin")))
	if err != nil {
		return o, fmt.Errorf("find the folder of the built programs: %w", err)
	}
	o.infra, o.adapter = filepath.Join(folder, "infra"), filepath.Join(folder, "lambda-adapter")
	return o, o.check(set.Args())
}

// How the app runs.
const (
	processMode   = "process"   // as its developer runs it
	containerMode = "container" // as the image that "pulumi up" pushes
	autoMode      = "auto"      // container where an engine answers, else process
)

// engine is the container engine that runs the sandboxes; nil is process mode. With auto one line says which mode it
// is, why, and how to have the other.
func (o options) engine(ctx context.Context) (*container.Engine, error) {
	switch {
	case o.mode == processMode:
		return nil, nil
	case o.mode == containerMode:
		return container.Find(ctx, o.root, o.cache)
	case o.command != "":
		o.say("Process mode, as COMMAND says how the app is started. Its image: make local MODE=container")
		return nil, nil
	}
	if reason := o.withoutImage(); reason != "" {
		o.say("Process mode, as %s", reason)
		return nil, nil
	}
	engine, err := container.Find(ctx, o.root, o.cache)
	unavailable := (*container.UnavailableError)(nil)
	switch {
	case err == nil:
		o.say("Container mode, as %s answers. The app as you start it yourself: make local MODE=process", engine)
	case errors.As(err, &unavailable):
		o.say("Process mode, as %s. The app's image instead, with an engine: make local MODE=container",
			unavailable.Reason)
		return nil, nil
	}
	return engine, err
}

// withoutImage says why there is nothing to build for a container engine, if that is so.
func (o options) withoutImage() string {
	program, err := o.program("")
	if err != nil {
		return "" // the deployment reports it
	}
	if _, err := os.Stat(program.App.Dockerfile); errors.Is(err, fs.ErrNotExist) {
		return "the app has no Dockerfile. For container mode, or to deploy it, add one: make dockerfile"
	}
	return ""
}

func (o *options) check(rest []string) error {
	var mistakes []error
	if len(rest) > 0 {
		mistakes = append(mistakes,
			fmt.Errorf("unexpected argument %q; the settings are -stack, -app, -host and -port", rest[0]))
	}
	if err := o.checkPorts(); err != nil {
		mistakes = append(mistakes, err)
	}
	if net.ParseIP(o.host) == nil {
		mistakes = append(mistakes, fmt.Errorf("HOST is %q; it must be an IP address such as 127.0.0.1 or 0.0.0.0",
			o.host))
	}
	if !slices.Contains([]string{shortLog, platformLog, cloudwatchLog}, o.log) {
		mistakes = append(mistakes, fmt.Errorf("LOG is %q; allowed are short, platform and cloudwatch", o.log))
	}
	if !slices.Contains([]string{processMode, containerMode, autoMode}, o.mode) {
		mistakes = append(mistakes, fmt.Errorf("MODE is %q; allowed are process, container and auto", o.mode))
	}
	if o.command != "" && o.mode == containerMode {
		mistakes = append(mistakes,
			errors.New("COMMAND is for process mode; a container is started as its image says. Leave out one "+
				"of COMMAND and MODE=container"))
	}
	if !slices.Contains([]string{consoleOn, consoleRecord, consoleOff}, o.consoleMode) {
		mistakes = append(mistakes, fmt.Errorf("CONSOLE is %q; allowed are on, record and off", o.consoleMode))
	}
	if o.appFlag != "" {
		if info, err := os.Stat(o.appFlag); err != nil || !info.IsDir() {
			mistakes = append(mistakes,
				fmt.Errorf("APP is %q, which is not a folder; name the folder that holds the app", o.appFlag))
		}
	}
	needed := []string{o.infra, o.adapter}
	if o.build {
		needed = needed[1:]
	}
	for _, program := range needed {
		if _, err := os.Stat(program); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s is not built; start with: make local", filepath.Base(program)))
		}
	}
	return errors.Join(mistakes...)
}

func (o options) address() string { return net.JoinHostPort(o.host, strconv.Itoa(o.port)) }

// program is the Pulumi program with the settings of its stack.
func (o options) program(baseURL string) (monitor.Program, error) {
	stack, err := monitor.LoadStack(o.root, o.stack, o.file)
	if err != nil {
		return monitor.Program{}, err
	}
	for key, value := range o.config {
		if !strings.Contains(key, ":") {
			key = stack.Project + ":" + key
		}
		stack.Config[key] = value
	}
	if o.appFlag != "" {
		folder, err := o.relative(o.appFlag)
		if err != nil {
			return monitor.Program{}, err
		}
		stack.Config[stack.Project+":app"] = folder
	}
	folder := filepath.FromSlash(stack.Config[stack.Project+":app"])
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(o.root, folder)
	}
	dockerfile := filepath.FromSlash(cmp.Or(stack.Config[stack.Project+":dockerfile"], "Dockerfile"))
	return monitor.Program{
		Binary: o.infra, Dir: filepath.Join(o.root, stack.Main), Root: o.root,
		Project: stack.Project, Stack: o.stack, Config: stack.Config, BaseURL: baseURL, Output: os.Stderr,
		App: monitor.App{Folder: folder, Dockerfile: filepath.Join(folder, dockerfile)},
	}, nil
}

// standIn has the program look at a folder that stands for the app's, where the app runs from its own.
func (o options) standIn(program *monitor.Program) error {
	app := program.App
	dockerfile, err := filepath.Rel(app.Folder, app.Dockerfile)
	if err != nil {
		return fmt.Errorf("find the Dockerfile: %w", err)
	}
	if info, err := os.Stat(app.Folder); err != nil || !info.IsDir() {
		return nil // the program reports it
	}
	name := sha256.Sum256([]byte(app.Folder))
	folder := filepath.Join(o.cache, "process", fmt.Sprintf("%s-%x", filepath.Base(app.Folder), name[:4]))
	source := process.Source{Folder: app.Folder, Command: o.command, Dockerfile: app.Dockerfile}
	ok, err := process.StandIn(folder, source, filepath.ToSlash(dockerfile))
	if err != nil || !ok {
		return err
	}
	relative, err := o.relative(folder)
	program.Config[program.Project+":app"] = relative
	return err
}

// relative is a folder as the program's settings name it: seen from Pulumi.yaml.
func (o options) relative(folder string) (string, error) {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("find the app's folder: %w", err)
	}
	relative, err := filepath.Rel(o.root, absolute)
	if err != nil {
		return "", fmt.Errorf("find the app's folder: %w", err)
	}
	return filepath.ToSlash(relative), nil
}
