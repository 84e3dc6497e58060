package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// A distribution of CloudFront: its resources, whether the app knows its requests, and the calls that make it. The
// facts
// are those of https://docs.aws.amazon.com/cloudfront/latest/APIReference/.

const (
	distributionType   = "aws:cloudfront/distribution:Distribution"
	cachePolicyType    = "aws:cloudfront/cachePolicy:CachePolicy"
	edgeFunctionType   = "aws:cloudfront/function:Function"
	randomPasswordType = "random:index/randomPassword:RandomPassword"
)

func makeEdgeFunction(c *Cloud, o *Object) (map[string]any, error) {
	o.ID = o.Text("name")
	return map[string]any{"arn": "arn:aws:cloudfront::" + Account + ":function/" + o.ID}, nil
}

// makeRandomPassword gives an id that says nothing, as an id is in clear in the state. The provider gives all the same.
func makeRandomPassword(c *Cloud, o *Object) (map[string]any, error) {
	o.ID = "none-" + c.serial(7)
	return map[string]any{"bcryptHash": c.serial(16), "result": c.serial(16)}, nil
}

func makeDistribution(c *Cloud, o *Object) (map[string]any, error) {
	if o.ID == "" {
		o.ID = "E" + strings.ToUpper(c.serial(12))
	}
	if secret := secretOf(o); len(o.sent) == 0 || o.sent[len(o.sent)-1] != secret {
		o.sent = append(o.sent, secret)
	}
	return map[string]any{"arn": "arn:aws:cloudfront::" + Account + ":distribution/" + o.ID,
		"domainName": strings.ToLower(o.ID) + ".cloudfront.net", "hostedZoneId": "Z2FDTNDATAQYW2"}, nil
}

// first is the first object of a list among the state's properties.
func (o *Object) first(list string) map[string]any { return firstOf(values(o.State).at(list)) }

func firstOf(list any) map[string]any {
	all, _ := list.([]any)
	if len(all) == 0 {
		return nil
	}
	object, _ := all[0].(map[string]any)
	return object
}

// secretOf is what the distribution adds to each request.
func secretOf(distribution *Object) string {
	secret, _ := firstOf(distribution.first("origins")["customHeaders"])["value"].(string)
	return secret
}

func edgeFunctionOf(behavior values) string {
	function, _ := firstOf(behavior.at("functionAssociations"))["functionArn"].(string)
	return function
}

func behaviorOf(distribution *Object) values {
	return values(open(distribution.State["defaultCacheBehavior"]).ObjectValue())
}

// stageOf is the stage that the distribution's origin is, or nil.
func (c *Cloud) stageOf(distribution *Object) *Object {
	origin := distribution.first("origins")
	host, _ := origin["domainName"].(string)
	path, _ := origin["originPath"].(string)
	api, _, _ := strings.Cut(host, ".execute-api.")
	return c.find(stageType, "ags-"+api+"-"+strings.TrimPrefix(path, "/"))
}

func originIsThere(c *Cloud, op string, o *Object) error {
	if op != "delete" && c.stageOf(o) == nil {
		return fmt.Errorf("the stand-in knows no stage that is the origin %v", o.first("origins"))
	}
	return nil
}

// usable: the policy and the function at the edge are there.
func usable(c *Cloud, op string, o *Object) error {
	if op == "delete" {
		return nil
	}
	if id := behaviorOf(o).text("cachePolicyId"); c.find(cachePolicyType, id) == nil {
		return fmt.Errorf("NoSuchCachePolicy: the specified cache policy %s does not exist", id)
	}
	if function := edgeFunctionOf(behaviorOf(o)); c.where(edgeFunctionType, "arn", function) == nil {
		return fmt.Errorf("InvalidFunctionAssociation: the function %s does not exist", function)
	}
	return nil
}

// usesPolicy and usesFunction are the ids of what a distribution refers to.
func usesPolicy(behavior values) string { return behavior.text("cachePolicyId") }

