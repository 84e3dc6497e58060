package webapp

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Values of Args.Auth.
const (
	AuthNone = "NONE"    // everybody may call
	AuthIAM  = "AWS_IAM" // calls are signed with Signature Version 4
)

// Values of Args.Architecture, as Lambda names them.
const (
	ARM64 = "arm64"
	X8664 = "x86_64"
)

// Immutable is the value of Args.ImageTagMutability with which no tag is pushed twice.
const Immutable = "IMMUTABLE"

// Values of Args.InvokeMode, as the adapter names them.
const (
	Buffered       = "buffered"
	ResponseStream = "response_stream"
)

// Values of Args.Front.
const (
	FrontNone       = "none"
	FrontCloudFront = "cloudfront"
)

// Args is what can be chosen for a web app. The tags are the contract with the stack's
// configuration: the key, the default of a field left empty, and what is allowed, either a range of
// whole numbers or a list of words or numbers. Rules that involve more than one field are in rules.go. What
// another resource may make, such as an ARN, can be an output; then AWS is the first to check it.
type Args struct {
	// The image.

	// App is the app's folder, relative to Pulumi.yaml.
	App                string             `config:"app" default:"app"`
	Dockerfile         string             `config:"dockerfile" default:"Dockerfile"` // relative to App
	BuildArgs          map[string]string  `config:"buildArgs"`
	Rebuild            string             `config:"rebuild"` // another text is another image
	BuildCache         bool               `config:"buildCache"`
	Architecture       string             `config:"architecture" default:"x86_64" allowed:"x86_64|arm64"`
	ImageRetention     int                `config:"imageRetention" default:"10" allowed:"2..1000" unit:"images"`
	ImageTagMutability string             `config:"imageTagMutability" default:"MUTABLE" allowed:"MUTABLE|IMMUTABLE"`
	RepositoryKMSKey   pulumi.StringInput `config:"repositoryKmsKeyArn"`
	Image              pulumi.StringInput `config:"image"`     // repository@sha256:..., instead of a build
	ImageFrom          string             `config:"imageFrom"` // stack whose image is run, instead of a build
	ImagePullAccounts  []string           `config:"imagePullAccounts" shape:"a list of account ids"`

	// The app.

	Port              string `config:"port" default:"auto" shape:"auto or a whole number from 1 to 65535"`
	ReadinessPath     string `config:"readinessPath" default:"/"`
	ReadinessProtocol string `config:"readinessProtocol" default:"http" allowed:"http|tcp"`
	AsyncInit         bool   `config:"asyncInit"`
	InvokeMode        string `config:"invokeMode" default:"buffered" allowed:"buffered|response_stream"`
	// ForwardedPrefix is how the app learns of stage and base path.
	ForwardedPrefix string `config:"forwardedPrefix" default:"auto" allowed:"auto|header|path|off"`
	// Writable are folders of the image that the app may write to, each environment in its own.
	Writable []string `config:"writable" shape:"a list of folders of the image"`
	// Environment is given to the app. A value may be an output of another resource; a secret
	// one is encrypted in the state.
	Environment       pulumi.StringMap   `config:"environment"`
	EnvironmentKMSKey pulumi.StringInput `config:"environmentKmsKeyArn"`
	// Secrets are variables whose values are kept elsewhere and fetched when an environment starts.
	Secrets       map[string]string  `config:"secrets"`
	SecretsKMSKey pulumi.StringInput `config:"secretsKmsKeyArn"`

	// The function.

	Memory              int                `config:"memory" default:"512" allowed:"128..10240" unit:"MB"`
	Timeout             int                `config:"timeout" default:"30" allowed:"1..900" unit:"seconds"`
	EphemeralStorage    int                `config:"ephemeralStorage" default:"512" allowed:"512..10240" unit:"MB"`
	Tracing             bool               `config:"tracing"`
	Statements          []Statement        `config:"iamStatements" shape:"a list of objects with actions, resources and, if need be, conditions"`
	PermissionsBoundary pulumi.StringInput `config:"permissionsBoundaryArn"`
	SubnetIDs           pulumi.StringArray `config:"vpcSubnetIds" shape:"a list of subnet ids"`
	SecurityGroupIDs    pulumi.StringArray `config:"vpcSecurityGroupIds" shape:"a list of security group ids"`

	// Concurrency and rollout.

	AccountConcurrency        int        `config:"accountConcurrency" default:"1000" allowed:"10..1000000" unit:"environments"`
	ReservedConcurrency       int        `config:"reservedConcurrency" allowed:"0..10000" unit:"environments"`
	ProvisionedConcurrency    int        `config:"provisionedConcurrency" allowed:"0..10000" unit:"environments"`
	ProvisionedConcurrencyMax int        `config:"provisionedConcurrencyMax" allowed:"0..10000" unit:"environments"`
	ProvisionedUtilization    int        `config:"provisionedUtilization" default:"70" allowed:"10..90" unit:"percent"`
	ProvisionedSchedule       []Schedule `config:"provisionedSchedule" shape:"a list of objects with schedule, min, max and, if need be, timezone"`
	LiveVersion               int        `config:"liveVersion" allowed:"0..1000000000"` // 0 is the newest
	CanaryWeight              int        `config:"canaryWeight" allowed:"0..100" unit:"percent"`

	// Snapshots.

	SnapStart       bool     `config:"snapStart"`
	SnapStartBefore string   `config:"snapStartBefore"` // path of a hook
	SnapStartAfter  string   `config:"snapStartAfter"`
	SnapStartPrime  []string `config:"snapStartPrime" shape:"a list of paths"`

	// Schedules.

	Schedules       []Task `config:"schedules" shape:"a list of objects with name, path, either cron or rate and, if need be, timezone"`
	ScheduleRetries int    `config:"scheduleRetries" default:"2" allowed:"0..2" unit:"times"`

	// Commands.

	Tasks          bool     `config:"tasks"`                                                     // one-off commands
	TaskMemory     int      `config:"taskMemory" allowed:"0..10240" unit:"MB"`                   // 0 is Memory
	ReleaseCommand []string `config:"releaseCommand" shape:"a list of words, the program first"` // on each new image

	// Logs.

	LogRetention   int                `config:"logRetention" default:"14" allowed:"1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653" unit:"days"`
	LogFormat      string             `config:"logFormat" default:"Text" allowed:"Text|JSON"`
	LogsKMSKey     pulumi.StringInput `config:"logsKmsKeyArn"`
	RetainLogs     bool               `config:"retainLogs"`
	AccessLog      bool               `config:"accessLog"`
	AccountLogRole bool               `config:"accountLogRole"`

	// The REST API.

	Stage               string   `config:"stage" default:"v1"`
	Auth                string   `config:"auth" default:"NONE" allowed:"NONE|AWS_IAM"`
	AllowedPrincipals   []string `config:"allowedPrincipals" shape:"a list of account ids and ARNs of roles or users"`
	AllowedSourceRanges []string `config:"allowedSourceRanges" shape:"a list of address ranges"`
	CORS                CORS     `config:"cors" shape:"an object with origins and, if need be, methods, headers, credentials, maxAge and preflight (gateway or app)"`
	// APITimeout 0 is the most that needs no raised quota.
	APITimeout        int                `config:"apiTimeout" allowed:"0..900" unit:"seconds"`
	ThrottleRate      int                `config:"throttleRate" allowed:"0..1000000" unit:"requests a second"`
	ThrottleBurst     int                `config:"throttleBurst" allowed:"0..1000000" unit:"requests"`
	WebACL            pulumi.StringInput `config:"webAclArn"`
	DomainName        string             `config:"domainName"`
	DomainCertificate pulumi.StringInput `config:"domainCertificateArn"`
	DomainHostedZone  pulumi.StringInput `config:"domainHostedZoneId"`
	DomainBasePath    string             `config:"domainBasePath"`
	DisableExecuteAPI bool               `config:"disableExecuteApiEndpoint"`

	// The front.

	Front string `config:"front" default:"none" allowed:"none|cloudfront"`
	// FrontSecretRotation: one more is another secret.
	FrontSecretRotation int                `config:"frontSecretRotation" allowed:"0..1000000"`
	FrontPriceClass     string             `config:"frontPriceClass" default:"PriceClass_All" allowed:"PriceClass_100|PriceClass_200|PriceClass_All"`
	FrontLogBucket      pulumi.StringInput `config:"frontLogBucket"` // name of an S3 bucket

	// Operations.

	AlarmTopic   pulumi.StringInput `config:"alarmTopicArn"`
	AlarmEmail   string             `config:"alarmEmail"`
	AlarmErrors  int                `config:"alarmErrors" default:"5" allowed:"1..100" unit:"percent of requests"`
	AlarmLatency int                `config:"alarmLatency" default:"5000" allowed:"1..900000" unit:"milliseconds"`
	// AlarmConcurrency 0 is four fifths of what there is.
	AlarmConcurrency int  `config:"alarmConcurrency" allowed:"0..1000000" unit:"environments"`
	Dashboard        bool `config:"dashboard"`
	Protect          bool `config:"protect"`
}

