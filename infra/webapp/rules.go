package webapp

import (
	"cmp"
	"errors"
	"net/netip"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/infra/webapp/names"
)

var (
	// nameAllowed is what fits the names of a function, a role and an ECR repository once Pulumi
	// has added its suffix.
	nameAllowed = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)
	// stageAllowed: https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html
	stageAllowed = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	// variableAllowed: https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
	variableAllowed = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	regionAllowed   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)

	accountAllowed = regexp.MustCompile(`^\d{12}$`)
	// actionAllowed: the service is written out, the action may have wildcards.
	actionAllowed = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9*?]+$`)
	// scheduleAllowed: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html
	scheduleAllowed = regexp.MustCompile(`^(cron\([^ ()]+( [^ ()]+){5}\)|rate\([1-9]\d* (minute|hour|day)s?\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\))$`)
	// zoneAllowed: https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHostedZone.html
	zoneAllowed   = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	domainAllowed = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)
	// basePathAllowed: https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html;
	// the mappings of REST APIs have one segment (https://github.com/hashicorp/terraform-provider-aws/issues/21986).
	basePathAllowed = regexp.MustCompile(`^[A-Za-z0-9$_.+!*'()-]+$`)
	emailAllowed    = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)

	// reserved are the variables Lambda sets itself and refuses in a function's configuration
	// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
	reserved = []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
	reservedPrefix = "AWS_LAMBDA_"
	// settable are the exceptions: they change how Lambda or the adapter log and start.
	settable = []string{"AWS_LAMBDA_EXEC_WRAPPER", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT"}
)

// check is every rule at once.
func check(name string, args Args, places places) error {
	return rules(name, args, places).err(name)
}

// rules returns what is wrong with a web app's settings.
func rules(name string, args Args, places places) mistakes {
	var found mistakes
	checkName(name, &found)
	checkTags(args, &found)
	checkPromotion(args, &found)
	if !args.promotes() {
		checkSource(args, places, &found)
	}
	checkApp(args, &found)
	checkEnvironment(args, &found)
	checkSecrets(args, &found)
	checkFunction(args, &found)
	checkConcurrency(args, &found)
	checkSnapStart(args, &found)
	checkAPI(args, &found)
	checkCallers(args, &found)
	checkCORS(args.CORS, &found)
	checkDomain(args, &found)
	checkFront(args, &found)
	checkSchedules(args, &found)
	checkCommands(args, &found)
	checkOperations(args, &found)
	return found
}

func checkName(name string, found *mistakes) {
	if len(name) > names.Longest || !nameAllowed.MatchString(name) {
		found.add("name",
			"%q cannot be the name of AWS resources; use letters, digits and single hyphens, %d at the most, "+
				"starting with a letter (project and stack name together make it)", name, names.Longest)
	}
}

// checkTags applies the ranges and words in the tags of Args.
func checkTags(args Args, found *mistakes) {
	fields(reflect.ValueOf(args), func(field reflect.StructField, value reflect.Value) {
		if !permits(field, value) {
			found.add(field.Tag.Get("config"), "%v is not allowed; %s", value.Interface(), permitted(field))
		}
	})
}

func checkSource(args Args, places places, found *mistakes) {
	dockerfile := filepath.ToSlash(args.Dockerfile)
	if path.IsAbs(dockerfile) || !filepath.IsLocal(args.Dockerfile) {
		found.add("dockerfile", "%q is not inside the app's folder; use a path relative to it", args.Dockerfile)
		return
	}
	err := places.source(args, nil).Check()
	if folders, ok := errors.AsType[*buildcontext.WritableError](err); ok {
		for _, problem := range folders.Problems {
			found.add("writable", "%s", problem)
		}
		return
	}
	var mistake *buildcontext.SourceError
	if !errors.As(err, &mistake) {
		return
	}
	if mistake.Path == places.app(args) {
		found.add("app", "the folder %s %s; set it to the folder of your web app, relative to Pulumi.yaml",
			mistake.Path, mistake.Reason)
		return
	}
	found.add("dockerfile", "%s", mistake)
}

func checkApp(args Args, found *mistakes) {
	checkPort(args, found)
	if strings.ContainsAny(args.ReadinessPath, " \t\r\n#") || !strings.HasPrefix(args.ReadinessPath, "/") {
		found.add("readinessPath", "%q is not allowed; use a path of the app that starts with /, such as /health",
			args.ReadinessPath)
	}
	if args.BuildCache && args.ImageTagMutability == Immutable {
		found.add("buildCache",
			"needs a tag that moves on to each new image, which imageTagMutability IMMUTABLE forbids; use "+
				"MUTABLE, or leave buildCache out")
	}
	for _, key := range sortedKeys(args.BuildArgs) {
		if key == "" || strings.ContainsAny(key, "= \t\r\n") {
			found.add("buildArgs", "%q is not a name a Dockerfile's ARG can have", key)
		}
	}
}

