package standin

import (
	"fmt"
	"strings"
)

// Request is a call of an AWS service as the provider would make it for an object.
type Request struct {
	Object    string         `json:"object"`
	Service   string         `json:"service"` // as botocore names it
	Operation string         `json:"operation"`
	Params    map[string]any `json:"params"`
}

// call says which request makes an object: pairs of an input's dotted path and the parameter's. A parameter that ends
// in [] is a list with the one value.
type call struct {
	service, operation string
	params             []string
}

// calls are those of the types that have a request of their own in a service's model.
var calls = map[string][]call{
	repositoryType: {{"ecr", "CreateRepository", []string{"name", "repositoryName", "imageTagMutability",
		"imageTagMutability",
		"imageScanningConfiguration.scanOnPush", "imageScanningConfiguration.scanOnPush"}}},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {{"ecr", "PutLifecyclePolicy", []string{"repository",
		"repositoryName", "policy", "lifecyclePolicyText"}}},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {{"ecr", "SetRepositoryPolicy", []string{"repository",
		"repositoryName", "policy", "policyText"}}},
	logGroupType: {{"logs", "CreateLogGroup", []string{"name", "logGroupName", "kmsKeyId", "kmsKeyId"}},
		{"logs", "PutRetentionPolicy", []string{"name", "logGroupName", "retentionInDays", "retentionInDays"}}},
	roleType: {{"iam", "CreateRole", []string{"name", "RoleName", "assumeRolePolicy", "AssumeRolePolicyDocument",
		"description", "Description",
		"permissionsBoundary", "PermissionsBoundary"}}},
	"aws:iam/rolePolicy:RolePolicy": {{"iam", "PutRolePolicy", []string{"role", "RoleName",
		"name", "PolicyName", "policy", "PolicyDocument"}}},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {{"iam", "AttachRolePolicy", []string{"role", "RoleName",
		"policyArn", "PolicyArn"}}},
	functionType: {{"lambda", "CreateFunction", []string{"name", "FunctionName", "role", "Role", "imageUri",
		"Code.ImageUri", "description", "Description",
		"packageType", "PackageType", "architectures", "Architectures", "memorySize", "MemorySize", "timeout",
		"Timeout", "publish", "Publish",
		"ephemeralStorage.size", "EphemeralStorage.Size", "environment.variables", "Environment.Variables",
		"kmsKeyArn", "KMSKeyArn",
		"loggingConfig.logFormat", "LoggingConfig.LogFormat", "loggingConfig.logGroup", "LoggingConfig.LogGroup",
		"tracingConfig.mode", "TracingConfig.Mode", "imageConfig.entryPoints", "ImageConfig.EntryPoint",
		"imageConfig.commands", "ImageConfig.Command",
		"vpcConfig.subnetIds", "VpcConfig.SubnetIds", "vpcConfig.securityGroupIds", "VpcConfig.SecurityGroupIds"}}},
	aliasType: {{"lambda", "CreateAlias", []string{"name", "Name", "functionName", "FunctionName", "functionVersion",
		"FunctionVersion", "description", "Description",
		"routingConfig.additionalVersionWeights", "RoutingConfig.AdditionalVersionWeights"}}},
	invocationType: {{"lambda", "Invoke", []string{"functionName", "FunctionName", "input", "Payload"}}},
	permissionType: {{"lambda", "AddPermission", []string{"function", "FunctionName", "statementId", "StatementId",
		"action", "Action", "principal", "Principal",
		"sourceArn", "SourceArn", "qualifier", "Qualifier"}}},
	provisionedType: {{"lambda", "PutProvisionedConcurrencyConfig", []string{"functionName", "FunctionName",
		"qualifier", "Qualifier",
		"provisionedConcurrentExecutions", "ProvisionedConcurrentExecutions"}}},
	"aws:appautoscaling/target:Target": {{"application-autoscaling", "RegisterScalableTarget", []string{"resourceId",
		"ResourceId", "scalableDimension", "ScalableDimension",
		"serviceNamespace", "ServiceNamespace", "minCapacity", "MinCapacity", "maxCapacity", "MaxCapacity"}}},
	"aws:appautoscaling/policy:Policy": {{"application-autoscaling", "PutScalingPolicy", []string{"name",
		"PolicyName", "resourceId", "ResourceId",
		"scalableDimension", "ScalableDimension", "serviceNamespace", "ServiceNamespace", "policyType", "PolicyType",
		"targetTrackingScalingPolicyConfiguration.targetValue", "TargetTrackingScalingPolicyConfiguration.TargetValue",
		"targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification.predefinedMetricType",
		"TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.PredefinedMetricType"}}},
	"aws:appautoscaling/scheduledAction:ScheduledAction": {{"application-autoscaling", "PutScheduledAction",
		[]string{"name", "ScheduledActionName", "resourceId", "ResourceId",
			"scalableDimension", "ScalableDimension", "serviceNamespace", "ServiceNamespace", "schedule", "Schedule",
			"timezone", "Timezone",
			"scalableTargetAction.minCapacity", "ScalableTargetAction.MinCapacity", "scalableTargetAction.maxCapacity",
			"ScalableTargetAction.MaxCapacity"}}},
	restAPIType: {{"apigateway", "CreateRestApi", []string{"name", "name", "description", "description", "policy",
		"policy",
		"endpointConfiguration.types", "endpointConfiguration.types[]", "disableExecuteApiEndpoint",
		"disableExecuteApiEndpoint"}}},
	deploymentType: {{"apigateway", "CreateDeployment", []string{"restApi", "restApiId"}}},
	stageType: {{"apigateway", "CreateStage", []string{"restApi", "restApiId", "stageName", "stageName",
		"deployment", "deploymentId", "xrayTracingEnabled", "tracingEnabled"}}},
	"aws:apigateway/domainName:DomainName": {{"apigateway", "CreateDomainName", []string{"domainName", "domainName",
		"regionalCertificateArn", "regionalCertificateArn",
		"securityPolicy", "securityPolicy", "endpointConfiguration.types", "endpointConfiguration.types[]",
		"endpointConfiguration.ipAddressType", "endpointConfiguration.ipAddressType"}}},
	"aws:apigateway/basePathMapping:BasePathMapping": {{"apigateway", "CreateBasePathMapping", []string{"domainName",
		"domainName", "restApi", "restApiId", "stageName", "stage", "basePath", "basePath"}}},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {{"cloudwatch", "PutMetricAlarm", []string{"name", "AlarmName",
		"alarmDescription", "AlarmDescription", "namespace", "Namespace",
		"metricName", "MetricName", "statistic", "Statistic", "extendedStatistic", "ExtendedStatistic", "period",
		"Period", "evaluationPeriods", "EvaluationPeriods",
		"datapointsToAlarm", "DatapointsToAlarm", "threshold", "Threshold", "comparisonOperator",
		"ComparisonOperator", "treatMissingData", "TreatMissingData",
		"alarmActions", "AlarmActions", "okActions", "OKActions"}}},
	"aws:cloudwatch/dashboard:Dashboard": {{"cloudwatch", "PutDashboard", []string{"dashboardName", "DashboardName",
		"dashboardBody", "DashboardBody"}}},
	"aws:sqs/queue:Queue": {{"sqs", "CreateQueue", []string{"name", "QueueName"}}},
	"aws:scheduler/schedule:Schedule": {{"scheduler", "CreateSchedule", []string{"name", "Name", "scheduleExpression",
		"ScheduleExpression",
		"scheduleExpressionTimezone", "ScheduleExpressionTimezone", "flexibleTimeWindow.mode",
		"FlexibleTimeWindow.Mode", "target.arn", "Target.Arn",
		"target.roleArn", "Target.RoleArn", "target.input", "Target.Input", "target.deadLetterConfig.arn",
		"Target.DeadLetterConfig.Arn"}}},
	"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {{"lambda", "PutFunctionEventInvokeConfig",
		[]string{"functionName", "FunctionName",
			"qualifier", "Qualifier", "maximumRetryAttempts", "MaximumRetryAttempts",
			"maximumEventAgeInSeconds", "MaximumEventAgeInSeconds",
			"destinationConfig.onFailure.destination", "DestinationConfig.OnFailure.Destination"}}},
	"aws:sns/topic:Topic": {{"sns", "CreateTopic", []string{"name", "Name"}}},
	"aws:sns/topicSubscription:TopicSubscription": {{"sns", "Subscribe", []string{"topic", "TopicArn", "protocol",
		"Protocol", "endpoint", "Endpoint"}}},
	"aws:wafv2/webAclAssociation:WebAclAssociation": {{"wafv2", "AssociateWebACL", []string{"webAclArn", "WebACLArn",
		"resourceArn", "ResourceArn"}}},
	"aws:route53/record:Record": {{"route53", "ChangeResourceRecordSets", []string{"zoneId", "HostedZoneId", "action",
		"ChangeBatch.Changes[].Action",
		"name", "ChangeBatch.Changes[].ResourceRecordSet.Name", "type",
		"ChangeBatch.Changes[].ResourceRecordSet.Type"}}},
}

