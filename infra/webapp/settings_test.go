package webapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"gopkg.in/yaml.v3"
)

func TestMistakes(t *testing.T) {
	p := newProject(t)
	tests := []struct{ key, value, want string }{
		{"app", "nowhere", "nowhere does not exist; set it to the folder of your web app, relative to Pulumi.yaml"},
		{"app", "app/app.py", "app.py is not a folder"},
		{"app", "infra", "dockerfile: " + filepath.Join(p.root, "infra/Dockerfile") + " does not exist: a web app needs a Dockerfile"},
		{"dockerfile", "Other", "app/Other does not exist"},
		{"dockerfile", "../Dockerfile", `"../Dockerfile" is not inside the app's folder`},
		{"dockerfile", "/etc/passwd", `"/etc/passwd" is not inside the app's folder`},
		{"dockerfile", "app.py", "app.py has no FROM instruction"},
		{"buildArgs", "x", "is not a map"},
		{"buildArgs", `{"A B":"c"}`, `"A B" is not a name`},
		{"buildArgs", `{"A":["c"]}`, `the value of "A" is not a text`},
		{"architecture", "amd64", `"amd64" is not allowed; use x86_64 or arm64`},
		{"imageRetention", "0", "use a whole number from 2 to 1000 (images)"},
		{"port", "0", `"0" is not allowed; use a whole number from 1 to 65535`},
		{"port", "65536", `"65536" is not allowed`},
		{"port", "http", `"http" is not allowed; use a whole number`},
		{"port", "8080.5", `"8080.5" is not allowed`},
		{"readinessPath", "health", "use a path of the app that starts with /"},
		{"readinessPath", "/a b", "use a path of the app"},
		{"readinessProtocol", "udp", "use http or tcp"},
		{"asyncInit", "yes", `"yes" is not allowed; use true or false`},
		{"environment", `["a"]`, "is not a map of names to texts"},
		{"environment", `{"A1":{"b":"c"}}`, `the value of "A1" is not a text, a number or a boolean`},
		{"environment", `{"1A":"b"}`, `"1A" is not a name Lambda accepts`},
		{"environment", `{"A-B":"c"}`, `"A-B" is not a name Lambda accepts`},
		{"environment", `{"PORT":"1"}`, "PORT is set by lambda-web; use the setting port"},
		{"environment", `{"AWS_LWA_PORT":"1"}`, "AWS_LWA_PORT is set by lambda-web; use the setting port"},
		{"environment", `{"AWS_LWA_ASYNC_INIT":"1"}`, "use the setting asyncInit"},
		{"environment", `{"AWS_REGION":"x"}`, "AWS_REGION belongs to Lambda"},
		{"environment", `{"AWS_LAMBDA_RUNTIME_API":"x"}`, "AWS_LAMBDA_RUNTIME_API belongs to Lambda"},
		{"memory", "127", `"127" is not allowed; use a whole number from 128 to 10240 (MB)`},
		{"memory", "10241", `"10241" is not allowed`},
		{"memory", "1 GB", `"1 GB" is not allowed`},
		{"timeout", "0", "use a whole number from 1 to 900 (seconds)"},
		{"timeout", "31", "31 s is longer than API Gateway waits for an answer (29 s)"},
		{"ephemeralStorage", "511", "use a whole number from 512 to 10240 (MB)"},
		{"provisionedConcurrency", "-1", "use a whole number from 0"},
		{"logRetention", "15", "15 is not allowed; use a number of days CloudWatch knows: 1, 3, 5, 7, 14"},
		{"logFormat", "xml", "use Text or JSON"},
		{"timeout", "31", "use 30 or less, or invokeMode response_stream, which lifts the limit to 900 s"},
		{"imageTagMutability", "NO", "use MUTABLE or IMMUTABLE"},
		{"invokeMode", "stream", "use buffered or response_stream"},
		{"tracing", "Active", "use true or false"},
		{"iamStatements", `{"a":"b"}`, "is not a list of objects with actions, resources"},
		{"iamStatements", `[{"actions":["s3:GetObject"],"resource":["*"]}]`, "is not a list of objects with actions, resources"},
		{"iamStatements", `[{"actions":["s3:GetObject"]}]`, "number 1 has no actions or no resources"},
		{"iamStatements", `[{"actions":["*"],"resources":["*"]}]`, "number 1 allows every action"},
		{"permissionsBoundaryArn", "arn:aws:s3:::x", `"arn:aws:s3:::x" is not an ARN of iam`},
		{"repositoryKmsKeyArn", "alias/x", `"alias/x" is not an ARN of kms`},
		{"environmentKmsKeyArn", "arn:aws:kms", "is not an ARN of kms"},
		{"logsKmsKeyArn", "x", "is not an ARN of kms"},
		{"alarmTopicArn", "x", "is not an ARN of sns"},
		{"webAclArn", "arn:aws:waf::1:x", "is not an ARN of wafv2"},
		{"vpcSubnetIds", `["subnet-1"]`, "set both vpcSubnetIds and vpcSecurityGroupIds"},
		{"vpcSecurityGroupIds", `["sg-1"]`, "set both vpcSubnetIds and vpcSecurityGroupIds"},
		{"vpcSubnetIds", `subnet-1`, "is not a list of subnet ids"},
		{"reservedConcurrency", "-1", "use a whole number from 0 to 10000 (environments)"},
		{"provisionedConcurrencyMax", "5", "0 leaves nothing to scale from"},
		{"provisionedSchedule", `[{"schedule":"cron(0 7 * * ? *)","min":1,"max":2}]`, "0 leaves nothing to scale from"},
		{"provisionedUtilization", "95", "use a whole number from 10 to 90 (percent)"},
		{"liveVersion", "latest", `"latest" is not allowed; use a whole number`},
		{"canaryWeight", "10", "set liveVersion to the version that serves the rest"},
		{"canaryWeight", "101", "use a whole number from 0 to 100 (percent)"},
		{"allowedPrincipals", `["123456789012"]`, "set auth to AWS_IAM"},
		{"allowedSourceRanges", `["10.0.0.1/8"]`, `"10.0.0.1/8" is not an address range`},
		{"allowedSourceRanges", `["10.0.0.1"]`, "is not an address range; use one such as 203.0.113.0/24"},
		{"apiTimeout", "301", "use 300 or less (more than 29 needs a raised quota), or invokeMode response_stream"},
		{"throttleBurst", "5", "5 needs a rate; set throttleRate too"},
		{"accountLogRole", "true", "is of no use without accessLog"},
		{"domainName", "example", `"example" is not a domain name`},
		{"domainName", "api.example.com", "domainCertificateArn: is not set"},
		{"domainBasePath", "shop", "domainName: is not set, but a certificate, a hosted zone or a base path is"},
		{"alarmEmail", "me", `"me" is not an e-mail address`},
		{"stage", "v 1", `"v 1" is not allowed; use 1 to 128 letters`},
		{"auth", "IAM", "use NONE or AWS_IAM"},
		{"tags", `{"aws:x":"y"}`, `"aws:x" is not allowed; a name`},
		{"tags", `{"":"y"}`, `"(empty)" is not allowed; a name`},
		{"aws:region", "Frankfurt", `"Frankfurt" is not a region`},
		{"aws:allowedAccountIds", "123", "is not a list of account ids"},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			err := p.refused(t, map[string]string{tt.key: tt.value})
			if len(err.Mistakes) > 1 && tt.value != "example" {
				t.Errorf("%d mistakes, want one: %v", len(err.Mistakes), err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.key) && !strings.Contains(tt.want, ":") {
				t.Errorf("%q does not name the key", err)
			}
		})
	}
}

