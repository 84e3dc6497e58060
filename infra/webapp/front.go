package webapp

import (
	"fmt"
	"net/url"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// A distribution of CloudFront gives the app a URL without the stage: what no header can mend,
// absolute links in its pages, is right there. Registered by token as registered.go says.

// distribution is a distribution of CloudFront.
type distribution struct {
	pulumi.CustomResourceState
	DomainName   pulumi.StringOutput `pulumi:"domainName"`
	HostedZoneID pulumi.StringOutput `pulumi:"hostedZoneId"`
}

// site puts the distribution in front of the stage, and the domain on it.
func (b builder) site(fn *appFunction, api *restAPI) error {
	if !b.args.fronted() {
		return nil
	}
	inputs, err := b.distributionInputs(api)
	if err != nil {
		return err
	}
	made := &distribution{}
	// What is sent changes once the serving version knows it.
	err = b.registerAWS("aws:cloudfront/distribution:Distribution", b.name, inputs, made,
		pulumi.DependsOn([]pulumi.Resource{fn.alias}), pulumi.AdditionalSecretOutputs([]string{"origins"}),
		when(b.args.Protect, pulumi.Protect(true))) // another distribution would be another URL
	if err != nil {
		return fmt.Errorf("distribution: %w", err)
	}
	api.distribution = made
	if b.args.DomainName == "" {
		api.siteURL = pulumi.Sprintf("https://%s", made.DomainName)
		return nil
	}
	api.domainURL = pulumi.String("https://" + b.args.DomainName).ToStringOutput()
	api.siteURL = api.domainURL
	return b.records(pulumi.String(b.args.DomainName), made.DomainName, made.HostedZoneID)
}

// distributionInputs:
// https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html
func (b builder) distributionInputs(api *restAPI) (pulumi.Map, error) {
	behavior, err := b.cacheBehavior()
	if err != nil {
		return nil, err
	}
	inputs := pulumi.Map{
		"comment":              pulumi.String("The web app " + b.name),
		"enabled":              pulumi.Bool(true),
		"httpVersion":          pulumi.String("http2and3"),
		"isIpv6Enabled":        pulumi.Bool(true),
		"priceClass":           pulumi.String(b.args.FrontPriceClass),
		"origins":              pulumi.Array{b.origin(api)},
		"defaultCacheBehavior": behavior,
		"customErrorResponses": errorsNotCached(),
		"restrictions":         pulumi.Map{"geoRestriction": pulumi.Map{"restrictionType": pulumi.String("none")}},
		"viewerCertificate":    pulumi.Map{"cloudfrontDefaultCertificate": pulumi.Bool(true)},
	}
	if b.args.DomainName != "" {
		inputs["aliases"] = pulumi.StringArray{pulumi.String(b.args.DomainName)}
		inputs["viewerCertificate"] = pulumi.Map{
			"acmCertificateArn":      b.args.DomainCertificate,
			"minimumProtocolVersion": pulumi.String("TLSv1.2_2021"),
			"sslSupportMethod":       pulumi.String("sni-only"),
		}
	}
	if b.args.WebACL != nil {
		inputs["webAclId"] = b.args.WebACL
	}
	if b.args.FrontLogBucket != nil {
		inputs["loggingConfig"] = pulumi.Map{
			"bucket": pulumi.Sprintf("%s.s3.amazonaws.com", b.args.FrontLogBucket),
			"prefix": pulumi.String(b.name + "/"),
		}
	}
	return inputs, nil
}

const (
	originID = "stage"
	// originPatience is how long CloudFront waits for the first byte of an answer, and for each
	// next one, in seconds: what every account may have. It has to be longer than API Gateway
	// waits, for CloudFront asks again after a GET that took it too long
	// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html).
	originPatience = 60
	// originKeepAlive spares requests a handshake, in seconds: what every account may have.
	originKeepAlive = 60
)

// origin is the stage, whose name the paths of the site do not have.
func (b builder) origin(api *restAPI) pulumi.Map {
	host := api.stage.InvokeUrl.ApplyT(func(invoke string) (string, error) {
		u, err := url.Parse(invoke)
		if err != nil {
			return "", fmt.Errorf("the stage's URL: %w", err)
		}
		return u.Host, nil
	}).(pulumi.StringOutput)
	return pulumi.Map{
		"originId":   pulumi.String(originID),
		"domainName": host,
		"originPath": pulumi.Sprintf("/%s", api.stage.StageName),
		"customHeaders": pulumi.Array{pulumi.Map{
			"name": pulumi.String(frontHeader), "value": b.front.sent,
		}},
		"customOriginConfig": pulumi.Map{
			"httpPort":               pulumi.Int(80),
			"httpsPort":              pulumi.Int(443),
			"originProtocolPolicy":   pulumi.String("https-only"),
			"originSslProtocols":     pulumi.ToStringArray([]string{"TLSv1.2"}),
			"originReadTimeout":      pulumi.Int(originPatience),
			"originKeepaliveTimeout": pulumi.Int(originKeepAlive),
		},
	}
}

// allViewerExceptHostHeader is a policy of AWS's own by which all that the viewer sends goes to the
// origin, but for the host: API Gateway knows its stage by that
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html).
const allViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

