package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"lambda-web/test/lambda"
)

const (
	frontSecret  = "5f0c1b2a39485766758493a2b1c0dfee0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	frontHost    = "shop.example.com"
	stageHost    = "abc123.execute-api.us-east-1.amazonaws.com"
	frontSetting = "AWS_LWA_FRONT_SECRET_SHA256"
)

// digestOf is a secret as the setting has it.
func digestOf(secret string) string {
	digest := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(digest[:])
}

// fromFront are the fields that a distribution in front adds to a viewer's own.
func fromFront(secret string) map[string][]string {
	return map[string][]string{"Host": {stageHost}, "X-Lambda-Web-Front": {secret}, "X-Forwarded-Host": {frontHost},
		"X-Forwarded-For": {"203.0.113.9, 192.0.2.1, 198.51.100.7"}, "X-Forwarded-Proto": {"https"},
		"Via": {"2.0 x.cloudfront.net (CloudFront)"}, "X-Amz-Cf-Id": {"abc"}}
}

// frontEvents are GET /cart as REST API, HTTP API and load balancer have it.
func frontEvents(fields map[string][]string) map[string]string {
	single, joined := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		single[name] = fields[name][len(fields[name])-1]
		all, lower := strings.Join(fields[name], ","), strings.ToLower(name)
		if joined[lower] != "" { // in another spelling
			all = joined[lower] + "," + all
		}
		joined[lower] = all
	}
	return map[string]string{
		"REST": `{"resource":"/{proxy+}","path":"/cart","httpMethod":"GET","headers":` + quoted(single) +
			`,"multiValueHeaders":` + quoted(fields) +
			`,"pathParameters":{"proxy":"cart"},"requestContext":{"resourcePath":"/{proxy+}",` +
			`"httpMethod":"GET","path":"/v1/cart","stage":"v1","domainName":"` + stageHost +
			`"},"body":null,"isBase64Encoded":false}`,
		"HTTP API": `{"version":"2.0","rawPath":"/cart","rawQueryString":"","headers":` + quoted(joined) +
			`,"requestContext":{"domainName":"` + stageHost +
			`","http":{"method":"GET","path":"/v1/cart"},"stage":"v1"},"isBase64Encoded":false}`,
		"ALB": `{"path":"/cart","httpMethod":"GET","multiValueHeaders":` + quoted(fields) +
			`,"requestContext":{"elb":{"targetGroupArn":"x"}},"body":"","isBase64Encoded":false}`,
	}
}

// behindFront starts the adapter as the program does with front: cloudfront, in the middle of a rotation.
func behindFront(t *testing.T, variables map[string]string) *environment {
	t.Helper()
	e := newEnvironment(t)
	e.variables[frontSetting] = digestOf("the one before") + "," + digestOf(frontSecret)
	e.variables["AWS_LWA_FORWARDED_PREFIX"] = "auto"
	e.variables["AWS_LAMBDA_LOG_LEVEL"] = "DEBUG"
	for name, value := range variables {
		e.variables[name] = value
	}
	e.app.OnRequest(func(x *lambda.Exchange) {
		x.Reply(302, []string{"Location: /login", "Set-Cookie: a=1; Path=/cart"}, nil)
	})
	e.startReady()
	return e
}

// checkSecret asserts that the secret is neither in the log nor in anything that the app was sent.
func (e *environment) checkSecret() {
	e.Helper()
	if strings.Contains(e.finish().Text(), frontSecret) {
		e.Error("the secret is in the log")
	}
	for _, request := range e.app.Requests() {
		if strings.Contains(fmt.Sprint(request.Target, request.Header, string(request.Body)), frontSecret) {
			e.Errorf("the app was sent the secret: %s %v %s", request.Target, request.Header, request.Body)
		}
	}
}

// With the secret of the distribution in front, the app gets the browser's request and answers at a URL without a
// prefix; beside it, in the same environment, a request of the stage's own URL keeps the stage.
func TestFront(t *testing.T) {
	t.Parallel()
	for mode, variables := range map[string]map[string]string{"buffered": nil,
		"streaming": {"AWS_LWA_INVOKE_MODE": "response_stream"}} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			e := behindFront(t, variables)
			direct := fromFront("a guess")
			for source := range frontEvents(direct) {
				for _, secret := range []string{"the one before", "a guess", frontSecret} {
					answer := e.invoke(frontEvents(fromFront(secret))[source])
					call := e.app.Served()[len(e.app.Served())-1]
					want := map[string]string{"Host": frontHost, "X-Forwarded-Host": frontHost, "X-Forwarded-Proto": "https",
						"X-Forwarded-For": "203.0.113.9, 192.0.2.1"}
					location := "/login"
					if secret == "a guess" {
						want["Host"], want["X-Forwarded-Host"] = stageHost, ""
						want["X-Forwarded-For"] += ", 198.51.100.7"
						if source != "ALB" {
							want["X-Forwarded-Prefix"], location = "/v1", "/v1/login"
						}
					}
					for _, name := range []string{"Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For",
						"X-Forwarded-Prefix", "X-Lambda-Web-Front"} {
						if got := strings.Join(call.Header.Values(name), "|"); got != want[name] {
							t.Errorf("%s with %s: %s is %q, want %q", source, secret, name, got, want[name])
						}
					}
					if call.Target != "/cart" {
						t.Errorf("%s with %s: the target is %s", source, secret, call.Target)
					}
					if body := string(answer.Body); !strings.Contains(body, `"`+location+`"`) ||
						!strings.Contains(body, `Path=`+strings.TrimSuffix(location, "/login")+`/cart`) {
						t.Errorf("%s with %s: the answer is %s", source, secret, body)
					}
				}
			}
			e.checkSecret()
		})
	}
}

