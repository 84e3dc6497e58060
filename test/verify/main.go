// Command verify holds the contract of this project against what serves: the local cloud, an AWS account, or whatever
// answers at a URL. It sends the same requests to each, judges the answers, and writes what it saw to a file that can
// be handed on.
//
//	verify                        the local cloud: as a process, and as a container where an engine answers
//	verify -mode process          one of the two
//	verify -stack NAME [-yes]     an account: deploys to the stack, compares with the local cloud, destroys
//	verify -endpoint URL          whatever answers there and has the app of this suite behind it
//
// "make verify" builds what it needs and starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := verify(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
}

func verify(ctx context.Context, args []string) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		fmt.Fprint(o.say, list())
		return nil
	case o.endpoint != nil:
		return o.verifyEndpoint(ctx)
	case o.stack != "":
		return o.verifyAccount(ctx)
	default:
		return o.verifyLocal(ctx)
	}
}
