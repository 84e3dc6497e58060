package webapp

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// AliasName is the alias callers reach: what it points at changes, its ARN does not.
const AliasName = "live"

// appFunction is the function and the alias everything else points at.
type appFunction struct {
	logs     *cloudwatch.LogGroup
	function *lambda.Function
	alias    *lambda.Alias
}

func (b builder) function(image *appImage) (*appFunction, error) {
	// Lambda would make a log group that is kept for ever, so ours comes first.
	logs, err := cloudwatch.NewLogGroup(b.ctx, b.name, &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/aws/lambda/" + b.name),
		RetentionInDays: pulumi.Int(b.args.LogRetention),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("log group: %w", err)
	}
	role, policies, err := b.role(logs)
	if err != nil {
		return nil, err
	}
	function, err := lambda.NewFunction(b.ctx, b.name, &lambda.FunctionArgs{
		Description:      pulumi.String("The web app " + b.name),
		PackageType:      pulumi.String("Image"),
		ImageUri:         image.image.RepoDigest,
		Architectures:    pulumi.ToStringArray([]string{b.args.Architecture}),
		Role:             role.Arn,
		MemorySize:       pulumi.Int(b.args.Memory),
		Timeout:          pulumi.Int(b.args.Timeout),
		EphemeralStorage: lambda.FunctionEphemeralStorageArgs{Size: pulumi.Int(b.args.EphemeralStorage)},
		Environment:      lambda.FunctionEnvironmentArgs{Variables: b.environment()},
		LoggingConfig:    lambda.FunctionLoggingConfigArgs{LogFormat: pulumi.String(b.args.LogFormat), LogGroup: logs.Name},
		Publish:          pulumi.Bool(true), // an alias and provisioned concurrency need a version
	}, b.parent, pulumi.DependsOn(append(policies, image.pull)))
	if err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	alias, err := lambda.NewAlias(b.ctx, b.name+"-"+AliasName, &lambda.AliasArgs{
		Name:            pulumi.String(AliasName),
		Description:     pulumi.String("The version that serves requests"),
		FunctionName:    function.Name,
		FunctionVersion: function.Version,
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("alias: %w", err)
	}
	fn := &appFunction{logs: logs, function: function, alias: alias}
	return fn, b.concurrency(fn)
}

// concurrency keeps execution environments started before requests come.
func (b builder) concurrency(fn *appFunction) error {
	if b.args.ProvisionedConcurrency == 0 {
		return nil
	}
	_, err := lambda.NewProvisionedConcurrencyConfig(b.ctx, b.name+"-"+AliasName, &lambda.ProvisionedConcurrencyConfigArgs{
		FunctionName:                    fn.function.Name,
		Qualifier:                       fn.alias.Name,
		ProvisionedConcurrentExecutions: pulumi.Int(b.args.ProvisionedConcurrency),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("provisioned concurrency: %w", err)
	}
	return nil
}

// environment is the user's map with the adapter's variables laid in. checkEnvironment saw to it
// that they do not meet.
func (b builder) environment() pulumi.StringMap {
	variables := pulumi.StringMap{}
	for name, value := range b.args.Environment {
		variables[name] = value
	}
	for name, variable := range b.args.variables() {
		if variable.value != "" {
			variables[name] = pulumi.String(variable.value)
		}
	}
	return variables
}

// variable is an environment variable of the app or the adapter that a setting stands behind.
type variable struct {
	key   string // the setting's configuration key
	value string // empty when the adapter's default is meant
}

func (a Args) variables() map[string]variable {
	port := strconv.Itoa(a.Port)
	v := map[string]variable{
		"PORT":                             {"port", port},
		"AWS_LWA_PORT":                     {"port", port},
		"AWS_LWA_READINESS_CHECK_PATH":     {"readinessPath", a.ReadinessPath},
		"AWS_LWA_READINESS_CHECK_PROTOCOL": {"readinessProtocol", a.ReadinessProtocol},
		"AWS_LWA_ASYNC_INIT":               {"asyncInit", strconv.FormatBool(a.AsyncInit)},
	}
	return v
}
