package webapp

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	typeDistribution = "aws:cloudfront/distribution:Distribution"
	typeCachePolicy  = "aws:cloudfront/cachePolicy:CachePolicy"
	typeEdgeFunction = "aws:cloudfront/function:Function"
	typeSecret       = "random:index/randomPassword:RandomPassword"
)

// frontSetting is everySetting with a front and without what does not go with one.
var frontSetting = func() map[string]string {
	config := maps.Clone(everySetting)
	for _, key := range []string{"auth", "allowedPrincipals", "allowedSourceRanges", "domainBasePath"} {
		delete(config, key)
	}
	maps.Copy(config, map[string]string{"front": "cloudfront", "frontSecretRotation": "1", "frontLogBucket": "my-logs",
		"domainCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x",
		"webAclArn":            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"})
	return config
}()

// secretOf is what the cloud of the tests makes up for a secret.
func secretOf(name string) string { return sha256Hex("secret of " + name) }

const (
	even = "lambda-web-dev-front-even"
	odd  = "lambda-web-dev-front-odd"
)

// What each rotation makes and keeps, what is sent, and what the function knows.
func TestFrontSecret(t *testing.T) {
	for _, tt := range []struct {
		rotation string
		keepers  map[string]string // by the resource's name
		sent     string
		known    []string
	}{
		{"0", map[string]string{even: "0"}, even, []string{even}},
		{"1", map[string]string{even: "0", odd: "1"}, odd, []string{odd, even}},
		{"2", map[string]string{even: "2", odd: "1"}, even, []string{even, odd}},
		{"3", map[string]string{even: "2", odd: "3"}, odd, []string{odd, even}},
		{"1000000", map[string]string{even: "1000000", odd: "999999"}, even, []string{even, odd}},
	} {
		c := newProject(t).deployed(t, map[string]string{"front": "cloudfront", "frontSecretRotation": tt.rotation})
		keepers := map[string]string{}
		for _, r := range c.all(typeSecret) {
			keepers[r.Name] = r.input("keepers.rotation").(string)
			if r.input("length") != 43.0 || r.input("special") != false || r.RegisterRPC.GetVersion() != randomVersion ||
				!slices.Equal(r.RegisterRPC.GetAdditionalSecretOutputs(), []string{"bcryptHash", "result"}) {
				t.Errorf("rotation %s: %s is %v", tt.rotation, r, r.RegisterRPC)
			}
		}
		if !maps.Equal(keepers, tt.keepers) {
			t.Errorf("rotation %s: keepers %v, want %v", tt.rotation, keepers, tt.keepers)
		}
		var digests []string
		for _, name := range tt.known {
			digests = append(digests, sha256Hex(secretOf(name)))
		}
		function, distribution := c.one(t, typeFunction), c.one(t, typeDistribution)
		if got, want := function.input("environment.variables."+frontVariable), strings.Join(digests, ","); got != want {
			t.Errorf("rotation %s: the function knows %v, want %s", tt.rotation, got, want)
		}
		if function.Inputs["environment"].ContainsSecrets() {
			t.Errorf("rotation %s: the digests are secret, so that a preview shows no change of the environment", tt.rotation)
		}
		if got, want := headersOf(distribution), []any{map[string]any{"name": "X-Lambda-Web-Front",
			"value": secretOf(tt.sent)}}; !reflect.DeepEqual(got, want) {
			t.Errorf("rotation %s: sent is %v, want %v", tt.rotation, got, want)
		}
	}
}

func headersOf(distribution record) any {
	return distribution.input("origins").([]any)[0].(map[string]any)["customHeaders"]
}

// The secret is nowhere but in the distribution, and there it is a secret.
func TestFrontSecretStaysOne(t *testing.T) {
	c := newProject(t).deployed(t, frontSetting)
	for _, r := range c.records {
		for _, name := range []string{even, odd} {
			if strings.Contains(r.text(), secretOf(name)) && r.TypeToken != typeDistribution {
				t.Errorf("%s has the secret of %s", r, name)
			}
		}
	}
	r := c.one(t, typeDistribution)
	origin := r.Inputs["origins"].ArrayValue()[0].ObjectValue()
	header := origin["customHeaders"].ArrayValue()[0].ObjectValue()
	if !header["value"].IsSecret() || header["name"].IsSecret() {
		t.Errorf("the header is %v", header)
	}
	if got := r.RegisterRPC.GetAdditionalSecretOutputs(); !slices.Equal(got, []string{"origins"}) {
		t.Errorf("secret outputs of the distribution are %v: what the provider reads back would be in clear", got)
	}
}

// What is sent changes after the version that serves knows it.
func TestFrontWaitsForTheServingVersion(t *testing.T) {
	for _, config := range []map[string]string{{"front": "cloudfront"}, frontSetting} {
		c := newProject(t).deployed(t, config)
		distribution := c.one(t, typeDistribution)
		for _, token := range []string{typeAlias, typeStage, typeCachePolicy, typeEdgeFunction} {
			if !distribution.dependsOn(c.one(t, token)) {
				t.Errorf("the distribution does not wait for %s", token)
			}
		}
	}
}

func TestFrontInputs(t *testing.T) {
	c := newProject(t).deployed(t, map[string]string{"front": "cloudfront"})
	r := c.one(t, typeDistribution)
	origin := r.input("origins").([]any)[0].(map[string]any)
	delete(origin, "customHeaders")
	if want := map[string]any{"originId": "stage", "originPath": "/v1",
		"domainName": "id-lambda-web-dev.execute-api.eu-central-1.amazonaws.com",
		"customOriginConfig": map[string]any{"httpPort": 80.0, "httpsPort": 443.0, "originProtocolPolicy": "https-only",
			"originSslProtocols": []any{"TLSv1.2"}, "originReadTimeout": 60.0, "originKeepaliveTimeout": 60.0},
	}; !reflect.DeepEqual(origin, want) {
		t.Errorf("the origin is %v, want %v", origin, want)
	}
	for path, want := range map[string]any{
		"enabled": true, "httpVersion": "http2and3", "isIpv6Enabled": true, "priceClass": "PriceClass_All",
		"aliases": nil, "webAclId": nil, "loggingConfig": nil,
		"viewerCertificate": map[string]any{"cloudfrontDefaultCertificate": true},
		"restrictions":      map[string]any{"geoRestriction": map[string]any{"restrictionType": "none"}},
		"defaultCacheBehavior": map[string]any{"targetOriginId": "stage", "viewerProtocolPolicy": "redirect-to-https",
			"allowedMethods": []any{"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"},
			"cachedMethods":  []any{"GET", "HEAD"}, "compress": true, "cachePolicyId": "id-lambda-web-dev",
			"originRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
			"functionAssociations": []any{map[string]any{"eventType": "viewer-request",
				"functionArn": "arn:aws:cloudfront::123456789012:function/lambda-web-dev-1a2b3c4"}}},
	} {
		if got := r.input(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	// https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CustomErrorResponse.html
	statuses := []float64{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
	for i, each := range r.input("customErrorResponses").([]any) {
		if want := map[string]any{"errorCode": statuses[i], "errorCachingMinTtl": 0.0}; !reflect.DeepEqual(each, want) {
			t.Errorf("an error is treated as %v, want %v", each, want)
		}
	}
}

// The app's own word on caching is the only one, and what an answer may depend on is in the key:
// all but the host, which API Gateway would answer with 403.
func TestFrontCachesWhatTheAppSays(t *testing.T) {
	r := newProject(t).deployed(t, map[string]string{"front": "cloudfront"}).one(t, typeCachePolicy)
	key := "parametersInCacheKeyAndForwardedToOrigin."
	for path, want := range map[string]any{
		"minTtl": 0.0, "defaultTtl": 0.0, "maxTtl": 31536000.0,
		key + "queryStringsConfig.queryStringBehavior": "all", key + "cookiesConfig.cookieBehavior": "all",
		key + "enableAcceptEncodingBrotli": true, key + "enableAcceptEncodingGzip": true,
		key + "headersConfig.headerBehavior": "whitelist",
		key + "headersConfig.headers.items": []any{"Accept", "Accept-Language", "Authorization",
			"Origin", "X-Forwarded-Host"},
	} {
		if got := r.input(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// With a front the domain, its records and the web ACL are the distribution's, and none is the API's.
func TestFrontHasDomainAndWebACL(t *testing.T) {
	c := newProject(t).deployed(t, frontSetting)
	for _, token := range []string{typeDomain, typeMapping, typeWebACL} {
		if found := c.all(token); len(found) > 0 {
			t.Errorf("the API has %v", found)
		}
	}
	r := c.one(t, typeDistribution)
	for path, want := range map[string]any{
		"aliases": []any{"api.example.com"}, "webAclId": frontSetting["webAclArn"],
		"viewerCertificate": map[string]any{"acmCertificateArn": frontSetting["domainCertificateArn"],
			"minimumProtocolVersion": "TLSv1.2_2021", "sslSupportMethod": "sni-only"},
		"loggingConfig": map[string]any{"bucket": "my-logs.s3.amazonaws.com", "prefix": "lambda-web-dev/"},
	} {
		if got := r.input(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if !r.RegisterRPC.GetProtect() {
		t.Error("protect does not keep the distribution")
	}
	var kinds []string
	for _, record := range c.all(typeRecord) {
		kinds = append(kinds, record.input("type").(string))
		if got, want := record.input("aliases"), []any{map[string]any{"name": "d1.cloudfront.net",
			"zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": false}}; !reflect.DeepEqual(got, want) ||
			record.input("name") != "api.example.com" {
			t.Errorf("the record is %v, want an alias of %v", record.Inputs, want)
		}
	}
	if slices.Sort(kinds); !slices.Equal(kinds, []string{"A", "AAAA"}) {
		t.Errorf("there are records %v", kinds)
	}
}

func TestFrontOutputs(t *testing.T) {
	const stage = "https://id-lambda-web-dev.execute-api.eu-central-1.amazonaws.com/v1"
	p := newProject(t)
	for _, tt := range []struct {
		config map[string]string
		want   map[string]any
	}{
		{nil, map[string]any{"url": stage, "siteUrl": nil, "distributionId": nil, "distributionDomain": nil,
			"curl": "curl " + stage + "/"}},
		{map[string]string{"front": "cloudfront"}, map[string]any{"url": stage, "siteUrl": "https://d1.cloudfront.net",
			"domainUrl": nil, "curl": "curl https://d1.cloudfront.net/"}},
		{map[string]string{"front": "cloudfront", "domainName": "www.example.com",
			"domainCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x"},
			map[string]any{"url": stage, "siteUrl": "https://www.example.com", "domainUrl": "https://www.example.com",
				"curl": "curl https://www.example.com/", "distributionId": "id-lambda-web-dev",
				"distributionDomain": "d1.cloudfront.net"}},
	} {
		got := p.outputs(t, tt.config)
		for key, want := range tt.want {
			if got[key] != want {
				t.Errorf("%v: %s is %v, want %v", tt.config, key, got[key], want)
			}
		}
	}
}

// What turning the front on and off touches, and a rotation.
func TestFrontChanges(t *testing.T) {
	const name = " lambda-web-dev"
	on := map[string]string{"front": "cloudfront"}
	rotated := func(n string) map[string]string {
		return map[string]string{"front": "cloudfront", "frontSecretRotation": n}
	}
	for _, tt := range []struct {
		name          string
		before, after map[string]string
		only, changed []string
	}{
		{"on", nil, on, []string{"+" + typeCachePolicy + name, "+" + typeDistribution + name, "+" + typeEdgeFunction +
			name, "+" + typeSecret + " " + even}, []string{typeFunction + name}},
		{"the first rotation", on, rotated("1"), []string{"+" + typeSecret + " " + odd},
			[]string{typeDistribution + name, typeFunction + name}},
		{"the next rotation", rotated("1"), rotated("2"), nil,
			[]string{typeDistribution + name, typeFunction + name, typeSecret + " " + even}},
		{"the price class", on, map[string]string{"front": "cloudfront", "frontPriceClass": "PriceClass_100"}, nil,
			[]string{typeDistribution + name}},
		{"the name of the stage", on, map[string]string{"front": "cloudfront", "stage": "v2"}, nil,
			[]string{typeDistribution + name, typeStage + name, typePermission + name}},
	} {
		p := newProject(t)
		only, changed := difference(p.deployed(t, tt.before), p.deployed(t, tt.after))
		slices.Sort(tt.changed)
		if !slices.Equal(only, tt.only) || !slices.Equal(changed, tt.changed) {
			t.Errorf("%s: new or gone %q, changed %q\nwant %q, %q", tt.name, only, changed, tt.only, tt.changed)
		}
	}
}

// The function at the edge, run: only the host that was asked for is told, whatever the client
// says, and the rest stays.
func TestViewerRequest(t *testing.T) {
	if strings.ContainsAny(viewerRequestCode, "`") || len(viewerRequestCode) > 10*1024 {
		t.Error("the code is larger than CloudFront takes")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node, which runs the function")
	}
	const event = `{"version":"1.0","request":{"method":"GET","uri":"/a/b","querystring":{"q":{"value":"1"}},` +
		`"cookies":{"s":{"value":"2"}},"headers":{"host":{"value":"www.example.com"},` +
		`"x-forwarded-host":{"value":"evil.example","multiValue":[{"value":"evil.example"},{"value":"b"}]},` +
		`"forwarded":{"value":"host=evil.example"},"x-forwarded-prefix":{"value":"/evil"},"accept":{"value":"*/*"}}}}`
	const want = `{"method":"GET","uri":"/a/b","querystring":{"q":{"value":"1"}},"cookies":{"s":{"value":"2"}},` +
		`"headers":{"host":{"value":"www.example.com"},"x-forwarded-host":{"value":"www.example.com"},` +
		`"accept":{"value":"*/*"}}}`
	output, err := exec.Command(node, "-e", viewerRequestCode+
		"process.stdout.write(JSON.stringify(handler(JSON.parse(process.argv[1]))))", event).Output()
	if err != nil {
		t.Fatalf("the function: %v", err)
	}
	var got, expected any
	must(t, json.Unmarshal(output, &got))
	must(t, json.Unmarshal([]byte(want), &expected))
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("the function hands on\n%s, want\n%s", output, want)
	}
}

// docs/front.md names all that is in the cache's key, and each setting that does not go with a front.
func TestFrontPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repositoryRoot, "docs", "front.md"))
	must(t, err)
	page := string(text)
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
	if len(cacheKeyHeaders) > 10 {
		t.Errorf("a cache policy takes 10 headers, and there are %d", len(cacheKeyHeaders))
	}
	for _, header := range cacheKeyHeaders {
		if !strings.Contains(page, "`"+header+"`") {
			t.Errorf("the page does not say that %s is in the key", header)
		}
	}
	for _, key := range []string{"auth: AWS_IAM", "allowedSourceRanges", "disableExecuteApiEndpoint", "domainBasePath"} {
		if !strings.Contains(page, "**`"+key+"`**") {
			t.Errorf("the page does not say that %s is refused", key)
		}
	}
	for _, key := range []string{"front", "frontSecretRotation", "frontLogBucket", "frontPriceClass"} {
		if !strings.Contains(page, key) {
			t.Errorf("the page does not name the setting %s", key)
		}
	}
}
