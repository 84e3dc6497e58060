package webapp

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	typeProvider    = "pulumi:providers:aws"
	typeRepository  = "awsx:ecr:Repository"
	typePull        = "aws:ecr/repositoryPolicy:RepositoryPolicy"
	typeImage       = "docker:index/image:Image"
	typeLogs        = "aws:cloudwatch/logGroup:LogGroup"
	typeRole        = "aws:iam/role:Role"
	typeRolePolicy  = "aws:iam/rolePolicy:RolePolicy"
	typeFunction    = "aws:lambda/function:Function"
	typeAlias       = "aws:lambda/alias:Alias"
	typeProvisioned = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	typePermission  = "aws:lambda/permission:Permission"
	typeAPI         = "aws:apigateway/restApi:RestApi"
	typeDeployment  = "aws:apigateway/deployment:Deployment"
	typeStage       = "aws:apigateway/stage:Stage"
)

func TestDefaultGraph(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, nil)
	var got []string
	for _, r := range c.records {
		got = append(got, r.String())
	}
	slices.Sort(got)
	want := []string{
		typeDeployment + " lambda-web-dev", typeAPI + " lambda-web-dev", typeStage + " lambda-web-dev", typeLogs +
			" lambda-web-dev",
		typePull + " lambda-web-dev", typeRole + " lambda-web-dev", typeRolePolicy + " lambda-web-dev-logs",
		typeAlias + " lambda-web-dev-live",
		typeFunction + " lambda-web-dev", typePermission + " lambda-web-dev", typeRepository + " lambda-web-dev",
		typeImage + " lambda-web-dev",
		Type + " lambda-web-dev", typeProvider + " aws",
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, r := range c.records {
		if r.TypeToken == typeProvider || r.TypeToken == Type {
			continue
		}
		if want := Type + " lambda-web-dev"; r.parent() != want {
			t.Errorf("the parent of %s is %s, want %s", r, r.parent(), want)
		}
		if want := typeProvider + " aws"; strings.HasPrefix(r.TypeToken, "aws:") && r.provider() != want {
			t.Errorf("the provider of %s is %q, want %q", r, r.provider(), want)
		}
	}
}

// The order in which things are made, where nothing in the inputs would make it.
func TestOrder(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, map[string]string{"provisionedConcurrency": "1"})
	tests := []struct{ later, earlier, why string }{
		{typeFunction, typeLogs, "Lambda makes a log group without retention when there is none"},
		{typeFunction, typeRolePolicy, "the first invocation logs"},
		{typeFunction, typePull, "Lambda fetches the image when the function is made"},
		{typeFunction, typeImage, "the function runs the image"},
		{typeImage, typeRepository, "the image is pushed"},
		{typeAlias, typeFunction, "the alias points at the new version"},
		{typeAlias, typeProvisioned, "the new version serves once its environments are started"},
		{typePermission, typeAlias, "the permission is on the alias"},
		{typeDeployment, typePermission, "the first request may come at once"},
		{typeStage, typeDeployment, "the stage serves the deployment"},
		{typeStage, typePermission, "of a stage that goes, the permission goes last"},
	}
	for _, tt := range tests {
		if !c.one(t, tt.later).dependsOn(c.one(t, tt.earlier)) {
			t.Errorf("%s does not wait for %s: %s", tt.later, tt.earlier, tt.why)
		}
	}
}

