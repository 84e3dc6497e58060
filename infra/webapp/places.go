package webapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/buildcontext"
)

// places are the folders a deployment reads and writes.
type places struct {
	root    string // holds Pulumi.yaml; the app's folder is relative to it
	working string // where the program and the provider plugins run
	stack   string
}

// locate asks Pulumi for the project's root and, for programs run some other way, looks for
// Pulumi.yaml from the working directory upwards.
func locate(ctx *pulumi.Context) (places, error) {
	working, err := os.Getwd()
	if err != nil {
		return places{}, fmt.Errorf("find the working directory: %w", err)
	}
	p := places{root: ctx.RootDirectory(), working: working, stack: ctx.Stack()}
	if p.root != "" {
		return p, nil
	}
	for dir := working; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			p.root = dir
			return p, nil
		}
		if dir == filepath.Dir(dir) {
			return places{},
				errors.New("find the project: there is no Pulumi.yaml in the working directory or above it")
		}
	}
}

// app is the app's folder.
func (p places) app(args Args) string {
	if filepath.IsAbs(args.App) {
		return filepath.Clean(args.App)
	}
	return filepath.Join(p.root, args.App)
}

// output is lambda-web's own folder in the project.
func (p places) output() string { return filepath.Join(p.root, ".lambda-web") }

func (p places) source(args Args, compile compileProgram) buildcontext.Source {
	return buildcontext.Source{
		App:          p.app(args),
		Dockerfile:   args.Dockerfile,
		Architecture: args.goArchitecture(),
		BuildArgs:    args.BuildArgs,
		Writable:     args.Writable,
		Output:       p.output(),
		Compile:      compile,
		Secrets:      len(args.Secrets) > 0,
	}
}

// stagedImage is a build context as the image resource wants it: paths relative to the working
// directory, which is the same in every checkout.
type stagedImage struct {
	context    string
	dockerfile string
	tag        string
}

func (p places) stage(ctx *pulumi.Context, name string, args Args, compile compileProgram) (stagedImage, error) {
	dir := filepath.Join(p.output(), "build", p.stack, name)
	staged, err := buildcontext.Stage(context.WithoutCancel(ctx.Context()), p.source(args, compile), dir)
	if err != nil {
		return stagedImage{}, err
	}
	relative, err := filepath.Rel(p.working, staged.Dir)
	if err != nil {
		return stagedImage{}, fmt.Errorf("find the build context from the working directory: %w", err)
	}
	return stagedImage{
		context:    filepath.ToSlash(relative),
		dockerfile: filepath.ToSlash(filepath.Join(relative, buildcontext.Dockerfile)),
		tag:        imageTag(staged, args),
	}, nil
}

// imageTag names everything the image is made of: the build context and, if there are any, the build
// arguments and the text of the setting rebuild.
func imageTag(staged buildcontext.Staged, args Args) string {
	if len(args.BuildArgs) > 0 || args.Rebuild != "" {
		sum := sha256.New()
		fmt.Fprintln(sum, staged.Digest)
		for _, name := range sortedKeys(args.BuildArgs) {
			fmt.Fprintf(sum, "%q %q\n", name, args.BuildArgs[name])
		}
		if args.Rebuild != "" {
			fmt.Fprintf(sum, "rebuild %q\n", args.Rebuild)
		}
		staged.Digest = hex.EncodeToString(sum.Sum(nil))
	}
	return staged.Tag(args.goArchitecture())
}
