package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Principal is a caller with credentials: a user, or a session of a role.
type Principal struct {
	// AccessKeyID and SecretAccessKey sign requests.
	AccessKeyID, SecretAccessKey string
	// SessionToken makes the credentials temporary; Expires ends them, zero never.
	SessionToken string
	Expires      time.Time
	// AccountID has twelve digits.
	AccountID string
	// UserID is AIDA... for a user and AROA...:session for a session of a role.
	UserID string
	// ARN is arn:aws:iam::ACCOUNT:user/NAME or arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
	ARN string
	// Policy is the identity-based policy in JSON; empty allows nothing.
	Policy []byte
}

// roleARN is the role of a session, or empty.
func (p *Principal) roleARN() string {
	_, rest, session := strings.Cut(p.ARN, ":assumed-role/")
	role, _, _ := strings.Cut(rest, "/")
	if !session {
		return ""
	}
	return "arn:aws:iam::" + p.AccountID + ":role/" + role
}

// guard knows who may call an API.
type guard struct {
	guardConfig
	byKey map[string]*principal
}

type guardConfig struct {
	service, region, account string
	// apiARN is what execute-api:/ stands for in the resources of a policy, up to the slash.
	apiARN         string
	now            func() time.Time
	principals     []Principal
	resourcePolicy *policy
}

type principal struct {
	Principal
	policy *policy // nil allows nothing
}

func newGuard(config guardConfig) (*guard, error) {
	g := &guard{guardConfig: config, byKey: map[string]*principal{}}
	var problems []error
	for _, p := range config.principals {
		known := &principal{Principal: p}
		if p.AccessKeyID == "" || p.SecretAccessKey == "" || g.byKey[p.AccessKeyID] != nil {
			problems = append(problems,
				fmt.Errorf("credentials of %s: an access key id that nobody else has and a secret are needed", p.ARN))
		}
		if len(p.Policy) > 0 {
			var err error
			if known.policy, err = parsePolicy(p.Policy, identityPolicy); err != nil {
				problems = append(problems, fmt.Errorf("identity-based policy of %s: %w", p.ARN, err))
			}
		}
		g.byKey[p.AccessKeyID] = known
	}
	if config.resourcePolicy != nil {
		for _, s := range config.resourcePolicy.statements {
			for i, resource := range s.resources.list {
				if path, short := strings.CutPrefix(resource, "execute-api:/"); short {
					s.resources.list[i] = config.apiARN + "/" + path
				}
			}
		}
	}
	return g, errors.Join(problems...)
}

// authorize lets a request pass that its method, the caller's policy and the API's policy allow.
func (x *exchange) authorize(body []byte) *failure {
	config := &x.api.config
	if !x.method.iam && x.api.document.policy == nil {
		return nil
	}
	resource := x.api.guard.apiARN + "/" + config.Stage + "/" + x.verb + x.target.path
	if len(resource) > config.Limits.MethodARNBytes {
		return failURLTooLong.because("the method ARN has %d bytes, %d are allowed with authorization", len(resource),
			config.Limits.MethodARNBytes)
	}
	var caller *principal
	if x.method.iam {
		var failed *failure
		if caller, failed = x.api.guard.identify(x.r, x.target.signed, x.target.query, body); failed != nil {
			return failed
		}
		x.caller = &caller.Principal
	}
	return x.api.guard.permit(caller, "execute-api:Invoke", resource, x.conditionKeys())
}

// conditionKeys are the values policies may ask for.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-examples.html
func (x *exchange) conditionKeys() map[string]string {
	return requestKeys(x.r, x.sourceIP, x.caller)
}

func requestKeys(r *http.Request, sourceIP string, caller *Principal) map[string]string {
	keys := map[string]string{"aws:sourceip": sourceIP, "aws:securetransport": "true"}
	if caller != nil {
		keys["aws:principalarn"] = caller.ARN
		if role := caller.roleARN(); role != "" {
			keys["aws:principalarn"] = role
		}
		keys["aws:principalaccount"], keys["aws:userid"] = caller.AccountID, caller.UserID
	}
	for key, name := range map[string]string{"aws:useragent": "User-Agent", "aws:referer": "Referer"} {
		if value := r.Header.Get(name); value != "" {
			keys[key] = value
		}
	}
	return keys
}

// permit decides by the caller's policy and the resource's. Within an account one allow is enough, from another account
// both must allow, and an anonymous caller has only the resource's.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
func (g *guard) permit(caller *principal, action, resource string, keys map[string]string) *failure {
	request := permissionRequest{action: action, resource: resource, keys: keys}
	identity, ofResource := implicitDeny, implicitDeny
	if caller != nil {
		request.caller = &caller.Principal
		if caller.policy != nil {
			identity = caller.policy.decide(request, identityPolicy)
		}
	}
	if g.resourcePolicy != nil {
		ofResource = g.resourcePolicy.decide(request, resourcePolicy)
	}
	if identity == explicitDeny || ofResource == explicitDeny {
		return refuseAccess(request, explicitDeny)
	}
	allowed := identity == allow || ofResource == allow
	if caller != nil && caller.AccountID != g.account {
		allowed = identity == allow && ofResource == allow
	}
	if !allowed {
		return refuseAccess(request, implicitDeny)
	}
	return nil
}

// refuseAccess names the caller, the action and the resource, whose account is masked.
func refuseAccess(r permissionRequest, why decision) *failure {
	user := "anonymous"
	switch {
	case r.caller != nil:
		user = r.caller.ARN
	case !namesAnonymousCallers:
		return failForbidden.because("the API's policy does not let anonymous callers in")
	}
	message := "User: " + user + " is not authorized to perform: " + r.action + " on resource: " +
		maskAccount(r.resource) +
		accessRefusalReason(r, why)
	body := append(appendString([]byte(`{"Message":`), message), '}')
	return failure{
		status: http.StatusForbidden, errorType: "AccessDeniedException", body: string(body),
		responseType: "ACCESS_DENIED",
	}.because("%s", message)
}

// maskAccount hides all but four digits of the account in an ARN.
func maskAccount(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && len(parts[4]) > 4 {
		shown := len(parts[4]) - 4
		parts[4] = strings.Repeat("*", shown) + parts[4][shown:]
	}
	return strings.Join(parts, ":")
}
