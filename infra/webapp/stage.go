package webapp

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigateway"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/names"
)

// stage makes the deployment reachable, with all that stands between callers and the app.
func (b builder) stage(api *apigateway.RestApi, deployment *apigateway.Deployment,
	permission *lambda.Permission) (*apigateway.Stage, error) {
	args := &apigateway.StageArgs{
		RestApi:    api.ID(),
		Deployment: deployment.ID(),
		StageName:  pulumi.String(b.args.Stage),
	}
	if b.args.Tracing {
		args.XrayTracingEnabled = pulumi.Bool(true)
	}
	earlier := []pulumi.Resource{permission} // which goes after the stage, too, when that gets another name
	if b.args.AccessLog {
		settings, account, err := b.accessLog()
		if err != nil {
			return nil, err
		}
		args.AccessLogSettings = settings
		earlier = append(earlier, account...)
	}
	stage, err := apigateway.NewStage(b.ctx, b.name, args, b.parent, pulumi.DependsOn(earlier))
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if err := b.throttling(api, stage); err != nil {
		return nil, err
	}
	return stage, b.webACL(stage)
}

// throttling limits what all callers together may ask for.
func (b builder) throttling(api *apigateway.RestApi, stage *apigateway.Stage) error {
	if b.args.ThrottleRate == 0 {
		return nil
	}
	burst := b.args.ThrottleBurst
	if burst == 0 {
		burst = b.args.ThrottleRate // a second's worth
	}
	_, err := apigateway.NewMethodSettings(b.ctx, b.name, &apigateway.MethodSettingsArgs{
		RestApi:    api.ID(),
		StageName:  stage.StageName,
		MethodPath: pulumi.String("*/*"),
		Settings: apigateway.MethodSettingsSettingsArgs{
			ThrottlingRateLimit:  pulumi.Float64(b.args.ThrottleRate),
			ThrottlingBurstLimit: pulumi.Int(burst),
		},
	}, b.parent)
	if err != nil {
		return fmt.Errorf("throttling: %w", err)
	}
	return nil
}

// webACL puts AWS WAF in front of the stage; with a distribution before that, it is the distribution's.
func (b builder) webACL(stage *apigateway.Stage) error {
	if b.args.WebACL == nil || b.args.fronted() {
		return nil
	}
	if err := b.associateWebACL(b.name, stage.Arn, b.args.WebACL); err != nil {
		return fmt.Errorf("web ACL: %w", err)
	}
	return nil
}

// accessLog is one JSON line for each request. API Gateway writes it under a role that belongs to
// the account and region, not to the API; it returns what the stage has to wait for.
func (b builder) accessLog() (apigateway.StageAccessLogSettingsArgs, []pulumi.Resource, error) {
	var none apigateway.StageAccessLogSettingsArgs
	logs, err := cloudwatch.NewLogGroup(b.ctx, b.name+"-access", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(names.AccessLog(b.name)),
		RetentionInDays: pulumi.Int(b.args.LogRetention),
		KmsKeyId:        optional(b.args.LogsKMSKey),
	}, b.parent, when(b.args.RetainLogs, pulumi.RetainOnDelete(true)))
	if err != nil {
		return none, nil, fmt.Errorf("access log: %w", err)
	}
	format, err := accessFormat()
	if err != nil {
		return none, nil, fmt.Errorf("access log: %w", err)
	}
	settings := apigateway.StageAccessLogSettingsArgs{DestinationArn: logs.Arn, Format: pulumi.String(format)}
	if !b.args.AccountLogRole {
		return settings, nil, nil
	}
	account, err := b.accountLogRole(arnField(logs.Arn, arnPartition))
	if err != nil {
		return none, nil, fmt.Errorf("the account's role for API Gateway logs: %w", err)
	}
	return settings, []pulumi.Resource{account}, nil
}

// accessLine: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
var accessLine = map[string]string{
	"requestId":          "$context.requestId",
	"time":               "$context.requestTime",
	"ip":                 "$context.identity.sourceIp",
	"caller":             "$context.identity.userArn",
	"userAgent":          "$context.identity.userAgent",
	"method":             "$context.httpMethod",
	"path":               "$context.path",
	"protocol":           "$context.protocol",
	"status":             "$context.status",
	"bytes":              "$context.responseLength",
	"latency":            "$context.responseLatency",
	"integrationLatency": "$context.integrationLatency",
	"integrationStatus":  "$context.integration.status",
	"error":              quotedError,
	"lambdaRequestId":    "$context.integration.requestId",
}

// quotedError is the one variable that comes with quotation marks around it and those within escaped.
const quotedError = "$context.error.messageString"

// accessFormat is accessLine as JSON in which API Gateway writes the values.
func accessFormat() (string, error) {
	format, err := json.Marshal(accessLine)
	return strings.Replace(string(format), `"`+quotedError+`"`, quotedError, 1), err
}

// accountLogRole gives API Gateway the role it writes logs under, once for the whole account and
// region. Other stacks may come to rely on it, so it stays when this one goes.
func (b builder) accountLogRole(partition pulumi.StringOutput) (*apigateway.Account, error) {
	trust, err := document(statement{
		Effect:    "Allow",
		Principal: map[string]string{"Service": "apigateway.amazonaws.com"},
		Action:    []string{"sts:AssumeRole"},
	})
	if err != nil {
		return nil, err
	}
	role, err := iam.NewRole(b.ctx, b.name+"-apigateway", &iam.RoleArgs{
		Description:         pulumi.String("API Gateway writes the logs of this account's APIs"),
		AssumeRolePolicy:    pulumi.String(trust),
		PermissionsBoundary: optional(b.args.PermissionsBoundary),
	}, b.parent, pulumi.RetainOnDelete(true))
	if err != nil {
		return nil, err
	}
	push, err := iam.NewRolePolicyAttachment(b.ctx, b.name+"-apigateway", &iam.RolePolicyAttachmentArgs{
		Role: role.Name,
		PolicyArn: pulumi.Sprintf("arn:%s:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
			partition),
	}, b.parent, pulumi.RetainOnDelete(true))
	if err != nil {
		return nil, err
	}
	return apigateway.NewAccount(b.ctx, b.name, &apigateway.AccountArgs{
		CloudwatchRoleArn: role.Arn,
	}, b.parent, pulumi.RetainOnDelete(true), pulumi.DependsOn([]pulumi.Resource{push}))
}