// checkEnvironment refuses names that Lambda refuses, and names a setting is there for: two places
// for one value would contradict each other some day.
func checkEnvironment(args Args, found *mistakes) {
	own := args.variables(usualPort)
	task := variable{"tasks", "true"}
	if args.runsCommands() {
		own[taskVariable] = task
	}
	checkEnvironmentSize(args, own, found)
	own[taskVariable] = task
	for _, key := range sortedKeys(args.Environment) {
		setting, taken := own[key]
		switch {
		case key == frontVariable:
			found.add("environment", "%s is set by lambda-web; use the setting front", key)
		case taken:
			found.add("environment", "%s is set by lambda-web; use the setting %s", key, setting.key)
		case slices.Contains(reserved, key), strings.HasPrefix(key, reservedPrefix) && !slices.Contains(settable, key):
			found.add("environment", "%s belongs to Lambda, which refuses it; use another name", key)
		case misspelt(key) != "":
			found.add("environment", "%s", misspelt(key))
		case !variableAllowed.MatchString(key):
			found.add("environment",
				"%q is not a name Lambda accepts; use letters, digits and _, at least two, starting with a letter", key)
		}
	}
}

// environmentSize: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const environmentSize = 4096

// checkEnvironmentSize counts what is known before a deployment: secrets and outputs are not.
func checkEnvironmentSize(args Args, own map[string]variable, found *mistakes) {
	size := 0
	for name, value := range args.Environment {
		text, _ := value.(pulumi.String)
		size += len(name) + len(text)
	}
	for name, v := range own {
		size += len(name) + len(v.value)
	}
	if args.fronted() {
		size += len(frontVariable) + frontDigestsSize
	}
	if size > environmentSize {
		found.add("environment",
			"the variables have %d bytes and Lambda takes %d; put large values into the image, or let the "+
				"app read them from Parameter Store or S3",
			size, environmentSize)
	}
}

func checkFunction(args Args, found *mistakes) {
	if waits := args.apiTimeout(); args.Timeout > waits+1 &&
		len(args.Schedules) == 0 { // a scheduled task has 15 minutes
		found.add("timeout",
			"%d s is longer than API Gateway waits for an answer (%d s): callers would get 504 while the function runs on; "+
				"use %d or less, or invokeMode response_stream, which lifts the limit to %d s", args.Timeout, waits,
			waits+1, streamTimeout)
	}
	if (len(args.SubnetIDs) == 0) != (len(args.SecurityGroupIDs) == 0) {
		found.add("vpcSubnetIds",
			"subnets and security groups go together; set both vpcSubnetIds and vpcSecurityGroupIds, or neither")
	}
	checkIDs("vpcSubnetIds", "subnet-", args.SubnetIDs, found)
	checkIDs("vpcSecurityGroupIds", "sg-", args.SecurityGroupIDs, found)
	for i, s := range args.Statements {
		if len(s.Actions) == 0 || len(s.Resources) == 0 {
			found.add("iamStatements", "number %d has no actions or no resources; name both", i+1)
		}
		checkStatement(i+1, s, found)
	}
	checkARN("permissionsBoundaryArn", "iam", "policy/", args.PermissionsBoundary, found)
	checkARN("environmentKmsKeyArn", "kms", "key/", args.EnvironmentKMSKey, found)
	checkARN("repositoryKmsKeyArn", "kms", "key/", args.RepositoryKMSKey, found)
}

// checkStatement finds what IAM would refuse, or what allows all there is
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).
func checkStatement(number int, s Statement, found *mistakes) {
	for _, action := range s.Actions {
		switch service, name, _ := strings.Cut(action, ":"); {
		case strings.Trim(service+name, "*") == "":
			found.add("iamStatements",
				"number %d allows every action; name those the app needs, such as s3:GetObject", number)
		case !actionAllowed.MatchString(action):
			found.add("iamStatements",
				"number %d: %q is not an action; use a service and its action, such as s3:GetObject", number, action)
		}
	}
	for _, resource := range s.Resources {
		if resource != "*" && !strings.HasPrefix(resource, "arn:") {
			found.add("iamStatements",
				"number %d: %q is not a resource; use an ARN, such as arn:aws:s3:::my-bucket/*, or *", number, resource)
		}
	}
}

