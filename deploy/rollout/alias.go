package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// alias is the alias that requests come by
// (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html).
type alias struct {
	client         *lambda.Client
	function, name string
}

// routes are where its requests go.
type routes struct {
	version  string             // gets what the others do not
	weights  map[string]float64 // of other versions
	revision string
}

// share is what a version gets, in percent.
func (r routes) share(version string) int {
	if version != r.version {
		return int(math.Round(100 * r.weights[version]))
	}
	share := 1.0
	for _, weight := range r.weights {
		share -= weight
	}
	return int(math.Round(100 * share))
}

// versions are all that get requests.
func (r routes) versions() []string {
	return append([]string{r.version}, slices.Sorted(maps.Keys(r.weights))...)
}

func (a alias) routes(ctx context.Context) (routes, error) {
	got, err := a.client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &a.function, Name: &a.name})
	if err != nil {
		return routes{}, fmt.Errorf("look at alias %s: %w", a.name, err)
	}
	r := routes{version: aws.ToString(got.FunctionVersion), revision: aws.ToString(got.RevisionId)}
	if got.RoutingConfig != nil {
		r.weights = got.RoutingConfig.AdditionalVersionWeights
	}
	return r, nil
}

// move gives a version its share of the requests and another one the rest. It does so only if nobody moved the alias
// since it was looked at.
func (a alias) move(ctx context.Context, seen routes, version, rest string, share int) error {
	// Who stops the command has to be told what holds, so a move that was begun is ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	input := &lambda.UpdateAliasInput{FunctionName: &a.function, Name: &a.name, RevisionId: &seen.revision,
		FunctionVersion: &rest,
		RoutingConfig:   &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}}
	switch share {
	case 0:
	case 100:
		input.FunctionVersion = &version
	default:
		input.RoutingConfig.AdditionalVersionWeights[version] = float64(share) / 100
	}
	_, err := a.client.UpdateAlias(ctx, input)
	if changed := (*types.PreconditionFailedException)(nil); errors.As(err, &changed) {
		return fmt.Errorf("somebody else moved alias %s; look at it and run again", a.name)
	}
	if err != nil {
		return fmt.Errorf("move alias %s: %w", a.name, err)
	}
	return nil
}

// started reports whether the alias keeps environments started, which go with no weights
// (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html).
func (a alias) started(ctx context.Context) (bool, error) {
	_, err := a.client.GetProvisionedConcurrencyConfig(ctx,
		&lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &a.function, Qualifier: &a.name})
	if none := (*types.ProvisionedConcurrencyConfigNotFoundException)(nil); errors.As(err, &none) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the started environments of alias %s: %w", a.name, err)
	}
	return true, nil
}
