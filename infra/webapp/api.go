package webapp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigateway"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// restAPI is the REST API and the stage callers see.
type restAPI struct {
	api       *apigateway.RestApi
	stage     *apigateway.Stage
	domainURL pulumi.StringOutput
	siteURL   pulumi.StringOutput

	distribution *distribution // nil without a front
}

func (b builder) api(fn *appFunction) (*restAPI, error) {
	body := pulumi.All(fn.alias.Arn, fn.alias.InvokeArn).ApplyT(func(v []any) (string, error) {
		return apiDocument(b.name, v[0].(string), v[1].(string), b.args)
	}).(pulumi.StringOutput)
	args := &apigateway.RestApiArgs{
		Name:                  pulumi.String(b.name), // the document's title, or every plan has a difference
		Description:           pulumi.String("The web app " + b.name),
		Body:                  body,
		EndpointConfiguration: apigateway.RestApiEndpointConfigurationArgs{Types: pulumi.String("REGIONAL")},
	}
	if b.args.DisableExecuteAPI {
		args.DisableExecuteApiEndpoint = pulumi.Bool(true)
	}
	if b.args.guarded() {
		// The document has it too, but over a change of that the provider writes the policy it knew.
		args.Policy = fn.alias.Arn.ApplyT(func(aliasARN string) (string, error) {
			return document(callers(aliasARN, b.args).Statement...)
		}).(pulumi.StringOutput)
	}
	api, err := apigateway.NewRestApi(b.ctx, b.name, args, b.parent,
		when(b.args.Protect, pulumi.Protect(true))) // another API would be another URL
	if err != nil {
		return nil, fmt.Errorf("REST API: %w", err)
	}
	permission, err := b.permission(fn, api)
	if err != nil {
		return nil, err
	}
	// A deployment is a snapshot of the API: without the trigger a changed document would never
	// be served. The new one is made and the stage moved before the old one goes.
	deployment, err := apigateway.NewDeployment(b.ctx, b.name, &apigateway.DeploymentArgs{
		RestApi:  api.ID(),
		Triggers: pulumi.StringMap{"document": body.ApplyT(sha256Hex).(pulumi.StringOutput)},
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{permission}))
	if err != nil {
		return nil, fmt.Errorf("deployment: %w", err)
	}
	made := &restAPI{api: api}
	if made.stage, err = b.stage(api, deployment, permission); err != nil {
		return nil, err
	}
	if b.args.fronted() {
		return made, nil // the domain is the distribution's
	}
	return made, b.domain(made)
}

// permission lets this API's stage invoke the alias, and nothing else.
func (b builder) permission(fn *appFunction, api *apigateway.RestApi) (*lambda.Permission, error) {
	permission, err := lambda.NewPermission(b.ctx, b.name, &lambda.PermissionArgs{
		Action:    pulumi.String("lambda:InvokeFunction"),
		Function:  fn.function.Name,
		Qualifier: fn.alias.Name,
		Principal: pulumi.String("apigateway.amazonaws.com"),
		SourceArn: pulumi.Sprintf("%s/%s/*/*", api.ExecutionArn, b.args.Stage), // any method, any path
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("permission to invoke the function: %w", err)
	}
	return permission, nil
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
