package main

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"lambda-web/local/monitor"
)

// runOneOff runs a command in the app's folder and environment, with the function's variables, in the place of this
// process: the command has its terminal and its signals, and who waits for it gets its exit code. It returns with an
// error only.
func (o options) runOneOff(ctx context.Context) error {
	program, err := o.program("http://" + o.address())
	if err != nil {
		return err
	}
	if err := o.standIn(&program); err != nil {
		return err
	}
	deployment, err := monitor.Run(ctx, program)
	if err != nil {
		return err
	}
	dir, environ, err := monitor.AppEnvironment(ctx, deployment, monitor.Settings{
		Program: program, Command: o.command, Cache: o.cache, Log: os.Stderr, Terminal: onTerminal(os.Stderr),
	})
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