// Statement is something the app may do in AWS, beside writing its log.
type Statement struct {
	Actions    []string                       `json:"actions"`
	Resources  []string                       `json:"resources"`
	Conditions map[string]map[string][]string `json:"conditions,omitempty"`
}

// Schedule sets the bounds of the provisioned concurrency from a point in time on
// (https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html).
type Schedule struct {
	Schedule string `json:"schedule"` // cron(...), rate(...) or at(...)
	Timezone string `json:"timezone,omitempty"`
	Min      int    `json:"min"`
	Max      int    `json:"max"`
}

// fields calls do for each field that has a configuration key.
func fields(of reflect.Value, do func(field reflect.StructField, value reflect.Value)) {
	for i := range of.NumField() {
		if field := of.Type().Field(i); field.Tag.Get("config") != "" {
			do(field, of.Field(i))
		}
	}
}

// withDefaults returns a copy whose empty fields have their defaults.
func (a Args) withDefaults() Args {
	fields(reflect.ValueOf(&a).Elem(), func(field reflect.StructField, value reflect.Value) {
		given := field.Tag.Get("default")
		if given == "" || !value.IsZero() {
			return
		}
		switch value.Kind() {
		case reflect.String:
			value.SetString(given)
		case reflect.Int:
			n, _ := strconv.Atoi(given) // a test reads every default
			value.SetInt(int64(n))
		}
	})
	return a
}

