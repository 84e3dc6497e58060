package webapp

import (
	"fmt"

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
	target, err := b.scalableTarget(name, pulumi.Sprintf("function:%s:%s", fn.function.Name, fn.alias.Name),
		capacity{b.args.ProvisionedConcurrency, max(b.args.ProvisionedConcurrency, b.args.ProvisionedConcurrencyMax)},
		pulumi.DependsOn([]pulumi.Resource{provisioned}),
		// Schedules move the bounds; a deployment must not move them back.
		when(len(b.args.ProvisionedSchedule) > 0, pulumi.IgnoreChanges([]string{"minCapacity", "maxCapacity"})))
	if err != nil {
		return fmt.Errorf("scaling target: %w", err)
	}
	if err := b.trackUtilization(name, target, float64(b.args.ProvisionedUtilization)/100); err != nil {
		return fmt.Errorf("scaling policy: %w", err)
	}
	for i, s := range b.args.ProvisionedSchedule {
		if err := b.scheduleCapacity(fmt.Sprintf("%s-%d", name, i+1), target, s.Schedule, s.Timezone, capacity{s.Min, s.Max}); err != nil {
			return fmt.Errorf("scaling schedule: %w", err)
		}
	}
	return nil
}
