package monitor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// application answers every request with the variables of its environment that the tests set and look for.
const application = `import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ' '.join(os.environ.get(name, '-') for name in ('GREETING', 'AWS_LAMBDA_FUNCTION_VERSION', 'AWS_LAMBDA_LOG_GROUP_NAME')).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
`

// program is a Pulumi program as a test wants it: the resources of a web app, some with other inputs.
type program map[string]map[string]any

// deploy registers the resources of a web app the way a program does.
func (p program) deploy(t *testing.T, settings Settings, previous *Deployment) *Deployment {
	t.Helper()
	of := settings.Program
	of.Previous = previous
	g := newRegistry(of)
	add := func(token, name string, inputs map[string]any) *pulumirpc.RegisterResourceResponse {
		t.Helper()
		maps.Copy(inputs, p[name])
		r, err := register(t, g, token, name, inputs)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	output := func(r *pulumirpc.RegisterResourceResponse, key string) any { return r.Object.AsMap()[key] }

	image := add("docker:index/image:Image", "image", map[string]any{
		"imageName": "registry.example/web:test", "build": map[string]any{"context": "app",
			"dockerfile": "app/Dockerfile"},
	})
	function := add("aws:lambda/function:Function", "function", map[string]any{
		"name": "web", "imageUri": output(image, "repoDigest"), "timeout": 30.0, "memorySize": 256.0,
	})
	alias := add("aws:lambda/alias:Alias", "alias", map[string]any{
		"name": "live", "functionName": "web", "functionVersion": output(function, "version"),
	})
	api := add("aws:apigateway/restApi:RestApi", "api", map[string]any{"body": fmt.Sprintf(`{"openapi":"3.0.1","info":{"title":"web","version":"1"},
		"paths":{"/":{"x-amazon-apigateway-any-method":{"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST","uri":%q}}}}}`,
		output(alias, "invokeArn"))})
	deployment := add("aws:apigateway/deployment:Deployment", "deployment", map[string]any{
		"restApi": api.Id, "triggers": map[string]any{"document": output(api, "body")},
	})
	add("aws:apigateway/stage:Stage", "stage", map[string]any{"restApi": api.Id, "stageName": "v1",
		"deployment": deployment.Id})
	add("aws:lambda/permission:Permission", "permission", map[string]any{
		"action": "lambda:InvokeFunction", "function": "web", "qualifier": "live",
		"principal": "apigateway.amazonaws.com",
		"sourceArn": "arn:aws:execute-api:eu-west-1:000000000000:" + api.Id + "/v1/*/*",
	})
	if p["task"] != nil {
		add(functionType, "task", map[string]any{"imageUri": output(image, "repoDigest")})
	}
	if p["release"] != nil {
		add(invocationType, "release", map[string]any{"triggers": map[string]any{"image": output(image, "repoDigest"),
			"command": p["release"]["input"]}})
	}
	if p["settings"] != nil {
		add("aws:apigateway/methodSettings:MethodSettings", "settings", map[string]any{"restApi": api.Id,
			"stageName": "v1"})
	}
	return g.deployment()
}

// greeting makes a program whose function has another environment.
func greeting(word string, and program) program {
	p := program{"function": {"environment": map[string]any{"variables": map[string]any{"GREETING": word,
		"PORT": testPort}}}}
	for name, inputs := range and {
		if p[name] == nil {
			p[name] = inputs
			continue
		}
		maps.Copy(p[name], inputs)
	}
	return p
}

// testPort is a free port for the app of all tests, which run one after the other.
var testPort = func() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}()

