package webapp

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	typeTarget       = "aws:appautoscaling/target:Target"
	typeScaling      = "aws:appautoscaling/policy:Policy"
	typeScheduled    = "aws:appautoscaling/scheduledAction:ScheduledAction"
	typeSettings     = "aws:apigateway/methodSettings:MethodSettings"
	typeAccount      = "aws:apigateway/account:Account"
	typeAttachment   = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	typeWebACL       = "aws:wafv2/webAclAssociation:WebAclAssociation"
	typeDomain       = "aws:apigateway/domainName:DomainName"
	typeMapping      = "aws:apigateway/basePathMapping:BasePathMapping"
	typeRecord       = "aws:route53/record:Record"
	typeAlarm        = "aws:cloudwatch/metricAlarm:MetricAlarm"
	typeDashboard    = "aws:cloudwatch/dashboard:Dashboard"
	typeTopic        = "aws:sns/topic:Topic"
	typeRandom       = "random:index/randomId:RandomId"
	typeQueue        = "aws:sqs/queue:Queue"
	typeSchedule     = "aws:scheduler/schedule:Schedule"
	typeEventInvoke  = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
	typeInvocation   = "aws:lambda/invocation:Invocation"
	typeSubscription = "aws:sns/topicSubscription:TopicSubscription"

	keyARN = "arn:aws:kms:eu-central-1:123456789012:key/x"
)