// Settings that are right alone and wrong, or right, together.
func TestCombinations(t *testing.T) {
	const (
		domain      = "api.example.com"
		certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/x"
	)
	tests := []struct {
		name   string
		config map[string]string
		want   string // empty when it is right
	}{
		{"streaming lifts the limit", map[string]string{"timeout": "900", "invokeMode": "response_stream"}, ""},
		{"streaming with a limit of one's own", map[string]string{"timeout": "100", "apiTimeout": "60", "invokeMode": "response_stream"},
			"timeout: 100 s is longer than API Gateway waits for an answer (60 s)"},
		{"a raised quota", map[string]string{"timeout": "120", "apiTimeout": "120"}, ""},
		{"a shorter wait", map[string]string{"apiTimeout": "10"}, "timeout: 30 s is longer than API Gateway waits for an answer (10 s)"},
		{"streaming and compression", map[string]string{"invokeMode": "response_stream", "environment": `{"AWS_LWA_ENABLE_COMPRESSION":"true"}`},
			"invokeMode: the adapter does not compress streamed answers"},
		{"compression", map[string]string{"environment": `{"AWS_LWA_ENABLE_COMPRESSION":"true"}`}, ""},
		{"scaling", map[string]string{"provisionedConcurrency": "2", "provisionedConcurrencyMax": "5"}, ""},
		{"scaling down", map[string]string{"provisionedConcurrency": "5", "provisionedConcurrencyMax": "2"}, "provisionedConcurrencyMax: 2 is less than"},
		{"reserved is enough", map[string]string{"provisionedConcurrency": "5", "reservedConcurrency": "5"}, ""},
		{"reserved is less than provisioned", map[string]string{"provisionedConcurrency": "5", "reservedConcurrency": "4"},
			"reservedConcurrency: 4 is less than the provisioned concurrency (5)"},
		{"reserved is less than the most", map[string]string{"provisionedConcurrency": "2", "provisionedConcurrencyMax": "8", "reservedConcurrency": "4"},
			"reservedConcurrency: 4 is less than the provisioned concurrency (8)"},
		{"reserved is less than a schedule's", map[string]string{"provisionedConcurrency": "2", "reservedConcurrency": "4",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","min":1,"max":5}]`}, "number 1: max 5 is more than reservedConcurrency (4)"},
		{"a schedule that is none", map[string]string{"provisionedConcurrency": "2", "provisionedSchedule": `[{"schedule":"daily","min":1,"max":5}]`},
			`number 1: "daily" is not a schedule`},
		{"a schedule with bounds upside down", map[string]string{"provisionedConcurrency": "2",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","min":3,"max":2}]`}, "number 1: min 3 and max 2 are no bounds"},
		{"a canary", map[string]string{"liveVersion": "3", "canaryWeight": "10"}, ""},
		{"a canary and provisioned concurrency", map[string]string{"liveVersion": "3", "canaryWeight": "10", "provisionedConcurrency": "1"},
			"canaryWeight: Lambda does not share requests by weight"},
		{"a promoted canary and provisioned concurrency", map[string]string{"liveVersion": "3", "canaryWeight": "100", "provisionedConcurrency": "1"}, ""},
		{"signed callers", map[string]string{"auth": "AWS_IAM", "allowedPrincipals": `["123456789012","arn:aws:iam::210987654321:role/ci"]`}, ""},
		{"callers that are none", map[string]string{"auth": "AWS_IAM", "allowedPrincipals": `["me"]`}, `allowedPrincipals: "me" is neither an account id`},
		{"a domain", map[string]string{"domainName": domain, "domainCertificateArn": certificate, "domainBasePath": "shop/v1"}, ""},
		{"a base path with slashes", map[string]string{"domainName": domain, "domainCertificateArn": certificate, "domainBasePath": "/shop"},
			`domainBasePath: "/shop" is not allowed`},
		{"a base path twice", map[string]string{"domainName": domain, "domainCertificateArn": certificate, "domainBasePath": "shop",
			"environment": `{"AWS_LWA_REMOVE_BASE_PATH":"/other"}`}, "AWS_LWA_REMOVE_BASE_PATH is set by lambda-web; use the setting domainBasePath"},
		{"the adapter's base path alone", map[string]string{"environment": `{"AWS_LWA_REMOVE_BASE_PATH":"/other"}`}, ""},
		{"a certificate of something else", map[string]string{"domainName": domain, "domainCertificateArn": "arn:aws:iam::1:server-certificate/x"},
			"domainCertificateArn: \"arn:aws:iam::1:server-certificate/x\" is not an ARN of acm"},
		{"two places for alarms", map[string]string{"alarmEmail": "a@example.com", "alarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:x"},
			"alarmEmail: alarms go to one place"},
		{"ids that are none", map[string]string{"vpcSubnetIds": `["sg-1"]`, "vpcSecurityGroupIds": `["sg-1"]`}, `vpcSubnetIds: "sg-1" is not an id; each starts with subnet-`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t)
			if tt.want == "" {
				p.deployed(t, tt.config)
				return
			}
			if err := p.refused(t, tt.config); len(err.Mistakes) != 1 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q alone", err, tt.want)
			}
		})
	}
}

// refused runs the program and returns the error, having seen that nothing was registered.
func (p project) refused(t *testing.T, config map[string]string) *ArgsError {
	t.Helper()
	c := &cloud{}
	err := p.run(c, config, nil, func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("")) })
	var wrong *ArgsError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v, want an ArgsError", err)
	}
	if len(c.records) > 0 {
		t.Errorf("registered all the same: %v", c.records)
	}
	if _, err := os.Stat(filepath.Join(p.root, ".lambda-web")); err == nil {
		t.Error("staged all the same")
	}
	return wrong
}

