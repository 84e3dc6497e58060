package main

import (
	"errors"
	"os"
	"runtime/debug"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/settings"
	"lambda-web/adapter/internal/task"
)

// taskArgument makes this process the runtime of a function that runs commands. Lambda starts the same file as an
// extension, too, without arguments; that one prepares the environment, and Lambda starts the runtime after it.
const taskArgument = "task"

// taskRuntime takes invocations and runs the command that each one names. Everything but that is the same as with an
// app: the image, its environment and folder, the role, the network.
type taskRuntime struct {
	log        *logging.Logger
	runtime    *lambdaapi.Runtime
	runner     *task.Runner
	invocation lambdaapi.Invocation
}

// runTasks is the life of the process; it returns the exit code.
func runTasks() int {
	ignoreBrokenPipes()
	config, _, mistakes := settings.Read(os.Environ()) // the extension warns
	log := logging.New(os.Stdout, config.LogLevel, config.LogJSON)
	t := &taskRuntime{log: log, runner: task.NewRunner(os.Stdout)}
	end := termination{forward: t.runner.Shutdown}
	end.listen(log)
	err := t.prepare(&config, mistakes)
	for err == nil {
		err = t.serveOne(&end)
	}
	log.Write(logging.Fatal, nil, err.Error())
	return 1 // it serves until Lambda ends it
}

func (t *taskRuntime) prepare(config *settings.Settings, mistakes error) error {
	if config.RuntimeAPI == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is not set, so this is not AWS Lambda, where " + taskArgument +
			" would run the commands of invocations")
	}
	t.runtime = lambdaapi.NewRuntime(config.RuntimeAddress(), func(id []byte, message string) {
		t.log.Write(logging.Warn, id, message)
	})
	if mistakes == nil && !config.Task {
		mistakes = errors.New("AWS_LWA_TASK=true is missing beside the argument " + taskArgument +
			": the extension would wait for an app, and take the invocations")
	}
	if mistakes != nil {
		if err := t.runtime.FailInit(failure.New("Runtime.ConfigInvalid", mistakes.Error())); err != nil {
			t.log.Write(logging.Warn, nil, "Lambda could not be told why init failed: "+err.Error())
		}
		return mistakes
	}
	if config.RuntimeAPIProxy != "" {
		t.runtime.AwaitListener()
	}
	return nil
}

// serveOne takes one invocation and answers it. An error means that no other one can be served.
func (t *taskRuntime) serveOne(end *termination) error {
	if err := t.runtime.Poll(&t.invocation, pollPatience); err != nil {
		return err
	}
	end.begin()
	defer end.end()
	inv := &t.invocation
	answer, f := t.run(inv)
	var err error
	if f == nil {
		err = t.runtime.Respond(inv, answer)
	} else {
		err = t.runtime.Fail(inv, f)
	}
	if err != nil {
		t.log.Write(logging.Error, inv.ID, err.Error())
	}
	debug.FreeOSMemory() // the next command has its memory from there, and the next invocation may be far
	if errors.Is(err, lambdaapi.ErrFatal) {
		return err
	}
	return nil
}

// run runs the command of an invocation to its end.
func (t *taskRuntime) run(inv *lambdaapi.Invocation) (answer []byte, f *failure.Failure) {
	command, err := task.Parse(inv.Payload)
	if err != nil {
		f, _ = errors.AsType[*failure.Failure](err)
		t.log.Write(logging.Error, inv.ID, f.Type+": "+f.Message)
		return nil, f
	}
	name := task.Name(command)
	t.log.Write(logging.Info, inv.ID, "runs "+name)
	result := t.runner.Run(command, inv.Deadline())
	if result.Failure != nil {
		t.log.Write(logging.Error, inv.ID, result.Failure.Type+": "+result.Summary)
		return nil, result.Failure
	}
	t.log.Write(logging.Info, inv.ID, name+": exit status 0 after "+milliseconds(result.Took))
	return result.Success(), nil
}
