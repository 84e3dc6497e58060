package webapp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/infra/webapp/names"
	"lambda-web/secrets/reference"
)

// Commands run beside the app in a function of their own, the task function: the app's image, environment, role and
// network, with the adapter as its runtime, which starts what the event names. Nothing points to it but those who may
// invoke it, and it has one version, $LATEST, which is the newest image: a command needs no older one.

const (
	// taskVariable tells the adapter which Lambda starts as an extension that it is the runtime already.
	taskVariable = "AWS_LWA_TASK"
	// lowestMemory of a function, in MB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
	lowestMemory = 128
	// taskTimeout is Lambda's longest, in seconds
	// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html).
	taskTimeout = 900
	// taskPatience is how long an asynchronous command may wait for its start, in seconds; Lambda's own 6 hours would
	// start it when nobody expects it any more.
	taskPatience = 300
)

// runsCommands reports whether there is a task function.
func (a Args) runsCommands() bool { return a.Tasks || len(a.ReleaseCommand) > 0 }

// taskFunction runs commands.
type taskFunction struct {
	function *lambda.Function
	logs     *cloudwatch.LogGroup
	released []pulumi.Resource // what the app's new version waits for
}

func checkCommands(args Args, found *mistakes) {
	if args.TaskMemory > 0 && !args.runsCommands() {
		found.add("taskMemory", "%d has no effect without tasks or releaseCommand; set one of them, or leave it out",
			args.TaskMemory)
	}
	if 0 < args.TaskMemory && args.TaskMemory < lowestMemory {
		found.add("taskMemory", "%d is less than Lambda has; use %d or more (MB), or 0 for as much as the app has",
			args.TaskMemory, lowestMemory)
	}
	for i, word := range args.ReleaseCommand {
		switch {
		case i == 0 && strings.TrimSpace(word) == "":
			found.add("releaseCommand", "its first word, the program, is empty; use a list such as [python, manage.py, migrate]")
		case i == 0 && len(args.ReleaseCommand) == 1 && strings.ContainsAny(word, " \t"):
			found.add("releaseCommand", "%q is one word, and no shell takes it apart; use a list such as [%s]", word,
				strings.Join(strings.Fields(word), ", "))
		case strings.ContainsRune(word, 0) || !utf8.ValidString(word):
			found.add("releaseCommand", "word %d, %q, has characters that no program can be given", i+1, word)
		}
	}
}

// commands makes the task function and runs the release command on it, when what they stand on is ready.
func (b builder) commands(image *appImage, app *appFunction, ready []pulumi.Resource) (*taskFunction, error) {
	if !b.args.runsCommands() {
		return &taskFunction{}, nil
	}
	name := names.Task(b.name)
	logs, write, err := b.taskLogs(name, app.role)
	if err != nil {
		return nil, err
	}
	function, err := lambda.NewFunction(b.ctx, name, b.taskArgs(b.functionArgs(image, logs, app.role)), b.parent,
		pulumi.DependsOn(slices.Concat(ready, []pulumi.Resource{write})))
	if err != nil {
		return nil, fmt.Errorf("task function: %w", err)
	}
	// A command that failed halfway is not run again by Lambda.
	_, err = lambda.NewFunctionEventInvokeConfig(b.ctx, name, &lambda.FunctionEventInvokeConfigArgs{
		FunctionName:             function.Name,
		MaximumRetryAttempts:     pulumi.Int(0),
		MaximumEventAgeInSeconds: pulumi.Int(taskPatience),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("retries of the task function: %w", err)
	}
	task := &taskFunction{function: function, logs: logs}
	return task, b.release(task, image)
}

// taskLogs are the log group of the commands and the role's right to write it.
func (b builder) taskLogs(name string, role *iam.Role) (*cloudwatch.LogGroup, pulumi.Resource, error) {
	logs, err := cloudwatch.NewLogGroup(b.ctx, name, &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(names.Log(name)),
		RetentionInDays: pulumi.Int(b.args.LogRetention),
		KmsKeyId:        optional(b.args.LogsKMSKey),
	}, b.parent, when(b.args.RetainLogs, pulumi.RetainOnDelete(true)))
	if err != nil {
		return nil, nil, fmt.Errorf("log group of the task function: %w", err)
	}
	write, err := b.writeLogs(name+"-logs", role, logs)
	if err != nil {
		return nil, nil, fmt.Errorf("log policy of the task function: %w", err)
	}
	return logs, write, nil
}

// taskArgs turn the app's function into the one that runs commands.
func (b builder) taskArgs(args *lambda.FunctionArgs) *lambda.FunctionArgs {
	args.Description = pulumi.String("Runs commands of the web app " + b.name)
	args.Timeout = pulumi.Int(taskTimeout)
	args.Publish = nil
	args.SnapStart = nil
	args.ReservedConcurrentExecutions = nil
	if b.args.TaskMemory > 0 {
		args.MemorySize = pulumi.Int(b.args.TaskMemory)
	}
	variables := b.environment()
	variables[taskVariable] = pulumi.String("true")
	args.Environment = lambda.FunctionEnvironmentArgs{Variables: variables}
	entrypoint := []string{buildcontext.InstalledAdapter}
	if len(b.args.Secrets) > 0 {
		entrypoint = append([]string{reference.Program}, entrypoint...)
	}
	args.ImageConfig = lambda.FunctionImageConfigArgs{EntryPoints: pulumi.ToStringArray(entrypoint),
		Commands: pulumi.ToStringArray([]string{"task"})}
	return args
}

// release runs the release command once for each image, and when it changes. The provider invokes only when it makes
// the resource, not when it deletes it; what triggers makes it anew. If the command fails, so does the resource, and
// what waits for it is left as it was.
func (b builder) release(task *taskFunction, image *appImage) error {
	if len(b.args.ReleaseCommand) == 0 {
		return nil
	}
	event, err := json.Marshal(map[string][]string{"command": b.args.ReleaseCommand})
	if err != nil {
		return fmt.Errorf("release command: %w", err)
	}
	made, err := lambda.NewInvocation(b.ctx, b.name+"-release", &lambda.InvocationArgs{
		FunctionName:   task.function.Name,
		Input:          pulumi.String(event),
		LifecycleScope: pulumi.String("CREATE_ONLY"),
		Triggers:       pulumi.StringMap{"image": image.digest, "command": pulumi.String(event)},
	}, b.parent, pulumi.AdditionalSecretOutputs([]string{"result"})) // the end of what it wrote
	if err != nil {
		return fmt.Errorf("release command: %w", err)
	}
	task.released = []pulumi.Resource{made}
	return nil
}
