package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// stack is a Pulumi stack, reached by the CLI.
type stack struct {
	name string
}

// outputs are what the program says of the web app.
type outputs struct {
	FunctionName string   `json:"functionName"`
	Version      string   `json:"version"` // the newest
	AliasARN     string   `json:"aliasArn"`
	Region       string   `json:"region"`
	AlarmNames   []string `json:"alarmNames"`
}

// alias is the alias's name, the last part of its ARN.
func (o outputs) alias() string { return o.AliasARN[strings.LastIndex(o.AliasARN, ":")+1:] }

func (s stack) outputs(ctx context.Context) (outputs, error) {
	text, err := s.pulumi(ctx, "stack", "output", "--json")
	if err != nil {
		return outputs{}, err
	}
	var o outputs
	if err := json.Unmarshal(text, &o); err != nil {
		return outputs{}, fmt.Errorf("the outputs of stack %s are no JSON: %w", s.name, err)
	}
	if o.FunctionName == "" || o.AliasARN == "" {
		return outputs{}, fmt.Errorf("stack %s has no web app yet; make up STACK=%s is all that its first version needs", s.name, s.name)
	}
	return o, nil
}

// setting is a setting of the stack, or "" where it has none.
func (s stack) setting(ctx context.Context, key string) string {
	text, err := s.pulumi(ctx, "config", "get", key)
	if err != nil {
		return "" // the CLI fails for a key that is not set
	}
	return strings.TrimSpace(string(text))
}

// number is a setting that is a whole number, or what it is without the setting.
func (s stack) number(ctx context.Context, key string, otherwise int) int {
	if n, err := strconv.Atoi(s.setting(ctx, key)); err == nil {
		return n
	}
	return otherwise
}

func (s stack) set(ctx context.Context, key, value string) error {
	_, err := s.pulumi(ctx, "config", "set", key, value)
	return err
}

func (s stack) unset(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.pulumi(ctx, "config", "rm", key); err != nil {
			return err
		}
	}
	return nil
}

// up deploys, in front of whoever sits there.
func (s stack) up(ctx context.Context, yes bool) error {
	arguments := []string{"up", "--stack", s.name}
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
func (s stack) pulumi(ctx context.Context, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "pulumi", append(arguments, "--stack", s.name, "--non-interactive")...)
	var failure bytes.Buffer
	command.Stderr = &failure
	text, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("the Pulumi CLI is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("pulumi %s: %w\n%s", strings.Join(arguments, " "), err, strings.TrimSpace(failure.String()))
	}
	return text, nil
}

// The settings that hold a version while another one comes out.
const (
	liveVersion  = "liveVersion"
	canaryWeight = "canaryWeight"
)

// release ends the holding: the settings say again that the newest version serves.
func (s stack) release(ctx context.Context, out io.Writer, version string) error {
	if err := s.unset(ctx, liveVersion, canaryWeight); err != nil {
		return fmt.Errorf("version %s serves alone, and the settings still hold the old one: %w", version, err)
	}
	fmt.Fprintf(out, "Version %s serves alone. liveVersion and canaryWeight are out of Pulumi.%s.yaml; commit that if it is in git. "+
		"The next update notes in the state what the alias points at, and changes nothing by it.\n", version, s.name)
	return nil
}
