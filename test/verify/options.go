package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"lambda-web/test/verify/contract"
)

// options are the command's settings. All of them are read and checked here.
type options struct {
	bin      string // folder of the built programs
	out      string // folder of everything that a run makes
	mode     string // process, container or both
	stack    string // of an account
	endpoint *url.URL
	phase    contract.Phase // of what answers at the endpoint
	region   string
	function string // behind the endpoint, for direct calls
	lambda   string // where Lambda's API is; empty is AWS
	only     *regexp.Regexp
	slow     bool
	yes      bool

	startEngine bool // where no container engine answers
	list        bool // the checks, and nothing else

	stacks string // folder of the stacks' settings
	say    io.Writer
	ask    io.Reader
}

// How the local cloud runs the app.
const (
	processMode   = "process"
	containerMode = "container"
	bothModes     = "both"
)

func readOptions(args []string) (options, error) {
	o := options{stacks: ".", say: os.Stdout, ask: os.Stdin}
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	set.StringVar(&o.bin, "bin", ".lambda-web/bin", "folder of the built programs")
	set.StringVar(&o.out, "out", ".lambda-web/verify", "folder for what a run makes: apps, settings, evidence")
	set.StringVar(&o.mode, "mode", bothModes, "how the local cloud runs the app: process, container, or both")
	set.StringVar(&o.stack, "stack", "", "empty stack of an account to deploy to; it is destroyed at the end")
	endpoint := set.String("endpoint", "", "invoke URL of a stage with the app of this suite behind it")
	phase := set.String("phase", string(contract.Open), "with -endpoint: how the API there is configured")
	set.StringVar(&o.region, "region", "eu-central-1", "with -endpoint: the region that signatures name")
	set.StringVar(&o.function, "function", "", "with -endpoint: name of the function, for direct calls")
	set.StringVar(&o.lambda, "lambda", "", "with -endpoint: URL of Lambda's API, if it is not AWS's own")
	only := set.String("only", "", "only the checks whose id matches this pattern")
	set.BoolVar(&o.slow, "slow", false, "also the checks that take minutes")
	set.BoolVar(&o.list, "list", false, "print the table of checks for docs/contract.md")
	set.BoolVar(&o.startEngine, "engine", false, "install and start Docker where no container engine answers, as root")
	set.BoolVar(&o.yes, "yes", false, "with -stack: do not ask")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	return o, o.check(set.Args(), *endpoint, *phase, *only)
}

func (o *options) check(rest []string, endpoint, phase, only string) error {
	var mistakes []error
	mistake := func(format string, arguments ...any) {
		mistakes = append(mistakes, fmt.Errorf(format, arguments...))
	}
	if len(rest) > 0 {
		mistake("unexpected argument %q", rest[0])
	}
	if !slices.Contains([]string{processMode, containerMode, bothModes}, o.mode) {
		mistake("MODE is %q; allowed are process, container and both", o.mode)
	}
	if o.stack != "" && endpoint != "" {
		mistake("STACK and ENDPOINT are both set; name one of them")
	}
	if endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
			mistake("ENDPOINT is %q; it must be the URL of a stage, such as https://HOST/v1", endpoint)
		}
		o.endpoint = u
	}
	if o.phase = contract.Phase(phase); !slices.Contains(contract.Phases, o.phase) {
		mistake("PHASE is %q; allowed are %v", phase, contract.Phases)
	}
	if o.lambda != "" {
		if u, err := url.Parse(o.lambda); err != nil || u.Host == "" {
			mistake("LAMBDA is %q; it must be a URL", o.lambda)
		}
	}
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		mistake("ONLY is %q, which is no pattern: %v", only, err)
	}
	for _, folder := range []*string{&o.bin, &o.out} {
		if *folder, err = filepath.Abs(*folder); err != nil {
			mistake("find the folder %q: %v", *folder, err)
		}
	}
	return errors.Join(mistakes...)
}

// checks are those of a phase that were asked for.
func (o options) checks(phase contract.Phase) []contract.Check {
	return slices.DeleteFunc(contract.All(), func(c contract.Check) bool {
		return c.Phase != phase || !o.only.MatchString(c.ID)
	})
}
