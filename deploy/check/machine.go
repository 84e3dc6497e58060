package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// machine is where the command runs. Its functions reach the outside.
type machine struct {
	root, stack string

	// run runs a program and returns what it prints; exec.ErrNotFound means there is no such program.
	run func(ctx context.Context, name string, args ...string) (string, error)
	// caller is the ARN the credentials of a profile, or those found without one, belong to.
	caller func(ctx context.Context, region, profile string) (string, error)
	// concurrency is how many concurrent executions the account has in the region.
	concurrency func(ctx context.Context, region, profile string) (int, error)
	// ping asks a Docker daemon whether it is there.
	ping func(ctx context.Context, host string) error
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
		return "The Pulumi CLI is missing: install it (https://www.pulumi.com/docs/iac/download-install/), " +
			"then run the command again."
	} else if err != nil {
		return fmt.Sprintf("The Pulumi CLI does not run: %v\n%s", err, output)
	}
	if output, err := m.run(ctx, "pulumi", "whoami", "--non-interactive"); err != nil {
		return fmt.Sprintf("Pulumi does not know where to keep the state: run \"pulumi login\" for Pulumi "+
			"Cloud, \"pulumi login s3://BUCKET\" for a bucket "+
			"of yours or \"pulumi login --local\" for this machine.\n%s", output)
	}
	return ""
}

func (m machine) stackExists(ctx context.Context) string {
	if output, err := m.run(ctx, "pulumi", "stack", "--stack", m.stack, "--show-name",
		"--non-interactive"); err != nil {
		return fmt.Sprintf("There is no stack %q: make it with \"pulumi stack init %s\", or name another one "+
			"with STACK=.\n%s", m.stack, m.stack, output)
	}
	return ""
}

// docker: a daemon answers where Pulumi's Docker provider looks, which is DOCKER_HOST or the usual socket. The Docker
// CLI looks at its contexts, too.
func (m machine) docker(ctx context.Context) string {
	if m.promotes(ctx) {
		return ""
	}
	host := os.Getenv("DOCKER_HOST")
	if host == "" && m.ping(ctx, usualSocket) == nil {
		return ""
	}
	output, err := m.run(ctx, "docker", "version", "--format", "{{.Server.Version}}")
	if missing(err) && host != "" {
		err = m.ping(ctx, host)
	}
	if err == nil && host == "" {
		if context, err := m.run(ctx, "docker", "context", "inspect", "--format",
			"{{.Endpoints.docker.Host}}"); err == nil && context != usualSocket {
			return fmt.Sprintf("Docker answers at %s, the Docker CLI's context, which Pulumi's Docker "+
				"provider does not look at: export DOCKER_HOST=%s, "+
				"then run the command again.", context, context)
		}
	}
	if err != nil || host == "" {
		return fmt.Sprintf("No Docker daemon answers, and Pulumi's Docker provider needs one even for a "+
			"preview: start Docker (https://docs.docker.com/get-docker/), "+
			"or set DOCKER_HOST.\n%s", output)
	}
	return ""
}

const usualSocket = "unix:///var/run/docker.sock"

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
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn,
		error) {
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

func (m machine) awsCLI(ctx context.Context) string {
	if output, err := m.run(ctx, "aws", "--version"); missing(err) {
		return "The AWS CLI is missing: install version 2 " +
			"(https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html), then run the command again."
	} else if err != nil || strings.HasPrefix(output, "aws-cli/1.") {
		return fmt.Sprintf("The AWS CLI is not version 2, which \"aws logs tail\" needs: install it "+
			"(https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html).\n%s", output)
	}
	return ""
}
