package webapp

import (
	"cmp"
	"errors"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"lambda-web/infra/webapp/buildcontext"
)

// integrationTimeout is how long API Gateway waits for a buffered answer, in seconds
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html).
const integrationTimeout = 29

var (
	// nameAllowed is what fits the names of a function, a role and an ECR repository once Pulumi
	// has added its suffix.
	nameAllowed = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)
	// stageAllowed: https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html
	stageAllowed = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	// variableAllowed: https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
	variableAllowed = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	regionAllowed   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)

	// retentions: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
	retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

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
	checkSource(args, places, &found)
	checkApp(args, &found)
	checkEnvironment(args, &found)
	checkFunction(args, &found)
	checkAPI(args, &found)
	return found
}

// maxName leaves room for what is added to it: a role's name has at most 64 characters.
const maxName = 40

func checkName(name string, found *mistakes) {
	if len(name) > maxName || !nameAllowed.MatchString(name) {
		found.add("name", "%q cannot be the name of AWS resources; use letters, digits and single hyphens, %d at the most, "+
			"starting with a letter (project and stack name together make it)", name, maxName)
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
	var mistake *buildcontext.SourceError
	if !errors.As(err, &mistake) {
		return
	}
	if mistake.Path == places.app(args) {
		found.add("app", "the folder %s %s; set it to the folder of your web app, relative to Pulumi.yaml", mistake.Path, mistake.Reason)
		return
	}
	found.add("dockerfile", "%s", mistake)
}

func checkApp(args Args, found *mistakes) {
	if strings.ContainsAny(args.ReadinessPath, " \t\r\n#") || !strings.HasPrefix(args.ReadinessPath, "/") {
		found.add("readinessPath", "%q is not allowed; use a path of the app that starts with /, such as /health", args.ReadinessPath)
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
	own := args.variables()
	for _, key := range sortedKeys(args.Environment) {
		setting, taken := own[key]
		switch {
		case taken:
			found.add("environment", "%s is set by lambda-web; use the setting %s", key, setting.key)
		case slices.Contains(reserved, key), strings.HasPrefix(key, reservedPrefix) && !slices.Contains(settable, key):
			found.add("environment", "%s belongs to Lambda, which refuses it; use another name", key)
		case !variableAllowed.MatchString(key):
			found.add("environment", "%q is not a name Lambda accepts; use letters, digits and _, at least two, starting with a letter", key)
		}
	}
}

func checkFunction(args Args, found *mistakes) {
	if args.Timeout > integrationTimeout+1 {
		found.add("timeout", "%d s is longer than API Gateway waits for an answer (%d s): callers would get 504 while the function runs on; use %d or less",
			args.Timeout, integrationTimeout, integrationTimeout+1)
	}
	if !slices.Contains(retentions, args.LogRetention) {
		found.add("logRetention", "%d is not allowed; use a number of days CloudWatch knows: %s", args.LogRetention, joinInts(retentions))
	}
}

func checkAPI(args Args, found *mistakes) {
	if !stageAllowed.MatchString(args.Stage) {
		found.add("stage", "%q is not allowed; use 1 to 128 letters, digits, hyphens and underscores", args.Stage)
	}
}

func checkPlace(s Settings, found *mistakes) {
	if s.Region != "" && !regionAllowed.MatchString(s.Region) {
		found.add("aws:region", "%q is not a region; use a name such as eu-central-1", s.Region)
	}
	for _, key := range sortedKeys(s.Tags) {
		// https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
		if key == "" || len(key) > 128 || strings.HasPrefix(strings.ToLower(key), "aws:") || len(s.Tags[key]) > 256 {
			found.add("tags", "%q is not allowed; a name has 1 to 128 characters and does not start with aws:, a value has at most 256", cmp.Or(key, "(empty)"))
		}
	}
}