// What each setting that is off by default adds, and one input of each thing it adds or changes.
func TestFeatures(t *testing.T) {
	const name = " lambda-web-dev"
	type inputs map[string]any // "type name|path" to value
	tests := []struct {
		name    string
		config  map[string]string
		only    []string
		changed []string
		inputs  inputs
	}{
		{"immutable tags", map[string]string{"imageTagMutability": "IMMUTABLE"}, []string{"+" + typeRandom + name +
			"-image"},
			[]string{typeRepository + name, typeImage + name, typeFunction + name},
			inputs{typeRepository + name + "|imageTagMutability": "IMMUTABLE", typeRandom + name +
				"-image|byteLength": 3.0}},
		{"a build anew", map[string]string{"rebuild": "2026-W48"}, nil, []string{typeImage + name, typeFunction +
			name}, nil},
		{"layers of the last image", map[string]string{"buildCache": "true"}, nil, []string{typeImage + name},
			inputs{typeImage + name +
				"|build.cacheFrom.images": []any{"123456789012.dkr.ecr.eu-central-1.amazonaws.com/lambda-web-dev:cache-amd64"},
				typeImage + name + "|build.args": map[string]any{"BUILDKIT_INLINE_CACHE": "1"}}},
		{"repository key", map[string]string{"repositoryKmsKeyArn": keyARN}, nil, []string{typeRepository + name},
			inputs{typeRepository + name + "|encryptionConfigurations": []any{map[string]any{"encryptionType": "KMS",
				"kmsKey": keyARN}}}},
		{"environment key", map[string]string{"environmentKmsKeyArn": keyARN},
			[]string{"+" + typeRolePolicy + name + "-environment"}, []string{typeFunction + name},
			inputs{typeFunction + name + "|kmsKeyArn": keyARN}},
		{"log key", map[string]string{"logsKmsKeyArn": keyARN}, nil, []string{typeLogs + name}, inputs{typeLogs +
			name + "|kmsKeyId": keyARN}},
		{"reserved concurrency", map[string]string{"reservedConcurrency": "7"}, nil, []string{typeFunction + name},
			inputs{typeFunction + name + "|reservedConcurrentExecutions": 7.0}},
		{"tracing", map[string]string{"tracing": "true"}, []string{"+" + typeRolePolicy + name + "-tracing"},
			[]string{typeStage + name, typeFunction + name},
			inputs{typeFunction + name + "|tracingConfig.mode": "Active", typeStage + name +
				"|xrayTracingEnabled": true}},
		{"VPC", map[string]string{"vpcSubnetIds": `["subnet-1","subnet-2"]`, "vpcSecurityGroupIds": `["sg-1"]`},
			[]string{"+" + typeRolePolicy + name + "-network"}, []string{typeFunction + name},
			inputs{typeFunction + name + "|vpcConfig": map[string]any{"subnetIds": []any{"subnet-1", "subnet-2"},
				"securityGroupIds": []any{"sg-1"}}}},
		{"IAM statements",
			map[string]string{"iamStatements": `[{"actions":["s3:GetObject"],"resources":["arn:aws:s3:::b/*"]}]`},
			[]string{"+" + typeRolePolicy + name + "-app"}, nil, nil},
		{"permissions boundary", map[string]string{"permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/b"},
			nil, []string{typeRole + name},
			inputs{typeRole + name + "|permissionsBoundary": "arn:aws:iam::123456789012:policy/b"}},
		{"an older version", map[string]string{"liveVersion": "3"}, nil, []string{typeAlias + name + "-live"},
			inputs{typeAlias + name + "-live|functionVersion": "3", typeAlias + name + "-live|routingConfig": nil}},
		{"a canary", map[string]string{"liveVersion": "3", "canaryWeight": "10"}, nil, []string{typeAlias + name +
			"-live"},
			inputs{typeAlias + name + "-live|functionVersion": "3", typeAlias + name +
				"-live|routingConfig.additionalVersionWeights": map[string]any{"7": 0.1}}},
		{"a canary taken back", map[string]string{"liveVersion": "3", "canaryWeight": "0"}, nil, []string{typeAlias +
			name + "-live"},
			inputs{typeAlias + name + "-live|functionVersion": "3", typeAlias + name + "-live|routingConfig": nil}},
		{"a canary promoted", map[string]string{"liveVersion": "3", "canaryWeight": "100"}, nil, nil,
			inputs{typeAlias + name + "-live|functionVersion": "7", typeAlias + name + "-live|routingConfig": nil}},
		{"a canary with nothing new", map[string]string{"liveVersion": "7", "canaryWeight": "10"}, nil,
			[]string{typeAlias + name + "-live"},
			inputs{typeAlias + name + "-live|functionVersion": "7", typeAlias + name +
				"-live|routingConfig.additionalVersionWeights": nil}},
		{"scaling", map[string]string{"provisionedConcurrency": "2", "provisionedConcurrencyMax": "9",
			"provisionedUtilization": "60"},
			[]string{"+" + typeScaling + name + "-live", "+" + typeTarget + name + "-live", "+" + typeProvisioned +
				name + "-live"}, nil,
			inputs{typeTarget + name + "-live|minCapacity": 2.0, typeTarget + name + "-live|maxCapacity": 9.0,
				typeTarget + name +
					"-live|resourceId": "function:lambda-web-dev-1a2b3c4:live",
				typeScaling + name + "-live|targetTrackingScalingPolicyConfiguration.targetValue": 0.6}},
		{"schedules", map[string]string{"provisionedConcurrency": "2",
			"provisionedSchedule": `[{"schedule":"cron(0 7 ? * MON-FRI *)","timezone":"Europe/Berlin","min":5,"max":10},{"schedule":"cron(0 20 * * ? *)","min":0,"max":2}]`},
			[]string{"+" + typeScaling + name + "-live", "+" + typeScheduled + name + "-live-1", "+" + typeScheduled +
				name + "-live-2",
				"+" + typeTarget + name + "-live", "+" + typeProvisioned + name + "-live"}, nil,
			inputs{typeScheduled + name + "-live-1|timezone": "Europe/Berlin", typeScheduled + name +
				"-live-1|schedule": "cron(0 7 ? * MON-FRI *)",
				typeScheduled + name + "-live-2|scalableTargetAction": map[string]any{"minCapacity": 0.0,
					"maxCapacity": 2.0},
				typeTarget + name + "-live|maxCapacity": 2.0}},
		{"access log", map[string]string{"accessLog": "true"}, []string{"+" + typeLogs + name + "-access"},
			[]string{typeStage + name},
			inputs{typeLogs + name + "-access|name": "/aws/apigateway/lambda-web-dev", typeLogs + name +
				"-access|retentionInDays": 14.0,
				typeStage + name +
					"|accessLogSettings.destinationArn": "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/apigateway/lambda-web-dev"}},
		{"access log with the account's role", map[string]string{"accessLog": "true", "accountLogRole": "true"},
			[]string{"+" + typeAccount + name, "+" + typeLogs + name + "-access", "+" + typeRole + name +
				"-apigateway", "+" + typeAttachment + name + "-apigateway"},
			[]string{typeStage + name}, inputs{typeAccount + name +
				"|cloudwatchRoleArn": "arn:aws:iam::123456789012:role/lambda-web-dev-apigateway-1a2b3c4",
				typeAttachment + name +
					"-apigateway|policyArn": "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"}},
		{"streaming, behind an alias of its own", map[string]string{"invokeMode": "response_stream"},
			[]string{"+" + typeAlias + name + "-live-stream", "-" + typeAlias + name + "-live"},
			[]string{typeDeployment + name, typeAPI + name, typeFunction + name, typePermission + name},
			inputs{typeFunction + name + "|environment.variables.AWS_LWA_INVOKE_MODE": "response_stream",
				typeAlias + name + "-live-stream|name": "live-stream", typePermission + name +
					"|qualifier": "live-stream"}},
		{"prefix in the path", map[string]string{"forwardedPrefix": "path"}, nil, []string{typeFunction + name},
			inputs{typeFunction + name + "|environment.variables.AWS_LWA_FORWARDED_PREFIX": "path"}},
		{"folders that can be written", map[string]string{"writable": `["/app/logs"]`}, nil, []string{typeImage +
			name, typeFunction + name},
			nil},
		{"SnapStart", map[string]string{"snapStart": "true"}, nil, []string{typeFunction + name},
			inputs{typeFunction + name + "|snapStart.applyOn": "PublishedVersions", typeFunction + name +
				"|environment.variables.AWS_LWA_SNAPSTART_PRIME": nil}},
		{"SnapStart's hooks", map[string]string{"snapStart": "true", "snapStartBefore": "/i/save",
			"snapStartAfter": "/i/restored", "snapStartPrime": `["/","/a"]`},
			nil, []string{typeFunction + name},
			inputs{typeFunction + name + "|environment.variables.AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH": "/i/save",
				typeFunction + name + "|environment.variables.AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH": "/i/restored",
				typeFunction + name + "|environment.variables.AWS_LWA_SNAPSTART_PRIME":              "/,/a"}},
		{"source ranges", map[string]string{"allowedSourceRanges": `["203.0.113.0/24"]`}, nil,
			[]string{typeDeployment + name, typeAPI + name}, nil},
		{"CORS", map[string]string{"cors": `{"origins":["https://a.example"]}`}, nil, []string{typeDeployment + name,
			typeAPI + name}, nil},
		{"API timeout", map[string]string{"apiTimeout": "29"}, nil, nil, nil},
		{"throttling", map[string]string{"throttleRate": "50"}, []string{"+" + typeSettings + name}, nil,
			inputs{typeSettings + name + "|settings": map[string]any{"throttlingRateLimit": 50.0,
				"throttlingBurstLimit": 50.0}, typeSettings + name + "|methodPath": "*/*"}},
		{"throttling with bursts", map[string]string{"throttleRate": "50", "throttleBurst": "80"}, []string{"+" +
			typeSettings + name}, nil,
			inputs{typeSettings + name + "|settings.throttlingBurstLimit": 80.0}},
		{"web ACL", map[string]string{"webAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/b"},
			[]string{"+" + typeWebACL + name}, nil,
			inputs{typeWebACL + name + "|webAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/b",
				typeWebACL + name +
					"|resourceArn": "arn:aws:apigateway:eu-central-1::/restapis/id-lambda-web-dev/stages/v1"}},
		{"domain", map[string]string{"domainName": "api.example.com",
			"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x"},
			[]string{"+" + typeMapping + name, "+" + typeDomain + name}, nil,
			inputs{typeDomain + name + "|securityPolicy": "TLS_1_2", typeDomain + name +
				"|endpointConfiguration.ipAddressType": "dualstack", typeMapping + name + "|stageName": "v1",
				typeMapping + name + "|basePath": nil}},
		{"domain with base path and records", map[string]string{"domainName": "api.example.com",
			"domainBasePath": "shop", "domainHostedZoneId": "Z9",
			"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x"},
			[]string{"+" + typeMapping + name, "+" + typeDomain + name, "+" + typeRecord + name + "-a", "+" +
				typeRecord + name + "-aaaa"}, []string{typeFunction + name},
			inputs{typeMapping + name + "|basePath": "shop", typeFunction + name +
				"|environment.variables.AWS_LWA_REMOVE_BASE_PATH": "/shop",
				typeRecord + name + "-aaaa|type": "AAAA", typeRecord + name + "-a|aliases": []any{map[string]any{
					"name": "d-1.execute-api.eu-central-1.amazonaws.com", "zoneId": "Z1",
					"evaluateTargetHealth": false}}}},
		{"domain for IPv4 ranges", map[string]string{"domainName": "api.example.com", "domainHostedZoneId": "Z9",
			"allowedSourceRanges":  `["203.0.113.0/24"]`,
			"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x"},
			[]string{"+" + typeMapping + name, "+" + typeDomain + name, "+" + typeRecord + name + "-a"},
			[]string{typeDeployment + name, typeAPI + name},
			inputs{typeDomain + name + "|endpointConfiguration.ipAddressType": "ipv4"}},
		{"domain alone", map[string]string{"domainName": "api.example.com", "disableExecuteApiEndpoint": "true",
			"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x"},
			[]string{"+" + typeMapping + name, "+" + typeDomain + name}, []string{typeDeployment + name, typeAPI +
				name},
			inputs{typeAPI + name + "|disableExecuteApiEndpoint": true}},
		{"alarms to a topic", map[string]string{"alarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:x"},
			alarmNames, nil,
			inputs{typeAlarm + name + "-errors|alarmActions": []any{"arn:aws:sns:eu-central-1:123456789012:x"},
				typeAlarm + name + "-5xx|threshold": 0.05, typeAlarm + name +
					"-5xx|dimensions": map[string]any{"ApiName": "lambda-web-dev", "Stage": "v1"},
				typeAlarm + name + "-latency|extendedStatistic": "p99", typeAlarm + name + "-latency|statistic": nil,
				typeAlarm + name + "-throttles|dimensions": map[string]any{"FunctionName": "lambda-web-dev-1a2b3c4"}}},
		{"alarms to an address", map[string]string{"alarmEmail": "a@example.com", "alarmLatency": "800",
			"alarmConcurrency": "50"},
			append([]string{"+" + typeTopic + name + "-alarms", "+" + typeSubscription + name + "-alarms"},
				alarmNames...), nil,
			inputs{typeSubscription + name + "-alarms|endpoint": "a@example.com", typeAlarm + name +
				"-latency|threshold": 800.0,
				typeAlarm + name + "-concurrency|threshold": 50.0, typeAlarm + name +
					"-errors|okActions": []any{"arn:aws:sns:eu-central-1:123456789012:lambda-web-dev-alarms"}}},
		{"alarms within what is reserved", map[string]string{"alarmEmail": "a@example.com",
			"reservedConcurrency": "50"},
			append([]string{"+" + typeTopic + name + "-alarms", "+" + typeSubscription + name + "-alarms"},
				alarmNames...), []string{typeFunction + name},
			inputs{typeAlarm + name + "-concurrency|threshold": 40.0, typeAlarm + name +
				"-5xx|dimensions": map[string]any{"ApiName": "lambda-web-dev", "Stage": "v1"},
				typeAlarm + name +
					"-concurrency|dimensions": map[string]any{"FunctionName": "lambda-web-dev-1a2b3c4"}}},
		{"alarms within a new account", map[string]string{"alarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:x",
			"accountConcurrency": "10"}, alarmNames, nil,
			inputs{typeAlarm + name + "-concurrency|threshold": 8.0}},
		{"dashboard", map[string]string{"dashboard": "true"}, []string{"+" + typeDashboard + name}, nil,
			inputs{typeDashboard + name + "|dashboardName": "lambda-web-dev"}},
		{"commands", map[string]string{"tasks": "true"}, commandNames, nil,
			inputs{typeFunction + name + "-task|memorySize": 512.0, typeLogs + name + "-task|retentionInDays": 14.0}},
		{"a command before each release", map[string]string{"releaseCommand": `["migrate"]`},
			append([]string{"+" + typeInvocation + name + "-release"}, commandNames...), nil,
			inputs{typeInvocation + name + "-release|input": `{"command":["migrate"]}`}},
		{"protection", map[string]string{"protect": "true"}, nil, nil, nil},
		{"retained logs", map[string]string{"retainLogs": "true"}, nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t)
			before, after := p.deployed(t, nil), p.deployed(t, tt.config)
			only, changed := difference(before, after)
			slices.Sort(tt.only)
			slices.Sort(tt.changed)
			if !slices.Equal(only, tt.only) || !slices.Equal(changed, tt.changed) {
				t.Errorf("got  new or gone %q, changed %q\nwant new or gone %q, changed %q", only, changed, tt.only,
					tt.changed)
			}
			for place, want := range tt.inputs {
				resource, path, _ := strings.Cut(place, "|")
				i := slices.IndexFunc(after.records, func(r record) bool { return r.String() == resource })
				if i < 0 {
					t.Fatalf("there is no %s", resource)
				}
				if got := after.records[i].input(path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s is %v, want %v", place, got, want)
				}
			}
		})
	}
}

