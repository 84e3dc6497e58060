package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"lambda-web/deploy/stack"
)

// watch looks at the stack's alarms, and at the metrics of the new version alone: it has few of the requests at
// first, and an alarm about all of them may sleep through its failures.
type watch struct {
	client          *cloudwatch.Client
	alarms          []string
	function, alias string
	version         string
	errors          int // percent of the invocations
	latency         int // milliseconds, 99th percentile
}

// newWatch takes the bounds of the alarms' settings, which hold without alarms too.
func newWatch(ctx context.Context, s stack.Stack, client *cloudwatch.Client, at stack.Outputs, version string) *watch {
	return &watch{client: client, alarms: at.AlarmNames, function: at.FunctionName, alias: at.Alias(), version: version,
		errors: s.Number(ctx, "alarmErrors", 5), latency: s.Number(ctx, "alarmLatency", 5000)}
}

// breachError is what the new version is taken back for.
type breachError struct{ sentence string }

func (e *breachError) Error() string { return e.sentence }

func breach(format string, args ...any) error { return &breachError{fmt.Sprintf(format, args...)} }

// calm: no alarm is on before anything is moved, or it would be put down to the new version.
func (w *watch) calm(ctx context.Context) error { return w.look(ctx, time.Time{}, 0) }

// look returns a *breachError for an alarm that is on, and for metrics of the new version since it has its share.
func (w *watch) look(ctx context.Context, since time.Time, share int) error {
	if err := w.lookAtAlarms(ctx); err != nil || share == 0 {
		return err
	}
	return w.lookAtMetrics(ctx, since, share)
}

func (w *watch) lookAtAlarms(ctx context.Context) error {
	if len(w.alarms) == 0 {
		return nil
	}
	found, err := w.client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: w.alarms})
	if err != nil {
		return fmt.Errorf("look at the alarms: %w", err)
	}
	if len(found.MetricAlarms) < len(w.alarms) {
		return fmt.Errorf("look at the alarms: of %d there are %d", len(w.alarms), len(found.MetricAlarms))
	}
	var on []string
	for _, a := range found.MetricAlarms {
		if a.StateValue == types.StateValueAlarm {
			on = append(on, fmt.Sprintf("%s (%s)", aws.ToString(a.AlarmName), aws.ToString(a.AlarmDescription)))
		}
	}
	if len(on) > 0 {
		return breach("the alarm is on: %s", strings.Join(on, ", "))
	}
	return nil
}

// lookAtMetrics: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html. While the alias has weights Lambda counts
// by version; a version that has all requests is the alias.
func (w *watch) lookAtMetrics(ctx context.Context, since time.Time, share int) error {
	dimensions := []types.Dimension{
		{Name: aws.String("FunctionName"), Value: &w.function},
		{Name: aws.String("Resource"), Value: aws.String(w.function + ":" + w.alias)},
	}
	if share < 100 {
		dimensions = append(dimensions, types.Dimension{Name: aws.String("ExecutedVersion"), Value: &w.version})
	}
	query := func(id, metric, statistic string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Period: aws.Int32(60), Stat: &statistic,
			Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &metric, Dimensions: dimensions}}}
	}
	found, err := w.client.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(since.Truncate(time.Minute)), EndTime: aws.Time(time.Now().Add(time.Minute)),
		MetricDataQueries: []types.MetricDataQuery{
			query("invocations", "Invocations", "Sum"), query("errors", "Errors", "Sum"),
			query("throttles", "Throttles", "Sum"), query("latency", "Duration", "p99"),
		},
	})
	if err != nil {
		return fmt.Errorf("look at the metrics: %w", err)
	}
	sums, worst := map[string]float64{}, map[string]float64{}
	for _, result := range found.MetricDataResults {
		for _, value := range result.Values {
			sums[aws.ToString(result.Id)] += value
			worst[aws.ToString(result.Id)] = max(worst[aws.ToString(result.Id)], value)
		}
	}
	return w.judge(sums["invocations"], sums["errors"], sums["throttles"], worst["latency"])
}

// judge holds the counts since the share was given, and the worst minute's latency, against the bounds.
func (w *watch) judge(invocations, failed, throttled, latency float64) error {
	switch {
	case invocations > 0 && 100*failed > float64(w.errors)*invocations:
		return breach("%.0f of its %.0f invocations failed, more than %d %%", failed, invocations, w.errors)
	case throttled > 0:
		return breach("Lambda turned %.0f of its invocations away", throttled)
	case latency > float64(w.latency):
		return breach("1 %% of its invocations took longer than %.0f ms, more than %d ms", latency, w.latency)
	}
	return nil
}
