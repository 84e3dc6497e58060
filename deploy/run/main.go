// Command run runs a command in an environment on AWS: in the image of the newest version, with the app's environment,
// role and network, in the function that the setting tasks or releaseCommand makes.
//
//	go run ./deploy/run [-stack NAME] [-detach] PROGRAM [ARGUMENT...]
//	go run ./deploy/run [-stack NAME] [-detach] -command 'PROGRAM ARGUMENT...'
//
// What the command writes comes out of standard output while it runs, and nothing else does. The exit code is the
// command's; 1 with a sentence on standard error that begins with "run:" if it could not be run, 124 if it ran into the
// limit of 15 minutes. With -detach the command is started, and its log followed: it does not depend on this machine
// any more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"lambda-web/deploy/run/words"
	"lambda-web/deploy/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	os.Exit(code)
}

// failed is the exit code where there is none of the command's; interrupted that of who was stopped by Ctrl-C.
const (
	failed      = 1
	interrupted = 130
)

// options are what the command line says.
type options struct {
	stack    string
	detach   bool
	command  []string
	every    time.Duration
	patience time.Duration
}

func readOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&o.stack, "stack", "dev", "the environment")
	flags.BoolVar(&o.detach, "detach", false, "start the command, and follow its log")
	text := flags.String("command", "", "the command as one text, in the place of arguments")
	flags.DurationVar(&o.every, "every", time.Second, "how often to look at the log")
	flags.DurationVar(&o.patience, "patience", 20*time.Second, "how long to wait for the last lines of the log")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.every <= 0 || o.patience <= 0 {
		return o, errors.New("-every and -patience are times above 0, such as 1s and 20s")
	}
	o.command = flags.Args()
	if *text != "" && len(o.command) > 0 {
		return o, errors.New("-command and arguments are two ways to give one command; use one of them")
	}
	var err error
	if len(o.command) == 0 {
		o.command, err = words.Split(*text)
	}
	return o, err
}

// start runs the command and returns its exit code.
func start(ctx context.Context, args []string, out, notes io.Writer) (int, error) {
	o, err := readOptions(args)
	if err != nil {
		return failed, err
	}
	s := stack.Stack{Name: o.stack}
	at, err := s.Outputs(ctx)
	if err != nil {
		return failed, err
	}
	if at.TaskFunctionName == "" {
		return failed, fmt.Errorf("stack %s has no function that runs commands: pulumi config set tasks true "+
			"--stack %s, then make up STACK=%s", o.stack, o.stack, o.stack)
	}
	account, err := s.Account(ctx, at.Region)
	if err != nil {
		return failed, err
	}
	r := &run{options: o, at: at, lambda: newInvoker(account), notes: notes, out: out,
		log: &log{client: cloudwatchlogs.NewFromConfig(account), group: at.TaskLogGroup, command: o.command, out: out,
			notes: notes}}
	if err := r.log.open(ctx); err != nil && ctx.Err() == nil {
		r.log = nil
		fmt.Fprintf(notes, "run: the log %s cannot be read, so the end of the output comes when the command has ended (%v)\n",
			at.TaskLogGroup, err)
	}
	if o.detach {
		return r.detached(ctx)
	}
	return r.attached(ctx)
}

// howToFollow is a command for somebody who is not here any more.
func (r *run) howToFollow() string {
	return fmt.Sprintf("Follow it with: aws logs tail %s --follow --since 15m --region %s", r.at.TaskLogGroup, r.at.Region)
}

// says writes a sentence for whoever reads along.
func (r *run) says(format string, values ...any) {
	fmt.Fprintln(r.notes, "run:", strings.TrimSpace(fmt.Sprintf(format, values...)))
}