var alarmNames = []string{"+" + typeAlarm + " lambda-web-dev-5xx", "+" + typeAlarm + " lambda-web-dev-concurrency",
	"+" + typeAlarm + " lambda-web-dev-errors",
	"+" + typeAlarm + " lambda-web-dev-latency", "+" + typeAlarm + " lambda-web-dev-throttles"}

var commandNames = []string{"+" + typeLogs + " lambda-web-dev-task", "+" + typeRolePolicy +
	" lambda-web-dev-task-logs", "+" + typeEventInvoke + " lambda-web-dev-task", "+" + typeFunction +
	" lambda-web-dev-task"}

func TestScalingIsNotSetBack(t *testing.T) {
	tests := []struct {
		name   string
		config map[string]string
		token  string
		want   []string
	}{
		{"fixed", map[string]string{"provisionedConcurrency": "2"}, typeProvisioned, nil},
		{"scaled", map[string]string{"provisionedConcurrency": "2", "provisionedConcurrencyMax": "4"},
			typeProvisioned, []string{"provisionedConcurrentExecutions"}},
		{"scaled bounds", map[string]string{"provisionedConcurrency": "2", "provisionedConcurrencyMax": "4"},
			typeTarget, nil},
		{"scheduled bounds", map[string]string{"provisionedConcurrency": "2",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","min":1,"max":5}]`},
			typeTarget, []string{"minCapacity", "maxCapacity"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t)
			if got := p.deployed(t, tt.config).one(t, tt.token).RegisterRPC.GetIgnoreChanges(); !slices.Equal(got,
				tt.want) {
				t.Errorf("changes ignored: %q, want %q", got, tt.want)
			}
		})
	}
}

