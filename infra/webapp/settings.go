package webapp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Settings is a stack's configuration: the web app, and where it goes.
type Settings struct {
	Args

	Tags   map[string]string `config:"tags"`
	Region string            // aws:region

	profile  string   // aws:profile
	accounts []string // aws:allowedAccountIds
}

// readSettings reads the stack's configuration. What cannot be read is added to the mistakes and
// keeps its default, so that the rules can go on and find the rest.
func readSettings(ctx *pulumi.Context, found *mistakes) Settings {
	var s Settings
	r := reader{ctx: ctx, found: found}
	keys := []string{"aws:region", "aws:profile", "aws:allowedAccountIds"}
	for _, part := range []any{&s, &s.Args} {
		fields(reflect.ValueOf(part).Elem(), func(field reflect.StructField, value reflect.Value) {
			keys = append(keys, ctx.Project()+":"+field.Tag.Get("config"))
			r.read(field, value)
		})
	}
	r.unknown(keys)
	r.provider(&s)
	s.Args = s.Args.withDefaults()
	return s
}

// reader turns configuration values, which are text, into fields.
type reader struct {
	ctx   *pulumi.Context
	found *mistakes
}

func (r reader) read(field reflect.StructField, value reflect.Value) {
	key := field.Tag.Get("config")
	full := r.ctx.Project() + ":" + key
	text, ok := r.ctx.GetConfig(full)
	if text = strings.TrimSpace(text); !ok || text == "" {
		return
	}
	into := value.Addr().Interface()
	secret := r.ctx.IsConfigSecret(full)
	if _, keeps := into.(*pulumi.StringMap); secret && !keeps {
		r.found.add(key,
			"is secret in the configuration but would be in clear in the state; only environment keeps secrets")
		return
	}
	shown := strconv.Quote(text)
	switch into := into.(type) {
	case *string:
		if !permits(field, reflect.ValueOf(text)) {
			r.found.add(key, "%s is not allowed; %s", shown, permitted(field))
			return
		}
		*into = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || !permits(field, reflect.ValueOf(n)) {
			r.found.add(key, "%s is not allowed; %s", shown, permitted(field))
			return
		}
		*into = n
	case *bool:
		if text != "true" && text != "false" {
			r.found.add(key, "%s is not allowed; use true or false", shown)
		}
		*into = text == "true"
	case *map[string]string:
		*into = r.textMap(key, text)
	case *pulumi.StringInput:
		*into = pulumi.String(text)
	case *pulumi.StringArray:
		var texts []string
		r.decode(field, text, &texts)
		*into = pulumi.ToStringArray(texts)
	case *pulumi.StringMap:
		*into = r.inputMap(key, text, secret)
	default:
		if !r.decode(field, text, into) {
			value.SetZero()
		}
	}
}

// decode reads the JSON of a list or an object, and reports whether it is one of the field's shape.
func (r reader) decode(field reflect.StructField, text string, into any) bool {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	err := whole(decoder, into)
	if err != nil {
		r.found.add(field.Tag.Get("config"), "%q is not %s", text, field.Tag.Get("shape"))
	}
	return err == nil
}

// whole decodes a value that has nothing after it.
func whole(decoder *json.Decoder, into any) error {
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("there is more after the value")
	}
	return nil
}

// textMap reads a map of texts. Numbers and booleans are taken as they are written.
func (r reader) textMap(key, text string) map[string]string {
	var values map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := whole(decoder, &values); err != nil {
		r.found.add(key, "the value is not a map of names to texts")
		return nil
	}
	texts := make(map[string]string, len(values))
	for _, name := range sortedKeys(values) {
		switch v := values[name].(type) {
		case string:
			texts[name] = v
		case json.Number, bool:
			texts[name] = fmt.Sprint(v)
		default:
			r.found.add(key, "the value of %q is not a text, a number or a boolean", name)
		}
	}
	return texts
}

// inputMap is textMap for values that may be secret. Pulumi tells which keys of the configuration
// hold a secret, not which part of a map does; what the stack's file has in clear is none.
func (r reader) inputMap(key, text string, secret bool) pulumi.StringMap {
	inputs := pulumi.StringMap{}
	plain := r.inClear(key)
	for name, value := range r.textMap(key, text) {
		inputs[name] = pulumi.String(value)
		if clear, known := plain[name]; secret && !(known && clear == value) {
			inputs[name] = pulumi.ToSecret(pulumi.String(value)).(pulumi.StringOutput)
		}
	}
	return inputs
}

// projectName is the name of the project that this repository is, which its files with settings begin with.
const projectName = "lambda-web"

// unknown finds keys of the project and of the AWS provider that nothing would read. A program the
// CLI starts has the whole configuration in its environment; an inline program has not.
func (r reader) unknown(known []string) {
	var all map[string]string
	if json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &all) != nil {
		return
	}
	for _, key := range sortedKeys(all) {
		space, name, _ := strings.Cut(key, ":")
		switch {
		case slices.Contains(known, key):
		case space == r.ctx.Project():
			r.found.add(name, "there is no such setting; %s", suggestion(name, known, space))
		case space == projectName:
			r.found.add(key, "is a setting of a project %s, and the name in Pulumi.yaml is %s; call it %s:%s",
				projectName, r.ctx.Project(), r.ctx.Project(), name)
		case space == "aws":
			r.found.add(key,
				"is not handed on to AWS; of the provider's settings use aws:region, aws:profile and aws:allowedAccountIds")
		}
	}
}

// provider reads what the explicit AWS provider needs, as it does not look at the stack's
// configuration itself.
func (r reader) provider(s *Settings) {
	s.Region, _ = r.ctx.GetConfig("aws:region")
	s.Region = cmp.Or(s.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if s.Region == "" {
		r.found.add("aws:region", "is not set; choose one, for example: pulumi config set aws:region eu-central-1")
	}
	s.profile, _ = r.ctx.GetConfig("aws:profile")
	if accounts, ok := r.ctx.GetConfig("aws:allowedAccountIds"); ok {
		if err := json.Unmarshal([]byte(accounts), &s.accounts); err != nil {
			r.found.add("aws:allowedAccountIds", "%q is not a list of account ids", accounts)
		}
	}
}

// suggestion names the known key of the namespace that was probably meant: one that begins alike or
// takes few edits.
func suggestion(name string, known []string, space string) string {
	typed := strings.ToLower(name)
	best, distance := "", len(name)/2+1
	for _, key := range known {
		candidate, ok := strings.CutPrefix(key, space+":")
		if !ok {
			continue
		}
		d := edits(typed, strings.ToLower(candidate))
		if strings.HasPrefix(strings.ToLower(candidate), typed) {
			d = 1
		}
		if d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return "Pulumi.yaml lists those there are"
	}
	return "did you mean " + best + "?"
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := previous
			if a[i] != b[j] {
				change++
			}
			previous = row[j+1]
			row[j+1] = min(change, previous+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
