package buildcontext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// adapterPackage is the adapter's import path in this module.
const adapterPackage = "lambda-web/adapter"

// CompileAdapter cross-compiles the adapter to a static Linux binary. It has to run inside a module
// that knows lambda-web, which a Pulumi program does. The settings that change the result are set
// here, not taken from the caller's environment, so that the same sources give the same bytes.
func CompileAdapter(ctx context.Context, architecture, file string) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("compile the adapter: the go command was not found: install Go 1.26 or newer from https://go.dev/dl/ and put it on the PATH")
	}
	cmd := exec.CommandContext(ctx, tool, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", file, adapterPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture,
		"GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile the adapter for linux/%s: %w\n%s", architecture, err, strings.TrimSpace(output.String()))
	}
	return nil
}
