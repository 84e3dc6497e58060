package main

import (
	"fmt"
	"strings"

	"lambda-web/test/verify/contract"
	"lambda-web/test/verify/evidence"
)

// Prices in US dollars, us-east-1; other regions ask for up to a third more.
// https://aws.amazon.com/lambda/pricing/ https://aws.amazon.com/api-gateway/pricing/
// https://aws.amazon.com/cloudwatch/pricing/ https://aws.amazon.com/ecr/pricing/
const (
	perAPIRequest     = 3.50 / 1e6
	perInvocation     = 0.20 / 1e6
	perGBSecond       = 0.0000166667
	perSnapshotSecond = 0.0000015046 // and GB; for three hours at least
	perRestore        = 0.0001397998 // and GB
	perGBOut          = 0.09
	perGBLogged       = 0.50
	perGBMonthStored  = 0.10
)

// Beside the checks' requests there are those that wait for a deployment, and those during a change of version, which
// takes a minute or two.
const (
	waitingRequests  = 5000
	perRequest       = 0.02 // s, of those that the app answers at once
	loggedPerRequest = 1000 // bytes
	imageSize        = 0.02 // GB
	snapshotVersions = 2
	restores         = 20
)

// estimate is what a run costs, by what the same checks have sent to the local cloud.
func estimate(local []evidence.Record) string {
	requests, took, bytes := requestsOf(local)
	n := float64(requests + waitingRequests)
	const gb = 1 << 30
	memory := float64(contract.Memory) / 1024
	items := []struct {
		what string
		cost float64
	}{
		{fmt.Sprintf("%.0f requests of the API", n), n * perAPIRequest},
		{fmt.Sprintf("%.0f invocations, %.0f s of %d MB", n, took.Seconds()+n*perRequest, contract.Memory),
			n*perInvocation + (took.Seconds()+n*perRequest)*memory*perGBSecond},
		{fmt.Sprintf("%d snapshots for three hours, %d restores", snapshotVersions, restores),
			memory * (snapshotVersions*3*3600*perSnapshotSecond + restores*perRestore)},
		{fmt.Sprintf("%d MB sent", bytes>>20), float64(bytes) / gb * perGBOut},
		{"logs, and an image for an hour", n*loggedPerRequest/gb*perGBLogged + imageSize*perGBMonthStored/720},
	}
	var b strings.Builder
	total := 0.0
	b.WriteString("What the account is charged, by the prices of us-east-1 and without any free tier:\n")
	for _, item := range items {
		fmt.Fprintf(&b, "  %-50s $%.4f\n", item.what, item.cost)
		total += item.cost
	}
	fmt.Fprintf(&b, "  %-50s $%.2f\n", "in all, about", total+0.005)
	fmt.Fprintf(&b, "It takes about half an hour: %d deployments, two of them with snapshots.\n",
		len(contract.Phases)+1)
	return b.String()
}
