package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"lambda-web/test/verify/contract"
)

// verifyEndpoint holds the contract against whatever answers at a URL.
func (o options) verifyEndpoint(ctx context.Context) error {
	t := &contract.Target{URL: o.endpoint, Where: "endpoint", Region: o.region}
	if path := o.endpoint.EscapedPath(); len(path) > 1 {
		t.Has |= contract.Stage
	}
	settings, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.region))
	if err != nil {
		return fmt.Errorf("read the settings of AWS: %w", err)
	}
	if account, err := settings.Credentials.Retrieve(ctx); err == nil {
		t.Account, t.Has = account, t.Has|contract.Credentials
		if o.function != "" {
			t.Has |= contract.Invoke
			t.Function = contract.Function{Name: o.function, Client: lambda.NewFromConfig(settings,
				func(l *lambda.Options) {
					if o.lambda != "" {
						l.BaseEndpoint = aws.String(o.lambda)
					}
				})}
		}
	}
	began := time.Now()
	names := map[string]string{o.endpoint.Host: "<host>", o.endpoint.Hostname(): "<host>", o.function: "<function>",
		t.Account.AccessKeyID: "<key>", t.Account.SecretAccessKey: "<secret>", t.Account.SessionToken: "<secret>"}
	_, err = o.finish("endpoint", began, []outcome{{records: o.carryOut(ctx, t, o.phase), names: names}})
	return err
}
