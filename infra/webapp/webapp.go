// Package webapp puts a containerised web app, unchanged, on AWS Lambda behind an API Gateway REST
// API. The app is any folder with a Dockerfile that starts a web server.
//
//	deploy.go     what `pulumi up` runs: settings from the stack's configuration, provider, exports
//	args.go       what can be chosen, with its defaults and limits
//	settings.go   how the choices are read from the configuration
//	rules.go      which combinations make no sense, and what to choose instead
//	port.go       which port the app listens on
//	image.go      staged build context, ECR repository, image
//	promote.go    an image that another stack made
//	secrets.go    secrets by reference
//	schedules.go  tasks by the clock
//	commands.go   one-off commands, and the one before each release
//	role.go       what the function may do
//	function.go   log group, function, version, alias
//	concurrency.go provisioned concurrency, fixed or moving
//	api.go        REST API, deployment, stage, permission
//	openapi.go    the REST API's document
//	callers.go    who may call, as the API's resource policy
//	stage.go      stage, throttling, access log, web ACL
//	domain.go     domain of one's own
//	front.go      CloudFront distribution in front of the stage
//	frontsecret.go how the adapter knows the distribution
//	operations.go alarms and dashboard
//
// The package buildcontext makes the folder the image is built from.
package webapp

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/buildcontext"
)

// Type is the component's type token.
const Type = "lambda-web:index:WebApp"

// WebApp is a web app on Lambda with its REST API.
type WebApp struct {
	pulumi.ResourceState

	// URL is the stage's invoke URL, or the domain's if that alone answers, without a slash at the end.
	URL       pulumi.StringOutput
	DomainURL pulumi.StringOutput // the URL on the domain of one's own; unset without one
	SiteURL   pulumi.StringOutput // the distribution's URL, without a prefix; unset without a front
	// DistributionID and DistributionDomain are those of the front, unset without one: to drop what it
	// has cached, and to point a domain at it.
	DistributionID     pulumi.StringOutput
	DistributionDomain pulumi.StringOutput

	APIID         pulumi.StringOutput
	Stage         pulumi.StringOutput
	FunctionName  pulumi.StringOutput
	FunctionARN   pulumi.StringOutput      // without a qualifier
	Version       pulumi.StringOutput      // the newest, to go back to with liveVersion
	AliasARN      pulumi.StringOutput      // what the API invokes
	ImageDigest   pulumi.StringOutput      // repository@sha256:...
	RepositoryURL pulumi.StringOutput      // unset for an image that another stack made
	Architecture  pulumi.StringOutput      // of image and function
	AlarmNames    pulumi.StringArrayOutput // unset without alarms
	Secrets       bool                     // the image starts with the program that fetches secrets
	LogGroup      pulumi.StringOutput
	TaskFunction  pulumi.StringOutput // name of the function that runs commands; unset without one
	TaskLogGroup  pulumi.StringOutput // of its log group
	Port          pulumi.StringOutput // and why that one
	RoleName      pulumi.StringOutput // to attach policies to
	Region        pulumi.StringOutput
	Curl          pulumi.StringOutput // a command that calls the app
}

// compileProgram writes a program that goes into the image, for "amd64" or "arm64", to a file.
type compileProgram func(ctx context.Context, program, architecture, file string) error

// New makes a web app and everything it needs. name becomes the name, or its start, of the AWS
// resources, so it is unique in the account and region: with more than one stack it contains the
// stack's. Letters, digits and hyphens, 40 at the most. Fields of args left at their zero value have
// the default of the configuration key they are named after.
//
// Options reach the children: pulumi.Providers chooses account and region, and pulumi.Aliases takes
// over a web app that had another name or parent without making it anew. What stays or resists when the
// stack is destroyed is chosen by Args.RetainLogs, Args.AccountLogRole and Args.Protect.
//
// A wrong args is an *ArgsError with every mistake; nothing is registered then.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*WebApp, error) {
	return newWebApp(ctx, name, args, buildcontext.Compile, opts...)
}

func newWebApp(ctx *pulumi.Context, name string, args Args, compile compileProgram,
	opts ...pulumi.ResourceOption) (*WebApp, error) {
	args = args.withDefaults()
	places, err := locate(ctx)
	if err != nil {
		return nil, err
	}
	if err := check(name, args, places); err != nil {
		return nil, err
	}
	var staged stagedImage
	if !args.promotes() {
		if staged, err = places.stage(ctx, name, args, compile); err != nil {
			return nil, fmt.Errorf("prepare the image of %s: %w", name, err)
		}
	}
	w := &WebApp{}
	if err := ctx.RegisterComponentResource(Type, name, w, opts...); err != nil {
		return nil, fmt.Errorf("register %s: %w", name, err)
	}
	port := places.port(args)
	if err := ctx.Log.Info("The app's port is "+port.String(), &pulumi.LogArgs{Resource: w}); err != nil {
		return nil, fmt.Errorf("say the port of %s: %w", name, err)
	}
	if err := w.register(builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(w), port: port},
		staged); err != nil {
		return nil, err
	}
	return w, ctx.RegisterResourceOutputs(w, w.Outputs())
}

