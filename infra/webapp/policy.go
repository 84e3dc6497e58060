package webapp

import (
	"encoding/json"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// policy is an IAM policy document
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html).
type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Sid       string                         `json:"Sid,omitempty"`
	Effect    string                         `json:"Effect"`
	Principal map[string]string              `json:"Principal,omitempty"`
	Action    []string                       `json:"Action"`
	Resource  []string                       `json:"Resource,omitempty"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

func document(statements ...statement) (string, error) {
	text, err := json.Marshal(policy{Version: "2012-10-17", Statement: statements})
	return string(text), err
}

// The fields of arn:partition:service:region:account:resource
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
const (
	arnPartition = 1
	arnService   = 2
	arnRegion    = 3
	arnAccount   = 4
	arnResource  = 5
)

// arnField is one field of an ARN, or nothing when it is not an ARN.
func arnField(arn pulumi.StringOutput, field int) pulumi.StringOutput {
	return arn.ApplyT(func(arn string) string { return cutARN(arn, field) }).(pulumi.StringOutput)
}

func cutARN(arn string, field int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[field]
}