func TestInputs(t *testing.T) {
	p := newProject(t)
	arm := map[string]string{"architecture": "arm64"}
	aliasARN := lambdaBase + "lambda-web-dev-1a2b3c4:live"
	tests := []struct {
		name   string
		config map[string]string
		token  string
		path   string
		want   any
	}{
		{"region", nil, typeProvider, "region", region},
		{"profile", map[string]string{"aws:profile": "shop"}, typeProvider, "profile", "shop"},
		{"allowed accounts", map[string]string{"aws:allowedAccountIds": `["123456789012"]`}, typeProvider,
			"allowedAccountIds", []any{account}},
		{"tags", map[string]string{"tags": `{"Team":"shop","Stack":"mine"}`}, typeProvider, "defaultTags.tags",
			map[string]any{"Project": "lambda-web", "Stack": "mine", "Team": "shop"}},

		{"images are scanned", nil, typeRepository, "imageScanningConfiguration.scanOnPush", true},
		{"old images go", nil, typeRepository, "lifecyclePolicy.rules", []any{map[string]any{
			"description": "Keep the newest 10 images", "tagStatus": "any", "maximumNumberOfImages": 10.0}}},
		{"image retention", map[string]string{"imageRetention": "3"}, typeRepository, "lifecyclePolicy.rules",
			[]any{map[string]any{
				"description": "Keep the newest 3 images", "tagStatus": "any", "maximumNumberOfImages": 3.0}}},
		{"destroy removes images", nil, typeRepository, "forceDelete", true},

		{"context relative to the program", nil, typeImage, "build.context", "../.lambda-web/build/dev/lambda-web-dev"},
		{"Dockerfile relative to the program", nil, typeImage, "build.dockerfile",
			"../.lambda-web/build/dev/lambda-web-dev/.lambda-web/Dockerfile"},
		{"platform of x86_64", nil, typeImage, "build.platform", "linux/amd64"},
		{"platform of arm64", arm, typeImage, "build.platform", "linux/arm64"},
		{"build arguments", map[string]string{"buildArgs": `{"BASE":"python","N":3,"B":true}`}, typeImage, "build.args",
			map[string]any{"BASE": "python", "N": "3", "B": "true"}},
		{"pushed as", nil, typeImage, "registry.username", "AWS"},
		{"pushed to", nil, typeImage, "registry.server",
			"123456789012.dkr.ecr.eu-central-1.amazonaws.com/lambda-web-dev"},

		{"log group", nil, typeLogs, "name", "/aws/lambda/lambda-web-dev"},
		{"retention", nil, typeLogs, "retentionInDays", 14.0},
		{"another retention", map[string]string{"logRetention": "365"}, typeLogs, "retentionInDays", 365.0},

		{"container", nil, typeFunction, "packageType", "Image"},
		{"role", nil, typeFunction, "role", "arn:aws:iam::123456789012:role/lambda-web-dev-1a2b3c4"},
		{"x86_64", nil, typeFunction, "architectures", []any{"x86_64"}},
		{"arm64", arm, typeFunction, "architectures", []any{"arm64"}},
		{"memory", nil, typeFunction, "memorySize", 512.0},
		{"more memory", map[string]string{"memory": "10240"}, typeFunction, "memorySize", 10240.0},
		{"timeout", nil, typeFunction, "timeout", 30.0},
		{"shorter timeout", map[string]string{"timeout": "1"}, typeFunction, "timeout", 1.0},
		{"storage", map[string]string{"ephemeralStorage": "1024"}, typeFunction, "ephemeralStorage.size", 1024.0},
		{"version", nil, typeFunction, "publish", true},
		{"logs go to the log group", nil, typeFunction, "loggingConfig", map[string]any{"logFormat": "Text",
			"logGroup": "/aws/lambda/lambda-web-dev"}},
		{"JSON logs", map[string]string{"logFormat": "JSON"}, typeFunction, "loggingConfig.logFormat", "JSON"},

		{"alias", nil, typeAlias, "name", "live"},
		{"alias of the function", nil, typeAlias, "functionName", "lambda-web-dev-1a2b3c4"},
		{"alias of the published version", nil, typeAlias, "functionVersion", "7"},
		{"provisioned concurrency", map[string]string{"provisionedConcurrency": "5"}, typeProvisioned,
			"provisionedConcurrentExecutions", 5.0},
		{"provisioned concurrency on the version", map[string]string{"provisionedConcurrency": "5"}, typeProvisioned,
			"qualifier", "7"},
		{"provisioned concurrency on an older version", map[string]string{"provisionedConcurrency": "5",
			"liveVersion": "3"}, typeProvisioned, "qualifier", "3"},
		{"provisioned concurrency that scales on the alias", map[string]string{"provisionedConcurrency": "5",
			"provisionedConcurrencyMax": "9"}, typeProvisioned, "qualifier", "live"},

		{"regional", nil, typeAPI, "endpointConfiguration.types", "REGIONAL"},
		{"API name", nil, typeAPI, "name", "lambda-web-dev"},
		{"stage", nil, typeStage, "stageName", "v1"},
		{"another stage", map[string]string{"stage": "live"}, typeStage, "stageName", "live"},
		{"stage of the deployment", nil, typeStage, "deployment", "id-lambda-web-dev"},

		{"permission", nil, typePermission, "action", "lambda:InvokeFunction"},
		{"permission for API Gateway", nil, typePermission, "principal", "apigateway.amazonaws.com"},
		{"permission on the function", nil, typePermission, "function", "lambda-web-dev-1a2b3c4"},
		{"permission on the alias", nil, typePermission, "qualifier", "live"},
		{"permission for this API and stage", nil, typePermission, "sourceArn",
			"arn:aws:execute-api:eu-central-1:123456789012:id-lambda-web-dev/v1/*/*"},
		{"permission for the other stage", map[string]string{"stage": "live"}, typePermission, "sourceArn",
			"arn:aws:execute-api:eu-central-1:123456789012:id-lambda-web-dev/live/*/*"},
		{"integration", nil, typeAPI, "body", documentWith(t,
			`{"type":"aws_proxy","httpMethod":"POST","uri":"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/`+
				aliasARN+`/invocations","passthroughBehavior":"when_no_match","timeoutInMillis":29000}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := p.deployed(t, tt.config).one(t, tt.token).input(tt.path)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s of %s is\n%v\nwant\n%v", tt.path, tt.token, got, tt.want)
			}
		})
	}
}

// documentWith is the whole OpenAPI document of an open API with this integration.
func documentWith(t *testing.T, integration string) string {
	t.Helper()
	operation := `"responses":{"default":{"description":"What the app answers"}},"x-amazon-apigateway-integration":` +
		integration
	text := `{"openapi":"3.0.1","info":{"title":"lambda-web-dev","version":"1"},"paths":{` +
		`"/":{"x-amazon-apigateway-any-method":{` + operation + `}},` +
		`"/{proxy+}":{"x-amazon-apigateway-any-method":{"parameters":[{"name":"proxy","in":"path","required":true,"schema":{"type":"string"}}],` + operation + `}}},` +
		`"x-amazon-apigateway-binary-media-types":["*/*"]}`
	if !json.Valid([]byte(text)) {
		t.Fatal("the wanted document is no JSON")
	}
	return text
}

func TestImageIsPinnedByDigest(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, nil)
	name := c.one(t, typeImage).input("imageName").(string)
	repository, tag, _ := strings.Cut(name, ":")
	if repository != "123456789012.dkr.ecr.eu-central-1.amazonaws.com/lambda-web-dev" || !strings.HasPrefix(tag,
		"amd64-") || len(tag) != len("amd64-")+16 {
		t.Errorf("the image is %q, want the repository and a tag of architecture and content", name)
	}
	if got, want := c.one(t, typeFunction).input("imageUri"), repository+"@sha256:"+sha256Hex(name); got != want {
		t.Errorf("the function runs %v, want the digest %s", got, want)
	}
}

// Other build arguments make another image, which needs another tag: a tag may be immutable, and what is kept under it
// would be taken for the new image.
func TestBuildArgumentsAreInTheTag(t *testing.T) {
	seen := map[string]string{}
	for _, buildArgs := range []string{"{}", `{"A":"1"}`, `{"A":"2"}`, `{"B":"1"}`, `{"A":"1","B":""}`} {
		p := newProject(t)
		name := p.deployed(t, map[string]string{"buildArgs": buildArgs}).one(t, typeImage).input("imageName").(string)
		if other, taken := seen[name]; taken {
			t.Errorf("the build arguments %s and %s have the same image %s", other, buildArgs, name)
		}
		seen[name] = buildArgs
	}
}

func TestRegistryPasswordIsSecret(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, nil)
	for _, r := range c.records {
		if secret := r.Inputs.ContainsSecrets(); secret != (r.TypeToken == typeImage) {
			t.Errorf("%s has secrets: %v", r, secret)
		}
	}
	if !c.one(t, typeImage).Inputs["registry"].ObjectValue()["password"].IsSecret() {
		t.Error("the registry's password is in clear")
	}
}

func TestEnvironment(t *testing.T) {
	p := newProject(t)
	adapter := map[string]any{"PORT": "8080", "AWS_LWA_PORT": "8080", "AWS_LWA_PORT_DISCOVERY": "true",
		"AWS_LWA_READINESS_CHECK_PATH":     "/",
		"AWS_LWA_READINESS_CHECK_PROTOCOL": "http", "AWS_LWA_ASYNC_INIT": "false", "AWS_LWA_INVOKE_MODE": "buffered",
		"AWS_LWA_FORWARDED_PREFIX": "auto"}
	with := func(change map[string]any) map[string]any {
		all := maps.Clone(adapter)
		maps.Copy(all, change)
		return all
	}
	tests := []struct {
		name   string
		config map[string]string
		want   map[string]any
	}{
		{"defaults", nil, adapter},
		{"port", map[string]string{"port": "3000"}, with(map[string]any{"PORT": "3000", "AWS_LWA_PORT": "3000",
			"AWS_LWA_PORT_DISCOVERY": "false"})},
		{"readiness", map[string]string{"readinessPath": "/health?full=1", "readinessProtocol": "tcp"},
			with(map[string]any{"AWS_LWA_READINESS_CHECK_PATH": "/health?full=1",
				"AWS_LWA_READINESS_CHECK_PROTOCOL": "tcp"})},
		{"async init", map[string]string{"asyncInit": "true"}, with(map[string]any{"AWS_LWA_ASYNC_INIT": "true"})},
		{"the user's", map[string]string{"environment": `{"DEBUG":true,"WORKERS":2,"RATE":0.10,"NAME":"ü","EMPTY":""}`},
			with(map[string]any{"DEBUG": "true", "WORKERS": "2", "RATE": "0.10", "NAME": "ü", "EMPTY": ""})},
		{"an adapter variable without a setting",
			map[string]string{"environment": `{"AWS_LWA_ENABLE_COMPRESSION":"true"}`},
			with(map[string]any{"AWS_LWA_ENABLE_COMPRESSION": "true"})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := p.deployed(t, tt.config).one(t, typeFunction).input("environment.variables")
			if !reflect.DeepEqual(got, any(tt.want)) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestSecretEnvironmentStaysSecret(t *testing.T) {
	p := newProject(t)
	c := &cloud{}
	config := map[string]string{"environment": `{"TOKEN":"hunter2","NAME":"x"}`}
	must(t, p.run(c, config, []string{"environment"}, func(ctx *pulumi.Context) error {
		return deploy(ctx,
			stubCompile(""))
	}))
	environment := c.one(t, typeFunction).Inputs["environment"]
	if !environment.ContainsSecrets() {
		t.Fatal("the environment is in clear")
	}
	if got := c.one(t, typeFunction).input("environment.variables.TOKEN"); got != "hunter2" {
		t.Errorf("the app would get %v", got)
	}
	for _, r := range c.records {
		if strings.Contains(r.text(), "hunter2") && r.TypeToken != typeFunction {
			t.Errorf("%s holds the secret", r)
		}
	}
	must(t, filepath.WalkDir(filepath.Join(p.root, ".lambda-web"), func(path string, entry os.DirEntry,
		err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "hunter2") {
			t.Errorf("%s holds the secret", path)
		}
		return err
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
