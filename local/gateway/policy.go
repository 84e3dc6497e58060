package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policy is a document of the IAM policy language.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
type policy struct {
	statements []statement
}

type statement struct {
	deny       bool
	principals []string // of resource policies: "*", account ids and ARNs
	actions    patterns
	resources  patterns
	conditions []condition
}

// patterns match names with * and ?; not turns the match around (NotAction, NotResource).
type patterns struct {
	not  bool
	list []string
}

func (p patterns) match(name string, matches func(pattern, name string) bool) bool {
	return slices.ContainsFunc(p.list, func(pattern string) bool { return matches(pattern, name) }) != p.not
}

// policyKind is what a policy is attached to.
type policyKind int

const (
	identityPolicy policyKind = iota // to a user or role: no Principal
	resourcePolicy                   // to an API: with Principal
)

// stringList is a member of a policy that is one value or a list.
type stringList []string

func (l *stringList) UnmarshalJSON(text []byte) error {
	var values []any
	if err := json.Unmarshal(text, &values); err != nil {
		var one any
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		values = []any{one}
	}
	for _, value := range values {
		switch value := value.(type) {
		case string:
			*l = append(*l, value)
		case bool:
			*l = append(*l, fmt.Sprint(value))
		default:
			return fmt.Errorf("%v: a string or a list of strings is needed", value)
		}
	}
	return nil
}

// parsePolicy reads a policy, given as a JSON object or as a string that holds one. Elements, operators and condition
// keys that the gateway does not realise are errors: passing over one could let a request through.
func parsePolicy(text []byte, kind policyKind) (*policy, error) {
	var quoted string
	if json.Unmarshal(text, &quoted) == nil {
		text = []byte(quoted)
	}
	var document struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := unmarshalStrictly(text, &document); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	var statements []json.RawMessage
	if json.Unmarshal(document.Statement, &statements) != nil {
		statements = []json.RawMessage{document.Statement}
	}
	if len(statements) == 0 {
		return nil, errors.New("the policy has no statement")
	}
	parsed := &policy{}
	for i, raw := range statements {
		s, err := parseStatement(raw, kind)
		if err != nil {
			return nil, fmt.Errorf("statement %d of the policy: %w", i+1, err)
		}
		parsed.statements = append(parsed.statements, s)
	}
	return parsed, nil
}

func unmarshalStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func parseStatement(raw []byte, kind policyKind) (statement, error) {
	var s struct {
		Sid, Effect                              string
		Principal                                json.RawMessage
		Action, NotAction, Resource, NotResource stringList
		Condition                                map[string]map[string]stringList
	}
	if err := unmarshalStrictly(raw, &s); err != nil {
		return statement{}, err
	}
	parsed := statement{
		deny:      s.Effect == "Deny",
		actions:   patterns{not: s.NotAction != nil, list: slices.Concat(s.Action, s.NotAction)},
		resources: patterns{not: s.NotResource != nil, list: slices.Concat(s.Resource, s.NotResource)},
	}
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return statement{}, fmt.Errorf("effect %q is neither Allow nor Deny", s.Effect)
	case (s.Action == nil) == (s.NotAction == nil):
		return statement{}, errors.New("one of Action and NotAction is needed")
	case (s.Resource == nil) == (s.NotResource == nil):
		return statement{}, errors.New("one of Resource and NotResource is needed")
	case (kind == resourcePolicy) != (s.Principal != nil):
		return statement{}, errors.New("a policy of an API names a Principal, one of a user or role does not")
	}
	var err error
	if parsed.principals, err = parsePrincipals(s.Principal); err != nil {
		return statement{}, err
	}
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			c, err := newCondition(operator, key, s.Condition[operator][key])
			if err != nil {
				return statement{}, err
			}
			parsed.conditions = append(parsed.conditions, c)
		}
	}
	return parsed, nil
}

// parsePrincipals reads "*" and {"AWS": ...}.
func parsePrincipals(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var everyone string
	if json.Unmarshal(raw, &everyone) == nil {
		if everyone != "*" {
			return nil, fmt.Errorf(`principal %q: "*" or {"AWS": ...} is needed`, everyone)
		}
		return []string{"*"}, nil
	}
	var kinds map[string]stringList
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	for kind := range kinds {
		if kind != "AWS" {
			return nil, fmt.Errorf("principals of the kind %q are not realised on this machine", kind)
		}
	}
	return kinds["AWS"], nil
}

// decision is what a policy says of a request.
type decision int

const (
	implicitDeny decision = iota
	allow
	explicitDeny
)

// permissionRequest is what a policy decides on.
type permissionRequest struct {
	action, resource string
	caller           *Principal // nil is anonymous
	// keys are the condition keys that have a value, in lower case.
	keys map[string]string
}

// decide evaluates a policy: an explicit deny wins over an allow, which wins over silence.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (p *policy) decide(r permissionRequest, kind policyKind) decision {
	result := implicitDeny
	for _, s := range p.statements {
		if kind == resourcePolicy && !s.names(r.caller) || !s.covers(r) {
			continue
		}
		if s.deny {
			return explicitDeny
		}
		result = allow
	}
	return result
}

// covers says whether a statement is about a request.
func (s statement) covers(r permissionRequest) bool {
	if !s.actions.match(r.action, matchFold) || !s.resources.match(r.resource, matchWildcard) {
		return false
	}
	return !slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r.keys) })
}

// names says whether a caller is among the principals. An account stands for all its users; a role for its sessions.
func (s statement) names(caller *Principal) bool {
	return slices.ContainsFunc(s.principals, func(principal string) bool {
		switch {
		case principal == "*":
			return true
		case caller == nil:
			return false
		case principal == caller.AccountID || principal == "arn:aws:iam::"+caller.AccountID+":root":
			return true
		}
		return principal == caller.ARN || principal == caller.roleARN()
	})
}

func matchFold(pattern, name string) bool {
	return matchWildcard(strings.ToLower(pattern), strings.ToLower(name))
}

// matchWildcard matches * (any run of bytes) and ? (any one byte). It goes back to the last star only, so its time is
// at most the product of the lengths.
func matchWildcard(pattern, name string) bool {
	star, retry := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			retry++
			p, n = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
