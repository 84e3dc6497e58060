package webapp

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/names"
	"lambda-web/secrets/reference"
)

// Names of the alias callers reach: what it points at changes, its ARN does not. A version answers in
// one mode and a deployment of the API asks in one, so each mode has an alias: when the mode changes,
// the old deployment goes on to the old version until the new one serves.
const (
	AliasName       = "live"
	StreamAliasName = "live-stream"
)

func (a Args) aliasName() string {
	if a.InvokeMode == ResponseStream {
		return StreamAliasName
	}
	return AliasName
}

// appFunction is the function and the alias everything else points at.
type appFunction struct {
	logs     *cloudwatch.LogGroup
	role     *iam.Role
	function *lambda.Function
	alias    *lambda.Alias
	task     *taskFunction

	failedEvents pulumi.StringOutput // name of the queue; unset without schedules
}

func (b builder) function(image *appImage) (*appFunction, error) {
	// Lambda would make a log group that is kept for ever, so ours comes first.
	logs, err := cloudwatch.NewLogGroup(b.ctx, b.name, &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(names.Log(b.name)),
		RetentionInDays: pulumi.Int(b.args.LogRetention),
		KmsKeyId:        optional(b.args.LogsKMSKey),
	}, b.parent, when(b.args.RetainLogs, pulumi.RetainOnDelete(true)))
	if err != nil {
		return nil, fmt.Errorf("log group: %w", err)
	}
	role, policies, err := b.role(logs)
	if err != nil {
		return nil, err
	}
	fn := &appFunction{logs: logs, role: role}
	if err := b.newVersion(fn, image, append(policies, image.ready...)); err != nil {
		return nil, err
	}
	started, err := b.startedVersion(fn)
	if err != nil {
		return nil, err
	}
	fn.alias, err = lambda.NewAlias(b.ctx, b.name+"-"+b.args.aliasName(), b.aliasArgs(fn.function), b.parent,
		pulumi.DependsOn(append(started, fn.task.released...)))
	if err != nil {
		return nil, fmt.Errorf("alias: %w", err)
	}
	if err := b.startedAlias(fn); err != nil {
		return nil, err
	}
	return fn, b.schedules(fn)
}

// newVersion makes the function and what its new version needs before it serves. A version does not start the app
// before somebody invokes it, so it is made first, and no command runs for one that cannot be. With SnapStart it does,
// and what the app knows by then is in the snapshot: so the release comes before.
func (b builder) newVersion(fn *appFunction, image *appImage, ready []pulumi.Resource) (err error) {
	if b.args.SnapStart {
		if fn.task, err = b.commands(image, fn, ready); err != nil {
			return err
		}
		ready = slices.Concat(ready, fn.task.released)
	}
	fn.function, err = lambda.NewFunction(b.ctx, b.name, b.functionArgs(image, fn.logs, fn.role), b.parent,
		pulumi.DependsOn(ready), b.args.snapshotPatience())
	if err != nil {
		return fmt.Errorf("function: %w", err)
	}
	if !b.args.SnapStart {
		fn.task, err = b.commands(image, fn, slices.Concat(ready, []pulumi.Resource{fn.function}))
	}
	return err
}

func (b builder) functionArgs(image *appImage, logs *cloudwatch.LogGroup, role *iam.Role) *lambda.FunctionArgs {
	args := &lambda.FunctionArgs{
		Description:      pulumi.String("The web app " + b.name),
		PackageType:      pulumi.String("Image"),
		ImageUri:         image.digest,
		Architectures:    pulumi.ToStringArray([]string{b.args.Architecture}),
		Role:             role.Arn,
		MemorySize:       pulumi.Int(b.args.Memory),
		Timeout:          pulumi.Int(b.args.Timeout),
		EphemeralStorage: lambda.FunctionEphemeralStorageArgs{Size: pulumi.Int(b.args.EphemeralStorage)},
		Environment:      lambda.FunctionEnvironmentArgs{Variables: b.environment()},
		KmsKeyArn:        optional(b.args.EnvironmentKMSKey),
		LoggingConfig: lambda.FunctionLoggingConfigArgs{LogFormat: pulumi.String(b.args.LogFormat),
			LogGroup: logs.Name},
		Publish: pulumi.Bool(true), // an alias and provisioned concurrency need a version
	}
	if b.args.SnapStart {
		args.SnapStart = lambda.FunctionSnapStartArgs{ApplyOn: pulumi.String("PublishedVersions")}
	}
	if b.args.ReservedConcurrency > 0 {
		args.ReservedConcurrentExecutions = pulumi.Int(b.args.ReservedConcurrency)
	}
	if b.args.Tracing {
		args.TracingConfig = lambda.FunctionTracingConfigArgs{Mode: pulumi.String("Active")}
	}
	if len(b.args.SubnetIDs) > 0 {
		args.VpcConfig = lambda.FunctionVpcConfigArgs{SubnetIds: b.args.SubnetIDs,
			SecurityGroupIds: b.args.SecurityGroupIDs}
	}
	return args
}