// register makes the resources in the order in which a request meets them, from the far end.
func (w *WebApp) register(b builder, staged stagedImage) error {
	name := b.name
	image, err := b.image(staged)
	if err != nil {
		return fmt.Errorf("image of %s: %w", name, err)
	}
	if b.front, err = b.frontSecret(); err != nil {
		return fmt.Errorf("secret of the front of %s: %w", name, err)
	}
	fn, err := b.function(image)
	if err != nil {
		return fmt.Errorf("function of %s: %w", name, err)
	}
	api, err := b.api(fn)
	if err != nil {
		return fmt.Errorf("REST API of %s: %w", name, err)
	}
	if err := b.site(fn, api); err != nil {
		return fmt.Errorf("front of %s: %w", name, err)
	}
	alarms, err := b.operations(fn, api)
	if err != nil {
		return fmt.Errorf("operations of %s: %w", name, err)
	}
	if alarms != nil {
		w.AlarmNames = alarms.ToStringArrayOutput()
	}
	w.describe(b, image, fn, api)
	return nil
}

// describe sets the outputs of what was registered.
func (w *WebApp) describe(b builder, image *appImage, fn *appFunction, api *restAPI) {
	args := b.args
	w.URL = api.stage.InvokeUrl
	if args.DisableExecuteAPI {
		w.URL = api.domainURL // the stage's own answers nobody
	}
	w.DomainURL = api.domainURL
	w.SiteURL = api.siteURL
	if api.distribution != nil {
		w.DistributionID = api.distribution.ID().ToStringOutput()
		w.DistributionDomain = api.distribution.DomainName
	}
	w.APIID = api.api.ID().ToStringOutput()
	w.Stage = api.stage.StageName
	w.FunctionName = fn.function.Name
	w.FunctionARN = fn.function.Arn
	w.Version = fn.function.Version
	w.AliasARN = fn.alias.Arn
	w.ImageDigest = image.digest
	w.RepositoryURL = image.repository
	w.Secrets = len(args.Secrets) > 0
	w.Architecture = pulumi.String(args.Architecture).ToStringOutput()
	w.LogGroup = fn.logs.Name
	if args.runsCommands() {
		w.TaskFunction, w.TaskLogGroup = fn.task.function.Name, fn.task.logs.Name
	}
	w.Port = pulumi.String(b.port.String()).ToStringOutput()
	w.RoleName = fn.role.Name
	w.Region = arnField(fn.alias.Arn, arnRegion)
	face := w.URL
	if args.fronted() {
		face = w.SiteURL
	}
	w.Curl = pulumi.All(face, w.Region).ApplyT(func(v []any) string {
		return curl(args.Auth, v[0].(string), v[1].(string))
	}).(pulumi.StringOutput)
}

// Outputs are the web app's outputs under the names a stack exports them with.
func (w *WebApp) Outputs() pulumi.Map {
	outputs := pulumi.Map{
		"url":          w.URL,
		"apiId":        w.APIID,
		"stage":        w.Stage,
		"functionName": w.FunctionName,
		"functionArn":  w.FunctionARN,
		"version":      w.Version,
		"aliasArn":     w.AliasARN,
		"imageDigest":  w.ImageDigest,
		"architecture": w.Architecture,
		"logGroup":     w.LogGroup,
		"port":         w.Port,
		"region":       w.Region,
		"curl":         w.Curl,
	}
	if w.AlarmNames.OutputState != nil {
		outputs["alarmNames"] = w.AlarmNames
	}
	if w.Secrets {
		outputs["fetchesSecrets"] = pulumi.Bool(true)
	}
	if w.RepositoryURL.OutputState != nil {
		outputs["repositoryUrl"] = w.RepositoryURL
	}
	if w.TaskFunction.OutputState != nil {
		outputs["taskFunctionName"], outputs["taskLogGroup"] = w.TaskFunction, w.TaskLogGroup
	}
	if w.DomainURL.OutputState != nil {
		outputs["domainUrl"] = w.DomainURL
	}
	if w.SiteURL.OutputState != nil {
		outputs["siteUrl"] = w.SiteURL
		outputs["distributionId"] = w.DistributionID
		outputs["distributionDomain"] = w.DistributionDomain
	}
	return outputs
}

// curl is a command line that gets the app's root page, signed when the API asks for it.
func curl(auth, url, region string) string {
	if auth != AuthIAM {
		return fmt.Sprintf("curl %s/", url)
	}
	return fmt.Sprintf(`curl --aws-sigv4 "aws:amz:%s:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" `+
		`-H "x-amz-security-token: $AWS_SESSION_TOKEN" %s/`, region, url)
}

// builder registers the children of one web app.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   Args
	parent pulumi.ResourceOrInvokeOption
	port   port
	front  *frontSecret // nil without a front
}

// when is the option, or none. An option that says no would override what the component's own
// options hand down.
func when(wanted bool, option pulumi.ResourceOption) pulumi.ResourceOption {
	if !wanted {
		return pulumi.Composite()
	}
	return option
}
