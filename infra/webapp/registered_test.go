package webapp

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// byToken are the types that registered.go registers without the SDK's package.
var byToken = []string{typeTarget, typeScaling, typeScheduled, typeRecord, typeTopic, typeSubscription, typeWebACL,
	typeQueue, typeSchedule, typeEventInvoke, typeDistribution, typeCachePolicy, typeEdgeFunction}

// What is registered by its token is held against the source of the provider's SDK, which is read, not
// compiled: the token, the names and kinds of the inputs, and that nothing required is missing.
func TestRegisteredByToken(t *testing.T) {
	sdk := newSDKSource(t) // first, for the project of a test is another folder
	p := newProject(t)
	records, fronted := p.deployed(t, everySetting), p.deployed(t, frontSetting)
	for _, typeToken := range byToken {
		found := append(records.all(typeToken), fronted.all(typeToken)...)
		if len(found) == 0 {
			t.Errorf("the program makes no %s", typeToken)
		}
		constructor, inputs := sdk.resource(t, typeToken)
		if strings.Contains(constructor, "pulumi.Aliases(") || strings.Contains(constructor,
			"AdditionalSecretOutputs(") {
			t.Errorf("the SDK's constructor of %s sets options that registered.go does not", typeToken)
		}
		for _, r := range found {
			for _, problem := range sdk.disagree(t, typeToken, r.Inputs, inputs) {
				t.Errorf("%s: %s", r, problem)
			}
			if got := r.RegisterRPC.GetVersion(); got != awsVersion {
				t.Errorf("%s asks for version %q of the provider, want %s", r, got, awsVersion)
			}
		}
	}
}

// The version in registered.go is the one the SDK's own constructors ask for.
func TestVersionOfTheProvider(t *testing.T) {
	r := newProject(t).deployed(t, nil).one(t, typeFunction)
	if got := r.RegisterRPC.GetVersion(); got != awsVersion {
		t.Errorf("the SDK asks for version %s of its provider, registered.go for %s", got, awsVersion)
	}
}

// A mistake in each place is noticed.
func TestDisagree(t *testing.T) {
	sdk := newSDKSource(t)
	_, inputs := sdk.resource(t, typeRecord)
	right := func() map[string]any {
		return map[string]any{"name": "a", "type": "A", "zoneId": "Z", "aliases": []any{
			map[string]any{"name": "b", "zoneId": "Z", "evaluateTargetHealth": false}}}
	}
	alias := func(m map[string]any) map[string]any { return m["aliases"].([]any)[0].(map[string]any) }
	for name, test := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"as it is":      {func(map[string]any) {}, "[]"},
		"unknown input": {func(m map[string]any) { m["zone"] = "Z" }, "[there is no input zone]"},
		"missing input": {func(m map[string]any) { delete(m, "zoneId") }, "[zoneId is required]"},
		"other kind": {func(m map[string]any) { m["name"] = 3.0 },
			"[name is string in the SDK, not a number]"},
		"one in place of a list": {func(m map[string]any) { m["aliases"] = alias(m) },
			"[aliases is []RecordAlias in the SDK, not an object]"},
		"unknown inner input": {func(m map[string]any) { alias(m)["health"] = true },
			"[there is no input aliases.health]"},
		"missing inner input": {func(m map[string]any) { delete(alias(m), "zoneId") },
			"[aliases.zoneId is required]"},
	} {
		values := right()
		test.change(values)
		got := fmt.Sprint(sdk.disagree(t, typeRecord, resource.NewPropertyMapFromMap(values), inputs))
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// sdkSource reads the Go source of pulumi-aws.
type sdkSource struct {
	folder  string
	structs map[string]map[string]*ast.StructType // by package and name
}

func newSDKSource(t *testing.T) *sdkSource {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi-aws/sdk/v6").Output()
	must(t, err)
	return &sdkSource{filepath.Join(strings.TrimSpace(string(out)), "go", "aws"),
		map[string]map[string]*ast.StructType{}}
}

// resource finds the constructor of a type and the inputs it takes.
func (s *sdkSource) resource(t *testing.T, typeToken string) (constructor string, inputs *ast.StructType) {
	t.Helper()
	pkg, name := s.split(typeToken)
	for structName, declared := range s.load(t, pkg) {
		if structName == string(unicode.ToLower(rune(name[0])))+name[1:]+"Args" {
			inputs = declared
		}
	}
	file := filepath.Join(s.folder, pkg, string(unicode.ToLower(rune(name[0])))+name[1:]+".go")
	text, err := os.ReadFile(file)
	must(t, err)
	_, constructor, _ = strings.Cut(string(text), "\nfunc New"+name+"(")
	constructor, _, _ = strings.Cut(constructor, "\n}\n")
	if inputs == nil || !strings.Contains(constructor, `"`+typeToken+`"`) {
		t.Fatalf("the SDK has no %s", typeToken)
	}
	return constructor, inputs
}

func (s *sdkSource) split(typeToken string) (pkg, name string) {
	parts := strings.FieldsFunc(typeToken, func(r rune) bool { return r == ':' || r == '/' })
	return parts[1], parts[len(parts)-1]
}

func (s *sdkSource) load(t *testing.T, pkg string) map[string]*ast.StructType {
	t.Helper()
	if s.structs[pkg] != nil {
		return s.structs[pkg]
	}
	found := map[string]*ast.StructType{}
	files, err := filepath.Glob(filepath.Join(s.folder, pkg, "*.go"))
	must(t, err)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if declared, ok := spec.Type.(*ast.StructType); ok {
					found[spec.Name.Name] = declared
				}
			}
			_, inFunction := n.(*ast.FuncDecl)
			return !inFunction
		})
	}
	s.structs[pkg] = found
	return found
}

