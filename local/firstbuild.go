package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"lambda-web/local/process"
	"lambda-web/local/step"
)

// buildBesides compiles the Pulumi program, which takes long the first time, and installs the app's packages in the
// same time. What goes wrong with the app is left for the deployment to say.
func (o options) buildBesides(ctx context.Context, prepare bool) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	if prepare {
		beside.Go(func() { o.prepareApp(ctx, lineWriter{os.Stdout, onTerminal(os.Stdout) != nil}) })
	}
	build := step.Command{
		Name: "go run", Args: []string{"go", "run", "./local/build", "-o", filepath.Dir(o.infra), "./infra"},
		Dir: o.root, Terminal: onTerminal(os.Stderr),
	}
	if build.Terminal == nil {
		build.Output = os.Stderr
	}
	err := step.Run(ctx, build)
	if failed := (*step.Error)(nil); errors.As(err, &failed) {
		return errors.New("the Pulumi program did not build; the reason is above")
	}
	return err
}

func (o options) prepareApp(ctx context.Context, log io.Writer) {
	program, err := o.program("")
	if err != nil {
		return
	}
	var args map[string]string
	_ = json.Unmarshal([]byte(program.Config[program.Project+":buildArgs"]), &args)
	source := process.Source{
		Folder: program.App.Folder, Command: o.command, Dockerfile: program.App.Dockerfile, Args: args,
		Cache: o.cache, Log: log,
	}
	if _, err := os.Stat(o.infra); err == nil { // no first build, which shows its own progress
		source.Terminal = onTerminal(os.Stdout)
	}
	_, _ = process.Prepare(ctx, source)
}

// lineWriter writes lines where another program keeps rewriting the last line of a terminal.
type lineWriter struct {
	out      io.Writer
	terminal bool
}

func (w lineWriter) Write(line []byte) (int, error) {
	if w.terminal {
		line = append([]byte("\r\033[K"), line...)
	}
	_, err := io.Copy(w.out, bytes.NewReader(line))
	return len(line), err
}