// forgedFronts are requests of somebody who would like the app to believe in another host.
var forgedFronts = map[string]map[string][]string{
	"no secret":           {},
	"another one":         {"X-Lambda-Web-Front": {"a guess"}},
	"its digest":          {"X-Lambda-Web-Front": {digestOf(frontSecret)}},
	"twice":               {"X-Lambda-Web-Front": {frontSecret, frontSecret}},
	"beside a guess":      {"X-Lambda-Web-Front": {"a guess", frontSecret}},
	"in two spellings":    {"X-Lambda-Web-Front": {frontSecret}, "X-LAMBDA-WEB-FRONT": {"a guess"}},
	"with underscores":    {"X_Lambda_Web_Front": {frontSecret}},
	"with dots":           {"X.Lambda.Web.Front": {frontSecret}},
	"two hosts":           {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"evil.example", "evil.example"}},
	"a host with a path":  {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"evil.example/x"}},
	"a host that injects": {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"evil.example\r\nx-evil: 1"}},
}

func TestForgedFront(t *testing.T) {
	t.Parallel()
	e := behindFront(t, nil)
	for name, forged := range forgedFronts {
		fields := map[string][]string{"Host": {stageHost}, "X-Forwarded-Host": {"evil.example"},
			"X_Forwarded_Host": {"evil.example"},
			"Forwarded":        {"host=evil.example;proto=http"}, "X-Forwarded-Prefix": {"/evil"}, "Script-Name": {"/evil"}}
		for field, values := range forged {
			fields[field] = values
		}
		for source, event := range frontEvents(fields) {
			e.invoke(event).status(302)
			call := e.app.Served()[len(e.app.Served())-1]
			if call.Header.Get("Host") != stageHost || strings.Contains(fmt.Sprint(call.Header), "evil") ||
				strings.Contains(strings.ToLower(fmt.Sprint(call.Header)), "front") {
				t.Errorf("%s, %s: the app was told %v", name, source, call.Header)
			}
		}
	}
	e.checkSecret()
}

// An event that is passed on as it is may hold the headers of a request that came through the distribution.
func TestFrontSecretOfAuthorizers(t *testing.T) {
	t.Parallel()
	e := behindFront(t, nil)
	e.app.OnRequest(func(x *lambda.Exchange) { x.Reply(200, nil, []byte(`{}`)) })
	event := `{"type":"REQUEST","methodArn":"arn:x","path":"/cart","httpMethod":"GET","headers":{"X-Lambda-Web-Front":"%s","a":"é"},` +
		`"multiValueHeaders":{"x-lambda-web-front":["%[1]s"],"a":["é"]},"requestContext":{"path":"/v1/cart"}}`
	e.invoke(fmt.Sprintf(event, frontSecret))
	call := e.app.Served()[0]
	if want := fmt.Sprintf(event, strings.Repeat("*", len(frontSecret))); call.Target != "/events" ||
		string(call.Body) != want {
		t.Errorf("%s %s, want %s", call.Target, call.Body, want)
	}
	e.checkSecret()
}

// An unchanged app under gunicorn, which takes a prefix in SCRIPT_NAME: it is at the root of the site's URL and below
// the stage of the stage's URL, request by request.
func TestFrontOfGunicorn(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	site{gunicorn: "27.0.1", worker: "sync"}.start(t, e)
	e.variables[frontSetting] = digestOf(frontSecret)
	e.variables["AWS_LWA_FORWARDED_PREFIX"] = "auto"
	e.startReady()
	for _, secret := range []string{frontSecret, "a guess", frontSecret} {
		prefix, host := "", frontHost
		if secret != frontSecret {
			prefix, host = "/v1", stageHost
		}
		event := strings.ReplaceAll(frontEvents(fromFront(secret))["REST"], "cart", "login")
		var page struct{ Home, Login, Path, Root, Absolute string }
		if err := json.Unmarshal([]byte(e.invoke(event).status(200).Body), &page); err != nil {
			t.Fatal(err)
		}
		if page.Home != prefix+"/" || page.Login != prefix+"/login" || page.Path != "/login" || page.Root != prefix ||
			page.Absolute != "https://"+host+prefix+"/login" {
			t.Errorf("with the secret %.7s: %+v", secret, page)
		}
	}
}

func TestFrontSetting(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.variables[frontSetting] = frontSecret + "," + strings.ToUpper(frontSecret)
	e.start()
	e.exits(1)
	e.logs("FATAL", frontSetting+"=", "it must be one or two SHA-256 digests, each 64 lower-case hex digits")
}