// aliasArgs point the alias at the newest version, or at a chosen one with a share of the requests
// for the newest. The share alone moves a rollout: 0 takes it back, 100 completes it
// (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html).
func (b builder) aliasArgs(function *lambda.Function) *lambda.AliasArgs {
	args := &lambda.AliasArgs{
		Name:            pulumi.String(b.args.aliasName()),
		Description:     pulumi.String("The version that serves requests"),
		FunctionName:    function.Name,
		FunctionVersion: b.args.version(function),
	}
	live := strconv.Itoa(b.args.LiveVersion)
	if b.args.LiveVersion > 0 && b.args.CanaryWeight > 0 && b.args.CanaryWeight < 100 {
		weight := float64(b.args.CanaryWeight) / 100
		args.RoutingConfig = lambda.AliasRoutingConfigArgs{
			AdditionalVersionWeights: function.Version.ApplyT(func(newest string) map[string]float64 {
				if newest == live {
					return nil // Lambda refuses a version that shares with itself
				}
				return map[string]float64{newest: weight}
			}).(pulumi.Float64MapOutput),
		}
	}
	return args
}

// version is the one that the alias points at.
func (a Args) version(function *lambda.Function) pulumi.StringInput {
	if a.LiveVersion == 0 || a.CanaryWeight == 100 {
		return function.Version
	}
	return pulumi.String(strconv.Itoa(a.LiveVersion))
}

// environment is the user's map with the adapter's variables laid in. checkEnvironment saw to it
// that they do not meet.
func (b builder) environment() pulumi.StringMap {
	variables := pulumi.StringMap{}
	for name, value := range b.args.Environment {
		variables[name] = value
	}
	for name, variable := range b.args.variables(b.port.number) {
		variables[name] = pulumi.String(variable.value)
	}
	if b.front != nil {
		variables[frontVariable] = b.front.digests
	}
	return variables
}

// variable is an environment variable of the app or the adapter that a setting stands behind.
type variable struct {
	key   string // the setting's configuration key
	value string
}

func (a Args) variables(port int) map[string]variable {
	number := strconv.Itoa(port)
	v := map[string]variable{
		"PORT":                             {"port", number},
		"AWS_LWA_PORT":                     {"port", number},
		"AWS_LWA_PORT_DISCOVERY":           {"port", strconv.FormatBool(a.Port == PortAuto)},
		"AWS_LWA_READINESS_CHECK_PATH":     {"readinessPath", a.ReadinessPath},
		"AWS_LWA_READINESS_CHECK_PROTOCOL": {"readinessProtocol", a.ReadinessProtocol},
		"AWS_LWA_ASYNC_INIT":               {"asyncInit", strconv.FormatBool(a.AsyncInit)},
		"AWS_LWA_INVOKE_MODE":              {"invokeMode", a.InvokeMode},
		"AWS_LWA_FORWARDED_PREFIX":         {"forwardedPrefix", a.ForwardedPrefix},
	}
	if len(a.Secrets) > 0 {
		v[reference.Variable] = variable{"secrets", a.secretReferences()}
	}
	a.snapStartVariables(v)
	if a.DomainBasePath != "" {
		// API Gateway leaves the base path in the path it hands on.
		v["AWS_LWA_REMOVE_BASE_PATH"] = variable{"domainBasePath", "/" + a.DomainBasePath}
	}
	return v
}