// What a destroy refuses, leaves, and takes along.
func TestProtectionAndRetention(t *testing.T) {
	p := newProject(t)
	everything := map[string]string{"protect": "true", "retainLogs": "true", "accessLog": "true",
		"accountLogRole":       "true",
		"domainName":           "api.example.com",
		"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x"}
	protected := []string{typeAPI, typeRepository, typeDomain}
	retained := []string{typeLogs + " lambda-web-dev", typeLogs + " lambda-web-dev-access", typeAccount +
		" lambda-web-dev",
		typeRole + " lambda-web-dev-apigateway", typeAttachment + " lambda-web-dev-apigateway"}
	for _, r := range p.deployed(t, everything).records {
		if got, want := r.RegisterRPC.GetProtect(), slices.Contains(protected, r.TypeToken); got != want {
			t.Errorf("%s is protected: %v, want %v", r, got, want)
		}
		if got, want := r.RegisterRPC.GetRetainOnDelete(), slices.Contains(retained, r.String()); got != want {
			t.Errorf("%s is retained: %v, want %v", r, got, want)
		}
	}
	for _, r := range p.deployed(t, nil).records {
		if r.RegisterRPC.GetProtect() || r.RegisterRPC.GetRetainOnDelete() {
			t.Errorf("%s outlives a destroy nobody asked it to", r)
		}
	}
}

