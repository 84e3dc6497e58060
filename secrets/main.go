// Command secrets starts an app with its secrets: it stands in front of the app's own start command in an image,
// fetches what LAMBDA_WEB_SECRETS refers to, puts the values into the environment, and becomes the app. Without
// references it becomes the app at once.
//
//	secrets PROGRAM [ARGUMENT...]
//
// It is a program of its own, since nothing else can do this: Lambda has no references in a function's environment, an
// extension such as the adapter cannot give variables to another process, and AWS_LAMBDA_EXEC_WRAPPER is read by
// Lambda's own base images alone.
//
// The values are in the app's environment and nowhere else: not in an argument, a file, a log line, the function's
// configuration or Pulumi's state.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback" // for images without certificates, such as FROM scratch

	"lambda-web/secrets/reference"
)

// limit is less than the ten seconds in which Lambda has to have a started app
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib).
const limit = 8 * time.Second

func main() {
	if err := run(os.Args[1:], os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, "secrets:", err)
		os.Exit(1)
	}
}

// run returns only when the app cannot be started.
func run(command, environment []string) error {
	if len(command) == 0 {
		return errors.New("there is no program to start")
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("start the app: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	environment, err = withSecrets(ctx, environment)
	cancel()
	if err != nil {
		return err
	}
	return fmt.Errorf("start the app: %s: %w", program, syscall.Exec(program, command, environment))
}

// withSecrets returns the environment with the secrets in the place of the references to them.
func withSecrets(ctx context.Context, environment []string) ([]string, error) {
	text := lookup(environment, reference.Variable)
	environment = slices.DeleteFunc(slices.Clone(environment), func(pair string) bool {
		return strings.HasPrefix(pair, reference.Variable+"=")
	})
	if text == "" {
		return environment, nil
	}
	var wanted map[string]string
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		return nil, fmt.Errorf("%s is not an object of names and references: %w", reference.Variable, err)
	}
	values, err := fetchAll(ctx, newStores(environment), wanted)
	if err != nil {
		return nil, err
	}
	for name, value := range values {
		environment = slices.DeleteFunc(environment, func(pair string) bool {
			return strings.HasPrefix(pair, name+"=")
		})
		environment = append(environment, name+"="+value)
	}
	return environment, nil
}

// lookup is the value of a variable, or "".
func lookup(environment []string, name string) string {
	for _, pair := range environment {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
