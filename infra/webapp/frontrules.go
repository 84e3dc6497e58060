package webapp

import (
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// frontRegion is where CloudFront has what belongs to it, wherever the API is
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html).
const frontRegion = "us-east-1"

// otherPartition are the regions that are not of the partition aws
// (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
var otherPartition = regexp.MustCompile(`^(cn|us-gov|us-iso[a-z]?|eu-iso[a-z]|eusc)-`)

// frontARNs are the settings whose ARN is of that region when there is a front.
var frontARNs = []string{"domainCertificateArn", "webAclArn"}

// bucketAllowed: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketAllowed = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Scopes of a web ACL, as its ARN has them
// (https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html).
const (
	scopeRegional   = "regional/webacl/"
	scopeCloudFront = "global/webacl/"
)

// checkWebACL wants the scope of what the web ACL stands in front of.
func checkWebACL(args Args, found *mistakes) {
	wanted, other, sentence := scopeRegional, scopeCloudFront, "%q is a web ACL for CloudFront (scope CLOUDFRONT), "+
		"and the stage takes one for regional resources; use one of scope REGIONAL, or set front to cloudfront"
	if args.fronted() {
		wanted, other, sentence = scopeCloudFront, scopeRegional, "%q is a web ACL for regional resources (scope "+
			"REGIONAL), and the front takes one for CloudFront; use one of scope CLOUDFRONT, which is made in us-east-1"
	}
	arn, known := args.WebACL.(pulumi.String)
	if known && strings.HasPrefix(cutARN(string(arn), arnResource), other) {
		found.add("webAclArn", sentence, arn)
		return
	}
	checkARN("webAclArn", "wafv2", wanted, args.WebACL, found)
}

// checkFront finds what a distribution in front of the API makes senseless, and what is senseless
// without one.
func checkFront(args Args, found *mistakes) {
	bucket, known := args.FrontLogBucket.(pulumi.String)
	if known && !bucketAllowed.MatchString(string(bucket)) {
		found.add("frontLogBucket", "%q is not the name of an S3 bucket; use the name alone, such as my-logs", bucket)
	}
	if !args.fronted() {
		if args.FrontSecretRotation > 0 {
			found.add("frontSecretRotation", "%d is of no use without a front; set front to cloudfront, or leave this out",
				args.FrontSecretRotation)
		}
		if args.FrontLogBucket != nil {
			found.add("frontLogBucket", "is of no use without a front; set front to cloudfront, or leave this out")
		}
		return
	}
	if args.Auth == AuthIAM {
		found.add("front", "cloudfront cannot stand in front of an API with auth AWS_IAM: callers sign for the host they "+
			"call, and the API is called by another; use auth NONE with a login of the app's, or no front")
	}
	if len(args.AllowedSourceRanges) > 0 {
		found.add("allowedSourceRanges", "the API sees CloudFront's addresses in place of the callers'; "+
			"use a web ACL with an IP set (webAclArn), or no front")
	}
	if args.DisableExecuteAPI {
		found.add("disableExecuteApiEndpoint",
			"true would shut out the front, which calls the stage at its own URL; leave this out")
	}
	if args.DomainBasePath != "" {
		found.add("domainBasePath", "%q is of no use with a front, whose paths are the app's own; leave this out",
			args.DomainBasePath)
	}
	if args.InvokeMode == Buffered && args.apiTimeout() >= originPatience {
		found.add("apiTimeout", "%d s is longer than CloudFront waits for the API (%d s); use %d or less, or no front",
			args.apiTimeout(), originPatience, originPatience-1)
	}
}

// checkFrontRegion holds the settings against where CloudFront is: in the partition aws alone, with
// its certificates and web ACLs in one region.
func checkFrontRegion(s Settings, found *mistakes) {
	if !s.fronted() {
		return
	}
	if otherPartition.MatchString(s.Region) {
		found.add("front", "cloudfront is made in the partition aws alone, and the web app goes to %s (aws:region); use none",
			s.Region)
	}
	for i, arn := range []pulumi.StringInput{s.DomainCertificate, s.WebACL} {
		text, known := arn.(pulumi.String)
		there := cutARN(string(text), arnRegion)
		regional := strings.HasPrefix(cutARN(string(text), arnResource), scopeRegional) // a mistake already
		if known && there != "" && there != frontRegion && !regional {
			found.add(frontARNs[i], "%q is in %s, and CloudFront takes those of %s alone; use one of that region", text,
				there, frontRegion)
		}
	}
}