// Options of the component reach its children.
func TestComponentOptions(t *testing.T) {
	p := newProject(t)
	c := &cloud{}
	must(t, p.run(c, nil, nil, func(ctx *pulumi.Context) error {
		_, err := newWebApp(ctx, "blog", Args{}, stubCompile(""), pulumi.Protect(true))
		return err
	}))
	for _, token := range []string{Type, typeFunction, typeAPI, typeRepository, typeLogs} {
		if !c.one(t, token).RegisterRPC.GetProtect() {
			t.Errorf("%s is not protected", token)
		}
	}
}

func TestDomainURL(t *testing.T) {
	p := newProject(t)
	config := map[string]string{"domainName": "api.example.com",
		"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/x"}
	for base, want := range map[string]string{"": "https://api.example.com", "shop": "https://api.example.com/shop"} {
		config["domainBasePath"] = base
		if got := p.outputs(t, config)["domainUrl"]; got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if got, there := p.outputs(t, nil)["domainUrl"]; there {
		t.Errorf("without a domain there is the output %v", got)
	}
}

func TestAccessLogLine(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, map[string]string{"accessLog": "true", "accountLogRole": "true"})
	format := c.one(t, typeStage).input("accessLogSettings.format").(string)
	var line map[string]string
	// API Gateway writes this value with its quotation marks.
	written := strings.Replace(format, ":$context.error.messageString", `:"$context.error.messageString"`, 1)
	if written == format {
		t.Errorf("%s has the error in quotation marks of its own, which those in a message would end", format)
	}
	if err := json.Unmarshal([]byte(written), &line); err != nil || strings.Contains(format, "\n") {
		t.Fatalf("%q is not one line of JSON: %v", format, err)
	}
	for name, variable := range line {
		if !strings.HasPrefix(variable, "$context.") {
			t.Errorf("%s is %q, which is no variable", name, variable)
		}
	}
	if line["requestId"] == "" {
		t.Error("API Gateway refuses a format without $context.requestId")
	}
	if !c.one(t, typeStage).dependsOn(c.one(t, typeAccount)) {
		t.Error("the stage does not wait for the account's role")
	}
}

