package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// fresh is how young a version is that may be part of a deployment that is under way.
const fresh = time.Hour

// A snapshot costs by its memory for as long as its version is there, in most regions
// (https://aws.amazon.com/lambda/pricing/#SnapStart_Pricing).
const (
	snapshotSecond = 0.0000015046 // dollars for a gigabyte
	month          = 2_628_000    // seconds
)

// pruning is one look at a function.
type pruning struct {
	client   *lambda.Client
	function string
	keep     int
	live     string // the setting liveVersion
	out      io.Writer
}

// version is one that was published.
type version struct {
	number   int
	modified time.Time
	cost     float64 // dollars a month
}

// doomed prints every version with what becomes of it, and returns those that may go, oldest first.
func (p pruning) doomed(ctx context.Context) ([]version, error) {
	versions, err := p.versions(ctx)
	if err != nil {
		return nil, err
	}
	named, err := p.named(ctx)
	if err != nil {
		return nil, err
	}
	var doomed []version
	var saved float64
	for i, v := range versions { // newest first
		why := named[strconv.Itoa(v.number)]
		switch {
		case why != "":
		case i < p.keep:
			why = "one of the newest"
		case time.Since(v.modified) < fresh:
			why = "younger than an hour"
		default:
			doomed = append(doomed, v)
			saved += v.cost
			why = "may go"
		}
		fmt.Fprintf(p.out, "%6d  %s  %s%s\n", v.number, v.modified.UTC().Format("2006-01-02 15:04"), why,
			v.costText())
	}
	if saved > 0 {
		fmt.Fprintf(p.out, "What may go costs $%.2f a month.\n", saved)
	}
	slices.Reverse(doomed)
	return doomed, nil
}

func (v version) costText() string {
	if v.cost == 0 {
		return ""
	}
	return fmt.Sprintf(", its snapshot costs $%.2f a month", v.cost)
}

func (p pruning) versions(ctx context.Context) ([]version, error) {
	var versions []version
	pages := lambda.NewListVersionsByFunctionPaginator(p.client,
		&lambda.ListVersionsByFunctionInput{FunctionName: &p.function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the versions: %w", err)
		}
		for _, c := range page.Versions {
			number, err := strconv.Atoi(aws.ToString(c.Version))
			if err != nil {
				continue // $LATEST is no version
			}
			v := version{number: number}
			// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
			if v.modified, err = time.Parse("2006-01-02T15:04:05.000-0700",
				aws.ToString(c.LastModified)); err != nil {
				v.modified = time.Now() // a time that cannot be read protects its version
			}
			if c.SnapStart != nil && c.SnapStart.OptimizationStatus == types.SnapStartOptimizationStatusOn {
				v.cost = float64(aws.ToInt32(c.MemorySize)) / 1024 * snapshotSecond * month
			}
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b version) int { return cmp.Compare(b.number, a.number) })
	return versions, nil
}

// named are versions that something points at, with what that is.
func (p pruning) named(ctx context.Context) (map[string]string, error) {
	named := map[string]string{}
	if p.live != "" && p.live != "0" {
		named[p.live] = "liveVersion"
	}
	pages := lambda.NewListAliasesPaginator(p.client, &lambda.ListAliasesInput{FunctionName: &p.function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the aliases: %w", err)
		}
		for _, alias := range page.Aliases {
			why := "alias " + aws.ToString(alias.Name)
			named[aws.ToString(alias.FunctionVersion)] = why
			if alias.RoutingConfig != nil {
				for weighted := range alias.RoutingConfig.AdditionalVersionWeights {
					named[weighted] = why + ", by weight"
				}
			}
		}
	}
	return named, nil
}

// delete deletes what nothing points at. An alias that has moved onto one of them meanwhile keeps it: Lambda refuses.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
func (p pruning) delete(ctx context.Context, doomed []version) error {
	for _, v := range doomed {
		qualifier := strconv.Itoa(v.number)
		_, err := p.client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &p.function,
			Qualifier: &qualifier})
		if inUse := (*types.ResourceConflictException)(nil); errors.As(err, &inUse) {
			fmt.Fprintf(p.out, "Kept version %s: %s\n", qualifier, inUse.ErrorMessage())
			continue
		}
		if err != nil {
			return fmt.Errorf("delete version %s: %w", qualifier, err)
		}
		fmt.Fprintf(p.out, "Deleted version %s\n", qualifier)
	}
	return nil
}
