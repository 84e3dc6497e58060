package standin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	awsecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// repositoryArgs are the component's inputs. The SDK's own type has no tags to fill it by.
type repositoryArgs struct {
	ForceDelete                pulumi.BoolInput                                    `pulumi:"forceDelete"`
	ImageTagMutability         pulumi.StringPtrInput                               `pulumi:"imageTagMutability"`
	ImageScanningConfiguration awsecr.RepositoryImageScanningConfigurationPtrInput `pulumi:"imageScanningConfiguration"`
	EncryptionConfigurations   awsecr.RepositoryEncryptionConfigurationArrayInput  `pulumi:"encryptionConfigurations"`
	LifecyclePolicy            *ecr.LifecyclePolicyArgs                            `pulumi:"lifecyclePolicy"`
}

type repository struct {
	pulumi.ResourceState

	URL pulumi.StringOutput `pulumi:"url"`
}

// awsVersion is the version of the AWS provider the real component asks for.
const awsVersion = "6.66.3"

// Construct makes an awsx repository: a repository and its lifecycle policy.
func (p *server) Construct(ctx context.Context, r *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	p.mu.Lock()
	engine := p.engine
	p.mu.Unlock()
	return provider.Construct(ctx, r, engine, func(ctx *pulumi.Context, token, name string,
		inputs provider.ConstructInputs, options pulumi.ResourceOption) (*provider.ConstructResult, error) {
		if token != "awsx:ecr:Repository" {
			return nil, fmt.Errorf("the stand-in does not know the component %s", token)
		}
		var args repositoryArgs
		if err := inputs.CopyTo(&args); err != nil {
			return nil, err
		}
		made := &repository{}
		if err := ctx.RegisterComponentResource(token, name, made, options); err != nil {
			return nil, err
		}
		if err := made.register(ctx, strings.ToLower(name), args); err != nil {
			return nil, err
		}
		return provider.NewConstructResult(made)
	})
}

func (r *repository) register(ctx *pulumi.Context, name string, args repositoryArgs) error {
	options := []pulumi.ResourceOption{pulumi.Parent(r), pulumi.Version(awsVersion)}
	inner, err := awsecr.NewRepository(ctx, name, &awsecr.RepositoryArgs{
		ForceDelete:                args.ForceDelete,
		ImageTagMutability:         args.ImageTagMutability,
		ImageScanningConfiguration: args.ImageScanningConfiguration,
		EncryptionConfigurations:   args.EncryptionConfigurations,
	}, options...)
	if err != nil {
		return err
	}
	policy := args.LifecyclePolicy.Rules.ToLifecyclePolicyRuleArrayOutput().ApplyT(func(rules []ecr.LifecyclePolicyRule) (string, error) {
		return lifecyclePolicy(rules)
	}).(pulumi.StringOutput)
	_, err = awsecr.NewLifecyclePolicy(ctx, name, &awsecr.LifecyclePolicyArgs{Repository: inner.Name, Policy: policy},
		options...)
	if err != nil {
		return err
	}
	r.URL = inner.RepositoryUrl
	return ctx.RegisterResourceOutputs(r, pulumi.Map{"url": inner.RepositoryUrl})
}

// lifecyclePolicy is the text that the real component makes of its rules: those for any image come last, and each
// expires what there is more of than it says
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html).
func lifecyclePolicy(rules []ecr.LifecyclePolicyRule) (string, error) {
	type object = map[string]any
	slices.SortStableFunc(rules, func(a, b ecr.LifecyclePolicyRule) int { return cmp.Compare(last(a), last(b)) })
	var made []object
	for i, r := range rules {
		if r.MaximumNumberOfImages == nil {
			return "", fmt.Errorf("the stand-in knows no rule but one that counts images")
		}
		rule := object{"rulePriority": i + 1, "action": object{"type": "expire"},
			"selection": object{"tagStatus": r.TagStatus, "countType": "imageCountMoreThan",
				"countNumber": *r.MaximumNumberOfImages}}
		if r.Description != nil {
			rule["description"] = *r.Description
		}
		made = append(made, rule)
	}
	text, err := json.Marshal(object{"rules": made})
	return string(text), err
}

func last(r ecr.LifecyclePolicyRule) int {
	if r.TagStatus == ecr.LifecycleTagStatusAny {
		return 1
	}
	return 0
}
