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
		Description:      pulumi.String("What the web app " + b.name + " may do"),
		AssumeRolePolicy: pulumi.String(trust),
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("role: %w", err)
	}
	write, err := iam.NewRolePolicy(b.ctx, b.name+"-logs", &iam.RolePolicyArgs{
		Role: role.Name,
		Policy: logs.Arn.ApplyT(func(arn string) (string, error) {
			return document(statement{
				Effect:   "Allow",
				Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
				Resource: []string{arn + ":*"},
			})
		}).(pulumi.StringOutput),
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("log policy: %w", err)
	}
	return role, []pulumi.Resource{write}, nil
}