// disagree lists what of the inputs the SDK's struct does not have, has otherwise, or requires.
func (s *sdkSource) disagree(t *testing.T, typeToken string, values resource.PropertyMap,
	declared *ast.StructType) (problems []string) {
	pkg, _ := s.split(typeToken)
	return s.compare(t, pkg, "", values, declared)
}

func (s *sdkSource) compare(t *testing.T, pkg, path string, values resource.PropertyMap,
	declared *ast.StructType) (problems []string) {
	fields := map[string]ast.Expr{}
	for _, field := range declared.Fields.List {
		literal, err := strconv.Unquote(field.Tag.Value)
		must(t, err)
		name := reflect.StructTag(literal).Get("pulumi")
		fields[name] = field.Type
		switch field.Type.(type) { // pointers, lists, maps and interfaces can be left out
		case *ast.Ident:
			if !values.HasValue(resource.PropertyKey(name)) {
				problems = append(problems, path+name+" is required")
			}
		}
	}
	for _, key := range values.StableKeys() {
		expected, ok := fields[string(key)]
		if !ok {
			problems = append(problems, "there is no input "+path+string(key))
			continue
		}
		problems = append(problems, s.compareValue(t, pkg, path+string(key), values[key], expected)...)
	}
	return problems
}

func (s *sdkSource) compareValue(t *testing.T, pkg, path string, value resource.PropertyValue,
	expected ast.Expr) []string {
	wrong := func(kind string) []string {
		return []string{fmt.Sprintf("%s is %s in the SDK, not %s", path, exprText(expected), kind)}
	}
	if pointer, ok := expected.(*ast.StarExpr); ok {
		return s.compareValue(t, pkg, path, value, pointer.X)
	}
	list, isList := expected.(*ast.ArrayType)
	name, _ := expected.(*ast.Ident)
	_, isAny := expected.(*ast.InterfaceType)
	switch {
	case isAny:
		return nil
	case value.IsArray() && isList:
		var problems []string
		for _, element := range value.ArrayValue() {
			problems = append(problems, s.compareValue(t, pkg, path, element, list.Elt)...)
		}
		return problems
	case value.IsObject():
		if name == nil || s.load(t, pkg)[name.Name] == nil {
			return wrong("an object")
		}
		return s.compare(t, pkg, path+".", value.ObjectValue(), s.load(t, pkg)[name.Name])
	case value.IsString() && (name == nil || name.Name != "string"):
		return wrong("a string")
	case value.IsNumber() && (name == nil || name.Name != "int" && name.Name != "float64"):
		return wrong("a number")
	case value.IsBool() && (name == nil || name.Name != "bool"):
		return wrong("true or false")
	case value.IsArray():
		return wrong("a list")
	}
	return nil
}

func exprText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return exprText(e.X)
	case *ast.ArrayType:
		return "[]" + exprText(e.Elt)
	}
	return fmt.Sprintf("%T", e)
}
