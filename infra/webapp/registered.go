package webapp

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Resources of which the program needs one or two, from packages of the provider's SDK that take
// long to compile (wafv2 alone longer than all others together). They are registered by their
// tokens, with inputs typed here; a test holds each against the source of the package.

// awsVersion is the version of pulumi-aws in go.mod, which the SDK's own constructors ask for.
// Without it these resources would start a provider of another version beside it.
const awsVersion = "6.83.4"

// registerAWS makes a resource of the AWS provider by its token.
func (b builder) registerAWS(token, name string, inputs pulumi.Map, made pulumi.CustomResource,
	opts ...pulumi.ResourceOption) error {
	return b.ctx.RegisterResource(token, name, inputs, made,
		append([]pulumi.ResourceOption{pulumi.Version(awsVersion), b.parent}, opts...)...)
}

// scalableTarget: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html
type scalableTarget struct {
	pulumi.CustomResourceState
	ResourceID        pulumi.StringOutput `pulumi:"resourceId"`
	ScalableDimension pulumi.StringOutput `pulumi:"scalableDimension"`
	ServiceNamespace  pulumi.StringOutput `pulumi:"serviceNamespace"`
}

// scaled are inputs that name the target of a policy or schedule, with more of its own.
func (t *scalableTarget) scaled(more pulumi.Map) pulumi.Map {
	more["resourceId"] = t.ResourceID
	more["scalableDimension"] = t.ScalableDimension
	more["serviceNamespace"] = t.ServiceNamespace
	return more
}

// capacity is a range of started environments.
type capacity struct{ min, max int }

func (b builder) scalableTarget(name string, resource pulumi.StringInput, c capacity,
	opts ...pulumi.ResourceOption) (*scalableTarget, error) {
	target := &scalableTarget{}
	return target, b.registerAWS("aws:appautoscaling/target:Target", name, pulumi.Map{
		"minCapacity":       pulumi.Int(c.min),
		"maxCapacity":       pulumi.Int(c.max),
		"resourceId":        resource,
		"scalableDimension": pulumi.String("lambda:function:ProvisionedConcurrency"),
		"serviceNamespace":  pulumi.String("lambda"),
	}, target, opts...)
}

// trackUtilization keeps the share of started environments that are in use near a value of 0 to 1.
func (b builder) trackUtilization(name string, target *scalableTarget, value float64) error {
	return b.registerAWS("aws:appautoscaling/policy:Policy", name, target.scaled(pulumi.Map{
		"policyType": pulumi.String("TargetTrackingScaling"),
		"targetTrackingScalingPolicyConfiguration": pulumi.Map{
			"targetValue": pulumi.Float64(value),
			"predefinedMetricSpecification": pulumi.Map{
				"predefinedMetricType": pulumi.String("LambdaProvisionedConcurrencyUtilization"),
			},
		},
	}), &pulumi.CustomResourceState{})
}

func (b builder) scheduleCapacity(name string, target *scalableTarget, schedule, timezone string, c capacity) error {
	inputs := target.scaled(pulumi.Map{
		"schedule":             pulumi.String(schedule),
		"scalableTargetAction": pulumi.Map{"minCapacity": pulumi.Int(c.min), "maxCapacity": pulumi.Int(c.max)},
	})
	if timezone != "" {
		inputs["timezone"] = pulumi.String(timezone)
	}
	return b.registerAWS("aws:appautoscaling/scheduledAction:ScheduledAction", name, inputs,
		&pulumi.CustomResourceState{})
}

// aliasRecord makes a name resolve to an endpoint of AWS.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
type aliasRecord struct {
	zone         pulumi.StringInput
	name         pulumi.StringInput
	kind         string // A or AAAA
	endpoint     pulumi.StringInput
	endpointZone pulumi.StringInput
}

func (b builder) aliasRecord(name string, r aliasRecord) error {
	return b.registerAWS("aws:route53/record:Record", name, pulumi.Map{
		"zoneId": r.zone,
		"name":   r.name,
		"type":   pulumi.String(r.kind),
		"aliases": pulumi.Array{pulumi.Map{
			"name": r.endpoint, "zoneId": r.endpointZone, "evaluateTargetHealth": pulumi.Bool(false),
		}},
	}, &pulumi.CustomResourceState{})
}

// mailTopic is an SNS topic with one address subscribed to it.
func (b builder) mailTopic(name, address string) (pulumi.StringInput, error) {
	var topic struct {
		pulumi.CustomResourceState
		ARN pulumi.StringOutput `pulumi:"arn"`
	}
	if err := b.registerAWS("aws:sns/topic:Topic", name, pulumi.Map{}, &topic); err != nil {
		return nil, err
	}
	return topic.ARN, b.registerAWS("aws:sns/topicSubscription:TopicSubscription", name, pulumi.Map{
		"topic":    topic.ARN,
		"protocol": pulumi.String("email"),
		"endpoint": pulumi.String(address),
	}, &pulumi.CustomResourceState{})
}

// associateWebACL puts AWS WAF in front of a stage.
func (b builder) associateWebACL(name string, stage, acl pulumi.StringInput) error {
	return b.registerAWS("aws:wafv2/webAclAssociation:WebAclAssociation", name,
		pulumi.Map{"resourceArn": stage, "webAclArn": acl}, &pulumi.CustomResourceState{})
}

// randomVersion is the version of the random provider, which the engine fetches when it is asked for.
const randomVersion = "4.19.0"

// randomHex are six hexadecimal digits that stay while the keeper does, and are others after it changed.
func (b builder) randomHex(name, keeper string) (pulumi.StringOutput, error) {
	var id struct {
		pulumi.CustomResourceState
		Hex pulumi.StringOutput `pulumi:"hex"`
	}
	err := b.ctx.RegisterResource("random:index/randomId:RandomId", name, pulumi.Map{
		"byteLength": pulumi.Int(3),
		"keepers":    pulumi.StringMap{"content": pulumi.String(keeper)},
	}, &id, pulumi.Version(randomVersion), b.parent)
	return id.Hex, err
}

// randomSecret are random letters and digits, a secret in the state, that stay while the keeper does. It is no
// RandomBytes, whose id, which Pulumi cannot encrypt, is what is to be secret
// (https://github.com/pulumi/pulumi-random/issues/190). The SDK's own constructor names the same secret outputs.
func (b builder) randomSecret(name string, length int, keeper string) (pulumi.StringOutput, error) {
	var made struct {
		pulumi.CustomResourceState
		Result pulumi.StringOutput `pulumi:"result"`
	}
	err := b.ctx.RegisterResource("random:index/randomPassword:RandomPassword", name, pulumi.Map{
		"length":  pulumi.Int(length),
		"special": pulumi.Bool(false),
		"keepers": pulumi.StringMap{"rotation": pulumi.String(keeper)},
	}, &made, pulumi.Version(randomVersion), b.parent, pulumi.AdditionalSecretOutputs([]string{"bcryptHash", "result"}))
	return pulumi.ToSecret(made.Result).(pulumi.StringOutput), err
}
