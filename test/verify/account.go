package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"gopkg.in/yaml.v3"

	"lambda-web/test/verify/contract"
	"lambda-web/test/verify/evidence"
)

// account is a stack in a real account, for the length of a run.
type account struct {
	options
	file     string         // the settings of the phase
	settings map[string]any // the stack's own file
	folder   string         // the app's
	aws      aws.Config
	on       platform
	few      bool // the account has too few environments to reserve one
}

// verifyAccount holds the contract against the local cloud first, for the comparison, then deploys to the stack, phase
// after phase, and destroys it, whatever happens.
func (o options) verifyAccount(ctx context.Context) error {
	a, err := o.openAccount(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.say, "First the local cloud, with which the account is compared.")
	local, err := o.local(ctx, processMode)
	if err != nil {
		return err
	}
	fmt.Fprint(o.say, estimate(local))
	if !o.yes && !o.agreed(ctx, fmt.Sprintf("Deploy to stack %s in %s, verify, and destroy it again?", o.stack,
		a.aws.Region)) {
		return errors.New("nothing was deployed")
	}
	began := time.Now()
	results := a.phases(ctx)
	records, err := o.finish("AWS", began, results)
	if len(records) > 0 {
		o.reportDifferences(run{"local", local}, run{"AWS", records}, betweenClouds)
	}
	return err
}

// openAccount reads the stack's settings and makes sure that there is nothing in it to lose.
func (o options) openAccount(ctx context.Context) (*account, error) {
	a := &account{options: o, file: filepath.Join(o.out, "aws", "settings.yaml"),
		folder: filepath.Join(o.out, "aws", "app"), on: platform{"linux", "amd64"}}
	text, err := os.ReadFile(filepath.Join(o.stacks, "Pulumi."+o.stack+".yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &a.settings)
	}
	if err != nil {
		return nil, fmt.Errorf("read the settings of stack %s: %w; make it with: pulumi stack init %s && "+
			"pulumi config set aws:region REGION --stack %s", o.stack, err, o.stack, o.stack)
	}
	given, _ := a.settings["config"].(map[string]any)
	region, _ := given["aws:region"].(string)
	if region == "" {
		return nil, fmt.Errorf("stack %s has no aws:region: pulumi config set aws:region REGION --stack %s", o.stack,
			o.stack)
	}
	if err := a.mustBeEmpty(ctx); err != nil {
		return nil, err
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(region)}
	if profile, _ := given["aws:profile"].(string); profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if a.aws, err = config.LoadDefaultConfig(ctx, options...); err != nil {
		return nil, fmt.Errorf("find AWS credentials: %w", err)
	}
	return a, nil
}

// mustBeEmpty refuses a stack that has anything: at the end it is destroyed.
func (a *account) mustBeEmpty(ctx context.Context) error {
	text, err := a.pulumi(ctx, "stack", "export")
	if err != nil {
		return err
	}
	var state struct {
		Deployment struct {
			Resources []struct{ Type string }
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return fmt.Errorf("read the state of stack %s: %w", a.stack, err)
	}
	for _, resource := range state.Deployment.Resources {
		if resource.Type != "pulumi:pulumi:Stack" && !strings.HasPrefix(resource.Type, "pulumi:providers:") {
			return fmt.Errorf("stack %s is in use (it has a %s), and this run would destroy it: name an empty stack",
				a.stack, resource.Type)
		}
	}
	return nil
}

// phases deploys each phase and carries its checks out. The stack is destroyed at the end, also after Ctrl-C: what has
// begun is finished first.
func (a *account) phases(ctx context.Context) (results []outcome) {
	defer func() {
		if err := a.destroy(context.WithoutCancel(ctx)); err != nil {
			results = append(results, outcome{err: err})
		}
	}()
	limits, err := lambda.NewFromConfig(a.aws).GetAccountSettings(ctx, nil)
	if err == nil && limits.AccountLimit != nil {
		a.few = limits.AccountLimit.ConcurrentExecutions <= 100 // that many have to stay unreserved
	}
	for _, phase := range contract.Phases {
		if len(a.checks(phase)) == 0 {
			continue
		}
		result := a.phase(ctx, phase)
		results = append(results, result)
		if result.err != nil {
			break
		}
	}
	return results
}

func (a *account) phase(ctx context.Context, phase contract.Phase) outcome {
	fmt.Fprintf(a.say, "\nPhase %s\n", phase)
	if err := errors.Join(a.stage(ctx, a.folder, a.on), a.writeSettings(a.file, phase, a.folder,
		a.settings, a.few)); err != nil {
		return outcome{err: err}
	}
	if err := a.up(ctx); err != nil {
		return outcome{err: err}
	}
	t, names, err := a.target(ctx)
	if err != nil {
		return outcome{names: names, err: err}
	}
	if err := a.await(ctx, t, phase); err != nil {
		return outcome{names: names, err: err}
	}
	return outcome{a.carryOut(ctx, t, phase), names, ctx.Err()}
}

func (a *account) up(ctx context.Context) error {
	return a.show(ctx, "up", "--config-file", a.file, "--yes", "--skip-preview")
}

func (a *account) destroy(ctx context.Context) error {
	fmt.Fprintf(a.say, "\nDestroying stack %s; Ctrl-C has no effect on that\n", a.stack)
	if err := a.show(ctx, "destroy", "--config-file", a.file, "--yes", "--skip-preview"); err != nil {
		return fmt.Errorf("stack %s is still there, and costs a little every day: pulumi destroy --stack %s\n%w",
			a.stack, a.stack, err)
	}
	return nil
}

// show runs the CLI and shows what it prints. It is not in the terminal's foreground: Ctrl-C comes from here, so that a
// deployment ends in order and the state is whole.
func (a *account) show(ctx context.Context, arguments ...string) error {
	command := exec.CommandContext(ctx, "pulumi", append(arguments, "--stack", a.stack, "--non-interactive")...)
	command.Stdout, command.Stderr = a.say, a.say
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGINT) }
	if err := command.Run(); err != nil {
		return fmt.Errorf("pulumi %s: %w", arguments[0], err)
	}
	return nil
}

