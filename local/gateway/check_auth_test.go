package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	iamSchemes = `,"components":{"securitySchemes":{"sigv4":{"type":"apiKey","name":"Authorization","in":"header",` +
		`"x-amazon-apigateway-authtype":"awsSigv4"}}}`
	iamSecurity = `"security":[{"sigv4":[]}],`
	allowAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}`
)

var (
	testNow  = time.Date(2026, 7, 10, 19, 19, 4, 0, time.UTC)
	testUser = Principal{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", AccountID: testAccount,
		UserID: "AIDAEXAMPLE", ARN: "arn:aws:iam::123456789012:user/tester", Policy: []byte(allowAll),
	}
	testSession = Principal{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token/+=",
		Expires: testNow.Add(time.Hour), AccountID: testAccount,
		UserID: "AROAEXAMPLE:run", ARN: "arn:aws:sts::123456789012:assumed-role/deployer/run", Policy: []byte(allowAll),
	}
)

// iamConfig is the proxy API with AWS_IAM on both methods.
func iamConfig(f function) Config {
	config := testConfig(f)
	config.Document = bytes.ReplaceAll(documentText(proxyPaths(), anyBinary+iamSchemes),
		[]byte(`"x-amazon-apigateway-integration"`), []byte(iamSecurity+`"x-amazon-apigateway-integration"`))
	config.Principals = []Principal{testUser, testSession}
	config.Now = func() time.Time { return testNow }
	return config
}

// signing is how a test request is signed; zero fields have what is right.
type signing struct {
	principal       Principal
	region, service string
	at              time.Time
	presign         bool
	// host is the Host header, with a port.
	host string
	// after changes the request once it is signed.
	after func(*http.Request)
}

// signed sends a request signed by the SDK for Go.
func signed(t testing.TB, server *httptest.Server, method, target, body string, s signing) reply {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if s.principal.AccessKeyID == "" {
		s.principal = testUser
	}
	if s.at.IsZero() {
		s.at = testNow
	}
	r.Host = orElse(s.host, r.Host)
	credentials := aws.Credentials{AccessKeyID: s.principal.AccessKeyID, SecretAccessKey: s.principal.SecretAccessKey,
		SessionToken: s.principal.SessionToken}
	sum := sha256.Sum256([]byte(body))
	hash, region, service := hex.EncodeToString(sum[:]), orElse(s.region, testRegion), orElse(s.service, "execute-api")
	if s.presign {
		uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), credentials, r, hash, service, region, s.at)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = http.NewRequest(method, uri, strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	} else if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hash, service, region,
		s.at); err != nil {
		t.Fatal(err)
	}
	if s.after != nil {
		s.after(r)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(text)}
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// message is what an error body says; key is its spelling.
func (r reply) message(t testing.TB, key string) string {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	return body[key]
}

func TestCheck47_R_ForeignAuthorizationOnUnknownPath(t *testing.T) {
	server := serve(t, withPaths(echo, `"/a":{"get":`+methodText("")+`}`))
	for _, check := range []struct{ header, errorType, message string }{
		{"Bearer x", "IncompleteSignatureException",
			"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and " +
				"encoded with Base64): '" + authorizationHash("Bearer x") + "'."},
		{"Bearer a=b", "IncompleteSignatureException",
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
				"Authorization header requires 'SignedHeaders' parameter. Authorization header requires " +
				"existence of either a 'X-Amz-Date' or a 'Date' header. " +
				"(Hashed with SHA-256 and encoded with Base64) Authorization=" + authorizationHash("Bearer a=b")},
		{"AWS4-HMAC-SHA256 Credential=a", "MissingAuthenticationTokenException", "Missing Authentication Token"},
	} {
		got := get(t, server, "/v1/b", "Authorization: "+check.header)
		if got.status != 403 || got.header.Get("x-amzn-ErrorType") != check.errorType || got.message(t,
			"message") != check.message {
			t.Errorf("%s: %d %s %s", check.header, got.status, got.header.Get("x-amzn-ErrorType"), got.body)
		}
	}
}

func TestCheck49_R_RoutingBeforeAuthorization(t *testing.T) {
	config := iamConfig(echo)
	config.Document = documentText(`"/admin":{"post":`+methodText(iamSecurity)+
		`},"/{proxy+}":{"x-amazon-apigateway-any-method":`+methodText("")+`}`, iamSchemes)
	server := serve(t, config)
	get(t, server, "/v1/admin").event(t).expect(t, map[string]string{"resource": `"/{proxy+}"`})
	if got := exchangeRaw(t, server, requestText("POST", "/v1/admin", "")); got.status != 403 ||
		got.body != missingTokenBody {
		t.Errorf("POST: %d %s", got.status, got.body)
	}
}

func TestCheck53_D_Preflight(t *testing.T) {
	preflight := requestText("OPTIONS", "/v1/x", "", "Origin: https://a.example", "Access-Control-Request-Method: GET")
	got := exchangeRaw(t, serve(t, iamConfig(echo)), preflight)
	if got.status != 403 || got.body != missingTokenBody || strings.Contains(strings.ToLower(got.head),
		"access-control") {
		t.Errorf("%d %s", got.status, got.head)
	}
	config := iamConfig(echo)
	config.Document = bytes.Replace(config.Document, []byte(`"/{proxy+}":{`), []byte(`"/{proxy+}":{"options":`+
		methodText("")+`,`), 1)
	exchangeRaw(t, serve(t, config), preflight).event(t).expect(t, map[string]string{"httpMethod": `"OPTIONS"`})
}

func TestCheck54_E_SignedByTheGoSDK(t *testing.T) {
	server := serve(t, iamConfig(echo))
	const target = "/v1/x%2By/a//b?t=u+v&t=1"
	e := signed(t, server, "POST", target, "body", signing{}).event(t)
	e.expect(t, map[string]string{
		"path": `"/x%2By/a//b"`, "multiValueQueryStringParameters": `{"t":["1","u v"]}`,
		"requestContext/identity/accessKey": `"AKIDEXAMPLE"`, "requestContext/identity/accountId": `"123456789012"`,
		"requestContext/identity/caller": `"AIDAEXAMPLE"`, "requestContext/identity/user": `"AIDAEXAMPLE"`,
		"requestContext/identity/userArn":  `"arn:aws:iam::123456789012:user/tester"`,
		"requestContext/identity/sourceIp": `"127.0.0.1"`,
	})
	if _, there := e.raw["headers"].(map[string]any)["Authorization"]; there {
		t.Error("the event has Authorization")
	}
	signed(t, server, "GET", target, "", signing{principal: testSession}).event(t).expect(t, map[string]string{
		"requestContext/identity/caller":  `"AROAEXAMPLE:run"`,
		"requestContext/identity/userArn": `"arn:aws:sts::123456789012:assumed-role/deployer/run"`,
	})
	// The SDK leaves the scheme's own port out of what it signs; HTTP libraries send it all the same.
	defaultPort := signing{host: "api.example.com:80", after: func(r *http.Request) { r.Host = "api.example.com:80" }}
	if got := signed(t, server, "GET", "/v1", "", defaultPort); got.status != 200 {
		t.Errorf("with the default port: %d %s", got.status, got.body)
	}
	otherPort := signing{host: "api.example.com:80", after: func(r *http.Request) { r.Host = "api.example.com:81" }}
	if got := signed(t, server, "GET", "/v1", "", otherPort); got.status != 403 {
		t.Errorf("with another port than the one signed: %d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1", "/v1/", "//v1/x", "/v1/./a/../b", "/v1/%CE%BB/%252F",
		"/v1/x?b=2&a=1&a=%2F&~=-&e"} {
		if got := signed(t, server, "GET", path, "", signing{}); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestCheck56_R_ChangedAfterSigning(t *testing.T) {
	server := serve(t, iamConfig(echo))
	for name, change := range map[string]func(*http.Request){
		"body":          func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("bodY")) },
		"query":         func(r *http.Request) { r.URL.RawQuery = "a=2" },
		"path":          func(r *http.Request) { r.URL.Path += "y" },
		"method":        func(r *http.Request) { r.Method = "PUT" },
		"signed header": func(r *http.Request) { r.Header.Set("X-Amz-Meta", "b") },
	} {
		signed := signed(t, server, "POST", "/v1/x?a=1", "body", signing{after: change})
		if name == "signed header" {
			if signed.status != 200 {
				t.Errorf("a header that is not signed: %d %s", signed.status, signed.body)
			}
			continue
		}
		message := signed.message(t, "message")
		if signed.status != 403 || signed.header.Get("x-amzn-ErrorType") != "InvalidSignatureException" ||
			!strings.HasPrefix(message,
				"The request signature we calculated does not match the signature you provided. Check your AWS Secret "+
					"Access Key and signing method. Consult the service documentation for details.\n\nThe "+
					"Canonical String for this request should have been\n'P") ||
			!strings.Contains(message,
				"'\n\nThe String-to-Sign should have "+
					"been\n'AWS4-HMAC-SHA256\n20260710T191904Z\n20260710/eu-central-1/execute-api/aws4_request\n") ||
			!strings.HasSuffix(message, "'\n") {
			t.Errorf("%s: %d %s", name, signed.status, signed.body)
		}
	}
}

// TestUnsignedPayload: a signature that leaves the body out.
func TestUnsignedPayload(t *testing.T) {
	r, err := http.NewRequest("POST", serve(t, iamConfig(echo)).URL+"/v1/x", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	const hash = "UNSIGNED-PAYLOAD"
	r.Header.Set("X-Amz-Content-Sha256", hash)
	credentials := aws.Credentials{AccessKeyID: testUser.AccessKeyID, SecretAccessKey: testUser.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hash, "execute-api", testRegion,
		testNow); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	want := 403
	if acceptUnsignedPayload {
		want = 200
	}
	if response.StatusCode != want {
		t.Errorf("status %d, want %d", response.StatusCode, want)
	}
}

func TestCheck57_R_Clock(t *testing.T) {
	server := serve(t, iamConfig(echo))
	const window = 5 * time.Minute
	for _, presign := range []bool{false, true} {
		for _, check := range []struct {
			offset  time.Duration
			message string
		}{
			{-window - time.Second,
				"Signature expired: 20260710T191403Z is now earlier than 20260710T191404Z (20260710T191904Z - 5 min.)"},
			{-window + time.Second, ""},
			{window - time.Second, ""},
			{window + time.Second,
				"Signature not yet current: 20260710T192405Z is still later than 20260710T192404Z (20260710T191904Z + 5 min.)"},
		} {
			got := signed(t, server, "GET", "/v1", "", signing{at: testNow.Add(check.offset), presign: presign})
			if check.message == "" && got.status != 200 {
				t.Errorf("%v: %d %s", check.offset, got.status, got.body)
			}
			if check.message != "" && (got.status != 403 || got.message(t, "message") != check.message ||
				got.header.Get("x-amzn-ErrorType") != "InvalidSignatureException") {
				t.Errorf("%v: %d %s", check.offset, got.status, got.body)
			}
		}
	}
}

func TestCheck58_R_Credentials(t *testing.T) {
	const invalid = "The security token included in the request is invalid."
	with := func(change func(*Principal), base Principal) Principal {
		change(&base)
		return base
	}
	for _, check := range []struct {
		name               string
		signing            signing
		errorType, message string
	}{
		{"unknown_key", signing{principal: with(func(p *Principal) { p.AccessKeyID = "AKIDOTHER" }, testUser)},
			"UnrecognizedClientException", invalid},
		{"no_session_token", signing{principal: with(func(p *Principal) { p.SessionToken = "" }, testSession)},
			"UnrecognizedClientException", invalid},
		{"wrong_session_token", signing{principal: with(func(p *Principal) { p.SessionToken = "x" }, testSession)},
			"UnrecognizedClientException", invalid},
		{"session_token_of_a_user", signing{principal: with(func(p *Principal) { p.SessionToken = "x" }, testUser)},
			"UnrecognizedClientException", invalid},
		{"wrong_secret", signing{principal: with(func(p *Principal) { p.SecretAccessKey = "x" }, testUser)},
			"InvalidSignatureException", "The request signature we"},
		{"wrong_region", signing{region: "us-east-1"}, "InvalidSignatureException",
			"Credential should be scoped to a valid region"},
		{"wrong_service", signing{service: "lambda"}, "InvalidSignatureException",
			"Credential should be scoped to correct service: 'execute-api'."},
	} {
		for _, presign := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s presigned %v", check.name, presign), func(t *testing.T) {
				check.signing.presign = presign
				got := signed(t, serve(t, iamConfig(echo)), "GET", "/v1/x", "", check.signing)
				if got.status != 403 || got.header.Get("x-amzn-ErrorType") != check.errorType ||
					!strings.HasPrefix(got.message(t, "message"), check.message) {
					t.Errorf("%d %s %s", got.status, got.header.Get("x-amzn-ErrorType"), got.body)
				}
			})
		}
	}
	config := iamConfig(echo)
	config.Now = func() time.Time { return testSession.Expires }
	got := signed(t, serve(t, config), "GET", "/v1", "", signing{principal: testSession, at: testSession.Expires})
	if got.status != 403 || got.body != `{"message":"The security token included in the request is expired"}` ||
		got.header.Get("x-amzn-ErrorType") != "ExpiredTokenException" {
		t.Errorf("stale session: %d %s", got.status, got.body)
	}
}

func TestCheck59_D_Presigned(t *testing.T) {
	server := serve(t, iamConfig(echo))
	for _, principal := range []Principal{testUser, testSession} {
		e := signed(t, server, "GET", "/v1/x%2By//b?t=u+v&a=1", "", signing{presign: true,
			principal: principal}).event(t)
		e.expect(t, map[string]string{"requestContext/identity/userArn": `"` + principal.ARN + `"`,
			"queryStringParameters/t": `"u v"`})
		for _, name := range presignedParameters {
			if _, there := e.raw["queryStringParameters"].(map[string]any)[name]; there {
				t.Errorf("the event has %s", name)
			}
		}
	}
	late := signing{presign: true, at: testNow.Add(-time.Hour)}
	if got := signed(t, server, "GET", "/v1?X-Amz-Expires=3600", "", late); got.status != 200 {
		t.Errorf("an hour old, valid for an hour: %d %s", got.status, got.body)
	}
	if got := signed(t, server, "GET", "/v1?X-Amz-Expires=3599", "", late); got.status != 403 ||
		!strings.HasPrefix(got.message(t, "message"), "Signature expired: ") {
		t.Errorf("an hour old, valid for less: %d %s", got.status, got.body)
	}
	if got := signed(t, server, "GET", "/v1?a=1", "", signing{presign: true,
		after: func(r *http.Request) { r.URL.RawQuery += "&b=2" }}); got.status != 403 {
		t.Errorf("a parameter added: %d %s", got.status, got.body)
	}
}

func TestCheck60_R_IdentityPolicy(t *testing.T) {
	var calls counter
	config := iamConfig(calls.of(echo))
	config.Principals[0].Policy = []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:Invoke",` +
		`"Resource":"arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/v1/GET/*"}}`)
	server := serve(t, config)
	for _, path := range []string{"/v1/a/b", "/v1", "/v1/"} {
		if got := signed(t, server, "GET", path, "", signing{}); got.status != 200 {
			t.Errorf("GET %s: %d %s", path, got.status, got.body)
		}
	}
	got := signed(t, server, "POST", "/v1/a", "", signing{})
	if got.status != 403 || got.header.Get("x-amzn-ErrorType") != "AccessDeniedException" || got.message(t,
		"Message") !=
		"User: arn:aws:iam::123456789012:user/tester is not authorized to perform: execute-api:Invoke on resource: "+
			"arn:aws:execute-api:eu-central-1:********9012:a1b2c3d4e5/v1/POST/a because no identity-based "+
			"policy allows the execute-api:Invoke action" {
		t.Errorf("POST: %d %s", got.status, got.body)
	}
	if calls.value() != 3 {
		t.Errorf("%d invocations, want 3", calls.value())
	}
}

