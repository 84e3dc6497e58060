package webapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// fiftyOne is a map of as many names.
func fiftyOne(prefix string) string {
	m := map[string]string{}
	for i := range 51 {
		m[fmt.Sprint(prefix, i)] = "v"
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// ranges are a list of n address ranges.
func ranges(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("203.0.%d.%d/32", 100+i/100, 100+i%100))
	}
	text, _ := json.Marshal(list)
	return string(text)
}

func TestMistakes(t *testing.T) {
	p := newProject(t)
	tests := []struct{ key, value, want string }{
		{"app", "nowhere", "nowhere does not exist; set it to the folder of your web app, relative to Pulumi.yaml"},
		{"app", "app/app.py", "app.py is not a folder"},
		{"app", "infra", "dockerfile: " + filepath.Join(p.root, "infra/Dockerfile") +
			" does not exist: a web app needs a Dockerfile"},
		{"dockerfile", "Other", "app/Other does not exist"},
		{"dockerfile", "../Dockerfile", `"../Dockerfile" is not inside the app's folder`},
		{"dockerfile", "/etc/passwd", `"/etc/passwd" is not inside the app's folder`},
		{"dockerfile", "app.py", "app.py has no FROM instruction"},
		{"buildArgs", "x", "is not a map"},
		{"buildArgs", `{"A B":"c"}`, `"A B" is not a name`},
		{"buildArgs", `{"A":["c"]}`, `the value of "A" is not a text`},
		{"image", "dev", `"dev" is not an image in ECR at its digest`},
		{"image", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:latest", "is not an image in ECR at its digest"},
		{"image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/web@sha256:" + strings.Repeat("0", 64),
			"is in us-east-1, and the web app goes to eu-central-1"},
		{"imageFrom", "dev stack", `"dev stack" is not the name of a stack`},
		{"imageFrom", "a/b/c/d", "is not the name of a stack"},
		{"imagePullAccounts", "210987654321", "is not a list of account ids"},
		{"imagePullAccounts", `["21"]`, `"21" is not an account id; use its 12 digits`},
		{"architecture", "amd64", `"amd64" is not allowed; use x86_64 or arm64`},
		{"imageRetention", "0", "use a whole number from 2 to 1000 (images)"},
		{"port", "0", `"0" is not allowed; use auto, or a whole number from 1 to 65535`},
		{"port", "65536", `"65536" is not allowed`},
		{"port", "http", `"http" is not allowed; use auto, or a whole number`},
		{"port", "08080", `"08080" is not allowed`},
		{"port", "auto", ""},
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
		{"environment", `{"AWS_LWA_PORT_DISCOVERY":"true"}`,
			"AWS_LWA_PORT_DISCOVERY is set by lambda-web; use the setting port"},
		{"environment", `{"AWS_LWA_PORT":"1"}`, "AWS_LWA_PORT is set by lambda-web; use the setting port"},
		{"environment", `{"AWS_LWA_ASYNC_INIT":"1"}`, "use the setting asyncInit"},
		{"environment", `{"AWS_LWA_FORWARDED_PREFIX":"off"}`, "use the setting forwardedPrefix"},
		{"environment", `{"AWS_REGION":"x"}`, "AWS_REGION belongs to Lambda"},
		{"environment", `{"AWS_LAMBDA_RUNTIME_API":"x"}`, "AWS_LAMBDA_RUNTIME_API belongs to Lambda"},
		{"writable", `["logs"]`, `"logs" is relative to the image's WORKDIR, and the Dockerfile sets none`},
		{"writable", `["/tmp/x"]`, `"/tmp/x" is below /tmp, where everything can be written already`},
		{"secrets", "x", "is not a map of names to texts"},
		{"secrets", `{"DB":"a b"}`, `DB: "a b" is not the name of a secret`},
		{"secrets", `{"DB":"shop#"}`, `DB: "shop#" names no key after #`},
		{"secrets", `{"DB":"arn:aws:secretsmanager:eu-central-1:123456789012:secret:db"}`,
			"is not the whole ARN of a secret"},
		{"secrets", `{"PORT":"shop"}`, `"PORT" is not a name a secret can have`},
		{"secrets", `{"AWS_LAMBDA_X":"shop"}`, `"AWS_LAMBDA_X" is not a name a secret can have`},
		{"secrets", `{"1":"shop"}`, `"1" is not a name a secret can have`},
		{"secretsKmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/1", "is of no use without secrets"},
		{"schedules", `[] and more`, "is not a list of objects with name, path, either cron or rate"},
		{"releaseCommand", `["migrate"] && true`, "is not a list of words, the program first"},
		{"environment", `{"A1":"b"} {}`, "the value is not a map of names to texts"},
		{"schedules", "x", "is not a list of objects with name, path, either cron or rate"},
		{"schedules", `[{"name":"nightly","cron":"0 3 * * ? *","path":"/t","every":"day"}]`,
			"is not a list of objects with name"},
		{"schedules", `[{"name":"Nightly job","cron":"0 3 * * ? *","path":"/t"}]`,
			`number 1: "Nightly job" is not a name`},
		{"schedules", `[{"name":"a-name-that-is-long","cron":"0 3 * * ? *","path":"/t"}]`, "15 at the most"},
		{"schedules", `[{"name":"a","rate":"1 day","path":"/t"},{"name":"a","rate":"1 day","path":"/u"}]`,
			"number 2: there are two of the name a"},
		{"schedules", `[{"name":"a","path":"/t"}]`, "number 1: set either cron or rate"},
		{"schedules", `[{"name":"a","cron":"0 3 * * ? *","rate":"1 day","path":"/t"}]`, "set either cron or rate"},
		{"schedules", `[{"name":"a","cron":"0 3 * * *","path":"/t"}]`,
			`"0 3 * * *" is not a cron expression; use six fields`},
		{"schedules", `[{"name":"a","rate":"1 days","path":"/t"}]`, `"1 days" is not a rate`},
		{"schedules", `[{"name":"a","rate":"5 minutes","timezone":"Berlin time","path":"/t"}]`,
			`"Berlin time" is not a time zone`},
		{"schedules", `[{"name":"a","rate":"5 minutes","timezone":"Europe/Berln","path":"/t"}]`,
			`number 1: "Europe/Berln" is not a time zone`},
		{"schedules", `[{"name":"a","cron":"0 3 * * * *","path":"/t"}]`,
			`"0 3 * * * *" needs a ? for either day or weekday`},
		{"schedules", `[{"name":"a","cron":"0 3 ? * ? *","path":"/t"}]`, "needs a ? for either"},
		{"schedules", `[{"name":"a","rate":"5 minutes","path":"t"}]`, `"t" is not a path of the app`},
		{"scheduleRetries", "3", "use a whole number from 0 to 2 (times)"},
		{"releaseCommand", "python manage.py migrate", "is not a list of words, the program first"},
		{"releaseCommand", `["python manage.py migrate"]`, "use a list such as [python, manage.py, migrate]"},
		{"releaseCommand", `["", "migrate"]`, "its first word, the program, is empty"},
		{"releaseCommand", `["migrate", "a\u0000b"]`, `word 2, "a\x00b", has characters`},
		{"releaseCommand", `["my program", ""]`, ""},
		{"tasks", "yes", "use true or false"},
		{"taskMemory", "1024", "1024 has no effect without tasks or releaseCommand"},
		{"environment", `{"AWS_LWA_TASK":"true"}`, "AWS_LWA_TASK is set by lambda-web; use the setting tasks"},
		{"memory", "127", `"127" is not allowed; use a whole number from 128 to 10240 (MB)`},
		{"memory", "10241", `"10241" is not allowed`},
		{"memory", "1 GB", `"1 GB" is not allowed`},
		{"timeout", "0", "use a whole number from 1 to 900 (seconds)"},
		{"timeout", "31", "31 s is longer than API Gateway waits for an answer (29 s)"},
		{"ephemeralStorage", "511", "use a whole number from 512 to 10240 (MB)"},
		{"provisionedConcurrency", "-1", "use a whole number from 0"},
		{"logRetention", "15",
			`"15" is not allowed; use 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 (days)`},
		{"logFormat", "xml", "use Text or JSON"},
		{"timeout", "31", "use 30 or less, or invokeMode response_stream, which lifts the limit to 900 s"},
		{"imageTagMutability", "NO", "use MUTABLE or IMMUTABLE"},
		{"invokeMode", "stream", "use buffered or response_stream"},
		{"forwardedPrefix", "true", "use auto, header, path or off"},
		{"tracing", "Active", "use true or false"},
		{"iamStatements", `{"a":"b"}`, "is not a list of objects with actions, resources"},
		{"iamStatements", `[{"actions":["s3:GetObject"],"resource":["*"]}]`,
			"is not a list of objects with actions, resources"},
		{"iamStatements", `[{"actions":["s3:GetObject"]}]`, "number 1 has no actions or no resources"},
		{"iamStatements", `[{"actions":["*"],"resources":["*"]}]`, "number 1 allows every action"},
		{"iamStatements", `[{"actions":["*:*"],"resources":["*"]}]`, "number 1 allows every action"},
		{"iamStatements", `[{"actions":["GetObject"],"resources":["*"]}]`,
			`number 1: "GetObject" is not an action; use a service and its action`},
		{"iamStatements", `[{"actions":["s3:"],"resources":["*"]}]`, `number 1: "s3:" is not an action`},
		{"iamStatements", `[{"actions":["*:GetObject"],"resources":["*"]}]`,
			`number 1: "*:GetObject" is not an action`},
		{"iamStatements", `[{"actions":["s3:Get*"],"resources":["bucket"]}]`,
			`number 1: "bucket" is not a resource; use an ARN`},
		{"permissionsBoundaryArn", "arn:aws:iam::1:policy/b", `has the account "1"; an account id has 12 digits`},
		{"permissionsBoundaryArn", "arn:aws:iam::aws:policy/b", ""},
		{"environment", `{"AWS_LWA_READYNESS_CHECK_TIMEOUT_SECONDS":"5"}`,
			"AWS_LWA_READYNESS_CHECK_TIMEOUT_SECONDS is not a variable of the adapter; did you mean " +
				"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS?"},
		{"environment", `{"AWS_LWA_X":"5"}`, "AWS_LWA_X is not a variable of the adapter; "},
		{"environment", `{"aws_lwa_enable_compression":"true"}`, "did you mean AWS_LWA_ENABLE_COMPRESSION?"},
		{"stage", "test-invoke-stage", `"test-invoke-stage" belongs to API Gateway`},
		{"tags", fiftyOne("k"),
			"tags: with Project and Stack there are 53, and AWS takes 50 on a resource; use 48 or fewer"},
		{"tags", `{"project":"x"}`, `"Project" and "project" are one name to IAM`},
		{"tags", `{"Project":"x"}`, ""},
		{"permissionsBoundaryArn", "arn:aws:s3:::x",
			`"arn:aws:s3:::x" is not an ARN of the kind that is needed; use one such as arn:aws:iam:...:policy/...`},
		{"repositoryKmsKeyArn", "alias/x", `use one such as arn:aws:kms:...:key/...`},
		{"environmentKmsKeyArn", "arn:aws:kms", "use one such as arn:aws:kms:...:key/..."},
		{"logsKmsKeyArn", "x", "use one such as arn:aws:kms:...:key/..."},
		{"alarmTopicArn", "x", "use one such as arn:aws:sns:"},
		{"webAclArn", "arn:aws:waf::1:x", "use one such as arn:aws:wafv2:...:regional/webacl/..."},
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
		{"cors", `["https://a.example"]`, "is not an object with origins"},
		{"cors", `{"orgins":["*"]}`, "is not an object with origins"},
		{"cors", `{"credentials":true}`, "has no origins"},
		{"cors", `{"origins":["https://a.example/"]}`, `"https://a.example/" is not an origin`},
		{"cors", `{"origins":["a.example"]}`, `"a.example" is not an origin`},
		{"cors", `{"origins":["*","https://a.example"]}`, "* are all origins"},
		{"cors", `{"origins":["*"],"credentials":true}`, "browsers send no credentials where the origin is *"},
		{"cors", `{"origins":["*"],"methods":["get"]}`, `"get" is not a method`},
		{"cors", `{"origins":["*"],"headers":["X 'a'"]}`, `"X 'a'" is not the name of a header`},
		{"cors", `{"origins":["*"],"maxAge":-1}`, "a maxAge of -1 is not allowed"},
		{"cors", `{"origins":["*"],"preflight":"nobody"}`, `preflight "nobody" is not allowed`},
		{"cors", `{"origins":["https://a.example","http://localhost:5173"],"credentials":true}`, ""},
		{"cors", `{}`, ""},
		{"disableExecuteApiEndpoint", "true", "true leaves no way to the app without a domain"},
		{"domainBasePath", "shop", "domainName: is not set, but a certificate, a hosted zone or a base path is"},
		{"alarmEmail", "me", `"me" is not an e-mail address`},
		{"stage", "v 1", `"v 1" is not allowed; use 1 to 128 letters`},
		{"auth", "IAM", "use NONE or AWS_IAM"},
		{"tags", `{"aws:x":"y"}`, `"aws:x" is not allowed; a name`},
		{"tags", `{"":"y"}`, `"(empty)" is not allowed; a name`},
		{"front", "cdn", "use none or cloudfront"},
		{"frontSecretRotation", "-1", "use a whole number from 0 to 1000000"},
		{"frontSecretRotation", "1", "1 is of no use without a front; set front to cloudfront"},
		{"frontPriceClass", "100", "use PriceClass_100, PriceClass_200 or PriceClass_All"},
		{"frontLogBucket", "my-logs", "is of no use without a front"},
		{"environment", `{"AWS_LWA_FRONT_SECRET_SHA256":"00"}`, "use the setting front"},
		{"aws:region", "Frankfurt", `"Frankfurt" is not a region`},
		{"aws:allowedAccountIds", "123", "is not a list of account ids"},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			if tt.want == "" {
				newProject(t).deployed(t, map[string]string{tt.key: tt.value})
				return
			}
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
		{"too little memory for commands", map[string]string{"tasks": "true", "taskMemory": "64"},
			"taskMemory: 64 is less than Lambda has; use 128 or more (MB)"},
		{"a secret twice", map[string]string{"secrets": `{"DB":"shop"}`, "environment": `{"DB":"x"}`},
			"secrets: DB is in environment too"},
		{"a secret", map[string]string{"secrets": `{"DB":"/shop/db"}`}, ""},
		{"a scheduled task has 15 minutes", map[string]string{"timeout": "900",
			"schedules": `[{"name":"a","rate":"1 day","path":"/t"}]`}, ""},
		{"two images", map[string]string{"image": promotedImage, "imageFrom": "dev"},
			"imageFrom: the image cannot come from a stack and from image"},
		{"pulled by others, made elsewhere", map[string]string{"image": promotedImage,
			"imagePullAccounts": `["210987654321"]`},
			"imagePullAccounts: is of no use where no image is made"},
		{"an image of another stack needs no folder", map[string]string{"image": promotedImage, "app": "nowhere"}, ""},
		{"streaming lifts the limit", map[string]string{"timeout": "900", "invokeMode": "response_stream"}, ""},
		{"streaming with a limit of one's own", map[string]string{"timeout": "100", "apiTimeout": "60",
			"invokeMode": "response_stream"},
			"timeout: 100 s is longer than API Gateway waits for an answer (60 s)"},
		{"a raised quota", map[string]string{"timeout": "120", "apiTimeout": "120"}, ""},
		{"a shorter wait", map[string]string{"apiTimeout": "10"},
			"timeout: 30 s is longer than API Gateway waits for an answer (10 s)"},
		{"streaming and compression", map[string]string{"invokeMode": "response_stream",
			"environment": `{"AWS_LWA_ENABLE_COMPRESSION":"true"}`},
			"invokeMode: the adapter does not compress streamed answers"},
		{"compression", map[string]string{"environment": `{"AWS_LWA_ENABLE_COMPRESSION":"true"}`}, ""},
		{"scaling", map[string]string{"provisionedConcurrency": "2", "provisionedConcurrencyMax": "5"}, ""},
		{"scaling down", map[string]string{"provisionedConcurrency": "5", "provisionedConcurrencyMax": "2"},
			"provisionedConcurrencyMax: 2 is less than"},
		{"reserved is enough for two versions", map[string]string{"provisionedConcurrency": "5",
			"reservedConcurrency": "10"}, ""},
		{"reserved is enough for one version", map[string]string{"provisionedConcurrency": "5",
			"reservedConcurrency": "9"},
			"reservedConcurrency: 9 is less than the old and the new version's started environments together (5 and 5)"},
		{"reserved is less than provisioned", map[string]string{"provisionedConcurrency": "5",
			"reservedConcurrency": "4"},
			"use 10 or more, or 0"},
		{"reserved is less than the most", map[string]string{"provisionedConcurrency": "2",
			"provisionedConcurrencyMax": "8", "reservedConcurrency": "4"},
			"together (8 and 2), which are taken from it during a deployment; use 10 or more"},
		{"reserved is less than a schedule's", map[string]string{"provisionedConcurrency": "2",
			"reservedConcurrency": "4",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","min":1,"max":5}]`},
			"number 1: max 5 and the 2 of a new version are more than reservedConcurrency (4)"},
		{"a schedule that is none", map[string]string{"provisionedConcurrency": "2",
			"provisionedSchedule": `[{"schedule":"daily","min":1,"max":5}]`},
			`number 1: "daily" is not a schedule`},
		{"a schedule with bounds upside down", map[string]string{"provisionedConcurrency": "2",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","min":3,"max":2}]`},
			"number 1: min 3 and max 2 are no bounds"},
		{"a cache among immutable tags", map[string]string{"buildCache": "true", "imageTagMutability": "IMMUTABLE"},
			"buildCache: needs a tag that moves on"},
		{"more than the account can set aside", map[string]string{"reservedConcurrency": "901"},
			"reservedConcurrency: 901 is more than the account can set aside: of its 1000 " +
				"(accountConcurrency) Lambda keeps 100 for other functions; use 900, or less"},
		{"all the account can set aside", map[string]string{"reservedConcurrency": "900"}, ""},
		{"a raised quota of the account", map[string]string{"reservedConcurrency": "901",
			"accountConcurrency": "5000"}, ""},
		{"reserved in a new account", map[string]string{"reservedConcurrency": "1", "accountConcurrency": "10"},
			"use 0"},
		{"started in a new account", map[string]string{"provisionedConcurrency": "1", "accountConcurrency": "10"},
			"provisionedConcurrency: the started environments of the old and the new version together (1 and " +
				"1) are more than the account can start"},
		{"a schedule of fortnights", map[string]string{"provisionedConcurrency": "1",
			"provisionedSchedule": `[{"schedule":"rate(1 fortnight)","min":1,"max":2}]`},
			`number 1: "rate(1 fortnight)" is not a schedule`},
		{"a schedule of five fields", map[string]string{"provisionedConcurrency": "1",
			"provisionedSchedule": `[{"schedule":"cron(0 8 * * ?)","min":1,"max":2}]`},
			`number 1: "cron(0 8 * * ?)" is not a schedule`},
		{"a schedule on Mars", map[string]string{"provisionedConcurrency": "1",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","timezone":"Mars/X","min":1,"max":2}]`},
			`number 1: "Mars/X" is not a time zone; use a name such as Europe/Berlin`},
		{"a schedule in Berlin", map[string]string{"provisionedConcurrency": "1",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","timezone":"Europe/Berlin","min":1,"max":2}]`}, ""},
		{"a schedule at a time", map[string]string{"provisionedConcurrency": "1",
			"provisionedSchedule": `[{"schedule":"at(2030-01-31T08:00:00)","min":1,"max":2}]`}, ""},
		{"a schedule below what is started", map[string]string{"provisionedConcurrency": "5",
			"provisionedSchedule": `[{"schedule":"rate(1 day)","min":0,"max":1}]`},
			"number 1: max 1 is less than provisionedConcurrency (5)"},
		{"a caller of an account that is none", map[string]string{"auth": "AWS_IAM",
			"allowedPrincipals": `["arn:aws:iam::1:role/x"]`},
			`allowedPrincipals: "arn:aws:iam::1:role/x" has the account "1"; an account id has 12 digits`},
		{"many ranges", map[string]string{"allowedSourceRanges": ranges(300)}, ""},
		{"too many ranges", map[string]string{"allowedSourceRanges": ranges(500)},
			"allowedSourceRanges: who may call makes a policy of "},
		{"a zone's name", map[string]string{"domainName": domain, "domainCertificateArn": certificate,
			"domainHostedZoneId": "example.com"},
			`domainHostedZoneId: "example.com" is not a zone's id`},
		{"SnapStart", map[string]string{"snapStart": "true", "snapStartBefore": "/internal/save",
			"snapStartAfter": "/internal/restored", "snapStartPrime": `["/","/api/hello?name=x"]`}, ""},
		{"SnapStart and a canary", map[string]string{"snapStart": "true", "liveVersion": "3", "canaryWeight": "10"},
			""},
		{"SnapStart and streaming", map[string]string{"snapStart": "true", "invokeMode": "response_stream"}, ""},
		{"SnapStart and provisioned concurrency", map[string]string{"snapStart": "true",
			"provisionedConcurrency": "1"}, "snapStart: SnapStart and provisioned concurrency exclude each other"},
		{"SnapStart and a large /tmp", map[string]string{"snapStart": "true", "ephemeralStorage": "1024"},
			"ephemeralStorage: 1024 does not go with snapStart"},
		{"SnapStart and a long start", map[string]string{"snapStart": "true", "asyncInit": "true"},
			"asyncInit: true does not go with snapStart"},
		{"SnapStart where there is none", map[string]string{"snapStart": "true", "aws:region": "ap-east-2"},
			"snapStart: Lambda has no SnapStart in ap-east-2"},
		{"a hook without SnapStart", map[string]string{"snapStartAfter": "/internal/restored"},
			`snapStartAfter: "/internal/restored" has no effect without snapStart`},
		{"priming without SnapStart", map[string]string{"snapStartPrime": `["/"]`},
			`snapStartPrime: "/" has no effect without snapStart`},
		{"a hook at the root", map[string]string{"snapStart": "true", "snapStartAfter": "/"},
			`snapStartAfter: "/" cannot be kept from callers`},
		{"a hook with a parameter", map[string]string{"snapStart": "true", "snapStartBefore": "/a;b"},
			`snapStartBefore: "/a;b" cannot be kept from callers`},
		{"a hook with an escape", map[string]string{"snapStart": "true", "snapStartBefore": "/a%2fb"},
			`snapStartBefore: "/a%2fb" cannot be kept from callers`},
		{"a hook that is not clean", map[string]string{"snapStart": "true", "snapStartBefore": "/a/../b"},
			`snapStartBefore: "/a/../b" cannot be kept from callers`},
		{"a hook where the readiness check is", map[string]string{"snapStart": "true", "snapStartAfter": "/ready",
			"readinessPath": "/ready"}, "snapStartAfter: \"/ready\" is readinessPath too"},
		{"priming with two paths in one", map[string]string{"snapStart": "true", "snapStartPrime": `["/,/a"]`},
			`snapStartPrime: "/,/a" is not allowed`},
		{"priming another site", map[string]string{"snapStart": "true", "snapStartPrime": `["https://example.com/"]`},
			`snapStartPrime: "https://example.com/" is not allowed`},
		{"a canary", map[string]string{"liveVersion": "3", "canaryWeight": "10"}, ""},
		{"a canary and provisioned concurrency", map[string]string{"liveVersion": "3", "canaryWeight": "10",
			"provisionedConcurrency": "1"},
			"or set provisionedConcurrency to 0, deploy that, and then start the rollout"},
		{"a promoted canary and provisioned concurrency", map[string]string{"liveVersion": "3", "canaryWeight": "100",
			"provisionedConcurrency": "1"}, ""},
		{"signed callers", map[string]string{"auth": "AWS_IAM",
			"allowedPrincipals": `["123456789012","arn:aws:iam::210987654321:role/ci"]`}, ""},
		{"a session", map[string]string{"auth": "AWS_IAM",
			"allowedPrincipals": `["arn:aws:sts::123456789012:assumed-role/ci/run"]`},
			"is a session, and AWS compares the role it belongs to; use the role's ARN"},
		{"a federated user", map[string]string{"auth": "AWS_IAM",
			"allowedPrincipals": `["arn:aws:sts::123456789012:federated-user/me"]`}, ""},
		{"callers that are none", map[string]string{"auth": "AWS_IAM", "allowedPrincipals": `["me"]`},
			`allowedPrincipals: "me" is neither an account id`},
		{"a domain", map[string]string{"domainName": domain, "domainCertificateArn": certificate,
			"domainBasePath": "shop"}, ""},
		{"a base path of two segments", map[string]string{"domainName": domain, "domainCertificateArn": certificate,
			"domainBasePath": "shop/v1"},
			`domainBasePath: "shop/v1" is not allowed; use one segment`},
		{"a base path with slashes", map[string]string{"domainName": domain, "domainCertificateArn": certificate,
			"domainBasePath": "/shop"},
			`domainBasePath: "/shop" is not allowed`},
		{"a base path twice", map[string]string{"domainName": domain, "domainCertificateArn": certificate,
			"domainBasePath": "shop",
			"environment":    `{"AWS_LWA_REMOVE_BASE_PATH":"/other"}`},
			"AWS_LWA_REMOVE_BASE_PATH is set by lambda-web; use the setting domainBasePath"},
		{"the adapter's base path alone", map[string]string{"environment": `{"AWS_LWA_REMOVE_BASE_PATH":"/other"}`},
			""},
		{"a certificate of something else", map[string]string{"domainName": domain,
			"domainCertificateArn": "arn:aws:iam::123456789012:server-certificate/x"},
			"domainCertificateArn: \"arn:aws:iam::123456789012:server-certificate/x\" is not an ARN of the " +
				"kind that is needed; use one such as arn:aws:acm"},
		{"a certificate of another region", map[string]string{"domainName": domain,
			"domainCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x"},
			`domainCertificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/x" is in us-east-1, and the web app goes to eu-central-1 (aws:region)`},
		{"a key's alias", map[string]string{"environmentKmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:alias/x"},
			"environmentKmsKeyArn: \"arn:aws:kms:eu-central-1:123456789012:alias/x\" is not an ARN of the kind that is needed"},
		{"an ACL for CloudFront",
			map[string]string{"webAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b",
				"aws:region": "us-east-1"},
			"is a web ACL for CloudFront (scope CLOUDFRONT), and the stage takes one for regional resources"},
		{"an alarm that cannot come", map[string]string{"alarmEmail": "a@example.com", "reservedConcurrency": "10",
			"alarmConcurrency": "10"},
			"alarmConcurrency: 10 is never exceeded, as reservedConcurrency ends at 10"},
		{"an alarm that can", map[string]string{"alarmEmail": "a@example.com", "reservedConcurrency": "10",
			"alarmConcurrency": "9"}, ""},
		{"an environment too large", map[string]string{"environment": `{"A1":"` + strings.Repeat("x", 4096) + `"}`},
			"environment: the variables have "},
		{"variables just not too large", map[string]string{
			"environment": `{"A1":"` + strings.Repeat("x", 3750) + `"}`}, ""},
		{"two places for alarms", map[string]string{"alarmEmail": "a@example.com",
			"alarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:x"},
			"alarmEmail: alarms go to one place"},
		{"ids that are none", map[string]string{"vpcSubnetIds": `["sg-1"]`, "vpcSecurityGroupIds": `["sg-1"]`},
			`vpcSubnetIds: "sg-1" is not an id; each starts with subnet-`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { newProject(t).judged(t, tt.config, tt.want) })
	}
}

func TestMistakesAreReportedTogether(t *testing.T) {
	p := newProject(t)
	err := p.refused(t, map[string]string{"memory": "1", "auth": "x", "app": "nowhere",
		"environment": `{"PORT":"1","AWS_REGION":"2"}`, "timeout": "60", "aws:region": "moon"})
	var keys []string
	for _, m := range err.Mistakes {
		keys = append(keys, m.Key)
	}
	slices.Sort(keys)
	if want := []string{"app", "auth", "aws:region", "environment", "environment", "memory",
		"timeout"}; !slices.Equal(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
	if !strings.HasPrefix(err.Error(), `the settings of stack "dev" have 7 mistakes, nothing was changed:`+"\n  - ") {
		t.Errorf("got %q", err)
	}
}

func TestNamesThatCannotBeNames(t *testing.T) {
	p := newProject(t)
	for name, good := range map[string]bool{
		"web": true, "lambda-web-dev": true, "Web2": true, strings.Repeat("a", 40): true,
		"": false, "2web": false, "a--b": false, "a-": false, "a_b": false, "a.b": false, "a/b": false, "..": false,
		strings.Repeat("a", 41): false,
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
