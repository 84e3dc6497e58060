// Command rollout brings the newest version of an environment out in steps, and takes it back when an alarm goes off:
//
//	go run ./deploy/rollout [-stack NAME] [-steps 10,50,100] [-pause 5m] [-yes]
//	go run ./deploy/rollout [-stack NAME] -back
//
// It holds the version that serves (setting liveVersion), deploys the new one beside it, and moves the alias's
// weights with a look at alarms and metrics after each step. Stopped, it leaves the requests where they are; run
// again, it goes on from there. It ends with 0 when the new version serves alone, and with 1 when anything else is
// the case.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"lambda-web/deploy/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	stack string
	steps []int
	pause time.Duration
	every time.Duration
	yes   bool
	back  bool
}

func readOptions(args []string) (options, error) {
	o := options{steps: []int{10, 50, 100}}
	flags := flag.NewFlagSet("rollout", flag.ContinueOnError)
	flags.StringVar(&o.stack, "stack", "dev", "the environment")
	flags.Func("steps", "shares of the requests in percent, the last one 100 (10,50,100)",
		func(text string) (err error) {
			o.steps, err = parseSteps(text)
			return err
		})
	flags.DurationVar(&o.pause, "pause", 5*time.Minute,
		"how long each step is watched; metrics come a minute or two late")
	flags.DurationVar(&o.every, "every", 15*time.Second, "how often alarms and metrics are looked at")
	flags.BoolVar(&o.yes, "yes", false, "deploy without asking")
	flags.BoolVar(&o.back, "back", false, "take the new version back")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is not an option", flags.Arg(0))
	case o.pause <= 0 || o.every <= 0:
		return o, errors.New("pause and every are times above 0, such as 5m and 15s")
	}
	return o, nil
}

// parseSteps reads shares in percent, which only grow and end with 100.
func parseSteps(text string) ([]int, error) {
	var steps []int
	last := 0
	for part := range strings.SplitSeq(text, ",") {
		step, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || step <= last || step > 100 {
			return nil, fmt.Errorf("%q are no steps; use shares in percent that grow and end with 100, such as 10,50,100", text)
		}
		steps, last = append(steps, step), step
	}
	if last != 100 {
		return nil, fmt.Errorf("the steps %q end with %d; the last one is 100", text, last)
	}
	return steps, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	s := stack.Stack{Name: o.stack}
	at, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	account, err := s.Account(ctx, at.Region)
	if err != nil {
		return err
	}
	r := &rollout{options: o, out: out, alias: alias{client: lambda.NewFromConfig(account), function: at.FunctionName,
		name: at.Alias()}}
	if err := r.hold(ctx, s); err != nil {
		return err
	}
	if o.back {
		return r.takeBack(ctx, "as you asked")
	}
	r.watch = newWatch(ctx, s, cloudwatch.NewFromConfig(account), at, r.next)
	if err := r.forward(ctx); err != nil {
		return err
	}
	return release(ctx, s, out, r.next)
}