func checkIDs(key, prefix string, ids pulumi.StringArray, found *mistakes) {
	for _, id := range ids {
		if id, known := id.(pulumi.String); known && !strings.HasPrefix(string(id), prefix) {
			found.add(key, "%q is not an id; each starts with %s", id, prefix)
		}
	}
}

// checkARN wants the ARN of one kind of thing: of KMS the key itself, since rights given to an alias
// are no rights, and of AWS WAF an ACL for regional resources, not for CloudFront.
func checkARN(key, service, kind string, value pulumi.StringInput, found *mistakes) {
	arn, known := value.(pulumi.String)
	if !known {
		return
	}
	if !strings.HasPrefix(string(arn), "arn:") || cutARN(string(arn), arnService) != service ||
		!strings.HasPrefix(cutARN(string(arn), arnResource), kind) {
		found.add(key, "%q is not an ARN of the kind that is needed; use one such as arn:aws:%s:...:%s...", arn,
			service, kind)
	} else if id := cutARN(string(arn), arnAccount); !accountAllowed.MatchString(id) && id != "aws" {
		found.add(key, "%q has the account %q; an account id has 12 digits", arn, id)
	}
}

// testStage: https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-test-method.html
const testStage = "test-invoke-stage"

func checkAPI(args Args, found *mistakes) {
	if !stageAllowed.MatchString(args.Stage) {
		found.add("stage", "%q is not allowed; use 1 to 128 letters, digits, hyphens and underscores", args.Stage)
	}
	if args.Stage == testStage {
		found.add("stage", "%q belongs to API Gateway, whose console calls methods under it; use another name",
			args.Stage)
	}
	if args.InvokeMode == Buffered && args.APITimeout > raisedTimeout {
		found.add("apiTimeout",
			"%d s is more than API Gateway allows for buffered answers; use %d or less (more than %d needs a "+
				"raised quota), or invokeMode response_stream",
			args.APITimeout, raisedTimeout, bufferedTimeout)
	}
	if _, compressed := args.Environment["AWS_LWA_ENABLE_COMPRESSION"]; compressed &&
		args.InvokeMode == ResponseStream {
		found.add("invokeMode",
			"the adapter does not compress streamed answers; leave AWS_LWA_ENABLE_COMPRESSION out of "+
				"environment, or use buffered")
	}
	if args.ThrottleBurst > 0 && args.ThrottleRate == 0 {
		found.add("throttleBurst", "%d needs a rate; set throttleRate too", args.ThrottleBurst)
	}
	if args.AccountLogRole && !args.AccessLog {
		found.add("accountLogRole", "true is of no use without accessLog; set accessLog to true, or leave this out")
	}
	checkWebACL(args, found)
}

func checkCallers(args Args, found *mistakes) {
	if len(args.AllowedPrincipals) > 0 && args.Auth != AuthIAM {
		found.add("allowedPrincipals", "nobody can be told apart when requests are not signed; set auth to AWS_IAM")
	}
	for _, p := range args.AllowedPrincipals {
		switch {
		case cutARN(p, arnService) == "sts" && strings.HasPrefix(cutARN(p, arnResource), "assumed-role/"):
			found.add("allowedPrincipals",
				"%q is a session, and AWS compares the role it belongs to; use the role's ARN (arn:aws:iam::...:role/...)", p)
		case strings.HasPrefix(p, "arn:") && cutARN(p, arnResource) != "" && !accountAllowed.MatchString(cutARN(p,
			arnAccount)):
			found.add("allowedPrincipals", "%q has the account %q; an account id has 12 digits", p,
				cutARN(p, arnAccount))
		case !accountAllowed.MatchString(p) && !slices.Contains([]string{"iam", "sts"}, cutARN(p, arnService)):
			found.add("allowedPrincipals", "%q is neither an account id (12 digits) nor the ARN of a role or a user", p)
		}
	}
	for _, r := range args.AllowedSourceRanges {
		if prefix, err := netip.ParsePrefix(r); err != nil || prefix != prefix.Masked() {
			found.add("allowedSourceRanges", "%q is not an address range; use one such as 203.0.113.0/24", r)
		}
	}
	checkCallersSize(args, found)
}

// callersSize: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
const callersSize = 8192

// checkCallersSize counts with an alias whose ARN is as long as it can be.
func checkCallersSize(args Args, found *mistakes) {
	if !args.guarded() {
		return
	}
	text, err := document(callers("arn:aws-us-gov:lambda:ap-southeast-1:123456789012:function:name:live",
		args).Statement...)
	if err == nil && len(text) > callersSize {
		found.add("allowedSourceRanges", "who may call makes a policy of %d characters and API Gateway takes %d; "+
			"use fewer and wider ranges and principals, or a web ACL with an IP set (webAclArn)", len(text),
			callersSize)
	}
}

