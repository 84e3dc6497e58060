package webapp

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/appautoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// concurrency keeps execution environments started before requests come.
func (b builder) concurrency(fn *appFunction) error {
	if b.args.ProvisionedConcurrency == 0 {
		return nil
	}
	provisioned, err := lambda.NewProvisionedConcurrencyConfig(b.ctx, b.name+"-"+b.args.aliasName(), &lambda.ProvisionedConcurrencyConfigArgs{
		FunctionName:                    fn.function.Name,
		Qualifier:                       fn.alias.Name,
		ProvisionedConcurrentExecutions: pulumi.Int(b.args.ProvisionedConcurrency),
	}, b.parent,
		// The scaling sets the number from then on; a deployment must not set it back.
		when(b.args.autoscaled(), pulumi.IgnoreChanges([]string{"provisionedConcurrentExecutions"})))
	if err != nil {
		return fmt.Errorf("provisioned concurrency: %w", err)
	}
	if !b.args.autoscaled() {
		return nil
	}
	return b.scaling(fn, provisioned)
}

// scaling moves the provisioned concurrency with its use and by the clock
// (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html#managing-provisioned-concurency).
func (b builder) scaling(fn *appFunction, provisioned pulumi.Resource) error {
	name := b.name + "-" + b.args.aliasName()
	target, err := appautoscaling.NewTarget(b.ctx, name, &appautoscaling.TargetArgs{
		MinCapacity:       pulumi.Int(b.args.ProvisionedConcurrency),
		MaxCapacity:       pulumi.Int(max(b.args.ProvisionedConcurrency, b.args.ProvisionedConcurrencyMax)),
		ResourceId:        pulumi.Sprintf("function:%s:%s", fn.function.Name, fn.alias.Name),
		ScalableDimension: pulumi.String("lambda:function:ProvisionedConcurrency"),
		ServiceNamespace:  pulumi.String("lambda"),
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{provisioned}),
		// Schedules move the bounds; a deployment must not move them back.
		when(len(b.args.ProvisionedSchedule) > 0, pulumi.IgnoreChanges([]string{"minCapacity", "maxCapacity"})))
	if err != nil {
		return fmt.Errorf("scaling target: %w", err)
	}
	_, err = appautoscaling.NewPolicy(b.ctx, name, &appautoscaling.PolicyArgs{
		PolicyType:        pulumi.String("TargetTrackingScaling"),
		ResourceId:        target.ResourceId,
		ScalableDimension: target.ScalableDimension,
		ServiceNamespace:  target.ServiceNamespace,
		TargetTrackingScalingPolicyConfiguration: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
			TargetValue: pulumi.Float64(float64(b.args.ProvisionedUtilization) / 100),
			PredefinedMetricSpecification: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs{
				PredefinedMetricType: pulumi.String("LambdaProvisionedConcurrencyUtilization"),
			},
		},
	}, b.parent)
	if err != nil {
		return fmt.Errorf("scaling policy: %w", err)
	}
	for i, s := range b.args.ProvisionedSchedule {
		args := &appautoscaling.ScheduledActionArgs{
			ResourceId:        target.ResourceId,
			ScalableDimension: target.ScalableDimension,
			ServiceNamespace:  target.ServiceNamespace,
			Schedule:          pulumi.String(s.Schedule),
			ScalableTargetAction: appautoscaling.ScheduledActionScalableTargetActionArgs{
				MinCapacity: pulumi.Int(s.Min), MaxCapacity: pulumi.Int(s.Max),
			},
		}
		if s.Timezone != "" {
			args.Timezone = pulumi.String(s.Timezone)
		}
		if _, err := appautoscaling.NewScheduledAction(b.ctx, fmt.Sprintf("%s-%d", name, i+1), args, b.parent); err != nil {
			return fmt.Errorf("scaling schedule: %w", err)
		}
	}
	return nil
}
