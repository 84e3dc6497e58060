// Package stack is a Pulumi stack as the commands in deploy see it: what it made, what its settings say, and the
// account it is in. It is reached by the Pulumi CLI.
package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Stack is one of the project's stacks.
type Stack struct {
	Name string
}

// Outputs are what the program says of the web app.
type Outputs struct {
	FunctionName string   `json:"functionName"`
	Version      string   `json:"version"` // the newest
	AliasARN     string   `json:"aliasArn"`
	Region       string   `json:"region"`
	LogGroup     string   `json:"logGroup"`
	AlarmNames   []string `json:"alarmNames"`

	// Of the function that runs commands; empty without one.
	TaskFunctionName string `json:"taskFunctionName"`
	TaskLogGroup     string `json:"taskLogGroup"`
}

// Alias is the alias's name, the last part of its ARN.
func (o Outputs) Alias() string { return o.AliasARN[strings.LastIndex(o.AliasARN, ":")+1:] }

// Outputs are those of the last update. A stack without a web app is an error.
func (s Stack) Outputs(ctx context.Context) (Outputs, error) {
	text, err := s.pulumi(ctx, "stack", "output", "--json")
	if err != nil {
		return Outputs{}, err
	}
	var o Outputs
	if err := json.Unmarshal(text, &o); err != nil {
		return Outputs{}, fmt.Errorf("the outputs of stack %s are no JSON: %w", s.Name, err)
	}
	if o.FunctionName == "" || o.AliasARN == "" {
		return Outputs{},
			fmt.Errorf("stack %s has no web app yet; make up STACK=%s is all that its first version needs",
				s.Name, s.Name)
	}
	return o, nil
}

// Setting is a setting of the stack, or "" where it has none.
func (s Stack) Setting(ctx context.Context, key string) string {
	text, err := s.pulumi(ctx, "config", "get", key)
	if err != nil {
		return "" // the CLI fails for a key that is not set
	}
	return strings.TrimSpace(string(text))
}

// Number is a setting that is a whole number, or what it is without the setting.
func (s Stack) Number(ctx context.Context, key string, otherwise int) int {
	if n, err := strconv.Atoi(s.Setting(ctx, key)); err == nil {
		return n
	}
	return otherwise
}

// Set changes a setting.
func (s Stack) Set(ctx context.Context, key, value string) error {
	_, err := s.pulumi(ctx, "config", "set", key, value)
	return err
}

// Unset takes settings out.
func (s Stack) Unset(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.pulumi(ctx, "config", "rm", key); err != nil {
			return err
		}
	}
	return nil
}

// Up deploys, in front of whoever sits there.
func (s Stack) Up(ctx context.Context, yes bool) error {
	arguments := []string{"up", "--stack", s.Name}
	if yes {
		arguments = append(arguments, "--yes", "--skip-preview")
	}
	command := exec.Command("pulumi", arguments...) // Ctrl-C reaches it as it reaches us; it ends in its own way
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("pulumi up: %w", err)
	}
	return ctx.Err()
}

// pulumi returns what a command prints.
func (s Stack) pulumi(ctx context.Context, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "pulumi", append(arguments, "--stack", s.Name, "--non-interactive")...)
	var failure bytes.Buffer
	command.Stderr = &failure
	text, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("the Pulumi CLI is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("pulumi %s: %w\n%s", strings.Join(arguments, " "), err,
			strings.TrimSpace(failure.String()))
	}
	return text, nil
}

// Account is where the stack is, with the credentials its settings name or the environment has.
func (s Stack) Account(ctx context.Context, region string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(region)}
	if profile := s.Setting(ctx, "aws:profile"); profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	account, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return account, fmt.Errorf("find AWS credentials: %w", err)
	}
	return account, nil
}
