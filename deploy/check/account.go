package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// credentials: AWS knows them.
func (m machine) credentials(ctx context.Context) string {
	region, profile, err := m.place(ctx)
	if err != nil {
		return err.Error()
	}
	settings, _ := m.settings(ctx)
	for _, key := range []string{"aws:assumeRole", "aws:assumeRoles", "aws:accessKey", "aws:secretKey"} {
		if settings[key] != nil {
			return fmt.Sprintf("Stack %q sets %s, which is not handed on to AWS: name a profile that takes "+
				"the role on (\"role_arn\" in ~/.aws/config, "+
				"\"pulumi config set --stack %s aws:profile NAME\"), and remove the setting.", m.stack, key, m.stack)
		}
	}
	if _, err := m.caller(ctx, region, profile); err != nil {
		if file, _ := m.stackFile(); file.Environment != nil {
			return "" // an ESC environment may bring them, for Pulumi alone
		}
		return fmt.Sprintf("There are no AWS credentials that AWS accepts: sign in (\"aws sso login\"), name "+
			"a profile (AWS_PROFILE, or "+
			"\"pulumi config set --stack %s aws:profile NAME\"), or set AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY.\n%v", m.stack, err)
	}
	return ""
}

// callerIdentity needs no right: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func callerIdentity(ctx context.Context, region, profile string) (string, error) {
	settings, err := awsSettings(ctx, region, profile)
	if err != nil {
		return "", err
	}
	identity, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", err
	}
	return *identity.Arn, nil
}

func awsSettings(ctx context.Context, region, profile string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(region)}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

const (
	usualConcurrency = 1000 // the default of the setting accountConcurrency
	usualMemory      = 512  // the default of the setting memory
	// newAccountMemory is what accounts that have hardly been used may give a function, in MB.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	newAccountMemory = 3008
)

// quota: the account has the concurrency that the settings count on, so that their own check is right about what
// Lambda will refuse. Who may not ask is not told anything.
func (m machine) quota(ctx context.Context) string {
	region, profile, err := m.place(ctx)
	if err != nil {
		return err.Error()
	}
	settings, err := m.settings(ctx)
	if err != nil {
		return err.Error()
	}
	has, err := m.concurrency(ctx, region, profile)
	counted := number(settings, "accountConcurrency", usualConcurrency)
	if err != nil || has >= counted {
		return ""
	}
	sentence := fmt.Sprintf("The account has %d concurrent executions in %s, and stack %q counts on %d: tell "+
		"it with \"pulumi config set --stack %s accountConcurrency %d\", "+
		"and it says which settings that is too little for; or ask for more (Service Quotas, Lambda, "+
		"Concurrent executions).", has, region, m.stack, counted, m.stack, has)
	if memory := number(settings, "memory", usualMemory); memory > newAccountMemory {
		sentence += fmt.Sprintf(" Such accounts often give a function %d MB at the most, and memory is %d.",
			newAccountMemory, memory)
	}
	return sentence
}

// accountConcurrency: https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
func accountConcurrency(ctx context.Context, region, profile string) (int, error) {
	settings, err := awsSettings(ctx, region, profile)
	if err != nil {
		return 0, err
	}
	account, err := lambda.NewFromConfig(settings).GetAccountSettings(ctx, nil)
	if err != nil {
		return 0, err
	}
	if account.AccountLimit == nil {
		return 0, errors.New("Lambda tells no limits")
	}
	return int(account.AccountLimit.ConcurrentExecutions), nil
}
