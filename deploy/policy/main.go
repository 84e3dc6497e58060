// Command policy writes the IAM policy of whoever deploys: the rights for the resources the Pulumi program makes, and
// no others.
//
//	go run ./deploy/policy -account 123456789012 [-region eu-central-1] [-name lambda-web] [-boundary ARN] [-part PART] > policy.json
//
// There are three parts, since a managed policy has 6144 characters at the most: core, for a web app without optional
// settings, options, for what these need beyond it, and front, for what the setting front needs beyond both. A fourth,
// run, is for whoever runs commands, and for a deployer with a release command; a fifth, read, for whoever searches for
// drift.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"lambda-web/deploy/rights"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	var d rights.Deployer
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	flags.StringVar(&d.Account, "account", "", "the `ACCOUNT`, 12 digits")
	flags.StringVar(&d.Region, "region", "*", "the `REGION`; * for all")
	flags.StringVar(&d.Partition, "partition", "aws", "aws, aws-cn or aws-us-gov")
	flags.StringVar(&d.Name, "name", "lambda-web",
		"the project's `NAME` in Pulumi.yaml, or project and stack, such as lambda-web-dev")
	flags.StringVar(&d.Boundary, "boundary", "",
		"`ARN` of the permissions boundary that every role has to have (setting permissionsBoundaryArn)")
	part := flags.String("part", "core",
		"core, options for what optional settings need beyond it, front for what the setting front needs beyond both, "+
			"run for commands, or read for only what looks and changes nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := d.Check(); err != nil {
		return err
	}
	parts := map[string]func() rights.Policy{"core": d.Core, "options": d.Options, "front": d.Front, "run": d.Run,
		"read": d.Read}
	if parts[*part] == nil {
		return fmt.Errorf("part %q is not one of core, options, front, run and read", *part)
	}
	text, err := json.MarshalIndent(parts[*part](), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
