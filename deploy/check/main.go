// Command check looks whether a machine has what a command for an environment needs, and says how to get what is
// missing, all of it at once.
//
//	go run ./deploy/check [-stack NAME] NEED...
//
// The needs are pulumi, stack, docker, region, credentials, quota and aws.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	stack := flag.String("stack", "dev", "the environment, a stack of the project in the current folder")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m := machine{root: ".", stack: *stack, run: runCommand, caller: callerIdentity, concurrency: accountConcurrency,
		ping: ping}
	os.Exit(report(os.Stderr, m.check(ctx, flag.Args())))
}

// report prints what is missing and returns the exit code.
func report(w io.Writer, missing []string) int {
	for _, sentence := range missing {
		fmt.Fprintln(w, sentence)
	}
	if len(missing) > 0 {
		return 1
	}
	return 0
}

// need is something a command may stand on.
type need struct {
	name  string
	first string // another need that has to be met before it makes sense to look
	check func(m machine, ctx context.Context) (missing string)
}

// needs are checked in this order.
var needs = []need{
	{"pulumi", "", machine.pulumi},
	{"stack", "pulumi", machine.stackExists},
	{"docker", "", machine.docker},
	{"region", "", machine.region},
	{"credentials", "region", machine.credentials},
	{"quota", "credentials", machine.quota},
	{"aws", "", machine.awsCLI},
}

// check returns a sentence for each need that is not met.
func (m machine) check(ctx context.Context, wanted []string) []string {
	for _, name := range wanted {
		if !slices.ContainsFunc(needs, func(n need) bool { return n.name == name }) {
			return []string{fmt.Sprintf("check: there is no need %q", name)}
		}
	}
	var missing []string
	failed := map[string]bool{}
	for _, n := range needs {
		if !slices.Contains(wanted, n.name) || failed[n.first] {
			continue
		}
		if sentence := n.check(m, ctx); sentence != "" {
			failed[n.name] = true
			missing = append(missing, strings.TrimSpace(sentence))
		}
	}
	return missing
}
