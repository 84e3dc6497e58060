package monitor

import (
	"maps"
	"slices"
)

// kind is one type of resource that the local cloud has.
type kind struct {
	// outputs are the values that the provider adds to the inputs.
	outputs func(account, *Resource) map[string]any
	// effect says what the resource does on this machine, for the list in the documentation.
	effect string
	// mute resources do nothing here that a user would miss at once, so a start names them.
	mute bool
}

// types are the resources of a web app. Any other type is refused by its name.
var types = map[string]kind{
	"awsx:ecr:Repository": {outputs: repositoryOutputs,
		effect: "gives the image its name; nothing is pushed"},
	"aws:ecr/repository:Repository": {outputs: repositoryOutputs,
		effect: "gives the image its name; nothing is pushed"},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {outputs: nothing,
		effect: "recorded; there is no registry to guard"},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {outputs: nothing,
		effect: "recorded; there is no registry to clean"},
	"docker:index/image:Image": {outputs: imageOutputs,
		effect: "the staged build context becomes the app that is started"},
	"random:index/randomId:RandomId": {outputs: randomOutputs,
		effect: "digits of the image's tag"},
	"random:index/randomPassword:RandomPassword": {outputs: passwordOutputs,
		effect: "random letters and digits, kept until what they are kept for changes, or the local cloud ends"},
	distributionType: {outputs: nothing,
		effect: "a second listener, in front of the stage; it keeps nothing"},
	"aws:cloudfront/cachePolicy:CachePolicy": {outputs: nothing,
		effect: "recorded; there is no cache"},
	"aws:cloudfront/function:Function": {outputs: edgeFunctionOutputs,
		effect: "tells the app the viewer's host"},
	"aws:cloudwatch/logGroup:LogGroup": {outputs: logGroupOutputs,
		effect: "its lines are printed"},
	"aws:iam/role:Role": {outputs: roleOutputs,
		effect: "recorded; the app runs with your own rights"},
	"aws:iam/rolePolicy:RolePolicy": {outputs: nothing,
		effect: "recorded; the app runs with your own rights"},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {outputs: nothing,
		effect: "recorded; the app runs with your own rights"},
	functionType: {outputs: functionOutputs,
		effect: "a pool of sandboxes; one that runs commands is started for each"},
	"aws:lambda/alias:Alias": {outputs: aliasOutputs,
		effect: "points the API at the function's version"},
	invocationType: {outputs: invocationOutputs,
		effect: "a command that runs before a new version serves: in the app's folder, or in the new image"},
	"aws:lambda/permission:Permission": {outputs: nothing,
		effect: "without it the API may not invoke the alias"},
	"aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": {outputs: nothing,
		effect: "sandboxes that are ready before the first request"},
	"aws:apigateway/restApi:RestApi": {outputs: restAPIOutputs,
		effect: "its OpenAPI document is the routing table"},
	"aws:apigateway/deployment:Deployment": {outputs: deploymentOutputs,
		effect: "the snapshot of the API that the stage serves"},
	"aws:apigateway/stage:Stage": {outputs: stageOutputs,
		effect: "the first segment of the URL's path"},
	"aws:apigateway/account:Account": {outputs: nothing,
		effect: "recorded; access logs are printed"},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {outputs: nothing,
		effect: "recorded; there are no metrics to watch", mute: true},
	"aws:cloudwatch/dashboard:Dashboard": {outputs: nothing,
		effect: "recorded; there are no metrics to show", mute: true},
	"aws:sqs/queue:Queue": {outputs: queueOutputs,
		effect: "recorded; an event that fails is reported where it was sent"},
	"aws:scheduler/schedule:Schedule": {outputs: nothing,
		effect: "an event of the function: make event SCHEDULE=name, or by the clock with SCHEDULES=on"},
	"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {outputs: nothing,
		effect: "recorded; nothing is tried again"},
	"aws:sns/topic:Topic": {outputs: topicOutputs,
		effect: "recorded; nothing is sent", mute: true},
	"aws:sns/topicSubscription:TopicSubscription": {outputs: nothing,
		effect: "recorded; nothing is sent", mute: true},
	"aws:appautoscaling/target:Target": {outputs: nothing,
		effect: "recorded; sandboxes are started on demand", mute: true},
	"aws:appautoscaling/policy:Policy": {outputs: nothing,
		effect: "recorded; sandboxes are started on demand", mute: true},
	"aws:appautoscaling/scheduledAction:ScheduledAction": {outputs: nothing,
		effect: "recorded; sandboxes are started on demand", mute: true},
	"aws:apigateway/methodSettings:MethodSettings": {outputs: nothing,
		effect: "throttling of the stage"},
}

// invokes are the look-ups that the local cloud answers.
var invokes = map[string]func(account) map[string]any{
	"aws:ecr/getAuthorizationToken:getAuthorizationToken": func(a account) map[string]any {
		return map[string]any{"userName": "AWS", "password": "local", "proxyEndpoint": "https://" + a.registry()}
	},
	"aws:index/getRegion:getRegion": func(a account) map[string]any {
		return map[string]any{"name": a.region(), "id": a.region()}
	},
	"aws:index/getCallerIdentity:getCallerIdentity": func(a account) map[string]any {
		return map[string]any{"accountId": a.id(), "arn": a.arn("iam", "user/local"), "userId": "AIDALOCAL"}
	},
	"aws:index/getPartition:getPartition": func(account) map[string]any {
		return map[string]any{"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com"}
	},
}

// Effects lists every type of resource with what it does on this machine, by type.
func Effects() []string {
	var lines []string
	for _, token := range slices.Sorted(maps.Keys(types)) {
		lines = append(lines, token+": "+types[token].effect)
	}
	return lines
}

// Mute lists the kinds of resources of a deployment that nothing on this machine stands for, each once.
func (d *Deployment) Mute() []string {
	var kinds []string
	for _, r := range d.Resources {
		if kind := r.kind(); types[r.Type].mute && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
