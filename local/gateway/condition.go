package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// condition is one operator with one key of a policy's Condition.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	key      string // in lower case
	values   []string
	match    func(value, actual string) bool
	not      bool // none of the values may match
	ifExists bool // a key without a value is fine
}

// conditionOperators are the realised operators without their "Not" forms and "IfExists" endings.
var conditionOperators = map[string]func(value, actual string) bool{
	"StringEquals":           func(value, actual string) bool { return value == actual },
	"StringEqualsIgnoreCase": strings.EqualFold,
	"StringLike":             matchWildcard,
	"ArnEquals":              MatchARN,
	"ArnLike":                MatchARN,
	"Bool":                   strings.EqualFold,
	"IpAddress":              matchAddress,
}

// negatedOperators are the "Not" forms.
var negatedOperators = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
	"StringNotLike": "StringLike",
	"ArnNotEquals":  "ArnEquals", "ArnNotLike": "ArnLike", "NotIpAddress": "IpAddress",
}

// conditionKeys are the keys the gateway can tell the value of. The second group never has one on this machine, as it
// would not for a public API called over the internet.
var conditionKeys = []string{
	"aws:principalaccount", "aws:principalarn", "aws:referer", "aws:securetransport", "aws:sourceip", "aws:useragent",
	"aws:userid",
	"aws:principalorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip",
}

func newCondition(operator, key string, values []string) (condition, error) {
	c := condition{key: strings.ToLower(key), values: values}
	if !slices.Contains(conditionKeys, c.key) {
		return condition{}, fmt.Errorf("condition key %s is not realised on this machine", key)
	}
	name, ifExists := strings.CutSuffix(operator, "IfExists")
	c.ifExists = ifExists
	if positive, negated := negatedOperators[name]; negated {
		name, c.not = positive, true
	}
	if c.match = conditionOperators[name]; c.match == nil {
		return condition{}, fmt.Errorf("condition operator %s is not realised on this machine", operator)
	}
	if name == "IpAddress" {
		for _, value := range values {
			if _, err := parseNetwork(value); err != nil {
				return condition{}, fmt.Errorf("condition %s %s: %q is not an address or a CIDR block", operator, key,
					value)
			}
		}
	}
	return c, nil
}

// holds says whether the condition is met. A key without a value meets negated operators only.
func (c condition) holds(keys map[string]string) bool {
	actual, exists := keys[c.key]
	if !exists {
		return c.ifExists || c.not
	}
	return slices.ContainsFunc(c.values, func(value string) bool { return c.match(value, actual) }) != c.not
}

// MatchARN compares an ARN with a pattern as ArnLike does, part by part: a star does not reach over a colon.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func MatchARN(value, actual string) bool {
	const parts = 6
	patterns, names := strings.SplitN(value, ":", parts), strings.SplitN(actual, ":", parts)
	if len(patterns) != parts || len(names) != parts {
		return false
	}
	for i := range parts {
		if !matchWildcard(patterns[i], names[i]) {
			return false
		}
	}
	return true
}

func parseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func matchAddress(value, actual string) bool {
	network, err := parseNetwork(value)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(actual)
	return err == nil && network.Contains(address)
}
