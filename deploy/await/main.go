// Command await waits until the version that an environment's alias points at can serve. With SnapStart that is when
// its snapshot has been taken; the provider waits for it after an update, but not after the first deployment.
//
//	go run ./deploy/await [-stack NAME] [-limit 26m]
//
// It shows how long it has waited. If the version fails it prints the reason, and the lines of the log that say why.
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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lambda-web/deploy/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "await:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("await", flag.ContinueOnError)
	name := flags.String("stack", "dev", "the environment")
	limit := flags.Duration("limit", 26*time.Minute, "how long to wait at most") // as AWS's own waiter does
	every := flags.Duration("every", 5*time.Second, "how often to look")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *limit <= 0 || *every <= 0 {
		return errors.New("the options are -stack NAME, -limit and -every, which are times above 0, such as " +
			"26m and 5s")
	}
	s := stack.Stack{Name: *name}
	at, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	account, err := s.Account(ctx, at.Region)
	if err != nil {
		return err
	}
	w := waiting{lambda: lambda.NewFromConfig(account), logs: cloudwatchlogs.NewFromConfig(account), at: at,
		every: *every, out: out}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return w.wait(ctx)
}

// waiting looks at one version again and again.
type waiting struct {
	lambda *lambda.Client
	logs   *cloudwatchlogs.Client
	at     stack.Outputs
	every  time.Duration
	out    io.Writer
}

func (w waiting) wait(ctx context.Context) error {
	started, said := time.Now(), time.Time{}
	for {
		version, err := w.look(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err == nil && version.ready:
			if !said.IsZero() || version.snapshot {
				fmt.Fprintf(w.out, "Version %s can serve%s.\n", version.number, version.how())
			}
			return nil
		}
		if now := time.Now(); err == nil && now.Sub(said) >= 30*time.Second {
			said = now
			fmt.Fprintf(w.out, "Version %s is %s, after %s\n", version.number, version.state,
				now.Sub(started).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("version %s cannot serve yet after %s; look again with: go run ./deploy/await",
				version.number, time.Since(started).Round(time.Second))
		case <-time.After(w.every):
		}
	}
}

// version is what Lambda says of the one that the alias points at.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html
type version struct {
	number   string
	state    string
	snapshot bool // it serves from a snapshot
	ready    bool
}

func (v version) how() string {
	if v.snapshot {
		return ", from a snapshot"
	}
	return ""
}

// look asks for the version by its alias. One that has failed is an error.
func (w waiting) look(ctx context.Context) (version, error) {
	alias := w.at.Alias()
	got, err := w.lambda.GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: &w.at.FunctionName, Qualifier: &alias})
	if err != nil {
		return version{number: w.at.Version}, fmt.Errorf("look at the version of alias %s: %w", alias, err)
	}
	v := version{number: aws.ToString(got.Version), state: string(got.State)}
	wanted := got.SnapStart != nil && got.SnapStart.ApplyOn == types.SnapStartApplyOnPublishedVersions
	v.snapshot = wanted && got.SnapStart.OptimizationStatus == types.SnapStartOptimizationStatusOn
	v.ready = got.State == types.StateActive && v.snapshot == wanted
	if got.State == types.StateActive && !v.ready {
		v.state = "Active without its snapshot"
	}
	if got.State == types.StateFailed {
		return v, w.failed(ctx, v, aws.ToString(got.StateReason), string(got.StateReasonCode))
	}
	return v, nil
}

// failed says why a version failed and what to do.
func (w waiting) failed(ctx context.Context, v version, reason, code string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "version %s has failed: %s (%s)\n", v.number, reason, code)
	for _, line := range w.lastLines(ctx) {
		fmt.Fprintf(&text, "    %s\n", line)
	}
	fmt.Fprintf(&text,
		"Mend the app and deploy it: another image is another version. If the reason lay elsewhere, delete "+
			"the version first, "+
			"for the same content is not published twice:\n    aws lambda delete-function --function-name %s "+
			"--qualifier %s --region %s",
		w.at.FunctionName, v.number, w.at.Region)
	return errors.New(text.String())
}

// lastLines are the newest lines of the log, among which the app says why it did not start. Without the right to read
// them there are none.
func (w waiting) lastLines(ctx context.Context) (lines []string) {
	const most = 20
	since := time.Now().Add(-time.Hour).UnixMilli()
	got, err := w.logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &w.at.LogGroup,
		StartTime: &since})
	if err != nil {
		return []string{"the log cannot be read: " + err.Error()}
	}
	for _, event := range got.Events {
		lines = append(lines, strings.TrimRight(aws.ToString(event.Message), "\n"))
	}
	return lines[max(0, len(lines)-most):]
}