// pulumi returns what the CLI prints.
func (a *account) pulumi(ctx context.Context, arguments ...string) ([]byte, error) {
	var failure strings.Builder
	command := exec.CommandContext(ctx, "pulumi", append(arguments, "--stack", a.stack, "--non-interactive")...)
	command.Stderr = &failure
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("pulumi %s: %w\n%s", strings.Join(arguments, " "), err,
			strings.TrimSpace(failure.String()))
	}
	return text, nil
}

// target is the deployed stack as the checks see it.
func (a *account) target(ctx context.Context) (*contract.Target, map[string]string, error) {
	text, err := a.pulumi(ctx, "stack", "output", "--json")
	if err != nil {
		return nil, nil, err
	}
	var out struct{ URL, APIID, FunctionName, AliasARN, LogGroup string }
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, nil, fmt.Errorf("read the outputs of stack %s: %w", a.stack, err)
	}
	u, err := url.Parse(out.URL)
	if err != nil || u.Host == "" {
		return nil, nil, fmt.Errorf("stack %s has no URL: %q", a.stack, out.URL)
	}
	keys, err := a.aws.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("find AWS credentials: %w", err)
	}
	t := &contract.Target{
		URL: u, Where: "AWS", Region: a.aws.Region, Account: keys,
		Function: contract.Function{Client: lambda.NewFromConfig(a.aws), Name: out.FunctionName,
			Qualifier: out.AliasARN[strings.LastIndex(out.AliasARN, ":")+1:]},
		Has: contract.Invoke | contract.Log | contract.Credentials | contract.Stage | contract.Changes,
		AwaitLog: logOf{cloudwatchlogs.NewFromConfig(a.aws), out.LogGroup, time.Now().Add(-5 * time.Minute),
			a.logEvery()}.await,
		Change: func(ctx context.Context, version string) error {
			if err := writeVersion(a.folder, version); err != nil {
				return err
			}
			return a.up(ctx)
		},
	}
	if !a.few {
		t.Has |= contract.Reserved
	}
	names := map[string]string{u.Host: "<host>", u.Hostname(): "<host>", out.APIID: "<api>",
		out.FunctionName: "<function>", out.LogGroup: "<log group>", keys.AccessKeyID: "<key>",
		keys.SecretAccessKey: "<secret>", keys.SessionToken: "<secret>", a.folder: "<folder>", a.stack: "<stack>"}
	return t, names, nil
}

// await waits until the deployment of this phase serves: API Gateway takes some seconds to do so everywhere, and a
// snapshot some minutes.
func (a *account) await(ctx context.Context, t *contract.Target, phase contract.Phase) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	for {
		if phase == contract.Snapshot || phase == contract.Unrestored {
			at, err := t.Function.Client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
				FunctionName: &t.Function.Name, Qualifier: &t.Function.Qualifier})
			if err == nil && at.State == types.StateFailed {
				return fmt.Errorf("the snapshot has failed: %s", aws.ToString(at.StateReason))
			}
			if err == nil && at.State == types.StateActive && contract.Serves(ctx, t, phase) {
				return nil
			}
		} else if contract.Serves(ctx, t, phase) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("phase %s does not serve: %w", phase, ctx.Err())
		case <-time.After(2 * time.Second):
		}
	}
}

// logEvery is how often CloudWatch is asked: it takes five requests a second of an account.
func (a *account) logEvery() time.Duration { return 3 * time.Second }

// logOf is a log group from a time on.
type logOf struct {
	client *cloudwatchlogs.Client
	group  string
	since  time.Time
	every  time.Duration
}

// cloudWatchPatience is how long a line may take to be found.
const cloudWatchPatience = 2 * time.Minute

func (l logOf) await(ctx context.Context, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, cloudWatchPatience)
	defer cancel()
	pattern := `"` + strings.Trim(text, " \t") + `"`
	for {
		found, err := l.client.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &l.group,
			FilterPattern: &pattern, StartTime: aws.Int64(l.since.UnixMilli())})
		if err == nil {
			for _, event := range found.Events { // the pattern knows no tabs
				if message := aws.ToString(event.Message); strings.Contains(message, text) {
					return strings.TrimSpace(message), nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(fmt.Errorf("the log has no line with %q after %s", text, cloudWatchPatience), err)
		case <-time.After(l.every):
		}
	}
}

// agreed asks on the terminal.
func (o options) agreed(ctx context.Context, question string) bool {
	fmt.Fprintf(o.say, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.ask).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		return false
	case line := <-answer:
		return strings.EqualFold(strings.TrimSpace(line), "y")
	}
}

// requestsOf counts what a run has sent, and sums up how long it took.
func requestsOf(records []evidence.Record) (requests int, took time.Duration, bytes int) {
	for _, record := range records {
		requests += len(record.Exchanges)
		took += time.Duration(record.Milliseconds) * time.Millisecond
		for _, x := range record.Exchanges {
			bytes += x.Answer.Bytes
		}
	}
	return requests, took, bytes
}
