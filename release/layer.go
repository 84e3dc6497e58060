package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func isPrerelease(version string) bool { return strings.Contains(version, "-") }

// publishLayers makes a layer version in each region for each architecture and prints their ARNs.
// https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
func publishLayers(ctx context.Context, o options, out io.Writer) error {
	var names []string
	for _, a := range architectures {
		names = append(names, layerFile(a.lambda))
	}
	if err := verify(o.folder, names...); err != nil {
		return err
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("read the AWS settings: %w", err)
	}
	for _, region := range o.regions {
		client := lambda.NewFromConfig(settings, func(c *lambda.Options) { c.Region = region })
		for _, a := range architectures {
			archive, err := os.ReadFile(filepath.Join(o.folder, layerFile(a.lambda)))
			if err != nil {
				return err
			}
			arn, err := publishLayer(ctx, client, o, types.Architecture(a.lambda), archive)
			if err != nil {
				return fmt.Errorf("layer for %s in %s: %w", a.lambda, region, err)
			}
			fmt.Fprintln(out, arn)
		}
	}
	return nil
}

func publishLayer(ctx context.Context, client *lambda.Client, o options, architecture types.Architecture,
	archive []byte) (string, error) {
	name := o.layer + "-" + string(architecture)
	made, err := client.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
		LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: archive},
		CompatibleArchitectures: []types.Architecture{architecture},
		Description:             aws.String("lambda-adapter " + o.version),
		LicenseInfo:             aws.String("Apache-2.0"),
	})
	if err != nil {
		return "", err
	}
	if !o.public {
		return aws.ToString(made.LayerVersionArn), nil
	}
	_, err = client.AddLayerVersionPermission(ctx, &lambda.AddLayerVersionPermissionInput{
		LayerName: &name, VersionNumber: &made.Version, StatementId: aws.String("everybody"),
		Action: aws.String("lambda:GetLayerVersion"), Principal: aws.String("*"),
	})
	return aws.ToString(made.LayerVersionArn), err
}
