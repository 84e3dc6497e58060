package rights

import "lambda-web/infra/webapp/names"

// right is something that whoever deploys has to be allowed for a type of resource.
type right struct {
	sid       string // statement they go into; types may share one
	resources []string
	actions   []string
	condition map[string]map[string]any
	roles     bool // the boundary applies, if there is one
	commands  bool // for whoever runs commands
	optional  bool // not for a web app without optional settings
}

// byType is the one place that says which rights a resource needs; a test holds it against what the program makes
// under the real engine. Reads are given as prefixes, since providers read more with every version, and only on the
// program's own resources where AWS knows a narrower one than *
// (https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
var byType = map[string][]right{
	"aws:ecr/repository:Repository": {{sid: "Repository",
		resources: []string{"arn:${PARTITION}:ecr:${REGION}:${ACCOUNT}:repository/" + names.Repository("${NAME}")},
		actions: []string{"ecr:CreateRepository", "ecr:DeleteRepository", "ecr:Describe*", "ecr:List*",
			"ecr:PutImageScanningConfiguration", "ecr:PutImageTagMutability", "ecr:TagResource", "ecr:UntagResource"}}},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {{sid: "Repository", actions: []string{"ecr:PutLifecyclePolicy",
		"ecr:GetLifecyclePolicy", "ecr:DeleteLifecyclePolicy"}}},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {{sid: "Repository", actions: []string{"ecr:SetRepositoryPolicy",
		"ecr:GetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"}}},
	"docker:index/image:Image": {
		{sid: "Repository", actions: []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
			"ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload",
			"ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}},
		{sid: "NoNarrower", resources: []string{"*"}, actions: []string{"ecr:GetAuthorizationToken"}},
	},

	"random:index/randomId:RandomId":             {}, // lives in the state alone
	"random:index/randomPassword:RandomPassword": {},

	"aws:cloudwatch/logGroup:LogGroup": {
		{sid: "Logs", resources: []string{logARN + names.Log("${GIVEN}"), logARN + names.AccessLog("${GIVEN}"),
			// Actions on tags name the group, all others the group and its streams
			// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html).
			logARN + names.Log("${NAME}:*"), logARN + names.AccessLog("${NAME}:*")},
			actions: []string{"logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy",
				"logs:DeleteRetentionPolicy", "logs:FilterLogEvents", "logs:AssociateKmsKey", "logs:DisassociateKmsKey",
				"logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource"}},
		{sid: "FindLogs", resources: []string{logARN + "*"}, actions: []string{"logs:DescribeLogGroups"}},
	},

	"aws:iam/role:Role": {
		{sid: "MakeRoles", roles: true, resources: []string{roleARN}, actions: []string{"iam:CreateRole",
			"iam:PutRolePermissionsBoundary"}},
		{sid: "Roles", resources: []string{roleARN}, actions: []string{"iam:GetRole*", "iam:ListRole*",
			"iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
			"iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy", "iam:TagRole",
			"iam:UntagRole", "iam:DeleteRole"}},
	},
	"aws:iam/rolePolicy:RolePolicy": {
		{sid: "MakeRoles", roles: true, actions: []string{"iam:PutRolePolicy"}},
		{sid: "Roles", actions: []string{"iam:DeleteRolePolicy"}},
	},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {{sid: "AccountLogRole", resources: []string{roleARN},
		actions:   []string{"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
		condition: map[string]map[string]any{"ArnEquals": {"iam:PolicyARN": "arn:${PARTITION}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"}}}},

	"aws:lambda/function:Function": {
		{sid: "Function", resources: []string{"arn:${PARTITION}:lambda:${REGION}:${ACCOUNT}:function:" +
			names.Generated("${NAME}")},
			actions: []string{"lambda:CreateFunction", "lambda:UpdateFunctionCode",
				"lambda:UpdateFunctionConfiguration", "lambda:PublishVersion", "lambda:DeleteFunction",
				"lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency", "lambda:Get*", "lambda:List*",
				"lambda:TagResource", "lambda:UntagResource"}},
		{sid: "HandOverTheRole", resources: []string{roleARN}, actions: []string{"iam:PassRole"},
			condition: map[string]map[string]any{"StringEquals": {"iam:PassedToService": []string{"lambda.amazonaws.com", "apigateway.amazonaws.com"}}}},
		{sid: "NoNarrower", resources: []string{"*"}, actions: []string{"lambda:GetAccountSettings"}}, // deploy/check
		{sid: "NoNarrower", optional: true, resources: []string{"*"},
			actions: []string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
				"ec2:DescribeVpcs"}},
	},
	"aws:lambda/alias:Alias": {{sid: "Function",
		actions: []string{"lambda:CreateAlias", "lambda:UpdateAlias", "lambda:DeleteAlias"}}},
	"aws:lambda/permission:Permission": {{sid: "Function",
		actions: []string{"lambda:AddPermission", "lambda:RemovePermission"}}},
	"aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": {{sid: "Function",
		actions: []string{"lambda:PutProvisionedConcurrencyConfig", "lambda:DeleteProvisionedConcurrencyConfig"}}},

	// What fails for good goes to a queue; the schedules are in the default group.
	"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {{sid: "Function",
		actions: []string{"lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig",
			"lambda:DeleteFunctionEventInvokeConfig"}}},
	// To run a command is to invoke the function that runs them, and no other.
	"aws:lambda/invocation:Invocation": {{sid: "RunCommands", commands: true,
		resources: []string{"arn:${PARTITION}:lambda:${REGION}:${ACCOUNT}:function:" +
			names.Generated(names.Task("${GIVEN}"))},
		actions: []string{"lambda:InvokeFunction"}},
		{sid: "ReadTheirOutput", commands: true, resources: []string{logARN + names.Log(names.Task("${GIVEN}")) + ":*"},
			actions: []string{"logs:FilterLogEvents"}}},
	"aws:scheduler/schedule:Schedule": {{sid: "Schedules",
		resources: []string{"arn:${PARTITION}:scheduler:${REGION}:${ACCOUNT}:schedule/default/" +
			names.Generated("${NAME}")},
		actions: []string{"scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule",
			"scheduler:GetSchedule"}},
		{sid: "HandOverTheSchedulesRole", resources: []string{roleARN}, actions: []string{"iam:PassRole"},
			condition: map[string]map[string]any{"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}}},
	"aws:sqs/queue:Queue": {{sid: "Queue", resources: []string{"arn:${PARTITION}:sqs:${REGION}:${ACCOUNT}:" +
		names.Generated("${NAME}")},
		actions: []string{"sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
			"sqs:ListQueueTags", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"}}},

	"aws:appautoscaling/target:Target": {
		{sid: "Scaling", resources: []string{"*"}, actions: []string{"application-autoscaling:RegisterScalableTarget",
			"application-autoscaling:DeregisterScalableTarget"}, condition: scalingOfLambda},
		{sid: "NoNarrower", resources: []string{"*"}, actions: []string{"application-autoscaling:Describe*",
			"application-autoscaling:ListTagsForResource", "application-autoscaling:TagResource",
			"application-autoscaling:UntagResource"}},
		{sid: "LinkedRoles", resources: []string{linkedRoleARN + "lambda.application-autoscaling.amazonaws.com/*"},
			actions: []string{"iam:CreateServiceLinkedRole"}, condition: linkedRoles},
	},
	// A policy that tracks a target makes alarms under the deployer's rights, which is checked before it is put
	// (https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_service-with-iam.html).
	"aws:appautoscaling/policy:Policy": {{sid: "Scaling",
		actions: []string{"application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy"}},
		{sid: "ScalingAlarms",
			resources: []string{"arn:${PARTITION}:cloudwatch:${REGION}:${ACCOUNT}:alarm:TargetTracking-*"},
			actions:   []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"}}},
	"aws:appautoscaling/scheduledAction:ScheduledAction": {{sid: "Scaling",
		actions: []string{"application-autoscaling:PutScheduledAction",
			"application-autoscaling:DeleteScheduledAction"}}},

	// API Gateway gives APIs their ids when they are made, so a policy written before cannot name them
	// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples.html).
	"aws:apigateway/restApi:RestApi": {{sid: "API", resources: []string{apiARN + "/restapis", apiARN + "/restapis/*",
		apiARN + "/tags/*"},
		actions: []string{"apigateway:GET", "apigateway:POST", "apigateway:PUT", "apigateway:PATCH",
			"apigateway:DELETE", "apigateway:UpdateRestApiPolicy"}}},
	"aws:apigateway/deployment:Deployment": {{sid: "API"}},
	// Who has deployed looks whether the app answers, signed where the stage asks for it.
	"aws:apigateway/stage:Stage": {{sid: "API"}, {sid: "CallTheApp",
		resources: []string{"arn:${PARTITION}:execute-api:${REGION}:${ACCOUNT}:*/*/GET/*"},
		actions:   []string{"execute-api:Invoke"}}},
	"aws:apigateway/methodSettings:MethodSettings": {{sid: "API"}},
	"aws:apigateway/account:Account": {{sid: "APIAccount", resources: []string{apiARN + "/account"},
		actions: []string{"apigateway:GET", "apigateway:PATCH"}}},
	// The first domain in an account makes API Gateway's own role
	// (https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html).
	"aws:apigateway/domainName:DomainName": {{sid: "LinkedRoles", resources: []string{linkedRoleARN +
		"ops.apigateway.amazonaws.com/*"}, actions: []string{"iam:CreateServiceLinkedRole"}, condition: linkedRoles},
		{sid: "Domain", resources: []string{apiARN + "/domainnames", apiARN + "/domainnames/*"},
			actions: []string{"apigateway:GET", "apigateway:POST", "apigateway:PATCH", "apigateway:DELETE",
				"apigateway:AddCertificateToDomain", "apigateway:RemoveCertificateFromDomain"}}},
	"aws:apigateway/basePathMapping:BasePathMapping": {{sid: "Domain"}},
	"aws:route53/record:Record": {{sid: "DNS", resources: []string{"arn:${PARTITION}:route53:::hostedzone/*",
		"arn:${PARTITION}:route53:::change/*"},
		actions: []string{"route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets",
			"route53:GetHostedZone", "route53:GetChange"}}},
	"aws:wafv2/webAclAssociation:WebAclAssociation": {
		{sid: "Firewall", resources: []string{"arn:${PARTITION}:wafv2:${REGION}:${ACCOUNT}:regional/webacl/*",
			apiARN + "/restapis/*/stages/*"},
			actions: []string{"wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:GetWebACLForResource",
				"wafv2:GetWebACL"}},
		{sid: "API", actions: []string{"apigateway:SetWebACL"}},
	},

	// CloudFront gives distributions and policies their ids, too; its functions have the names they are given.
	// Whether a web ACL may be used is asked of AWS WAF where CloudFront's are
	// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html).
	"aws:cloudfront/distribution:Distribution": {{sid: "Front", resources: []string{frontARN + "distribution/*"},
		actions: []string{"cloudfront:CreateDistribution", "cloudfront:UpdateDistribution",
			"cloudfront:DeleteDistribution", "cloudfront:Get*", "cloudfront:ListTagsForResource",
			"cloudfront:TagResource", "cloudfront:UntagResource"}},
		{sid: "FrontFirewall", resources: []string{"arn:${PARTITION}:wafv2:us-east-1:${ACCOUNT}:global/webacl/*"},
			actions: []string{"wafv2:GetWebACL"}}},
	"aws:cloudfront/cachePolicy:CachePolicy": {{sid: "Front", resources: []string{frontARN + "cache-policy/*"},
		actions: []string{"cloudfront:CreateCachePolicy", "cloudfront:UpdateCachePolicy",
			"cloudfront:DeleteCachePolicy"}}},
	"aws:cloudfront/function:Function": {{sid: "Front",
		resources: []string{frontARN + "function/" + names.Generated("${NAME}")},
		actions: []string{"cloudfront:CreateFunction", "cloudfront:UpdateFunction", "cloudfront:DeleteFunction",
			"cloudfront:DescribeFunction", "cloudfront:PublishFunction"}}},

	"aws:cloudwatch/metricAlarm:MetricAlarm": {{sid: "Alarms",
		resources: []string{"arn:${PARTITION}:cloudwatch:${REGION}:${ACCOUNT}:alarm:" + names.Generated("${NAME}")},
		actions: []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms",
			"cloudwatch:ListTagsForResource", "cloudwatch:TagResource", "cloudwatch:UntagResource"}}},
	"aws:cloudwatch/dashboard:Dashboard": {{sid: "Dashboard",
		resources: []string{"arn:${PARTITION}:cloudwatch::${ACCOUNT}:dashboard/" + names.Dashboard("${GIVEN}")},
		actions:   []string{"cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard"}}},
	"aws:sns/topic:Topic": {{sid: "AlarmTopic", resources: []string{"arn:${PARTITION}:sns:${REGION}:${ACCOUNT}:" +
		names.Generated("${NAME}")},
		actions: []string{"sns:CreateTopic", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes",
			"sns:ListTagsForResource", "sns:TagResource", "sns:UntagResource"}}},
	// SNS knows no resources for the two actions on a subscription
	// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html).
	"aws:sns/topicSubscription:TopicSubscription": {{sid: "AlarmTopic", actions: []string{"sns:Subscribe"}},
		{sid: "NoNarrower", resources: []string{"*"}, actions: []string{"sns:GetSubscriptionAttributes",
			"sns:SetSubscriptionAttributes", "sns:Unsubscribe"}}},
}

const (
	logARN = "arn:${PARTITION}:logs:${REGION}:${ACCOUNT}:log-group:"
	apiARN = "arn:${PARTITION}:apigateway:${REGION}::"

	frontARN = "arn:${PARTITION}:cloudfront::${ACCOUNT}:"

	linkedRoleARN = "arn:${PARTITION}:iam::${ACCOUNT}:role/aws-service-role/"
)

var roleARN = "arn:${PARTITION}:iam::${ACCOUNT}:role/" + names.Generated("${NAME}")

// linkedRoles keeps the right to make roles that belong to AWS to the services that need theirs.
var linkedRoles = map[string]map[string]any{"StringEquals": {"iam:AWSServiceName": []string{
	"lambda.application-autoscaling.amazonaws.com", "ops.apigateway.amazonaws.com"}}}

// Scalable targets are named by AWS, so the condition is what keeps the right to functions.
var scalingOfLambda = map[string]map[string]any{"StringEquals": {"application-autoscaling:service-namespace": "lambda"}}