// goArchitecture is the architecture as Go and Docker name it.
func (a Args) goArchitecture() string {
	if a.Architecture == ARM64 {
		return "arm64"
	}
	return "amd64"
}

// timeouts of API Gateway in seconds
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html).
const (
	bufferedTimeout = 29  // without a raised quota
	raisedTimeout   = 300 // with one
	streamTimeout   = 900
)

// apiTimeout is how long API Gateway waits for the app's answer, in seconds.
func (a Args) apiTimeout() int {
	switch {
	case a.APITimeout > 0:
		return a.APITimeout
	case a.InvokeMode == ResponseStream:
		return streamTimeout
	}
	return bufferedTimeout
}

// keptConcurrency is what Lambda keeps for functions that have nothing reserved
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
const keptConcurrency = 100

// availableConcurrency is what the account can set aside or keep started.
func (a Args) availableConcurrency() int { return max(0, a.AccountConcurrency-keptConcurrency) }

// alarmConcurrency is the number of environments at once above which there is an alarm.
func (a Args) alarmConcurrency() int {
	if a.AlarmConcurrency > 0 {
		return a.AlarmConcurrency
	}
	return cmp.Or(a.ReservedConcurrency, a.AccountConcurrency) * 4 / 5
}

// alarmed reports whether somebody wants to hear of trouble.
func (a Args) alarmed() bool { return a.AlarmTopic != nil || a.AlarmEmail != "" }

// autoscaled reports whether the provisioned concurrency moves by itself.
func (a Args) autoscaled() bool {
	return a.ProvisionedConcurrencyMax > a.ProvisionedConcurrency || len(a.ProvisionedSchedule) > 0
}

// optional is the input as the AWS resources want one that may be absent.
func optional(value pulumi.StringInput) pulumi.StringPtrInput {
	switch v := value.(type) {
	case nil:
		return nil
	case pulumi.String:
		return v
	}
	return value.ToStringOutput().ToStringPtrOutput()
}

// permits reports whether a field's tag allows the value.
func permits(field reflect.StructField, value reflect.Value) bool {
	allowed := field.Tag.Get("allowed")
	if allowed == "" {
		return true
	}
	if strings.Contains(allowed, "|") {
		return slices.Contains(strings.Split(allowed, "|"), fmt.Sprint(value.Interface()))
	}
	low, high := limits(allowed)
	return low <= value.Int() && value.Int() <= high
}

// permitted says in words what a field's tag allows.
func permitted(field reflect.StructField) string {
	allowed := field.Tag.Get("allowed")
	if allowed == "" {
		return "use a whole number"
	}
	low, high := limits(allowed)
	sentence := fmt.Sprintf("use a whole number from %d to %d", low, high)
	if words := strings.Split(allowed, "|"); len(words) > 1 {
		last := len(words) - 1
		sentence = "use " + strings.Join(words[:last], ", ") + " or " + words[last]
	}
	if unit := field.Tag.Get("unit"); unit != "" {
		sentence += " (" + unit + ")"
	}
	return sentence
}

// limits takes a range such as "128..10240" apart.
func limits(allowed string) (low, high int64) {
	fmt.Sscanf(allowed, "%d..%d", &low, &high) // a test reads every range
	return low, high
}