func TestDashboardBody(t *testing.T) {
	p := newProject(t)
	var body struct {
		Widgets []widget `json:"widgets"`
	}
	must(t, json.Unmarshal([]byte(p.deployed(t, map[string]string{"dashboard": "true"}).one(t,
		typeDashboard).input("dashboardBody").(string)), &body))
	seen := map[[2]int]bool{}
	for _, w := range body.Widgets {
		if w.Properties.Region != region || w.Properties.Title == "" || len(w.Properties.Metrics) == 0 {
			t.Errorf("a widget without region, title or metrics: %+v", w)
		}
		if seen[[2]int{w.X, w.Y}] || w.X+w.Width > 24 {
			t.Errorf("%s lies on another widget or beside the dashboard", w.Properties.Title)
		}
		seen[[2]int{w.X, w.Y}] = true
	}
	if len(body.Widgets) < 4 {
		t.Errorf("%d widgets", len(body.Widgets))
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html and the metrics of API Gateway
	byName := map[string][]any{}
	for _, w := range body.Widgets {
		for _, m := range w.Properties.Metrics {
			byName[m[1].(string)] = m[:min(6, len(m))]
		}
	}
	for name, want := range map[string][]any{
		"5XXError":             {"AWS/ApiGateway", "5XXError", "ApiName", "lambda-web-dev", "Stage", "v1"},
		"ConcurrentExecutions": {"AWS/Lambda", "ConcurrentExecutions", "FunctionName", "lambda-web-dev-1a2b3c4"},
		"ProvisionedConcurrentExecutions": {"AWS/Lambda", "ProvisionedConcurrentExecutions",
			"FunctionName", "lambda-web-dev-1a2b3c4", "Resource", "lambda-web-dev-1a2b3c4:live"},
	} {
		if !reflect.DeepEqual(byName[name], want) {
			t.Errorf("the metric %v, want %v", byName[name], want)
		}
	}
}
