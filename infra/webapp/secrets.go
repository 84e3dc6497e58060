package webapp

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/secrets/reference"
)

// A secret by reference is never seen here: the function is told where it is kept, the program in front of the app's
// start command fetches it (secrets/), and the role may read just that.

// secretReferences is what the function is told: the variables and their references, as JSON.
func (a Args) secretReferences() string {
	text, _ := json.Marshal(a.Secrets) // a map of texts always can be
	return string(text)
}

func checkSecrets(args Args, found *mistakes) {
	for _, name := range sortedKeys(args.Secrets) {
		if _, err := reference.Parse(args.Secrets[name]); err != nil {
			found.add("secrets", "%s: %q %s", name, args.Secrets[name], err)
		}
		_, twice := args.Environment[name]
		_, own := args.variables(usualPort)[name]
		switch {
		case twice:
			found.add("secrets", "%s is in environment too; leave it out of one", name)
		case own, slices.Contains(reserved, name), strings.HasPrefix(name, "AWS_L"), !variableAllowed.MatchString(name):
			found.add("secrets",
				"%q is not a name a secret can have; use letters, digits and _, at least two, starting with "+
					"a letter, and none of AWS's and lambda-web's own", name)
		}
	}
	if args.SecretsKMSKey != nil && len(args.Secrets) == 0 {
		found.add("secretsKmsKeyArn", "is of no use without secrets; set both, or neither")
	}
	checkARN("secretsKmsKeyArn", "kms", "key/", args.SecretsKMSKey, found)
}

// secretRights let the function read its secrets, each by its name, in the account and region of the log group.
func (b builder) secretRights(logs *cloudwatch.LogGroup) pulumi.StringOutput {
	key := pulumi.String("").ToStringOutput()
	if b.args.SecretsKMSKey != nil {
		key = b.args.SecretsKMSKey.ToStringOutput()
	}
	return pulumi.All(logs.Arn, key).ApplyT(func(v []any) (string, error) {
		return document(b.args.secretStatements(v[0].(string), v[1].(string))...)
	}).(pulumi.StringOutput)
}

func (a Args) secretStatements(near, key string) []statement {
	resources := map[string][]string{}
	for _, name := range sortedKeys(a.Secrets) {
		r, _ := reference.Parse(a.Secrets[name]) // checkSecrets refused what is none
		arn := r.ARN(cutARN(near, arnPartition), cutARN(near, arnRegion), cutARN(near, arnAccount))
		if action := r.Action(); !slices.Contains(resources[action], arn) {
			resources[action] = append(resources[action], arn)
		}
	}
	var statements []statement
	for _, action := range sortedKeys(resources) {
		statements = append(statements, statement{Effect: "Allow", Action: []string{action},
			Resource: resources[action]})
	}
	if key != "" {
		statements = append(statements, statement{Effect: "Allow", Action: []string{"kms:Decrypt"},
			Resource: []string{key}})
	}
	return statements
}