func usesFunction(behavior values) string {
	_, name, _ := strings.Cut(edgeFunctionOf(behavior), ":function/")
	return name
}

// unused: what a distribution refers to by its id stays as long as it does.
func unused(refers func(behavior values) string) rule {
	return func(c *Cloud, op string, o *Object) error {
		for _, d := range c.all(distributionType) {
			if op == "delete" && refers(behaviorOf(d)) == o.ID {
				return fmt.Errorf("InUse: %s %s is attached to distribution %s", o.Type, o.ID, d.ID)
			}
		}
		return nil
	}
}

// certificateIsThere: CloudFront looks for certificates in one region, and wants one for a name of one's own
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html).
func certificateIsThere(c *Cloud, op string, o *Object) error {
	certificate := o.Text("viewerCertificate.acmCertificateArn")
	aliases, _ := values(o.State).at("aliases").([]any)
	if op == "delete" || certificate == "" && len(aliases) == 0 ||
		strings.HasPrefix(certificate, "arn:aws:acm:us-east-1:") {
		return nil
	}
	return fmt.Errorf("InvalidViewerCertificate: the certificate %q cannot be used for %v", certificate, aliases)
}

// known follows a request through the distribution: the stage serves it, and each version that may get it knows every
// secret that is on its way. A version without any treats it as a request of the stage.
func (c *Cloud) known(distribution *Object) error {
	stage := c.stageOf(distribution)
	if stage == nil {
		return fmt.Errorf("the origin of distribution %s is gone", distribution.ID)
	}
	if err := c.serves(stage); err != nil {
		return err
	}
	calls, err := integrations(c.find(deploymentType, stage.Text("deployment")).api.document)
	if err != nil {
		return err
	}
	for _, call := range calls {
		alias := c.find(aliasType, call.function)
		function := c.where(functionType, "name", alias.Text("functionName"))
		for _, name := range servedVersions(alias) {
			for _, secret := range distribution.sent {
				digests := function.versions[name].digests
				if sum := sha256.Sum256([]byte(secret)); digests != "" && !strings.Contains(digests,
					hex.EncodeToString(sum[:])) {
					return fmt.Errorf("version %s does not know a secret that distribution %s sends", name,
						distribution.ID)
				}
			}
		}
	}
	return nil
}

// items is a list as CloudFront's API has it.
func items(list any) map[string]any {
	all, _ := list.([]any)
	return map[string]any{"Quantity": len(all), "Items": all}
}

// renamed are the properties of an object under the names of the API.
func renamed(object any, pairs ...string) map[string]any {
	from, _ := object.(map[string]any)
	to := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if value, ok := from[pairs[i]]; ok {
			to[pairs[i+1]] = value
		}
	}
	return to
}

