package webapp

import (
	"fmt"
	"slices"
)

// guarded reports whether the API has a resource policy. A signed API always has one: the AWS
// provider, told of none, would write back the one it finds
// (https://github.com/hashicorp/terraform-provider-aws/issues/38515), and what allows everybody from
// some addresses would then allow everybody with a signature. An open API without limits has none,
// since a policy shortens the paths that API Gateway takes
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
func (a Args) guarded() bool {
	return a.Auth == AuthIAM || len(a.AllowedPrincipals) > 0 || len(a.AllowedSourceRanges) > 0
}

// callers is the API's resource policy: who may call, and from where
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html).
//
// Limits are denials. An allowance would widen signed APIs: within an account API Gateway accepts
// what either the caller's own policy or the API's allows.
func callers(aliasARN string, args Args) policy {
	everybody := map[string]string{"AWS": "*"}
	call := []string{"execute-api:Invoke"}
	// The policy is this API's alone, and the API's id is not known before the API is made.
	methods := func(verbs ...string) (resources []string) {
		for _, verb := range verbs {
			resources = append(resources, fmt.Sprintf("arn:%s:execute-api:%s:%s:*/%s/%s/*",
				cutARN(aliasARN, arnPartition), cutARN(aliasARN, arnRegion), cutARN(aliasARN, arnAccount), args.Stage,
				verb))
		}
		return resources
	}
	all, signed := methods("*"), methods("*")
	if args.CORS.on() {
		// Preflight requests are not signed, and what is not signed has no principal to name.
		signed = methods(slices.DeleteFunc(slices.Clone(corsMethods),
			func(verb string) bool { return verb == "OPTIONS" })...)
	}
	allow := func(resources []string, condition map[string]map[string][]string) statement {
		return statement{Effect: "Allow", Principal: everybody, Action: call, Resource: resources, Condition: condition}
	}
	deny := func(resources []string, operator, key string, values ...string) statement {
		return statement{Effect: "Deny", Principal: everybody, Action: call, Resource: resources,
			Condition: map[string]map[string][]string{operator: {key: values}}}
	}
	p := policy{Version: "2012-10-17"}
	if args.Auth == AuthNone {
		p.Statement = append(p.Statement, allow(all, nil))
	} else if args.CORS.on() {
		p.Statement = append(p.Statement, allow(methods("OPTIONS"), nil))
	}
	if len(args.AllowedPrincipals) > 0 {
		patterns := principalPatterns(args.AllowedPrincipals)
		// Callers of other accounts need the API's word besides their own.
		p.Statement = append(p.Statement,
			allow(signed, map[string]map[string][]string{"ArnLike": {"aws:PrincipalArn": patterns}}),
			deny(signed, "ArnNotLike", "aws:PrincipalArn", patterns...))
	}
	if len(args.AllowedSourceRanges) > 0 {
		p.Statement = append(p.Statement, deny(all, "NotIpAddress", "aws:SourceIp", args.AllowedSourceRanges...))
	}
	// API Gateway takes no such calls anyway; a policy needs a statement.
	p.Statement = append(p.Statement, deny(all, "Bool", "aws:SecureTransport", "false"))
	return p
}

// principalPatterns turns account ids into the pattern of all their principals.
func principalPatterns(principals []string) []string {
	patterns := make([]string, len(principals))
	for i, p := range principals {
		patterns[i] = p
		if accountAllowed.MatchString(p) {
			patterns[i] = "arn:*:*::" + p + ":*"
		}
	}
	return patterns
}