// settings are a folder with the app and the adapter, built once.
func settings(t *testing.T, log io.Writer) Settings {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Dockerfile": "FROM python:3\nWORKDIR /srv\nCOPY app.py .\nCMD [\"python3\", \"app.py\"]\n",
		"app.py":     application,
	} {
		if err := os.WriteFile(filepath.Join(dir, "app", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	adapter := filepath.Join(dir, "lambda-adapter")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", adapter, "lambda-web/adapter")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the adapter: %v\n%s", err, out)
	}
	return Settings{
		Program: Program{Project: "shop", Stack: "dev", Dir: dir, BaseURL: "http://127.0.0.1:3000", Output: log,
			Config: map[string]string{"aws:region": "eu-west-1"},
			App:    App{Folder: filepath.Join(dir, "app"), Dockerfile: filepath.Join(dir, "app", "Dockerfile")}},
		Adapter: adapter, Cache: filepath.Join(dir, "cache"), Lines: log, Log: log,
	}
}

// realise makes a deployment real for the length of a test.
func realise(t *testing.T, d *Deployment, s Settings) (*Cloud, *httptest.Server) {
	t.Helper()
	c, err := Realise(t.Context(), d, s)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	t.Cleanup(func() {
		server.Close()
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c, server
}

func call(t *testing.T, server *httptest.Server) (status int, body string) {
	t.Helper()
	response, err := http.Get(server.URL + "/v1/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// A permission that is missing, or that is for something else, does not keep the deployment back: each request is
// answered with 500, as on AWS, and the log says why.
func TestPermission(t *testing.T) {
	var log lines
	s := settings(t, &log)
	for name, inputs := range map[string]map[string]any{
		"for the function, not its alias": {"qualifier": ""},
		"for another function":            {"function": "other"},
		"for another API":                 {"sourceArn": "arn:aws:execute-api:eu-west-1:000000000000:other/v1/*/*"},
		"for another stage":               {"sourceArn": "arn:aws:execute-api:eu-west-1:000000000000:*/v2/*/*"},
		"for another method":              {"sourceArn": "arn:aws:execute-api:eu-west-1:000000000000:*/v1/POST/*"},
		"for another path":                {"sourceArn": "arn:aws:execute-api:eu-west-1:000000000000:*/v1/*/items"},
		"for another region":              {"sourceArn": "arn:aws:execute-api:eu-west-2:000000000000:*/v1/*/*"},
		"for another account":             {"sourceAccount": "111111111111"},
		"for another service":             {"principal": "sns.amazonaws.com"},
		"of another kind":                 {"action": "lambda:GetFunction"},
	} {
		t.Run(name, func(t *testing.T) {
			_, server := realise(t, greeting("hello", program{"permission": inputs}).deploy(t, s, nil), s)
			if status, body := call(t, server); status != 500 || body != `{"message": "Internal server error"}` {
				t.Errorf("%d %s", status, body)
			}
			if !strings.Contains(log.String(),
				"no lambda permission lets arn:aws:execute-api:eu-west-1:000000000000:") {
				t.Errorf("the log does not say why:\n%s", log.String())
			}
		})
	}
}

// A permission is compared with the whole of stage, method and path, as AWS does.
func TestPermissionThatIsNarrow(t *testing.T) {
	s := settings(t, io.Discard)
	for name, source := range map[string]string{"everything": "", "the method": ":*/v1/GET/",
		"any stage": ":*/*/GET/*", "all methods": ":*/v1/*/*"} {
		t.Run(name, func(t *testing.T) {
			if source != "" {
				source = "arn:aws:execute-api:eu-west-1:000000000000" + source
			}
			_, server := realise(t, greeting("hello", program{"permission": {"sourceArn": source}}).deploy(t, s, nil),
				s)
			if status, body := call(t, server); status != 200 {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// Reserved concurrency of 0 blocks a function, which is not even started; a rate without a burst, or a burst without a
// rate, has the account's quota for the other.
func TestLimitsOfTheProgram(t *testing.T) {
	s := settings(t, io.Discard)
	settingsOf := func(settings map[string]any) map[string]any {
		return map[string]any{"settings": settings, "methodPath": "*/*"}
	}
	for name, test := range map[string]struct {
		program   program
		statuses  map[int]int
		wantCause string
	}{
		"blocked": {greeting("hello", program{"function": {"reservedConcurrentExecutions": 0.0}}),
			map[int]int{500: 4}, "rate exceeded"},
		"a burst, and no rate": {greeting("hello",
			program{"settings": settingsOf(map[string]any{"throttlingBurstLimit": 2.0})}), map[int]int{200: 4}, ""},
		"both are off": {greeting("hello",
			program{"settings": settingsOf(map[string]any{"throttlingBurstLimit": -1.0,
				"throttlingRateLimit": -1.0})}), map[int]int{200: 4}, ""},
		"a rate of 0": {greeting("hello",
			program{"settings": settingsOf(map[string]any{"throttlingRateLimit": 0.0, "throttlingBurstLimit": 1.0})}),
			map[int]int{200: 1, 429: 3}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			s.Lines, s.Log = &log, &log
			_, server := realise(t, test.program.deploy(t, s, nil), s)
			statuses := map[int]int{}
			for range 4 { // slower than the account's rate
				status, _ := call(t, server)
				statuses[status]++
			}
			if !maps.Equal(statuses, test.statuses) || !strings.Contains(log.String(), test.wantCause) {
				t.Errorf("statuses %v, want %v; the log is\n%s", statuses, test.statuses, log.String())
			}
		})
	}
}

// A stage serves the API as it was when its deployment was made.
func TestStageServesItsDeploymentsSnapshot(t *testing.T) {
	s := settings(t, io.Discard)
	first := greeting("one", nil).deploy(t, s, nil)
	c, server := realise(t, first, s)
	body := text(first.OfType("aws:apigateway/restApi:RestApi")[0].Inputs, "body")
	moved := strings.ReplaceAll(body, `"/":`, `"/elsewhere":`)
	fixed := map[string]any{"triggers": map[string]any{"document": body}}
	second := greeting("one", program{"api": {"body": moved}, "deployment": fixed}).deploy(t, s, first)
	if err := c.Update(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if status, got := call(t, server); status != 200 {
		t.Errorf("the API has changed and was not deployed: %d %s", status, got)
	}
	third := greeting("one", program{"api": {"body": moved}}).deploy(t, s, second)
	if err := c.Update(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	if status, got := call(t, server); status != 403 {
		t.Errorf("after its deployment: %d %s", status, got)
	}
}

// An alias points where its resource says: to the newest version or to one before, with or without a share for another.
func TestAliasOfTheProgram(t *testing.T) {
	var log lines
	s := settings(t, &log)
	first := greeting("one", nil).deploy(t, s, nil)
	c, server := realise(t, first, s)
	expect := func(what, want string) {
		t.Helper()
		if status, body := call(t, server); status != 200 || body != want {
			t.Errorf("%s: %d %q, want %q", what, status, body, want)
		}
	}
	expect("at first", "one 1 /aws/lambda/web")

	shifted := program{"alias": {"routingConfig": map[string]any{"additionalVersionWeights": map[string]any{"1": 1.0}}}}
	second := greeting("two", shifted).deploy(t, s, first)
	if err := c.Update(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	expect("with all weight on the version before", "one 1 /aws/lambda/web")

	third := greeting("two",
		program{"function": {"loggingConfig": map[string]any{"logGroup": "/shop/web"}}}).deploy(t, s, second)
	if err := c.Update(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	expect("without a weight, with another log group", "two 3 /shop/web")

	gone := greeting("two", program{"alias": {"functionVersion": "1",
		"routingConfig": map[string]any{"additionalVersionWeights": map[string]any{"3": 0.5}}},
		"function": {"loggingConfig": map[string]any{"logGroup": "/shop/web"}}}).deploy(t, s, third)
	if err := c.Update(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	expect("held at a version that has ended", "two 3 /shop/web")
	if !strings.Contains(log.String(),
		"The alias live points to version 1, which is not on this machine: version 3, the newest, serves in its place.") {
		t.Errorf("the log does not say so:\n%s", log.String())
	}

	kept := greeting("four", program{"alias": {"functionVersion": "3"}}).deploy(t, s, gone)
	if err := c.Update(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	expect("held at the version before", "two 3 /shop/web")
}

// An API that cannot be made keeps the whole deployment back, a function that has changed with it included.
func TestBrokenAPI(t *testing.T) {
	var log lines
	s := settings(t, &log)
	first := greeting("one", nil).deploy(t, s, nil)
	c, server := realise(t, first, s)
	for want, broken := range map[string]program{
		"stage v1: read the OpenAPI document": {"api": {"body": `{"openapi":"3.0.1","paths":{"/":{"get":{}}}}`}},
		"has no OpenAPI document (body)": {"api": {"body": ""},
			"deployment": {"triggers": map[string]any{"document": ""}}},
		"names a function that this program does not make": {"api": {"body": strings.ReplaceAll(
			text(first.OfType("aws:apigateway/restApi:RestApi")[0].Inputs, "body"), ":web:live", ":other:live")}},
	} {
		if err := c.Update(t.Context(), greeting("two", broken).deploy(t, s, first)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if status, body := call(t, server); status != 200 || body != "one 1 /aws/lambda/web" {
			t.Errorf("after that: %d %q", status, body)
		}
	}
}

// lines is a log that several goroutines write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
