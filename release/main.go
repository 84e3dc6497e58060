// Command release makes and publishes what people take of this project without cloning it: the adapter.
//
//	release check -version 1.2.3                    is the tree ready for a release of that version
//	release build -version 1.2.3 [-o FOLDER]        binaries, layer archives, image, checksums, SBOM
//	release push  -version 1.2.3 -image REPOSITORY  pushes the built image, under its version and "latest"
//	release layer -version 1.2.3 -regions a,b       publishes the built layers to the account's regions
//
// The same sources and the same Go toolchain give the same bytes on every machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// options are what the commands are told.
type options struct {
	version string // without the v of its tag
	folder  string
	image   string // repository, without a tag
	plain   bool   // the registry speaks plain HTTP
	layer   string
	regions []string
	public  bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	commands := map[string]func(context.Context, options, io.Writer) error{
		"check": check, "build": build, "push": push, "layer": publishLayers,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return fmt.Errorf("name one of the commands check, build, push and layer")
	}
	o, err := readOptions(args[0], args[1:])
	if err != nil {
		return err
	}
	return commands[args[0]](ctx, o, out)
}

func readOptions(command string, args []string) (options, error) {
	var o options
	var regions string
	set := flag.NewFlagSet("release "+command, flag.ContinueOnError)
	set.StringVar(&o.version, "version", "", "version, such as 1.2.3")
	set.StringVar(&o.folder, "o", ".lambda-web/release", "folder of the artefacts")
	if command == "push" {
		set.StringVar(&o.image, "image", "", "repository, such as ghcr.io/OWNER/lambda-adapter")
		set.BoolVar(&o.plain, "plain-http", false, "the registry speaks plain HTTP")
	}
	if command == "layer" {
		set.StringVar(&o.layer, "name", "lambda-adapter", "name of the layers, followed by the architecture")
		set.StringVar(&regions, "regions", "", "regions, separated by commas")
		set.BoolVar(&o.public, "public", false, "every account may use the layers")
	}
	if err := set.Parse(args); err != nil {
		return o, err
	}
	var mistakes []string
	if !isVersion(o.version) {
		mistakes = append(mistakes,
			fmt.Sprintf("-version is %q; it must be a version such as 1.2.3 or 1.2.3-rc.1", o.version))
	}
	if command == "push" && o.image == "" {
		mistakes = append(mistakes, "-image is missing; it must be a repository such as ghcr.io/OWNER/lambda-adapter")
	}
	o.regions = strings.FieldsFunc(regions, func(r rune) bool { return r == ',' || r == ' ' })
	if command == "layer" && len(o.regions) == 0 {
		mistakes = append(mistakes, "-regions is missing; it must be regions such as eu-central-1,us-east-1")
	}
	if len(mistakes) > 0 {
		return o, fmt.Errorf("%s", strings.Join(mistakes, "\n"))
	}
	return o, nil
}
