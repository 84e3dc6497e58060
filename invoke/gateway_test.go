package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// signedAPI is a REST API whose every path and method asks for AWS_IAM.
const signedAPI = `{"openapi":"3.0.1","info":{"title":"t","version":"1"},
"components":{"securitySchemes":{"sigv4":{"type":"apiKey","name":"Authorization","in":"header","x-amazon-apigateway-authtype":"awsSigv4"}}},
"x-amazon-apigateway-binary-media-types":["*/*"],
"paths":{"/":{"x-amazon-apigateway-any-method":METHOD},"/{proxy+}":{"x-amazon-apigateway-any-method":METHOD}}}`

const signedMethod = `{"security":[{"sigv4":[]}],"parameters":[],"responses":{},"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST",
"uri":"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:f:live/invocations"}}`

// echo answers 200 with the event it was called with.
type echo struct{}

func (echo) Invoke(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
	payload, err := json.Marshal(map[string]any{"statusCode": 200, "body": string(in.Event)})
	return sandbox.Result{Payload: payload}, err
}

// newGateway serves the API at <url>/v1 for one caller.
func newGateway(t testing.TB, now func() time.Time, caller gateway.Principal) string {
	t.Helper()
	path := strings.ReplaceAll(signedMethod, `"parameters":[]`,
		`"parameters":[{"name":"proxy","in":"path","required":true,"schema":{"type":"string"}}]`)
	document := strings.Replace(signedAPI, "METHOD", signedMethod, 1)
	api, err := gateway.New(gateway.Config{
		Document: []byte(strings.Replace(document, "METHOD", path, 1)),
		APIID:    "a1b2c3d4e5", AccountID: "123456789012", Region: "eu-central-1", Stage: "v1",
		Integration: func(string) (sandbox.Invoker, error) { return echo{}, nil },
		Principals:  []gateway.Principal{caller},
		Now:         now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

var gatewayCaller = gateway.Principal{
	AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret/+=", SessionToken: "token/+=", AccountID: "123456789012",
	UserID: "AROAEXAMPLE:run", ARN: "arn:aws:sts::123456789012:assumed-role/deployer/run",
	Policy: []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}`),
}

// signIn makes the credentials those of the environment, and keeps all others away.
func signIn(t *testing.T, key, secret, token string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token,
		"AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": t.TempDir() + "/none", "AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/none",
	} {
		t.Setenv(name, value)
	}
}

// invoked runs the command.
func invoked(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errors)
	return code, out.String(), errors.String()
}

// TestGatewayAcceptsSignatures sends what people type to a gateway that verifies every signature.
func TestGatewayAcceptsSignatures(t *testing.T) {
	signIn(t, gatewayCaller.AccessKeyID, gatewayCaller.SecretAccessKey, gatewayCaller.SessionToken)
	base := newGateway(t, time.Now, gatewayCaller)
	for name, c := range map[string]struct {
		path string
		args []string
	}{
		"root":                         {path: "/"},
		"no slash":                     {path: ""},
		"query":                        {path: "/a?b=1&a=2"},
		"brackets sort after encoding": {path: "/a?page[size]=1&pageNumber=2&page[number]=3"},
		"name without value":           {path: "/a?flag&b="},
		"same name twice, in order":    {path: "/a?x=2&x=1"},
		"plus and space":               {path: "/a?x=a+b&y=c%20d&z=e%2Bf"},
		"percent that is none":         {path: "/a?x=100%25"},
		"umlauts":                      {path: "/%C3%A4?%C3%B6=%C3%BC"},
		"slashes in a segment":         {path: "/a%2Fb/c"},
		"double slash":                 {path: "//a//b"},
		"plus in the path":             {path: "/a+b(c)'d"},
		"method":                       {path: "/a", args: []string{"-X", "DELETE"}},
		"data":                         {path: "/a", args: []string{"-d", `{"a":"b"}`}},
		"PUT with data":                {path: "/a", args: []string{"-X", "PUT", "-d", "a=b"}},
		"headers": {path: "/a", args: []string{"-H", "X-One:  a   b ", "-H", "x-one: c",
			"-H", "Accept: text/html"}},
		"empty header":                       {path: "/a", args: []string{"-H", "X-Empty:"}},
		"fragment is not sent":               {path: "/a#b"},
		"a Host of one's own, as behind DNS": {path: "/a", args: []string{"-H", "Host: api.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := invoked(t, "", append(c.args, "-region", "eu-central-1", base+c.path)...)
			if code != 0 || !strings.Contains(stdout,
				`"userArn":"arn:aws:sts::123456789012:assumed-role/deployer/run"`) {
				t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
			}
		})
	}
}

// TestGatewayAcceptsMadeUpRequests is the same for requests nobody would type.
func TestGatewayAcceptsMadeUpRequests(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	now := suiteTime
	for range 300 {
		s, m := madeUp(random)
		s.region, s.service = "eu-central-1", "execute-api"
		caller := gatewayCaller
		caller.AccessKeyID, caller.SecretAccessKey, caller.SessionToken = s.credentials.AccessKeyID,
			s.credentials.SecretAccessKey, s.credentials.SessionToken
		base := newGateway(t, func() time.Time { return now }, caller)
		_, rest, _ := strings.Cut(m.URL, "://")
		m.URL = base + rest[strings.Index(rest, "/"):]
		r := m.request(t)
		s.sign(r, []byte(m.body), now)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%+v: %s %s", m, answer.Status, answer.Header.Get("X-Amzn-Errortype"))
		}
	}
}

// TestGatewayRefuses: the refusal reaches the user as exit code 4 and a sentence on what to do.
func TestGatewayRefuses(t *testing.T) {
	base := newGateway(t, time.Now, gatewayCaller)
	good := []string{gatewayCaller.AccessKeyID, gatewayCaller.SecretAccessKey, gatewayCaller.SessionToken}
	for name, c := range map[string]struct {
		credentials []string
		args        []string
		hint        string
	}{
		"other region":   {good, []string{"-region", "eu-west-1"}, "signed for service execute-api in eu-west-1"},
		"other service":  {good, []string{"-service", "lambda"}, "signed for service lambda in eu-central-1"},
		"wrong secret":   {[]string{good[0], "wrong", good[2]}, nil, "check -service, -region, the secret key"},
		"unknown key":    {[]string{"AKIDOTHER", "wrong", ""}, nil, "sign in again"},
		"without a sign": {good, []string{"-u"}, "try without -u"},
	} {
		t.Run(name, func(t *testing.T) {
			signIn(t, c.credentials[0], c.credentials[1], c.credentials[2])
			t.Setenv("AWS_REGION", "eu-central-1")
			code, stdout, stderr := invoked(t, "", append(c.args, base+"/")...)
			if code != 4 || !strings.Contains(stdout, `"message"`) || !strings.Contains(stderr, c.hint) {
				t.Errorf("exit code %d, want 4; stdout %q; stderr %q, want %q in it", code, stdout, stderr, c.hint)
			}
		})
	}
}
