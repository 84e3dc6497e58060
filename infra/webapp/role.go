package webapp

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// role makes the function's execution role, which Lambda alone may take on, and returns it with the
// policies the function has to wait for.
func (b builder) role(logs *cloudwatch.LogGroup) (*iam.Role, []pulumi.Resource, error) {
	trust, err := document(statement{
		Effect:    "Allow",
		Principal: map[string]string{"Service": "lambda.amazonaws.com"},
		Action:    []string{"sts:AssumeRole"},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("trust policy: %w", err)
	}
	role, err := iam.NewRole(b.ctx, b.name, &iam.RoleArgs{
		Description:         pulumi.String("What the web app " + b.name + " may do"),
		AssumeRolePolicy:    pulumi.String(trust),
		PermissionsBoundary: optional(b.args.PermissionsBoundary),
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("role: %w", err)
	}
	write, err := b.writeLogs(b.name+"-logs", role, logs)
	if err != nil {
		return nil, nil, fmt.Errorf("log policy: %w", err)
	}
	more, err := b.rights(role, logs)
	if err != nil {
		return nil, nil, err
	}
	return role, append(more, write), nil
}

// writeLogs lets a role write a log group.
func (b builder) writeLogs(name string, role *iam.Role, logs *cloudwatch.LogGroup) (*iam.RolePolicy, error) {
	return iam.NewRolePolicy(b.ctx, name, &iam.RolePolicyArgs{
		Role: role.Name,
		Policy: logs.Arn.ApplyT(func(arn string) (string, error) {
			return document(statement{
				Effect:   "Allow",
				Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
				Resource: []string{arn + ":*"},
			})
		}).(pulumi.StringOutput),
	}, b.parent)
}

// rights are what the function may do beyond writing its log, each policy named after the setting
// it comes from.
func (b builder) rights(role *iam.Role, logs *cloudwatch.LogGroup) ([]pulumi.Resource, error) {
	var policies []pulumi.Resource
	allow := func(purpose string, text pulumi.StringInput) error {
		p, err := iam.NewRolePolicy(b.ctx, b.name+"-"+purpose, &iam.RolePolicyArgs{Role: role.Name, Policy: text},
			b.parent)
		if err != nil {
			return fmt.Errorf("%s policy: %w", purpose, err)
		}
		policies = append(policies, p)
		return nil
	}
	fixed := func(purpose string, wanted bool, statements ...statement) error {
		if !wanted {
			return nil
		}
		text, err := document(statements...)
		if err != nil {
			return fmt.Errorf("%s policy: %w", purpose, err)
		}
		return allow(purpose, pulumi.String(text))
	}
	if err := fixed("tracing", b.args.Tracing, tracingRights); err != nil {
		return nil, err
	}
	if err := fixed("network", len(b.args.SubnetIDs) > 0, networkRights, notTheApp(networkRights)); err != nil {
		return nil, err
	}
	if err := fixed("app", len(b.args.Statements) > 0, b.args.appRights()...); err != nil {
		return nil, err
	}
	if len(b.args.Secrets) > 0 {
		if err := allow("secrets", b.secretRights(logs)); err != nil {
			return nil, err
		}
	}
	if key := b.args.EnvironmentKMSKey; key != nil {
		text := key.ToStringOutput().ApplyT(func(arn string) (string, error) {
			return document(statement{Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: []string{arn}})
		}).(pulumi.StringOutput)
		if err := allow("environment", text); err != nil {
			return nil, err
		}
	}
	return policies, nil
}

// X-Ray knows no resources for these two actions
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html).
var tracingRights = statement{
	Effect:   "Allow",
	Action:   []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
	Resource: []string{"*"},
}

// Lambda makes and removes the network interfaces under the function's role, before it knows their
// names (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
var networkRights = statement{
	Effect: "Allow",
	Action: []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
		"ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"},
	Resource: []string{"*"},
}

// notTheApp keeps rights that Lambda uses under the function's role from the code that runs there,
// which has the same role (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
func notTheApp(rights statement) statement {
	rights.Effect = "Deny"
	rights.Condition = map[string]map[string][]string{"ArnLike": {"lambda:SourceFunctionArn": {"arn:*:lambda:*:*:function:*"}}}
	return rights
}

// appRights are the user's own statements.
func (a Args) appRights() []statement {
	var rights []statement
	for _, s := range a.Statements {
		rights = append(rights, statement{Effect: "Allow", Action: s.Actions, Resource: s.Resources,
			Condition: s.Conditions})
	}
	return rights
}
