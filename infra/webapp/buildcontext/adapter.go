package buildcontext

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Programs that go into an image, as import paths in this module.
const (
	adapterPackage = "lambda-web/adapter"
	secretsPackage = "lambda-web/secrets"
)

// CompileAdapter cross-compiles the adapter for "amd64" or "arm64".
func CompileAdapter(ctx context.Context, architecture, file string) error {
	return Compile(ctx, adapterPackage, architecture, file)
}

// Compile cross-compiles a program of this module to a static Linux binary. It has to run inside a module
// that knows lambda-web, which a Pulumi program does. What changes the result is set here, not taken
// from the caller's environment nor from `go env -w`, so that the same sources give the same bytes.
func Compile(ctx context.Context, program, architecture, file string) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("compile the adapter: the go command was not found: install Go 1.26 or newer from " +
			"https://go.dev/dl/ and put it on the PATH")
	}
	settings, err := goSettings(ctx, tool)
	if err != nil {
		return err
	}
	// Functions begin at 16 bytes, as they do for arm64, and not at 32: that is a hundredth of the file.
	cmd := exec.CommandContext(ctx, tool, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -funcalign=16",
		"-o", file, program)
	cmd.Env = append(os.Environ(), settings...)
	cmd.Env = append(cmd.Env, "GOENV=off", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture,
		"GOFLAGS=", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile %s for linux/%s: %w\n%s", program, architecture, err,
			strings.TrimSpace(output.String()))
	}
	return nil
}

// kept are the settings of Go that say where modules come from and where they are kept. They may be
// the machine's own, in the file that GOENV=off hides.
var kept = []string{"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOVCS", "GOAUTH",
	"GOMODCACHE", "GOCACHE", "GOPATH", "GOTOOLCHAIN"}

// goSettings are the machine's values of kept, as variables of the environment.
func goSettings(ctx context.Context, tool string) ([]string, error) {
	cmd := exec.CommandContext(ctx, tool, append([]string{"env", "-json"}, kept...)...)
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("compile the adapter: ask go for its settings: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(output, &values); err != nil {
		return nil, fmt.Errorf("compile the adapter: the settings of go: %w", err)
	}
	var settings []string
	for _, name := range kept {
		settings = append(settings, name+"="+values[name])
	}
	return settings, nil
}
