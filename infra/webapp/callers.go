package webapp

import (
	"fmt"
)

// callers is the API's resource policy: who may call, and from where. It is nil when there is
// nothing to say, and API Gateway then goes by the authorization alone
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html).
//
// Limits are denials. An allowance would widen signed APIs: within an account API Gateway accepts
// what either the caller's own policy or the API's allows.
func callers(args Args) *policy {
	if len(args.AllowedPrincipals) == 0 && len(args.AllowedSourceRanges) == 0 {
		return nil
	}
	everybody := map[string]string{"AWS": "*"}
	call := []string{"execute-api:Invoke"}
	stage := []string{fmt.Sprintf("execute-api:/%s/*/*", args.Stage)}
	p := &policy{Version: "2012-10-17"}
	if args.Auth == AuthNone {
		p.Statement = append(p.Statement, statement{Effect: "Allow", Principal: everybody, Action: call, Resource: stage})
	}
	if len(args.AllowedPrincipals) > 0 {
		patterns := principalPatterns(args.AllowedPrincipals)
		// Callers of other accounts need the API's word besides their own.
		p.Statement = append(p.Statement,
			statement{Effect: "Allow", Principal: everybody, Action: call, Resource: stage,
				Condition: map[string]map[string][]string{"ArnLike": {"aws:PrincipalArn": patterns}}},
			statement{Effect: "Deny", Principal: everybody, Action: call, Resource: stage,
				Condition: map[string]map[string][]string{"ArnNotLike": {"aws:PrincipalArn": patterns}}})
	}
	if len(args.AllowedSourceRanges) > 0 {
		p.Statement = append(p.Statement, statement{Effect: "Deny", Principal: everybody, Action: call, Resource: stage,
			Condition: map[string]map[string][]string{"NotIpAddress": {"aws:SourceIp": args.AllowedSourceRanges}}})
	}
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