// cacheBehavior is how every path is treated.
func (b builder) cacheBehavior() (pulumi.Map, error) {
	policy, err := b.cachePolicy()
	if err != nil {
		return nil, fmt.Errorf("cache policy: %w", err)
	}
	function, err := b.viewerRequest()
	if err != nil {
		return nil, fmt.Errorf("function at the edge: %w", err)
	}
	return pulumi.Map{
		"targetOriginId":        pulumi.String(originID),
		"viewerProtocolPolicy":  pulumi.String("redirect-to-https"),
		"allowedMethods":        pulumi.ToStringArray([]string{"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}),
		"cachedMethods":         pulumi.ToStringArray([]string{"GET", "HEAD"}),
		"compress":              pulumi.Bool(true),
		"cachePolicyId":         policy,
		"originRequestPolicyId": pulumi.String(allViewerExceptHostHeader),
		"functionAssociations": pulumi.Array{pulumi.Map{
			"eventType": pulumi.String("viewer-request"), "functionArn": function,
		}},
	}, nil
}

// cacheKeyHeaders are those of a request that an answer may depend on without a word in its
// Cache-Control, as CloudFront does not look at Vary. The host is there as the function at the edge
// hands it on: what is in the key is sent to the origin, and API Gateway answers a foreign Host
// with 403.
var cacheKeyHeaders = []string{"Accept", "Accept-Language", "Authorization", "Origin", "X-Forwarded-Host"}

// longestCached is a year, in seconds.
const longestCached = 365 * 24 * 3600

// cachePolicy caches what the app says by its Cache-Control or Expires, for as long as it says, and
// nothing else. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
func (b builder) cachePolicy() (pulumi.IDOutput, error) {
	made := &pulumi.CustomResourceState{}
	err := b.registerAWS("aws:cloudfront/cachePolicy:CachePolicy", b.name, pulumi.Map{
		"comment":    pulumi.String("What the app says, and nothing else"),
		"minTtl":     pulumi.Int(0),
		"defaultTtl": pulumi.Int(0),
		"maxTtl":     pulumi.Int(longestCached),
		"parametersInCacheKeyAndForwardedToOrigin": pulumi.Map{
			"enableAcceptEncodingBrotli": pulumi.Bool(true),
			"enableAcceptEncodingGzip":   pulumi.Bool(true),
			"queryStringsConfig":         pulumi.Map{"queryStringBehavior": pulumi.String("all")},
			"cookiesConfig":              pulumi.Map{"cookieBehavior": pulumi.String("all")},
			"headersConfig": pulumi.Map{
				"headerBehavior": pulumi.String("whitelist"),
				"headers":        pulumi.Map{"items": pulumi.ToStringArray(cacheKeyHeaders)},
			},
		},
	}, made)
	return made.ID(), err
}

// viewerRequestCode runs before the cache is asked. It tells the app the host that the browser
// knows, and takes out what a client could say in its place. The scheme is https: X-Forwarded-Proto
// is not the function's to set, and the others are redirected
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html).
const viewerRequestCode = `function handler(event) {
  var request = event.request;
  delete request.headers['forwarded'];
  delete request.headers['x-forwarded-prefix'];
  request.headers['x-forwarded-host'] = { value: request.headers['host'].value };
  return request;
}
`

func (b builder) viewerRequest() (pulumi.StringOutput, error) {
	var made struct {
		pulumi.CustomResourceState
		ARN pulumi.StringOutput `pulumi:"arn"`
	}
	err := b.registerAWS("aws:cloudfront/function:Function", b.name, pulumi.Map{
		"comment": pulumi.String("The host of the site, for the web app " + b.name),
		"runtime": pulumi.String("cloudfront-js-2.0"),
		"publish": pulumi.Bool(true),
		"code":    pulumi.String(viewerRequestCode),
	}, &made)
	return made.ARN, err
}

// errorsNotCached keeps CloudFront from caching errors on its own, which it does for ten seconds:
// the next visitor, signed in, would get this one's 404
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html).
func errorsNotCached() pulumi.Array {
	var all pulumi.Array
	for _, status := range []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} {
		all = append(all, pulumi.Map{"errorCode": pulumi.Int(status), "errorCachingMinTtl": pulumi.Int(0)})
	}
	return all
}
