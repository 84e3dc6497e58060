// Command policy writes the IAM policy of whoever deploys: the rights for the resources the Pulumi program makes, and
// no others.
//
//	go run ./deploy/policy -account 123456789012 [-region eu-central-1] [-name lambda-web] [-boundary ARN] [-plain] [-read] > policy.json
//
// -plain leaves out what only optional settings need, -read all that changes something.
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
	flags.StringVar(&d.Name, "name", "lambda-web", "the project's `NAME` in Pulumi.yaml, or project and stack, such as lambda-web-dev")
	flags.StringVar(&d.Boundary, "boundary", "", "`ARN` of the permissions boundary that every role has to have (setting permissionsBoundaryArn)")
	flags.BoolVar(&d.Plain, "plain", false, "leave out what only optional settings need")
	flags.BoolVar(&d.Read, "read", false, "only what looks and changes nothing, for whoever searches for drift")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := d.Check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(d.Policy(), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
