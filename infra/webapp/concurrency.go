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

func checkConcurrency(args Args, found *mistakes) {
	low, high := args.ProvisionedConcurrency, args.ProvisionedConcurrencyMax
	if high > 0 && high < low {
		found.add("provisionedConcurrencyMax",
			"%d is less than provisionedConcurrency (%d); use more, or 0 for a fixed number", high, low)
	}
	if (high > 0 || len(args.ProvisionedSchedule) > 0) && low == 0 {
		found.add("provisionedConcurrency",
			"0 leaves nothing to scale from; use 1 or more, or leave provisionedConcurrencyMax and provisionedSchedule out")
	}
	if can := args.availableConcurrency(); args.ReservedConcurrency > can {
		found.add("reservedConcurrency",
			"%d is more than the account can set aside: of its %d (accountConcurrency) Lambda keeps %d for "+
				"other functions; use %d, or less",
			args.ReservedConcurrency, args.AccountConcurrency, keptConcurrency, can)
	} else if needed := max(low, high) + low; args.ReservedConcurrency == 0 && needed > can {
		found.add("provisionedConcurrency",
			"the started environments of the old and the new version together (%d and %d) are more than the "+
				"account can start during a deployment: "+
				"of its %d (accountConcurrency) Lambda keeps %d for requests; use fewer", max(low, high), low,
			args.AccountConcurrency, keptConcurrency)
	}
	if needed := max(low, high) + low; args.ReservedConcurrency > 0 && needed > args.ReservedConcurrency {
		found.add("reservedConcurrency",
			"%d is less than the old and the new version's started environments together (%d and %d), which "+
				"are taken from it during a deployment; "+
				"use %d or more, or 0", args.ReservedConcurrency, max(low, high), low, needed)
	}
	checkProvisionedSchedule(args, found)
	checkCanary(args, found)
}

func checkProvisionedSchedule(args Args, found *mistakes) {
	low := args.ProvisionedConcurrency
	for i, s := range args.ProvisionedSchedule {
		if !scheduleAllowed.MatchString(s.Schedule) {
			found.add("provisionedSchedule",
				"number %d: %q is not a schedule; use cron(...) with six fields, rate(1 day) or "+
					"at(2030-01-31T08:00:00)", i+1, s.Schedule)
		}
		if !timezoneKnown(s.Timezone) {
			found.add("provisionedSchedule",
				"number %d: %q is not a time zone; use a name such as Europe/Berlin, or leave it out for UTC", i+1,
				s.Timezone)
		}
		if s.Min < 0 || s.Max < max(s.Min, 1) {
			found.add("provisionedSchedule",
				"number %d: min %d and max %d are no bounds; use 0 <= min <= max and a max of 1 or more", i+1, s.Min,
				s.Max)
		}
		if s.Max < low {
			found.add("provisionedSchedule",
				"number %d: max %d is less than provisionedConcurrency (%d), with which the started "+
					"environments begin; use %d or more", i+1, s.Max, low, low)
		}
		if args.ReservedConcurrency > 0 && s.Max+low > args.ReservedConcurrency {
			found.add("provisionedSchedule",
				"number %d: max %d and the %d of a new version are more than reservedConcurrency (%d)", i+1, s.Max,
				low, args.ReservedConcurrency)
		}
	}
}

func checkCanary(args Args, found *mistakes) {
	if args.CanaryWeight > 0 && args.LiveVersion == 0 {
		found.add("canaryWeight",
			"%d has no version to share the requests with; set liveVersion to the version that serves the rest",
			args.CanaryWeight)
	}
	if 0 < args.CanaryWeight && args.CanaryWeight < 100 && args.ProvisionedConcurrency > 0 {
		found.add("canaryWeight",
			"Lambda does not share requests by weight where there is provisioned concurrency; use 0 or 100, "+
				"or set provisionedConcurrency to 0, deploy that, and then start the rollout")
	}
}
