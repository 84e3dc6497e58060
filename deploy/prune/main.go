// Command prune deletes versions of an environment's function that nothing points at:
//
//	go run ./deploy/prune [-stack NAME] [-keep 3] [-yes]
//
// It keeps what an alias or its weights name, what the setting liveVersion names, the newest ones, and what is
// younger than an hour. With SnapStart each version that stays costs money; it says how much. It asks before it
// deletes.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"lambda-web/deploy/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "prune:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("prune", flag.ContinueOnError)
	name := flags.String("stack", "dev", "the environment")
	keep := flags.Int("keep", 3, "how many of the newest versions to keep")
	yes := flags.Bool("yes", false, "delete without asking")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *keep < 1 {
		return fmt.Errorf("-keep is %d; it must be 1 or more, for the newest version is the way back", *keep)
	}
	s := stack.Stack{Name: *name}
	at, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	if images := s.Number(ctx, "imageRetention", 10); *keep > images {
		return fmt.Errorf("-keep is %d, and imageRetention keeps %d images: a version without its image "+
			"cannot be started anew; use %d or less", *keep, images, images)
	}
	account, err := s.Account(ctx, at.Region)
	if err != nil {
		return err
	}
	p := pruning{client: lambda.NewFromConfig(account), function: at.FunctionName, keep: *keep,
		live: s.Setting(ctx, "liveVersion"), out: out}
	doomed, err := p.doomed(ctx)
	if err != nil {
		return err
	}
	if len(doomed) == 0 {
		fmt.Fprintln(out, "There is nothing to delete.")
		return nil
	}
	if !*yes && !agreed(in, out, len(doomed)) {
		return errors.New("nothing was deleted")
	}
	return p.delete(ctx, doomed)
}

func agreed(in io.Reader, out io.Writer, count int) bool {
	fmt.Fprintf(out, "Delete %d versions? Requests are not concerned. [y/N] ", count)
	answer, _ := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
