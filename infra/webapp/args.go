package webapp

import (
	"fmt"
	"maps"
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

// Args is what can be chosen for a web app. The tags are the contract with the stack's
// configuration: the key, the default of a field left empty, and what is allowed, either a range of
// whole numbers or a list of words. Rules that involve more than one field are in rules.go.
type Args struct {
	// The image.

	App            string            `config:"app" default:"app"`               // folder of the app, relative to Pulumi.yaml
	Dockerfile     string            `config:"dockerfile" default:"Dockerfile"` // relative to App
	BuildArgs      map[string]string `config:"buildArgs"`
	Architecture   string            `config:"architecture" default:"x86_64" allowed:"x86_64|arm64"`
	ImageRetention int               `config:"imageRetention" default:"10" allowed:"2..1000" unit:"images"`

	// The app.

	Port              int    `config:"port" default:"8080" allowed:"1..65535"`
	ReadinessPath     string `config:"readinessPath" default:"/"`
	ReadinessProtocol string `config:"readinessProtocol" default:"http" allowed:"http|tcp"`
	AsyncInit         bool   `config:"asyncInit"`
	// Environment is given to the app. A value may be an output of another resource; a secret
	// one is encrypted in the state.
	Environment pulumi.StringMap `config:"environment"`

	// The function.

	Memory                 int    `config:"memory" default:"512" allowed:"128..10240" unit:"MB"`
	Timeout                int    `config:"timeout" default:"30" allowed:"1..900" unit:"seconds"`
	EphemeralStorage       int    `config:"ephemeralStorage" default:"512" allowed:"512..10240" unit:"MB"`
	ProvisionedConcurrency int    `config:"provisionedConcurrency" allowed:"0..10000" unit:"environments"`
	LogRetention           int    `config:"logRetention" default:"14"`
	LogFormat              string `config:"logFormat" default:"Text" allowed:"Text|JSON"`

	// The REST API.

	Stage string `config:"stage" default:"v1"`
	Auth  string `config:"auth" default:"NONE" allowed:"NONE|AWS_IAM"`
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
	a.Environment = maps.Clone(a.Environment)
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

// permits reports whether a field's tag allows the value.
func permits(field reflect.StructField, value reflect.Value) bool {
	allowed := field.Tag.Get("allowed")
	if allowed == "" {
		return true
	}
	if value.Kind() == reflect.String {
		return slices.Contains(strings.Split(allowed, "|"), value.String())
	}
	low, high := limits(allowed)
	return low <= value.Int() && value.Int() <= high
}

// permitted says in words what a field's tag allows.
func permitted(field reflect.StructField) string {
	allowed := field.Tag.Get("allowed")
	if field.Type.Kind() == reflect.String {
		words := strings.Split(allowed, "|")
		last := len(words) - 1
		return "use " + strings.Join(words[:last], ", ") + " or " + words[last]
	}
	if allowed == "" {
		return "use a whole number"
	}
	low, high := limits(allowed)
	sentence := fmt.Sprintf("use a whole number from %d to %d", low, high)
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
