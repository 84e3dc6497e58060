// Two web apps in one stack: a public blog, and a shop that only signed requests reach and that may
// publish to a topic the same program makes.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp"
)

func main() {
	pulumi.Run(program)
}

func program(ctx *pulumi.Context) error {
	// Names of log groups, APIs and dashboards come from it, and every stack has its own.
	blog, err := webapp.New(ctx, "blog-"+ctx.Stack(), webapp.Args{App: "blog", Memory: 256})
	if err != nil {
		return err
	}
	orders, err := sns.NewTopic(ctx, "orders", &sns.TopicArgs{})
	if err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	shop, err := webapp.New(ctx, "shop-"+ctx.Stack(), webapp.Args{
		App:         "shop",
		Auth:        webapp.AuthIAM,
		Environment: pulumi.StringMap{"ORDERS_TOPIC": orders.Arn},
		Protect:     true,
	})
	if err != nil {
		return err
	}
	if err := mayPublish(ctx, shop, orders); err != nil {
		return fmt.Errorf("let the shop publish orders: %w", err)
	}
	ctx.Export("blog", blog.URL)
	ctx.Export("shop", shop.URL)
	return nil
}

// mayPublish gives the app's role a right of its own.
func mayPublish(ctx *pulumi.Context, app *webapp.WebApp, topic *sns.Topic) error {
	policy := iam.GetPolicyDocumentOutput(ctx, iam.GetPolicyDocumentOutputArgs{
		Statements: iam.GetPolicyDocumentStatementArray{iam.GetPolicyDocumentStatementArgs{
			Actions:   pulumi.ToStringArray([]string{"sns:Publish"}),
			Resources: pulumi.StringArray{topic.Arn},
		}},
	})
	_, err := iam.NewRolePolicy(ctx, "shop-orders", &iam.RolePolicyArgs{Role: app.RoleName, Policy: policy.Json()})
	return err
}