func TestMistakesAreReportedTogether(t *testing.T) {
	p := newProject(t)
	err := p.refused(t, map[string]string{"memory": "1", "auth": "x", "app": "nowhere", "environment": `{"PORT":"1","AWS_REGION":"2"}`, "timeout": "60", "aws:region": "moon"})
	var keys []string
	for _, m := range err.Mistakes {
		keys = append(keys, m.Key)
	}
	slices.Sort(keys)
	if want := []string{"app", "auth", "aws:region", "environment", "environment", "memory", "timeout"}; !slices.Equal(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
	if !strings.HasPrefix(err.Error(), `the settings of stack "dev" have 7 mistakes, nothing was changed:`+"\n  - ") {
		t.Errorf("got %q", err)
	}
}

// A secret is kept by the environment alone, and no message repeats it.
func TestSecretsElsewhereAreRefused(t *testing.T) {
	p := newProject(t)
	tests := []struct{ key, value, want string }{
		{"environment", `{"PORT":"hunter2"}`, "PORT is set by lambda-web"},
		{"environment", `hunter2`, "is not a map"},
		{"environment", `{"A1":["hunter2"]}`, `the value of "A1" is not a text`},
		{"memory", "hunter2", "would be in clear in the state"},
		{"buildArgs", `{"TOKEN":"hunter2"}`, "would be in clear in the state"},
		{"tags", `{"TOKEN":"hunter2"}`, "would be in clear in the state"},
		{"alarmEmail", "hunter2@example.com", "would be in clear in the state"},
	}
	for _, tt := range tests {
		err := p.run(&cloud{}, map[string]string{tt.key: tt.value}, []string{tt.key}, func(ctx *pulumi.Context) error { return deploy(ctx, stubCompile("")) })
		if err == nil || !strings.Contains(err.Error(), tt.key+": ") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s: got %v", tt.key, tt.value, err)
		}
	}
}

