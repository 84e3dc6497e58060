package webapp

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// What schedules are made of, registered by token as registered.go says.

// queue is an SQS queue.
type queue struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
	ARN  pulumi.StringOutput `pulumi:"arn"`
}

// queue keeps events for 14 days, which is the most
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).
func (b builder) queue(name string) (*queue, error) {
	made := &queue{}
	return made, b.registerAWS("aws:sqs/queue:Queue", name, pulumi.Map{
		"messageRetentionSeconds": pulumi.Int(14 * 24 * 3600),
		"sqsManagedSseEnabled":    pulumi.Bool(true),
	}, made)
}

// retries say how often Lambda invokes the alias with an event that fails, and where it goes then
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). Lambda looks first whether the
// function may send there.
func (b builder) retries(name string, fn *appFunction, failed *queue, maySend pulumi.Resource) error {
	return b.registerAWS("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", name, pulumi.Map{
		"functionName":         fn.function.Name,
		"qualifier":            fn.alias.Name,
		"maximumRetryAttempts": pulumi.Int(b.args.ScheduleRetries),
		"destinationConfig":    pulumi.Map{"onFailure": pulumi.Map{"destination": failed.ARN}},
	}, &pulumi.CustomResourceState{}, pulumi.DependsOn([]pulumi.Resource{maySend}))
}

// schedule waits for its role's rights, or the first event could be refused.
func (b builder) schedule(name string, t Task, target, role, failed pulumi.StringInput, rights pulumi.Resource) error {
	inputs := pulumi.Map{
		"scheduleExpression": pulumi.String(t.expression()),
		"flexibleTimeWindow": pulumi.Map{"mode": pulumi.String("OFF")},
		"target": pulumi.Map{
			"arn": target, "roleArn": role, "input": pulumi.String(t.event()),
			"deadLetterConfig": pulumi.Map{"arn": failed},
		},
	}
	if t.Timezone != "" {
		inputs["scheduleExpressionTimezone"] = pulumi.String(t.Timezone)
	}
	return b.registerAWS("aws:scheduler/schedule:Schedule", name, inputs, &pulumi.CustomResourceState{},
		pulumi.DependsOn([]pulumi.Resource{rights}))
}
