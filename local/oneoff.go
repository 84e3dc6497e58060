package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"lambda-web/deploy/run/words"
	"lambda-web/local/monitor"
)

// interrupted is the exit code after Ctrl-C, as that of a shell.
const interrupted = 128 + int(syscall.SIGINT)

// runOneOff runs a command that belongs to the app, and returns the exit code: in the app's image, where an engine runs
// it, else in the app's folder.
func (o options) runOneOff(ctx context.Context) (code int, err error) {
	o.say = func(format string, arguments ...any) { fmt.Fprintf(os.Stderr, format+"\n", arguments...) }
	docker, err := o.engine(ctx)
	if err != nil {
		return 1, err
	}
	program, err := o.program("http://" + o.address())
	if err != nil {
		return 1, err
	}
	settings := monitor.Settings{Docker: docker, Command: o.command, Cache: o.cache, Log: os.Stderr,
		Terminal: onTerminal(os.Stderr)}
	if docker != nil {
		return o.runInImage(ctx, program, settings)
	}
	return 1, o.runInFolder(ctx, program, settings)
}

// runInFolder runs a command in the app's folder and environment, with the function's variables, in the place of this
// process: the command has its terminal and its signals, and who waits for it gets its exit code. It returns with an
// error only.
func (o options) runInFolder(ctx context.Context, program monitor.Program, settings monitor.Settings) error {
	if err := o.standIn(&program); err != nil {
		return err
	}
	deployment, err := monitor.Run(ctx, program)
	if err != nil {
		return err
	}
	settings.Program = program
	dir, environ, err := monitor.AppEnvironment(ctx, deployment, settings)
	if err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("go to the app's folder: %w", err)
	}
	if err := syscall.Exec("/bin/sh", []string{"/bin/sh", "-c", o.oneOff}, environ); err != nil {
		return fmt.Errorf("run the command: %w", err)
	}
	return nil
}

// runInImage runs a command in the app's image as Lambda would: without a shell, a terminal or input.
func (o options) runInImage(ctx context.Context, program monitor.Program, settings monitor.Settings) (int, error) {
	command, err := words.Split(o.oneOff)
	if err != nil {
		return 1, err
	}
	deployment, err := monitor.Run(ctx, program)
	if err != nil {
		return 1, err
	}
	settings.Program = program
	err = monitor.RunInImage(ctx, deployment, settings, command, os.Stdout)
	failed := (*monitor.CommandError)(nil)
	switch {
	case ctx.Err() != nil:
		return interrupted, nil
	case errors.As(err, &failed) && failed.Code != 0:
		if failed.Type != "Task.ExitStatus" { // else the command has said why itself
			sentence, _, _ := strings.Cut(failed.Message, "\n")
			o.say("%s", sentence)
		}
		return failed.Code, nil
	case err != nil:
		return 1, err
	}
	return 0, nil
}