func TestUnknownKeys(t *testing.T) {
	p := newProject(t)
	tests := []struct{ key, want string }{
		{"lambda-web:memroy", "memroy: there is no such setting; did you mean memory?"},
		{"lambda-web:Auth", "Auth: there is no such setting; did you mean auth?"},
		{"lambda-web:provisioned", "did you mean provisionedConcurrency?"},
		{"lambda-web:kubernetes", "kubernetes: there is no such setting; Pulumi.yaml lists those there are"},
		{"aws:assumeRole", "aws:assumeRole: is not handed on to AWS"},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			t.Setenv(pulumi.EnvConfig, fmt.Sprintf(`{"aws:region":"eu-central-1","lambda-web:memory":"512","other:key":"x",%q:"1"}`, tt.key))
			err := p.refused(t, nil)
			if len(err.Mistakes) != 1 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
}

func TestRegionFallsBackToTheEnvironment(t *testing.T) {
	p := newProject(t)
	tests := []struct{ config, region, other, want string }{
		{"eu-west-1", "us-east-1", "us-east-2", "eu-west-1"},
		{"", "us-east-1", "us-east-2", "us-east-1"},
		{"", "", "us-east-2", "us-east-2"},
	}
	for _, tt := range tests {
		t.Setenv("AWS_REGION", tt.region)
		t.Setenv("AWS_DEFAULT_REGION", tt.other)
		c := p.deployed(t, map[string]string{"aws:region": tt.config})
		if got := c.one(t, typeProvider).input("region"); got != tt.want {
			t.Errorf("got %v, want %s", got, tt.want)
		}
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	os.RemoveAll(filepath.Join(p.root, ".lambda-web"))
	if err := p.refused(t, map[string]string{"aws:region": ""}); !strings.Contains(err.Error(), "pulumi config set aws:region") {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatCannotBeNames(t *testing.T) {
	p := newProject(t)
	for name, good := range map[string]bool{
		"web": true, "lambda-web-dev": true, "Web2": true, strings.Repeat("a", 40): true,
		"": false, "2web": false, "a--b": false, "a-": false, "a_b": false, "a.b": false, "a/b": false, "..": false, strings.Repeat("a", 41): false,
	} {
		err := p.run(&cloud{}, nil, nil, func(ctx *pulumi.Context) error {
			_, err := newWebApp(ctx, name, Args{}, stubCompile(""))
			return err
		})
		if (err == nil) != good {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

func TestComponentChecksItsArgs(t *testing.T) {
	p := newProject(t)
	c := &cloud{}
	err := p.run(c, nil, nil, func(ctx *pulumi.Context) error {
		_, err := newWebApp(ctx, "blog", Args{Memory: 64, Auth: "basic"}, stubCompile(""))
		return err
	})
	var wrong *ArgsError
	if !errors.As(err, &wrong) || len(wrong.Mistakes) != 2 || wrong.Of != "blog" || len(c.records) > 0 {
		t.Errorf("got %v and %v", err, c.records)
	}
}

// repositoryRoot is where Pulumi.yaml lies.
const repositoryRoot = "../.."

// The configuration's schema in Pulumi.yaml and the tags in Args and Settings say the same.
func TestSchemaAndStructAgree(t *testing.T) {
	schema, err := workspace.LoadProject(filepath.Join(repositoryRoot, "Pulumi.yaml"))
	must(t, err)
	types := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean", reflect.Map: "object", reflect.Slice: "array",
		reflect.Interface: "string"}
	inCode := map[string]bool{}
	compare := func(field reflect.StructField, _ reflect.Value) {
		key := field.Tag.Get("config")
		inCode[key] = true
		setting, ok := schema.Config[key]
		if !ok {
			t.Errorf("%s is not in Pulumi.yaml", key)
			return
		}
		if got, want := setting.TypeName(), types[field.Type.Kind()]; got != want {
			t.Errorf("%s is of type %s in Pulumi.yaml, %s in code", key, got, want)
		}
		if got, want := fmt.Sprint(setting.Default), zeroText(field); got != want {
			t.Errorf("%s is %s by default in Pulumi.yaml, %s in code", key, got, want)
		}
		if len(setting.Description) < 10 {
			t.Errorf("%s has no description in Pulumi.yaml", key)
		}
		for _, word := range strings.Split(field.Tag.Get("allowed"), "|") {
			if field.Type.Kind() == reflect.String && !strings.Contains(setting.Description, word) {
				t.Errorf("the description of %s in Pulumi.yaml does not say %s", key, word)
			}
		}
	}
	fields(reflect.ValueOf(Settings{}), compare)
	fields(reflect.ValueOf(Args{}), compare)
	for key := range schema.Config {
		if !inCode[key] {
			t.Errorf("nothing reads %s of Pulumi.yaml", key)
		}
	}
}

// zeroText is a field's default as text: of its tag, else the empty value.
func zeroText(field reflect.StructField) string {
	if text := field.Tag.Get("default"); text != "" {
		return text
	}
	if field.Type.Kind() == reflect.Interface {
		return ""
	}
	return fmt.Sprint(reflect.Zero(field.Type).Interface())
}

// Every tag is one that withDefaults, permits and permitted can read, and allows its own default.
func TestTagsAreSound(t *testing.T) {
	defaults := Args{}.withDefaults()
	fields(reflect.ValueOf(defaults), func(field reflect.StructField, value reflect.Value) {
		allowed, given := field.Tag.Get("allowed"), field.Tag.Get("default")
		switch field.Type.Kind() {
		case reflect.Int:
			if low, high := limits(allowed); allowed != "" && (allowed != fmt.Sprintf("%d..%d", low, high) || low >= high) {
				t.Errorf("%s: the range %q", field.Name, allowed)
			}
			if _, err := strconv.Atoi(given); given != "" && err != nil {
				t.Errorf("%s: the default %q", field.Name, given)
			}
		case reflect.String:
			if allowed != "" && len(strings.Split(allowed, "|")) < 2 {
				t.Errorf("%s: the words %q", field.Name, allowed)
			}
		default:
			if field.Type.Kind() == reflect.Slice && field.Tag.Get("shape") == "" {
				t.Errorf("%s: no words for its shape", field.Name)
			}
			if allowed != "" || given != "" {
				t.Errorf("%s: nothing reads the tags of a %s", field.Name, field.Type)
			}
		}
		if !permits(field, value) {
			t.Errorf("%s: the default %v is not allowed", field.Name, value)
		}
	})
}

// The environments in the repository deploy as they are.
func TestEnvironmentsOfTheRepository(t *testing.T) {
	root, err := filepath.Abs(repositoryRoot)
	must(t, err)
	tests := []struct {
		stack string
		want  map[string]any // token and path to value
	}{
		{"dev", map[string]any{typeFunction + " memorySize": 512.0, typeLogs + " retentionInDays": 7.0, typeFunction + " environment.variables.APP_ENV": "dev"}},
		{"prod", map[string]any{typeFunction + " architectures": []any{"arm64"}, typeProvisioned + " provisionedConcurrentExecutions": 2.0,
			typeProvider + " defaultTags.tags.Environment": "prod"}},
	}
	for _, tt := range tests {
		t.Run(tt.stack, func(t *testing.T) {
			config := repositoryConfig(t, root, tt.stack)
			p := newProject(t)
			c := p.deployed(t, config)
			for place, want := range tt.want {
				token, path, _ := strings.Cut(place, " ")
				if got := c.one(t, token).input(path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s is %v, want %v", place, got, want)
				}
			}
		})
	}
}

// repositoryConfig is a stack's configuration as the CLI hands it on: defaults of the schema, then
// the stack's own values, all as text.
func repositoryConfig(t *testing.T, root, stack string) map[string]string {
	t.Helper()
	schema, err := workspace.LoadProject(filepath.Join(root, "Pulumi.yaml"))
	must(t, err)
	config := map[string]string{}
	for key, setting := range schema.Config {
		config["lambda-web:"+key] = configText(t, setting.Default)
	}
	text, err := os.ReadFile(filepath.Join(root, "Pulumi."+stack+".yaml"))
	must(t, err)
	var file struct{ Config map[string]any }
	must(t, yaml.Unmarshal(text, &file))
	for key, value := range file.Config {
		if _, known := config[key]; !known && strings.HasPrefix(key, "lambda-web:") {
			t.Errorf("%s of %s is not in Pulumi.yaml", key, stack)
		}
		config[key] = configText(t, value)
	}
	return config
}

func configText(t *testing.T, value any) string {
	t.Helper()
	switch value.(type) {
	case map[string]any, []any:
		text, err := json.Marshal(value)
		must(t, err)
		return string(text)
	}
	return fmt.Sprint(value)
}

// Whatever the configuration holds: a value is taken as it stands or named as a mistake.
func FuzzSettings(f *testing.F) {
	for _, seed := range [][2]string{
		{"memory", "512"}, {"memory", "0x10"}, {"environment", `{"A1":"b"}`}, {"environment", `{"A1":null}`}, {"environment", "[]"},
		{"tags", `{"a":1e9}`}, {"asyncInit", "TRUE"}, {"stage", "\x00"}, {"readinessPath", "/%zz"}, {"buildArgs", "null"},
		{"dockerfile", "./././Dockerfile"}, {"auth", " NONE "},
	} {
		f.Add(seed[0], seed[1])
	}
	p := newProject(f)
	f.Fuzz(func(t *testing.T, key, value string) {
		if key == "app" { // reads whatever folder it names
			return
		}
		err := p.run(&cloud{}, map[string]string{key: value}, nil, func(ctx *pulumi.Context) error {
			_, err := load(ctx, "lambda-web-dev")
			return err
		})
		var wrong *ArgsError
		if err != nil && !errors.As(err, &wrong) {
			t.Errorf("%s=%q: %v", key, value, err)
		}
	})
}
