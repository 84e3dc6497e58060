package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// A program may have a second function of the app's image, which runs commands. Nothing is started for it here until
// there is one: as a process the app's developer runs it, and in an image the adapter does, in a sandbox of its own.

const (
	functionType   = "aws:lambda/function:Function"
	invocationType = "aws:lambda/invocation:Invocation"

	// taskVariable marks the function that runs commands.
	taskVariable = "AWS_LWA_TASK"
	// taskTimeout is Lambda's longest.
	taskTimeout = 15 * time.Minute
	// closePatience is how long a command that is told to end may take, with its sandbox.
	closePatience = 3 * time.Second
)

// taskCommand starts the runtime of such a function.
var taskCommand = []string{"/opt/extensions/lambda-adapter", "task"}

// isTask tells the function that runs commands.
func isTask(function *Resource) bool {
	return text(object(object(function.Inputs, "environment"), "variables"), taskVariable) == "true"
}

// apps are the functions that serve an app.
func (d *Deployment) apps() []*Resource {
	var list []*Resource
	for _, r := range d.OfType(functionType) {
		if !isTask(r) {
			list = append(list, r)
		}
	}
	return list
}

// taskOf is the function that runs commands in an app's image, or nil.
func (d *Deployment) taskOf(app *Resource) *Resource {
	for _, r := range d.OfType(functionType) {
		if isTask(r) && text(r.Inputs, "imageUri") == text(app.Inputs, "imageUri") {
			return r
		}
	}
	return nil
}

// releaseOf is the command that runs before a new version of an app serves: an invocation of the function that runs
// commands. It is nil if there is none.
func (d *Deployment) releaseOf(app *Resource) (invocation *Resource, command []string, err error) {
	task := d.taskOf(app)
	if task == nil {
		return nil, nil, nil
	}
	for _, r := range d.OfType(invocationType) {
		if name := text(r.Inputs, "functionName"); name != task.ID && name != text(task.Outputs, "arn") {
			continue
		}
		var event struct{ Command []string }
		if err := json.Unmarshal([]byte(text(r.Inputs, "input")), &event); err != nil || len(event.Command) == 0 {
			return nil, nil, fmt.Errorf("the invocation %s has no command: %s", r.Name, text(r.Inputs, "input"))
		}
		return r, event.Command, nil
	}
	return nil, nil, nil
}

// release runs what must be done before a new version serves: the release command, once for each image and each
// command, or what the app's own files ask for.
func (c *Cloud) release(ctx context.Context, d *Deployment, r *Resource, next *function, app preparedImage,
	variables map[string]string) error {
	invocation, command, err := d.releaseOf(r)
	now := c.functions[text(r.Outputs, "arn")]
	switch {
	case err != nil:
		return err
	case invocation == nil && (app.release == nil || now != nil && reflect.DeepEqual(now.config, next.config)):
		return nil
	case invocation == nil:
		return app.release(ctx, variables)
	case reflect.DeepEqual(c.released[invocation.URN], invocation.Inputs):
		return nil
	case c.settings.Docker == nil:
		err = app.release(ctx, variables)
	default:
		fmt.Fprintf(c.settings.Log, "Running releaseCommand in the new image: %s\n", strings.Join(command, " "))
		err = c.inImage(ctx, d, r, app, command, prefixed{"release   | ", c.settings.Log})
	}
	if err != nil {
		return fmt.Errorf("%w\nThe new version does not serve before its release command has succeeded", err)
	}
	c.released[invocation.URN] = invocation.Inputs
	return nil
}

// CommandError is the end of a command that did not succeed.
type CommandError struct {
	Code    int    // its exit code, 0 if it has none
	Type    string // the adapter's, such as Task.ExitStatus
	Message string // with the last lines of its output
}

func (e *CommandError) Error() string { return e.Message }

// RunInImage runs a command in the image of a deployment's app, with its environment. Its output goes to out, line by
// line. A command that fails is a *CommandError.
func RunInImage(ctx context.Context, d *Deployment, s Settings, command []string, out io.Writer) error {
	apps := d.apps()
	if len(apps) == 0 {
		return errors.New("the program makes no function")
	}
	app, err := prepareImage(ctx, d, apps[0], s)
	if err != nil {
		return err
	}
	return New(s).inImage(ctx, d, apps[0], app, command, out)
}

// inImage runs a command as Lambda would.
func (c *Cloud) inImage(ctx context.Context, d *Deployment, r *Resource, app preparedImage, command []string,
	out io.Writer) error {
	config, err := c.taskConfig(d, r, app)
	if err != nil {
		return err
	}
	event, err := json.Marshal(map[string][]string{"command": command})
	if err != nil {
		return fmt.Errorf("make the command's event: %w", err)
	}
	config.Observe = func(record sandbox.Record) {
		if line, ok := record.(sandbox.Line); ok && !line.Platform && !adapterLine.MatchString(line.Text) {
			io.WriteString(out, line.Text+"\n")
		}
	}
	function, err := sandbox.New(config)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
		defer cancel()
		function.Close(ending)
	}()
	result, err := function.Invoke(ctx, sandbox.Invocation{Event: event})
	if err != nil {
		return fmt.Errorf("run %s: %w", strings.Join(command, " "), err)
	}
	return outcome(command, result)
}

// adapterLine is a line of the adapter's own log, which has the command and how it ended.
var adapterLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ lambda-adapter: `)

// outcome reads the answer of the adapter, or of the sandbox in its place.
func outcome(command []string, result sandbox.Result) error {
	if result.FunctionError == "" {
		return nil
	}
	var answer struct {
		ErrorType, ErrorMessage string
		ExitCode                int
	}
	if err := json.Unmarshal(result.Payload, &answer); err != nil {
		return fmt.Errorf("run %s: %s", strings.Join(command, " "), result.Payload)
	}
	return &CommandError{answer.ExitCode, answer.ErrorType, cmp.Or(answer.ErrorMessage, answer.ErrorType)}
}

// taskConfig is the sandbox of a command: that of the function which runs commands, or else of the app with what that
// would have of its own.
func (c *Cloud) taskConfig(d *Deployment, r *Resource, app preparedImage) (sandbox.Config, error) {
	task := cmp.Or(d.taskOf(r), r)
	variables, err := c.settings.Program.variables(task)
	if err != nil {
		return sandbox.Config{}, err
	}
	variables = maps.Clone(variables)
	variables[taskVariable] = "true"
	if task == r {
		app.command = taskCommand
	}
	config := c.functionConfig(d, task, app, variables)
	config.Timeout, config.MaxConcurrency, config.ProvisionedConcurrency = taskTimeout, 1, 0
	config.Blocked, config.SnapStart, config.Freeze = false, false, false
	config.LogFormat = sandbox.LogText
	return config, nil
}

// imageCommand is what a function starts: what its configuration says in the place of the image's ENTRYPOINT and CMD.
// https://docs.aws.amazon.com/lambda/latest/dg/images-parms.html
func imageCommand(function *Resource, image []string) []string {
	config := object(function.Inputs, "imageConfig")
	if words := list(config, "entryPoints"); len(words) > 0 {
		return append(words, list(config, "commands")...)
	}
	return image
}

// list is a value that is a list of texts.
func list(values map[string]any, key string) (words []string) {
	all, _ := values[key].([]any)
	for _, word := range all {
		words = append(words, fmt.Sprint(word))
	}
	return words
}
