package gateway

import (
	"bytes"
	"strings"
	"testing"
)

func TestMatchWildcard(t *testing.T) {
	for _, check := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd",
			false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"**", "", true}, {"*a*b", "xaybzb", true}, {"a*b*c", "aXbYbZc",
			true},
		{"arn:aws:execute-api:*:*:id/v1/GET/*", "arn:aws:execute-api:eu:1:id/v1/GET/", true},
		{"arn:aws:execute-api:*:*:id/v1/GET/*", "arn:aws:execute-api:eu:1:id/v1/POST/a", false},
		{"[a-z]", "b", false}, {`\*`, `\x`, true},
	} {
		if got := matchWildcard(check.pattern, check.name); got != check.want {
			t.Errorf("%q matches %q: %v", check.pattern, check.name, got)
		}
	}
}

// TestPolicies: decisions on one request, execute-api:Invoke on arn:x/v1/GET/a by a role's session.
func TestPolicies(t *testing.T) {
	caller := &Principal{AccountID: testAccount, UserID: "AROA:run",
		ARN: "arn:aws:sts::123456789012:assumed-role/deployer/run"}
	r := permissionRequest{action: "execute-api:Invoke", resource: "arn:x/v1/GET/a", caller: caller,
		keys: map[string]string{
			"aws:sourceip": "192.0.2.7", "aws:useragent": "curl/8", "aws:securetransport": "true",
			"aws:principalarn": "arn:aws:iam::123456789012:role/deployer"}}
	statement := func(effect, rest string) string { return `{"Effect":"` + effect + `",` + rest + `}` }
	const all = `"Action":"execute-api:*","Resource":"*"`
	for _, check := range []struct {
		name, statements string
		want             decision
	}{
		{"allow", statement("Allow", all), allow},
		{"other_action", statement("Allow", `"Action":"execute-api:ManageConnections","Resource":"*"`), implicitDeny},
		{"actions_of_any_case", statement("Allow", `"Action":["s3:*","EXECUTE-API:INVOKE"],"Resource":"*"`), allow},
		{"resources_of_one_case", statement("Allow", `"Action":"*","Resource":"ARN:X/*"`), implicitDeny},
		{"not_action", statement("Allow", `"NotAction":"execute-api:*","Resource":"*"`), implicitDeny},
		{"not_resource", statement("Allow", `"Action":"*","NotResource":"arn:x/v1/POST/*"`), allow},
		{"deny_after_allow", statement("Allow", all) + "," + statement("Deny", all), explicitDeny},
		{"deny_before_allow", statement("Deny", all) + "," + statement("Allow", all), explicitDeny},
		{"address_in_block", statement("Allow", all+`,"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`),
			allow},
		{"address_not_in_block", statement("Allow", all+
			`,"Condition":{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","10.0.0.0/8"]}}`), implicitDeny},
		{"two_conditions", statement("Allow", all+
			`,"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},"StringLike":{"aws:UserAgent":"wget/*"}}`),
			implicitDeny},
		{"like", statement("Allow", all+`,"Condition":{"StringLike":{"aws:UserAgent":["wget/*","curl/?"]}}`), allow},
		{"equals_ignoring_case", statement("Allow", all+
			`,"Condition":{"StringEqualsIgnoreCase":{"aws:UserAgent":"CURL/8"}}`), allow},
		{"secure_transport", statement("Deny", all+`,"Condition":{"Bool":{"aws:SecureTransport":false}}`),
			implicitDeny},
		{"ARN_of_an_account", statement("Allow", all+
			`,"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:*:*::123456789012:*"}}`), allow},
		{"ARN_of_another_account", statement("Deny", all+
			`,"Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:*:*::210987654321:*"]}}`), explicitDeny},
		{"ARN_star_over_a_colon", statement("Allow", all+
			`,"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:*:role/deployer"}}`), implicitDeny},
		{"missing_key", statement("Allow", all+`,"Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`),
			implicitDeny},
		{"missing_key_if_exists", statement("Allow", all+
			`,"Condition":{"StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}}`), allow},
		{"missing_key_negated", statement("Deny", all+`,"Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`),
			explicitDeny},
	} {
		t.Run(check.name, func(t *testing.T) {
			p, err := parsePolicy([]byte(`{"Version":"2012-10-17","Statement":[`+check.statements+`]}`), identityPolicy)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.decide(r, identityPolicy); got != check.want {
				t.Errorf("decision %d, want %d", got, check.want)
			}
		})
	}
	for principal, want := range map[string]decision{
		`"*"`: allow, `{"AWS":"*"}`: allow, `{"AWS":["1","123456789012"]}`: allow,
		`{"AWS":"arn:aws:iam::123456789012:root"}`:                      allow,
		`{"AWS":"arn:aws:iam::123456789012:role/deployer"}`:             allow,
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/deployer/run"}`: allow,
		`{"AWS":"arn:aws:iam::123456789012:role/other"}`:                implicitDeny,
		`{"AWS":"210987654321"}`:                                        implicitDeny,
	} {
		p, err := parsePolicy([]byte(`{"Statement":`+statement("Allow", all+`,"Principal":`+principal)+`}`),
			resourcePolicy)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.decide(r, resourcePolicy); got != want {
			t.Errorf("principal %s: decision %d, want %d", principal, got, want)
		}
	}
}

func TestPolicyRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:               "statement 1 of the policy",
		`{"Statement":[]}`: "the policy has no statement",
		`{"Statement":{"Effect":"Allow","Action":"*"}}`:                                                               "one of Resource and NotResource is needed",
		`{"Statement":{"Effect":"Allow","Resource":"*"}}`:                                                             "one of Action and NotAction is needed",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`:                                "one of a user or role does not",
		`{"Statement":{"Effect":"Allow","Action":5,"Resource":"*"}}`:                                                  "a string or a list of strings is needed",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} x`:                                              "something follows",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"aws:SourceIp":""}}}}`:       "condition operator Null is not realised",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"x"}}}}`: `"x" is not an address`,
	} {
		if _, err := parsePolicy([]byte(text), identityPolicy); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", text, err, want)
		}
	}
	if _, err := parsePolicy([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":{"Service":"x"}}}`), resourcePolicy); err == nil {
		t.Error("a service as principal is accepted")
	}
	quoted := `"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"`
	if _, err := parsePolicy([]byte(quoted), identityPolicy); err != nil {
		t.Errorf("a policy in a string: %v", err)
	}
}

// TestResourcePolicy: who may call by the API's own policy, without and with AWS_IAM.
func TestResourcePolicy(t *testing.T) {
	const head = `{"Version":"2012-10-17","Statement":[`
	const everyone = `"Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"`
	const refused = `{"Message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: ` +
		`arn:aws:execute-api:eu-central-1:********9012:a1b2c3d4e5/v1/GET/x`
	for _, check := range []struct {
		name, policy string
		unsigned     string // body that begins the 403, empty for 200
		signed       int
	}{
		{"everyone", head + `{"Effect":"Allow",` + everyone + `}]}`, ``, 200},
		{"nobody_by_address", head + `{"Effect":"Allow",` + everyone +
			`,"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`, refused + `"}`, 200},
		{"own_address", head + `{"Effect":"Allow",` + everyone +
			`,"Condition":{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","127.0.0.1"]}}}]}`, ``, 200},
		{"deny_wins", head + `{"Effect":"Allow",` + everyone + `},{"Effect":"Deny",` + everyone +
			`,"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}`,
			refused + ` with an explicit deny"}`, 403},
		{"other_path", head +
			`{"Effect":"Allow","Principal":"*","Action":"execute-api:*","Resource":"execute-api:/v1/GET/y"}]}`,
			refused + `"}`, 200},
		{"this_path", head +
			`{"Effect":"Allow","Principal":"*","Action":"EXECUTE-API:invoke","Resource":"arn:aws:execute-api:*:*:*/v?/GET/x"}]}`, ``, 200},
		{"one_user", head +
			`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/tester"},"Action":"execute-api:Invoke","Resource":"*"}]}`, refused, 200},
		{"vpc_only", head + `{"Effect":"Allow",` + everyone + `},{"Effect":"Deny",` + everyone +
			`,"Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}}]}`,
			refused + ` with an explicit deny"}`, 403},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := testConfig(echo)
			config.Document = documentText(proxyPaths(), `,"x-amazon-apigateway-policy":`+check.policy)
			got := get(t, serve(t, config), "/v1/x")
			if check.unsigned == "" && got.status != 200 || check.unsigned != "" && (got.status != 403 ||
				!strings.HasPrefix(got.body, check.unsigned)) {
				t.Errorf("without AWS_IAM: %d %s", got.status, got.body)
			}
			config = iamConfig(echo)
			config.Document = bytes.Replace(config.Document, []byte(`"paths"`),
				[]byte(`"x-amazon-apigateway-policy":`+check.policy+`,"paths"`), 1)
			if got := signed(t, serve(t, config), "GET", "/v1/x", "", signing{}); got.status != check.signed {
				t.Errorf("with AWS_IAM: %d %s", got.status, got.body)
			}
		})
	}
}

// TestCrossAccount: from another account both policies must allow.
func TestCrossAccount(t *testing.T) {
	stranger := testUser
	stranger.AccountID, stranger.ARN = "210987654321", "arn:aws:iam::210987654321:user/stranger"
	const shared = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"execute-api:Invoke","Resource":"*"}}`
	for _, check := range []struct {
		name, identity, resource string
		status                   int
	}{
		{"identity_alone", allowAll, "", 403},
		{"resource_alone", "", shared, 403},
		{"both", allowAll, shared, 200},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := iamConfig(echo)
			config.Principals = []Principal{stranger}
			config.Principals[0].Policy = []byte(check.identity)
			if check.resource != "" {
				config.Document = bytes.Replace(config.Document, []byte(`"paths"`),
					[]byte(`"x-amazon-apigateway-policy":`+check.resource+`,"paths"`), 1)
			}
			if got := signed(t, serve(t, config), "GET", "/v1/x", "", signing{}); got.status != check.status {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}
