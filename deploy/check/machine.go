package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"gopkg.in/yaml.v3"
)

// machine is where the command runs. Its functions reach the outside.
type machine struct {
	root, stack string

	// run runs a program and returns what it prints; exec.ErrNotFound means there is no such program.
	run func(ctx context.Context, name string, args ...string) (string, error)
	// caller is the ARN the credentials of a profile, or those found without one, belong to.
	caller func(ctx context.Context, region, profile string) (string, error)
}

func runCommand(ctx context.Context, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	output, err := command.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func missing(err error) bool { return errors.Is(err, exec.ErrNotFound) }

// pulumi: the CLI is there and knows where the state is.
func (m machine) pulumi(ctx context.Context) string {
	if output, err := m.run(ctx, "pulumi", "version"); missing(err) {
		return "The Pulumi CLI is missing: install it (https://www.pulumi.com/docs/iac/download-install/), then run the command again."
	} else if err != nil {
		return fmt.Sprintf("The Pulumi CLI does not run: %v\n%s", err, output)
	}
	if output, err := m.run(ctx, "pulumi", "whoami", "--non-interactive"); err != nil {
		return fmt.Sprintf("Pulumi does not know where to keep the state: run \"pulumi login\" for Pulumi Cloud, \"pulumi login s3://BUCKET\" for a bucket "+
			"of yours or \"pulumi login --local\" for this machine.\n%s", output)
	}
	return ""
}

func (m machine) stackExists(ctx context.Context) string {
	if output, err := m.run(ctx, "pulumi", "stack", "--stack", m.stack, "--show-name", "--non-interactive"); err != nil {
		return fmt.Sprintf("There is no stack %q: make it with \"pulumi stack init %s\", or name another one with STACK=.\n%s", m.stack, m.stack, output)
	}
	return ""
}

// docker: a daemon answers. The Docker CLI knows which one; without it, it is the one at DOCKER_HOST or the usual socket.
func (m machine) docker(ctx context.Context) string {
	if m.promotes() {
		return ""
	}
	output, err := m.run(ctx, "docker", "version", "--format", "{{.Server.Version}}")
	if missing(err) {
		err = ping(ctx, cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"))
	}
	if err != nil {
		return fmt.Sprintf("No Docker daemon answers, and Pulumi's Docker provider needs one even for a preview: start Docker (https://docs.docker.com/get-docker/), "+
			"or set DOCKER_HOST.\n%s", output)
	}
	return ""
}

// ping asks a daemon whether it is there (https://docs.docker.com/reference/api/engine/).
func ping(ctx context.Context, host string) error {
	u, err := url.Parse(host)
	if err != nil {
		return fmt.Errorf("DOCKER_HOST: %w", err)
	}
	network, address := u.Scheme, u.Host
	if network == "unix" {
		address = u.Path
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func (m machine) region(context.Context) string {
	region, _, err := m.place()
	if err != nil {
		return err.Error()
	}
	if region == "" {
		return fmt.Sprintf("There is no region for stack %q: set one with \"pulumi config set --stack %s aws:region eu-central-1\", or in AWS_REGION.", m.stack, m.stack)
	}
	return ""
}

// place is region and profile of the stack, from where the program takes them.
func (m machine) place() (region, profile string, err error) {
	settings, err := m.settings()
	region, _ = settings["aws:region"].(string)
	profile, _ = settings["aws:profile"].(string)
	return cmp.Or(region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), profile, err
}

// promotes: the stack runs an image that another one made, so nothing is built.
func (m machine) promotes() bool {
	settings, _ := m.settings() // what is wrong with them, the need for a region says
	for key, value := range settings {
		if (strings.HasSuffix(key, ":image") || strings.HasSuffix(key, ":imageFrom")) && value != "" {
			return true
		}
	}
	return false
}

// settings are those in the stack's file.
func (m machine) settings() (map[string]any, error) {
	name := filepath.Join(m.root, "Pulumi."+m.stack+".yaml")
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the settings of stack %q: %w", m.stack, err)
	}
	var settings struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&settings); len(text) > 0 && err != nil {
		return nil, fmt.Errorf("%s is not YAML: %w", name, err)
	}
	return settings.Config, nil
}

// credentials: AWS knows them.
func (m machine) credentials(ctx context.Context) string {
	region, profile, err := m.place()
	if err != nil {
		return err.Error()
	}
	if _, err := m.caller(ctx, region, profile); err != nil {
		return fmt.Sprintf("There are no AWS credentials that AWS accepts: sign in (\"aws sso login\"), name a profile (AWS_PROFILE, or "+
			"\"pulumi config set --stack %s aws:profile NAME\"), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n%v", m.stack, err)
	}
	return ""
}

// callerIdentity needs no right: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func callerIdentity(ctx context.Context, region, profile string) (string, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(region)}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	settings, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return "", err
	}
	identity, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", err
	}
	return *identity.Arn, nil
}

func (m machine) awsCLI(ctx context.Context) string {
	if output, err := m.run(ctx, "aws", "--version"); missing(err) {
		return "The AWS CLI is missing: install version 2 (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html), then run the command again."
	} else if err != nil || strings.HasPrefix(output, "aws-cli/1.") {
		return fmt.Sprintf("The AWS CLI is not version 2, which \"aws logs tail\" needs: install it (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html).\n%s", output)
	}
	return ""
}
