package webapp

import (
	"strings"
	"testing"
)

// What goes with a front and what does not, each mistake with what to choose instead.
func TestFrontRules(t *testing.T) {
	const (
		certificate = "arn:aws:acm:us-east-1:123456789012:certificate/x"
		regional    = "arn:aws:acm:eu-central-1:123456789012:certificate/x"
	)
	for _, tt := range []struct {
		name   string
		config map[string]string
		want   string // empty when it is right
	}{
		{"a front", map[string]string{"front": "cloudfront", "frontSecretRotation": "3", "frontLogBucket": "my-logs",
			"cors": `{"origins":["https://a.example"]}`, "throttleRate": "50", "invokeMode": "response_stream",
			"timeout": "900"}, ""},
		{"a front with a domain and a web ACL of us-east-1", map[string]string{"front": "cloudfront",
			"domainName": "www.example.com", "domainHostedZoneId": "Z9",
			"domainCertificateArn": certificate,
			"webAclArn":            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"}, ""},
		{"a front and a certificate of the API's region", map[string]string{"front": "cloudfront",
			"domainName": "www.example.com", "domainCertificateArn": regional},
			`domainCertificateArn: "` + regional + `" is in eu-central-1, and CloudFront takes those of us-east-1 alone`},
		{"a front and no certificate", map[string]string{"front": "cloudfront", "domainName": "www.example.com"},
			"domainCertificateArn: is not set; a domain needs the ARN of its ACM certificate in us-east-1, " +
				"where CloudFront looks for it"},
		{"a front and an ACL for regional resources", map[string]string{"front": "cloudfront",
			"webAclArn": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/b"},
			"is a web ACL for regional resources (scope REGIONAL), and the front takes one for CloudFront"},
		{"a front and an ACL that is none", map[string]string{"front": "cloudfront",
			"webAclArn": "arn:aws:waf::1:x"}, "use one such as arn:aws:wafv2:...:global/webacl/..."},
		{"a front and an ACL of another region", map[string]string{"front": "cloudfront",
			"webAclArn": "arn:aws:wafv2:eu-central-1:123456789012:global/webacl/a/b"},
			"is in eu-central-1, and CloudFront takes those of us-east-1 alone"},
		{"a front and signatures", map[string]string{"front": "cloudfront", "auth": "AWS_IAM"},
			"front: cloudfront cannot stand in front of an API with auth AWS_IAM: callers sign for the host they call"},
		{"a front and ranges", map[string]string{"front": "cloudfront", "allowedSourceRanges": `["203.0.113.0/24"]`},
			"allowedSourceRanges: the API sees CloudFront's addresses in place of the callers'"},
		{"a front and no stage", map[string]string{"front": "cloudfront", "disableExecuteApiEndpoint": "true",
			"domainName": "www.example.com", "domainCertificateArn": certificate},
			"disableExecuteApiEndpoint: true would shut out the front"},
		{"a front and a base path", map[string]string{"front": "cloudfront", "domainBasePath": "shop",
			"domainName": "www.example.com", "domainCertificateArn": certificate},
			`domainBasePath: "shop" is of no use with a front`},
		{"a front and a long wait", map[string]string{"front": "cloudfront", "apiTimeout": "60"},
			"apiTimeout: 60 s is longer than CloudFront waits for the API (60 s); use 59 or less"},
		{"a front and a wait it can bear", map[string]string{"front": "cloudfront", "apiTimeout": "59"}, ""},
		{"a front and its variable", map[string]string{"front": "cloudfront",
			"environment": `{"AWS_LWA_FRONT_SECRET_SHA256":"00"}`},
			"environment: AWS_LWA_FRONT_SECRET_SHA256 is set by lambda-web; use the setting front"},
		{"a front in China", map[string]string{"front": "cloudfront", "aws:region": "cn-north-1"},
			"front: cloudfront is made in the partition aws alone, and the web app goes to cn-north-1"},
		{"a front in Europe's own cloud", map[string]string{"front": "cloudfront", "aws:region": "eusc-de-east-1"},
			"and the web app goes to eusc-de-east-1"},
		{"a front in an isolated region", map[string]string{"front": "cloudfront", "aws:region": "us-isob-east-1"},
			"and the web app goes to us-isob-east-1"},
		{"a front and variables just too large", map[string]string{"front": "cloudfront",
			"environment": `{"A1":"` + strings.Repeat("x", 3750) + `"}`}, "environment: the variables have "},
	} {
		t.Run(tt.name, func(t *testing.T) { newProject(t).judged(t, tt.config, tt.want) })
	}
}

// All mistakes with a front are named at once, in the same order each time.
func TestFrontMistakesTogether(t *testing.T) {
	config := map[string]string{"front": "cloudfront", "auth": "AWS_IAM", "allowedSourceRanges": `["203.0.113.0/24"]`,
		"domainName": "www.example.com", "domainBasePath": "shop", "disableExecuteApiEndpoint": "true",
		"apiTimeout": "100", "frontLogBucket": "My Logs", "frontPriceClass": "cheap",
		"webAclArn":            "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/b",
		"environment":          `{"AWS_LWA_FRONT_SECRET_SHA256":"00"}`,
		"domainCertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/x"}
	err := newProject(t).refused(t, config)
	var keys []string
	for _, m := range err.Mistakes {
		keys = append(keys, m.Key)
	}
	want := "frontPriceClass domainCertificateArn environment webAclArn frontLogBucket front allowedSourceRanges " +
		"disableExecuteApiEndpoint domainBasePath apiTimeout"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("mistakes with\n%s, want\n%s", got, want)
	}
}