// frontRequests are the calls that make the parts of a front, whose lists are no plain lists in the API.
var frontRequests = map[string]func(o *Object) (operation string, params map[string]any){
	edgeFunctionType: func(o *Object) (string, map[string]any) {
		return "CreateFunction", map[string]any{"Name": o.Text("name"), "FunctionCode": o.Text("code"),
			"FunctionConfig": map[string]any{"Comment": o.Text("comment"), "Runtime": o.Text("runtime")}}
	},
	cachePolicyType: func(o *Object) (string, map[string]any) {
		config := renamed(values(o.State).plain(), "name", "Name", "comment", "Comment", "minTtl", "MinTTL", "defaultTtl",
			"DefaultTTL", "maxTtl", "MaxTTL")
		key, _ := values(o.State).at("parametersInCacheKeyAndForwardedToOrigin").(map[string]any)
		headers := renamed(key["headersConfig"], "headerBehavior", "HeaderBehavior")
		headers["Headers"] = items(values(o.State).at(
			"parametersInCacheKeyAndForwardedToOrigin.headersConfig.headers.items"))
		parameters := renamed(key, "enableAcceptEncodingGzip", "EnableAcceptEncodingGzip",
			"enableAcceptEncodingBrotli", "EnableAcceptEncodingBrotli")
		parameters["HeadersConfig"] = headers
		parameters["CookiesConfig"] = renamed(key["cookiesConfig"], "cookieBehavior", "CookieBehavior")
		parameters["QueryStringsConfig"] = renamed(key["queryStringsConfig"], "queryStringBehavior", "QueryStringBehavior")
		config["ParametersInCacheKeyAndForwardedToOrigin"] = parameters
		return "CreateCachePolicy", map[string]any{"CachePolicyConfig": config}
	},
	distributionType: func(o *Object) (string, map[string]any) {
		config := renamed(values(o.State).plain(), "comment", "Comment", "enabled", "Enabled", "httpVersion", "HttpVersion",
			"isIpv6Enabled", "IsIPV6Enabled", "priceClass", "PriceClass", "webAclId", "WebACLId")
		config["CallerReference"] = o.Name // the provider's own
		config["Origins"] = items([]any{originRequest(o.first("origins"))})
		config["DefaultCacheBehavior"] = behaviorRequest(behaviorOf(o))
		config["CustomErrorResponses"] = errorsRequest(o)
		config["Aliases"] = items(values(o.State).at("aliases"))
		config["ViewerCertificate"] = renamed(values(o.State).at("viewerCertificate"), "cloudfrontDefaultCertificate",
			"CloudFrontDefaultCertificate", "acmCertificateArn", "ACMCertificateArn", "minimumProtocolVersion",
			"MinimumProtocolVersion", "sslSupportMethod", "SSLSupportMethod")
		restriction := renamed(values(o.State).at("restrictions.geoRestriction"), "restrictionType", "RestrictionType")
		restriction["Quantity"] = 0
		config["Restrictions"] = map[string]any{"GeoRestriction": restriction}
		if bucket := o.Text("loggingConfig.bucket"); bucket != "" {
			config["Logging"] = map[string]any{"Enabled": true, "IncludeCookies": false, "Bucket": bucket,
				"Prefix": o.Text("loggingConfig.prefix")}
		}
		return "CreateDistribution", map[string]any{"DistributionConfig": config}
	},
}

func originRequest(origin map[string]any) map[string]any {
	params := renamed(origin, "originId", "Id", "domainName", "DomainName", "originPath", "OriginPath")
	header := renamed(firstOf(origin["customHeaders"]), "name", "HeaderName", "value", "HeaderValue")
	params["CustomHeaders"] = items([]any{header})
	config, _ := origin["customOriginConfig"].(map[string]any)
	custom := renamed(config, "httpPort", "HTTPPort", "httpsPort", "HTTPSPort", "originProtocolPolicy",
		"OriginProtocolPolicy", "originReadTimeout", "OriginReadTimeout", "originKeepaliveTimeout",
		"OriginKeepaliveTimeout")
	custom["OriginSslProtocols"] = items(config["originSslProtocols"])
	params["CustomOriginConfig"] = custom
	return params
}

func behaviorRequest(behavior values) map[string]any {
	params := renamed(behavior.plain(), "targetOriginId", "TargetOriginId", "viewerProtocolPolicy",
		"ViewerProtocolPolicy", "compress", "Compress", "cachePolicyId", "CachePolicyId", "originRequestPolicyId",
		"OriginRequestPolicyId")
	methods := items(behavior.at("allowedMethods"))
	methods["CachedMethods"] = items(behavior.at("cachedMethods"))
	params["AllowedMethods"] = methods
	association := renamed(firstOf(behavior.at("functionAssociations")), "functionArn", "FunctionARN", "eventType",
		"EventType")
	params["FunctionAssociations"] = items([]any{association})
	return params
}

func errorsRequest(o *Object) map[string]any {
	var all []any
	list, _ := values(o.State).at("customErrorResponses").([]any)
	for _, each := range list {
		all = append(all, renamed(each, "errorCode", "ErrorCode", "errorCachingMinTtl", "ErrorCachingMinTTL"))
	}
	return items(all)
}