func checkDomain(args Args, found *mistakes) {
	if args.DomainName == "" {
		if args.DomainCertificate != nil || args.DomainHostedZone != nil || args.DomainBasePath != "" {
			found.add("domainName",
				"is not set, but a certificate, a hosted zone or a base path is; set it, or leave those out")
		}
		if args.DisableExecuteAPI {
			found.add("disableExecuteApiEndpoint",
				"true leaves no way to the app without a domain; set domainName, or leave this out")
		}
		return
	}
	if !domainAllowed.MatchString(args.DomainName) {
		found.add("domainName", "%q is not a domain name; use one such as api.example.com", args.DomainName)
	}
	if args.DomainCertificate == nil {
		place := "the API's region"
		if args.fronted() {
			place = frontRegion + ", where CloudFront looks for it"
		}
		found.add("domainCertificateArn", "is not set; a domain needs the ARN of its ACM certificate in %s", place)
	}
	checkARN("domainCertificateArn", "acm", "certificate/", args.DomainCertificate, found)
	if zone, known := args.DomainHostedZone.(pulumi.String); known && !zoneAllowed.MatchString(string(zone)) {
		found.add("domainHostedZoneId",
			"%q is not a zone's id; use the one Route 53 gave it, such as Z0123456789ABCDEFGHIJ", zone)
	}
	if args.DomainBasePath != "" && !basePathAllowed.MatchString(args.DomainBasePath) {
		found.add("domainBasePath",
			"%q is not allowed; use one segment of letters, digits and $-_.+!*'(), without slashes",
			args.DomainBasePath)
	}
}

func checkOperations(args Args, found *mistakes) {
	checkARN("logsKmsKeyArn", "kms", "key/", args.LogsKMSKey, found)
	checkARN("alarmTopicArn", "sns", "", args.AlarmTopic, found)
	if args.AlarmEmail != "" && !emailAllowed.MatchString(args.AlarmEmail) {
		found.add("alarmEmail", "%q is not an e-mail address", args.AlarmEmail)
	}
	if reserved := args.ReservedConcurrency; reserved > 0 && args.AlarmConcurrency >= reserved {
		found.add("alarmConcurrency",
			"%d is never exceeded, as reservedConcurrency ends at %d; use less, or 0 for four fifths of it",
			args.AlarmConcurrency, reserved)
	}
	if args.AlarmEmail != "" && args.AlarmTopic != nil {
		found.add("alarmEmail",
			"alarms go to one place; subscribe the address to the topic of alarmTopicArn, or leave that out")
	}
}

func checkPlace(s Settings, found *mistakes) {
	if s.Region != "" && !regionAllowed.MatchString(s.Region) {
		found.add("aws:region", "%q is not a region; use a name such as eu-central-1", s.Region)
	}
	checkImagePlace(s, found)
	checkSnapStartRegion(s, found)
	checkFrontRegion(s, found)
	fields(reflect.ValueOf(s.Args), func(field reflect.StructField, value reflect.Value) {
		arn, known := value.Interface().(pulumi.String)
		if s.fronted() && slices.Contains(frontARNs, field.Tag.Get("config")) {
			return
		}
		if there := cutARN(string(arn), arnRegion); known && there != "" && there != s.Region {
			found.add(field.Tag.Get("config"),
				"%q is in %s, and the web app goes to %s (aws:region); use one of that region", arn, there, s.Region)
		}
	})
	checkStackTags(s.Tags, found)
}

// ownTags are those the program puts on everything, and mostTags how many a resource can have
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html).
var ownTags = []string{"Project", "Stack"}

const mostTags = 50

func checkStackTags(tags map[string]string, found *mistakes) {
	seen := map[string]string{}
	for _, key := range ownTags {
		seen[strings.ToLower(key)] = key
	}
	for _, key := range sortedKeys(tags) {
		if key == "" || len(key) > 128 || strings.HasPrefix(strings.ToLower(key), "aws:") || len(tags[key]) > 256 {
			found.add("tags",
				"%q is not allowed; a name has 1 to 128 characters and does not start with aws:, a value has "+
					"at most 256", cmp.Or(key, "(empty)"))
		}
		if other, taken := seen[strings.ToLower(key)]; taken && other != key {
			found.add("tags",
				"%q and %q are one name to IAM, which does not tell capitals from small letters; use one of them",
				other, key)
		}
		seen[strings.ToLower(key)] = key
	}
	if len(seen) > mostTags {
		found.add("tags", "with %s there are %d, and AWS takes %d on a resource; use %d or fewer",
			strings.Join(ownTags, " and "), len(seen), mostTags, mostTags-len(ownTags))
	}
}
