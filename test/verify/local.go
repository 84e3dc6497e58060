package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"lambda-web/local/container"
	"lambda-web/test/docker"
	"lambda-web/test/launch"
	"lambda-web/test/verify/contract"
	"lambda-web/test/verify/evidence"
)

// localRegion is the region of the local cloud.
const localRegion = "eu-central-1"

// verifyLocal holds the contract against the local cloud, in one mode or in both, and compares the two.
func (o options) verifyLocal(ctx context.Context) error {
	modes := []string{o.mode}
	if o.mode == bothModes {
		modes = []string{processMode, containerMode}
	}
	var runs [][]evidence.Record
	var failed error
	for _, mode := range modes {
		if mode == containerMode {
			stop, err := o.engine(ctx)
			if err != nil && o.mode == bothModes {
				fmt.Fprintf(o.say, "Not as a container, as %v\n", err)
				continue
			}
			if err != nil {
				return err
			}
			defer stop()
		}
		records, err := o.local(ctx, mode)
		failed = errors.Join(failed, err)
		runs = append(runs, records)
		if len(records) == 0 || ctx.Err() != nil {
			return failed
		}
	}
	if len(runs) == 2 {
		if unknown := o.reportDifferences(run{processMode, runs[0]}, run{containerMode, runs[1]},
			betweenModes); unknown > 0 {
			failed = errors.Join(failed, fmt.Errorf("the two modes differ where they should not: %d times", unknown))
		}
	}
	return failed
}

// engine finds a container engine, or starts one if that was asked for.
func (o options) engine(ctx context.Context) (stop func(), err error) {
	if !o.startEngine {
		_, err := container.Find(ctx, ".", filepath.Dir(o.out))
		return func() {}, err
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	daemon, err := docker.Use(root)
	if err != nil {
		return nil, err
	}
	return daemon.Stop, nil
}

// local runs all phases at once, each in a local cloud of its own.
func (o options) local(ctx context.Context, mode string) ([]evidence.Record, error) {
	began := time.Now()
	results := make([]outcome, len(contract.Phases))
	var wait sync.WaitGroup
	for i, phase := range contract.Phases {
		if len(o.checks(phase)) > 0 {
			wait.Go(func() { results[i] = o.localPhase(ctx, mode, phase) })
		}
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil, errors.New("stopped")
	}
	return o.finish("local "+mode, began, results)
}

// outcome is what a phase leaves.
type outcome struct {
	records []evidence.Record
	names   map[string]string // that the evidence must not have
	err     error
}

func (o options) localPhase(ctx context.Context, mode string, phase contract.Phase) outcome {
	if ctx.Err() != nil {
		return outcome{err: ctx.Err()}
	}
	folder := filepath.Join(o.out, mode, string(phase))
	if err := o.stage(ctx, filepath.Join(folder, "app"), here(mode)); err != nil {
		return outcome{err: err}
	}
	file := filepath.Join(folder, "settings.yaml")
	if err := o.writeSettings(file, phase, filepath.Join(folder, "app"), nil, false); err != nil {
		return outcome{err: err}
	}
	args := []string{"-bin", o.bin, "-mode", mode, "-port", "0", "-freeze", "-log", "cloudwatch", "-stack", "verify",
		"-config-file", file}
	if phase != contract.Open {
		args = append(args, "-watch=false")
	}
	command := exec.CommandContext(ctx, filepath.Join(o.bin, "local"), args...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this program, which ends it in order
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	cloud, err := launch.Start(command, 3*time.Minute, nil)
	if err != nil {
		return outcome{err: fmt.Errorf("%s, phase %s: %w", mode, phase, err)}
	}
	defer func() {
		cloud.Kill()
		os.WriteFile(filepath.Join(folder, "log"), []byte(cloud.Log()), 0o644) // only to look at
	}()
	target, names, err := o.localTarget(cloud, mode, folder)
	if err != nil {
		return outcome{err: err}
	}
	records := o.carryOut(ctx, target, phase)
	if err := cloud.Stop(); err != nil {
		return outcome{records, names, fmt.Errorf("%s, phase %s: %w", mode, phase, err)}
	}
	return outcome{records, names, ctx.Err()}
}

// localTarget is a local cloud as the checks see it.
func (o options) localTarget(cloud *launch.Cloud, mode, folder string) (*contract.Target, map[string]string, error) {
	printed := cloud.Log()
	u, err := url.Parse(cloud.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("the local cloud's URL: %w", err)
	}
	account := aws.Credentials{AccessKeyID: value(printed, "export AWS_ACCESS_KEY_ID=", "LOCALCLOUDACCESSKEY1"),
		SecretAccessKey: value(printed, "export AWS_SECRET_ACCESS_KEY=", "unused")}
	name, arn := output(printed, "functionName"), output(printed, "aliasArn")
	t := &contract.Target{
		URL: u, Where: "local " + mode, Region: localRegion, Account: account,
		Function: contract.Function{Name: name, Qualifier: arn[strings.LastIndex(arn, ":")+1:],
			Client: lambda.New(lambda.Options{Region: localRegion, Credentials: aws.CredentialsProviderFunc(
				func(context.Context) (aws.Credentials, error) { return account, nil }),
				BaseEndpoint: aws.String("http://" + u.Host + "/@"), RetryMaxAttempts: 1})},
		Has: contract.Invoke | contract.Log | contract.Credentials | contract.Stage | contract.Changes |
			contract.Reserved,
		AwaitLog: func(_ context.Context, text string) (string, error) {
			return cloud.Await(0, logPatience, text)
		},
		Change: func(ctx context.Context, version string) error {
			printed := cloud.Printed()
			if err := writeVersion(filepath.Join(folder, "app"), version); err != nil {
				return err
			}
			_, err := cloud.Await(printed, 2*time.Minute, "after the change")
			return err
		},
	}
	names := map[string]string{u.Host: "<host>", u.Hostname(): "<host>", name: "<function>",
		output(printed, "apiId"): "<api>", account.AccessKeyID: "<key>", account.SecretAccessKey: "<secret>",
		folder: "<folder>"}
	return t, names, nil
}

const logPatience = 30 * time.Second

// output is an output of the stack, as the local cloud prints it.
func output(printed, name string) string {
	for line := range strings.Lines(printed) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// value is what follows a text, to the end of its line.
func value(printed, after, otherwise string) string {
	_, rest, ok := strings.Cut(printed, after)
	if !ok {
		return otherwise
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
