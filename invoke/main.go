// Command invoke calls an API with a signed request, for stages with AWS_IAM and function URLs.
//
//	go run ./invoke [-X METHOD] [-d DATA|@FILE|@-] [-H 'NAME: VALUE']... [-i] [-v] URL
//
// Credentials come from where all AWS tools find them: environment variables, profiles, SSO, roles. The body of the
// answer goes to stdout as it arrives. "go run ./invoke -h" lists all flags and the exit codes; note that "go run"
// itself turns every code but 0 into 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes. An answer that is not a success has the first digit of its status.
const (
	exitSuccess  = 0 // 2xx
	exitNoAnswer = 1 // no answer, or one that broke off
	exitUsage    = 2 // wrong arguments, no region or no credentials
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the command; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := readOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitSuccess
	}
	if err != nil {
		return complain(stderr, exitUsage, err)
	}
	call, err := o.request(stdin)
	if err != nil {
		return complain(stderr, exitUsage, err)
	}
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	if err := o.authenticate(ctx, call); err != nil {
		return complain(stderr, exitUsage, err)
	}
	answer, err := call.send(ctx)
	if err != nil {
		return complain(stderr, exitNoAnswer, err)
	}
	defer answer.Body.Close()
	if o.verbose {
		writeRequest(stderr, call)
		writeHead(stderr, "< ", answer)
	}
	if o.include {
		writeHead(stdout, "", answer)
	}
	if n, err := io.Copy(stdout, answer.Body); err != nil {
		return complain(stderr, exitNoAnswer, fmt.Errorf("the answer broke off after %d bytes: %w", n, err))
	}
	if hint := explain(answer, call); hint != "" {
		fmt.Fprintln(stderr, "\ninvoke:", hint)
	}
	return exitCode(answer.StatusCode)
}

func complain(stderr io.Writer, code int, err error) int {
	fmt.Fprintln(stderr, "invoke:", err)
	return code
}

func exitCode(status int) int {
	if class := status / 100; class != 2 {
		return class
	}
	return exitSuccess
}
