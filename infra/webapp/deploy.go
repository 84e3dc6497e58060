package webapp

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/buildcontext"
)

// Deploy is the program of a stack: one web app as the stack's configuration says, and its outputs.
// A wrong configuration is an *ArgsError with every mistake; nothing is registered then.
func Deploy(ctx *pulumi.Context) error {
	return deploy(ctx, buildcontext.Compile)
}

func deploy(ctx *pulumi.Context, compile compileProgram) error {
	name := ctx.Project() + "-" + ctx.Stack()
	settings, err := load(ctx, name)
	if err != nil {
		return err
	}
	provider, err := settings.provider(ctx)
	if err != nil {
		return err
	}
	app, err := newWebApp(ctx, name, settings.Args, compile, pulumi.Providers(provider))
	if err != nil {
		return err
	}
	for key, output := range app.Outputs() {
		ctx.Export(key, output)
	}
	return nil
}

// load reads the stack's configuration and applies every rule to it.
func load(ctx *pulumi.Context, name string) (Settings, error) {
	places, err := locate(ctx)
	if err != nil {
		return Settings{}, err
	}
	var found mistakes
	settings := readSettings(ctx, &found)
	checkPlace(settings, &found)
	found = append(found, rules(name, settings.Args, places)...)
	return settings, found.err(fmt.Sprintf("stack %q", ctx.Stack()))
}

// provider makes the AWS provider of everything in the stack: one region, and the same tags on all
// that can carry them.
func (s Settings) provider(ctx *pulumi.Context) (*aws.Provider, error) {
	args := &aws.ProviderArgs{Region: pulumi.String(s.Region)}
	if s.profile != "" {
		args.Profile = pulumi.String(s.profile)
	}
	if len(s.accounts) > 0 {
		args.AllowedAccountIds = pulumi.ToStringArray(s.accounts)
	}
	tags := pulumi.StringMap{"Project": pulumi.String(ctx.Project()), "Stack": pulumi.String(ctx.Stack())}
	for key, value := range s.Tags {
		tags[key] = pulumi.String(value)
	}
	args.DefaultTags = aws.ProviderDefaultTagsArgs{Tags: tags}
	provider, err := aws.NewProvider(ctx, "aws", args)
	if err != nil {
		return nil, fmt.Errorf("set up the AWS provider: %w", err)
	}
	return provider, nil
}
