package webapp

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Execution environments that are started before requests come belong to the version that serves, where
// their number is fixed: those of a new version are started while the old one serves, then the alias
// moves, then the old ones go. Where they belonged to the alias, Lambda would give it weights on its own
// while it moves; the provider takes them for a difference, and sends them back with the next version
// (https://github.com/hashicorp/terraform-provider-aws/pull/48116,
// https://github.com/hashicorp/terraform/issues/24957).
//
// Where their number moves they do belong to the alias, as the bounds that schedules have set would
// go with the version.

// startedVersion keeps environments of the version that serves started, and returns what the alias has
// to wait for.
func (b builder) startedVersion(fn *appFunction) ([]pulumi.Resource, error) {
	if b.args.ProvisionedConcurrency == 0 || b.args.autoscaled() {
		return nil, nil
	}
	provisioned, err := b.provisioned(fn.function, b.args.version(fn.function), pulumi.DependsOn(fn.task.released))
	if err != nil {
		return nil, err
	}
	return []pulumi.Resource{provisioned}, nil
}

// startedAlias keeps environments of the alias started, in a number that moves.
func (b builder) startedAlias(fn *appFunction) error {
	if b.args.ProvisionedConcurrency == 0 || !b.args.autoscaled() {
		return nil
	}
	// The scaling sets the number from then on; a deployment must not set it back.
	provisioned, err := b.provisioned(fn.function, fn.alias.Name,
		pulumi.IgnoreChanges([]string{"provisionedConcurrentExecutions"}))
	if err != nil {
		return err
	}
	return b.scaling(fn, provisioned)
}

func (b builder) provisioned(function *lambda.Function, qualifier pulumi.StringInput,
	opts ...pulumi.ResourceOption) (*lambda.ProvisionedConcurrencyConfig, error) {
	made, err := lambda.NewProvisionedConcurrencyConfig(b.ctx, b.name+"-"+b.args.aliasName(),
		&lambda.ProvisionedConcurrencyConfigArgs{
			FunctionName:                    function.Name,
			Qualifier:                       qualifier,
			ProvisionedConcurrentExecutions: pulumi.Int(b.args.ProvisionedConcurrency),
		}, append(opts, b.parent)...)
	if err != nil {
		return nil, fmt.Errorf("provisioned concurrency: %w", err)
	}
	return made, nil
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
		if err := b.scheduleCapacity(fmt.Sprintf("%s-%d", name, i+1), target, s.Schedule, s.Timezone, capacity{s.Min,
			s.Max}); err != nil {
			return fmt.Errorf("scaling schedule: %w", err)
		}
	}
	return nil
}