// TestRefusedSignatures: headers that are no usable signature.
func TestRefusedSignatures(t *testing.T) {
	server := serve(t, iamConfig(echo))
	const credential = "Credential=AKIDEXAMPLE/20260710/eu-central-1/execute-api/aws4_request"
	for _, check := range []struct{ name, authorization, date, errorType, message string }{
		{"bearer", "Bearer x", "", "IncompleteSignatureException", "Invalid key=value pair"},
		{"nothing_behind_the_algorithm", "AWS4-HMAC-SHA256", "20260710T191904Z", "IncompleteSignatureException",
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature'"},
		{"no_date", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host, Signature=a", "",
			"IncompleteSignatureException", "Authorization header requires existence of either"},
		{"date_not_ISO", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host, Signature=a", "yesterday",
			"IncompleteSignatureException", "Date must be in ISO-8601 'basic format'. Got 'yesterday'"},
		{"short_credential", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=a", "20260710T191904Z",
			"IncompleteSignatureException", "Credential must have exactly 5"},
		{"other_day_in_scope", "AWS4-HMAC-SHA256 " + strings.Replace(credential, "0710", "0711", 1) +
			", SignedHeaders=host, Signature=a", "20260710T191904Z", "InvalidSignatureException",
			"Date in Credential scope does not match"},
		{"other_terminator", "AWS4-HMAC-SHA256 " + strings.Replace(credential, "aws4_", "aws5_", 1) +
			", SignedHeaders=host, Signature=a", "20260710T191904Z", "InvalidSignatureException",
			"Credential should be scoped with a valid terminator"},
		{"host_not_signed", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=x-amz-date, Signature=a",
			"20260710T191904Z", "InvalidSignatureException", "'Host' or ':authority' must be"},
		{"SigV4a", "AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=host, Signature=a", "20260710T191904Z",
			"IncompleteSignatureException", "Unsupported AWS 'algorithm'"},
		{"no_space_behind_commas", "AWS4-HMAC-SHA256 " + credential + ",SignedHeaders=host,Signature=a",
			"20260710T191904Z", "InvalidSignatureException", "The request signature we calculated"},
	} {
		t.Run(check.name, func(t *testing.T) {
			headers := []string{"Authorization: " + check.authorization}
			if check.date != "" {
				headers = append(headers, "X-Amz-Date: "+check.date)
			}
			got := get(t, server, "/v1/x", headers...)
			if got.status != 403 || got.header.Get("x-amzn-ErrorType") != check.errorType ||
				!strings.HasPrefix(got.message(t, "message"), check.message) {
				t.Errorf("%d %s %s", got.status, got.header.Get("x-amzn-ErrorType"), got.body)
			}
		})
	}
	unsignedPayload := func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }
	if got := signed(t, server, "POST", "/v1", "b", signing{after: unsignedPayload}); got.status != 200 {
		t.Errorf("X-Amz-Content-Sha256 is not signed and has no meaning: %d %s", got.status, got.body)
	}
}

func TestMethodARNLimit(t *testing.T) {
	server := serve(t, iamConfig(echo))
	if got := signed(t, server, "GET", "/v1/"+strings.Repeat("a", 1600), "", signing{}); got.status != 414 {
		t.Errorf("status %d", got.status)
	}
}
