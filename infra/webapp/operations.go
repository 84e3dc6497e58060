package webapp

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/names"
)

// Metrics of the REST API, the function and the queue of failed events
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html,
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html,
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html).
const (
	apiMetrics      = "AWS/ApiGateway"
	functionMetrics = "AWS/Lambda"
	queueMetrics    = "AWS/SQS"
)

// operations makes what people watch the app with, and returns the names of the alarms.
func (b builder) operations(fn *appFunction, api *restAPI) (pulumi.StringArray, error) {
	alarms, err := b.alarms(fn, api)
	if err != nil {
		return nil, err
	}
	return alarms, b.dashboard(fn, api)
}

// alarm is one thing worth waking somebody for.
type alarm struct {
	name        string
	description string
	namespace   string
	metric      string
	statistic   string // or a percentile, such as p99
	threshold   float64
}

func (a Args) alarmList() []alarm {
	return []alarm{
		{"5xx", fmt.Sprintf("More than %d %% of requests fail", a.AlarmErrors), apiMetrics, "5XXError", "Average",
			float64(a.AlarmErrors) / 100},
		{"latency", fmt.Sprintf("1 %% of requests take longer than %d ms", a.AlarmLatency), apiMetrics, "Latency",
			"p99", float64(a.AlarmLatency)},
		{"errors", "Invocations fail: the app crashes or runs into the timeout", functionMetrics, "Errors", "Sum", 0},
		{"throttles", "Lambda turns invocations away: the concurrency is used up", functionMetrics, "Throttles",
			"Sum", 0},
		{"concurrency", fmt.Sprintf("More than %d environments run at once", a.alarmConcurrency()), functionMetrics,
			"ConcurrentExecutions", "Maximum", float64(a.alarmConcurrency())},
	}
}

func (b builder) alarms(fn *appFunction, api *restAPI) (pulumi.StringArray, error) {
	if !b.args.alarmed() {
		return nil, nil
	}
	topic, err := b.topic()
	if err != nil {
		return nil, err
	}
	var names pulumi.StringArray
	list := b.args.alarmList()
	if len(b.args.Schedules) > 0 {
		list = append(list, alarm{"schedules", "A scheduled task failed for good: its event is in the queue",
			queueMetrics, "ApproximateNumberOfMessagesVisible", "Maximum", 0})
	}
	for _, a := range list {
		args := &cloudwatch.MetricAlarmArgs{
			AlarmDescription:   pulumi.String(a.description),
			Namespace:          pulumi.String(a.namespace),
			MetricName:         pulumi.String(a.metric),
			Dimensions:         b.dimensions(a.namespace, fn, api),
			ComparisonOperator: pulumi.String("GreaterThanThreshold"),
			Threshold:          pulumi.Float64(a.threshold),
			Period:             pulumi.Int(60),
			EvaluationPeriods:  pulumi.Int(5),
			DatapointsToAlarm:  pulumi.Int(3),
			TreatMissingData:   pulumi.String("notBreaching"), // no requests, no trouble
			AlarmActions:       pulumi.Array{topic},
			OkActions:          pulumi.Array{topic},
		}
		if a.statistic[0] == 'p' {
			args.ExtendedStatistic = pulumi.String(a.statistic)
		} else {
			args.Statistic = pulumi.String(a.statistic)
		}
		made, err := cloudwatch.NewMetricAlarm(b.ctx, b.name+"-"+a.name, args, b.parent)
		if err != nil {
			return nil, fmt.Errorf("alarm %s: %w", a.name, err)
		}
		names = append(names, made.Name)
	}
	return names, nil
}

func (b builder) dimensions(namespace string, fn *appFunction, api *restAPI) pulumi.StringMap {
	if namespace == apiMetrics {
		return pulumi.StringMap{"ApiName": api.api.Name, "Stage": api.stage.StageName}
	}
	if namespace == queueMetrics {
		return pulumi.StringMap{"QueueName": fn.failedEvents}
	}
	return pulumi.StringMap{"FunctionName": fn.function.Name}
}

// topic is where alarms go: one that is there, or one of our own with an address subscribed to it.
func (b builder) topic() (pulumi.StringInput, error) {
	if b.args.AlarmTopic != nil {
		return b.args.AlarmTopic, nil
	}
	topic, err := b.mailTopic(b.name+"-alarms", b.args.AlarmEmail)
	if err != nil {
		return nil, fmt.Errorf("alarm topic with %s subscribed to it: %w", b.args.AlarmEmail, err)
	}
	return topic, nil
}

// widget is a graph on a dashboard
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
type widget struct {
	Type       string           `json:"type"`
	X          int              `json:"x"`
	Y          int              `json:"y"`
	Width      int              `json:"width"`
	Height     int              `json:"height"`
	Properties widgetProperties `json:"properties"`
}

type widgetProperties struct {
	Title   string  `json:"title"`
	Region  string  `json:"region"`
	View    string  `json:"view"`
	Stat    string  `json:"stat"`
	Period  int     `json:"period"`
	Metrics [][]any `json:"metrics"`
}

func (b builder) dashboard(fn *appFunction, api *restAPI) error {
	if !b.args.Dashboard {
		return nil
	}
	body := pulumi.All(api.api.Name, api.stage.StageName, fn.function.Name, fn.alias.Name, arnField(fn.alias.Arn,
		arnRegion)).ApplyT(func(v []any) (string, error) {
		return dashboardBody(v[0].(string), v[1].(string), v[2].(string), v[3].(string), v[4].(string))
	}).(pulumi.StringOutput)
	_, err := cloudwatch.NewDashboard(b.ctx, b.name, &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(names.Dashboard(b.name)),
		DashboardBody: body,
	}, b.parent)
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	return nil
}

func dashboardBody(api, stage, function, alias, region string) (string, error) {
	request := func(metric string, options ...any) []any {
		return append([]any{apiMetrics, metric, "ApiName", api, "Stage", stage}, options...)
	}
	invocation := func(metric string, options ...any) []any {
		return append([]any{functionMetrics, metric, "FunctionName", function}, options...)
	}
	// Lambda counts the use of started environments by alias alone.
	started := func(metric string) []any {
		return []any{functionMetrics, metric, "FunctionName", function, "Resource", function + ":" + alias}
	}
	stat := func(s string) map[string]string { return map[string]string{"stat": s} }
	graphs := []widgetProperties{
		{Title: "Requests", Stat: "Sum", Metrics: [][]any{request("Count"), request("4XXError"), request("5XXError")}},
		{Title: "Latency (ms)", Stat: "p50", Metrics: [][]any{request("Latency"), request("Latency", stat("p99")),
			request("IntegrationLatency", stat("p99"))}},
		{Title: "Invocations", Stat: "Sum", Metrics: [][]any{invocation("Invocations"), invocation("Errors"),
			invocation("Throttles")}},
		{Title: "Duration (ms)", Stat: "p50", Metrics: [][]any{invocation("Duration"), invocation("Duration",
			stat("p99"))}},
		{Title: "Concurrency", Stat: "Maximum", Metrics: [][]any{invocation("ConcurrentExecutions"),
			started("ProvisionedConcurrentExecutions")}},
	}
	const width, height = 12, 6
	var widgets []widget
	for i, g := range graphs {
		g.Region, g.View, g.Period = region, "timeSeries", 60
		widgets = append(widgets, widget{Type: "metric", X: i % 2 * width, Y: i / 2 * height, Width: width,
			Height: height, Properties: g})
	}
	text, err := json.Marshal(map[string]any{"widgets": widgets})
	return string(text), err
}