// Requests are those that would make everything there is.
func (c *Cloud) Requests() []Request {
	var requests []Request
	for _, o := range c.Objects("") {
		for _, each := range calls[o.Type] {
			r := Request{Object: o.Type + " " + o.Name, Service: each.service, Operation: each.operation,
				Params: map[string]any{}}
			for i := 0; i < len(each.params); i += 2 {
				value := values(o.State).at(each.params[i])
				if each.params[i] == "action" && value == nil {
					value = "UPSERT" // the provider's own word
				}
				if value != nil {
					put(r.Params, strings.Split(each.params[i+1], "."), value)
				}
			}
			requests = append(requests, r)
		}
		if request := frontRequests[o.Type]; request != nil {
			operation, params := request(o)
			requests = append(requests, Request{Object: o.Type + " " + o.Name, Service: "cloudfront",
				Operation: operation, Params: params})
		}
	}
	return requests
}

// put sets a parameter at a path.
func put(params map[string]any, path []string, value any) {
	name, isList := strings.CutSuffix(path[0], "[]")
	if len(path) == 1 {
		if isList {
			value = []any{value}
		}
		params[name] = value
		return
	}
	inner, ok := params[name].(map[string]any)
	if list, already := params[name].([]any); already {
		inner, ok = list[0].(map[string]any)
	}
	if !ok {
		inner = map[string]any{}
		params[name] = inner
		if isList {
			params[name] = []any{inner}
		}
	}
	put(inner, path[1:], value)
}

// Unchecked are the types of a program's resources for which no request is known.
func (c *Cloud) Unchecked() []string {
	var types []string
	for _, o := range c.Objects("") {
		if calls[o.Type] == nil && frontRequests[o.Type] == nil {
			types = append(types, fmt.Sprint(o.Type))
		}
	}
	return types
}
