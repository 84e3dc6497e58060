// Package reference is how a secret is named: where it is kept, and which part of it is meant.
package reference

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Stores of secrets.
const (
	SecretsManager = "secretsmanager"
	ParameterStore = "ssm"
)

// Variable is the environment variable that hands the references to the image: a JSON object of the app's variables and
// their references.
const Variable = "LAMBDA_WEB_SECRETS"

// Program is where in an image the program stands that gives the app its secrets.
const Program = "/opt/lambda-web/secrets"

// Reference names a secret.
type Reference struct {
	Store  string // SecretsManager or ParameterStore
	ID     string // name or ARN
	Key    string // of a value that is a JSON object; empty for the value as a whole
	Region string // of an ARN; empty for the function's own
}

var (
	// secretName: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
	secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)
	// parameterName: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
	parameterName = regexp.MustCompile(`^(/[A-Za-z0-9_.-]+){1,15}$`)
	// parameterARN also takes a name without folders, of which it has no slash at the start.
	parameterARN = regexp.MustCompile(`^parameter(/[A-Za-z0-9_.-]+){1,15}$`)
	// secretARN ends in six characters that Secrets Manager draws.
	secretARN = regexp.MustCompile(`^secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$`)
	region    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)
	account   = regexp.MustCompile(`^\d{12}$`)
)

// Parse reads a reference: an ARN, a name in Parameter Store, which starts with a slash, or a name in Secrets
// Manager; with
// #key at its end the part of a JSON object. An error says what is wrong in words that follow "it".
func Parse(text string) (Reference, error) {
	id, key, keyed := strings.Cut(text, "#")
	r := Reference{Store: SecretsManager, ID: id, Key: key}
	if keyed && key == "" {
		return r, errors.New("names no key after #")
	}
	switch {
	case strings.HasPrefix(id, "arn:"):
		return r.arn()
	case strings.HasPrefix(id, "/"):
		r.Store = ParameterStore
		if !parameterName.MatchString(id) {
			return r, errors.New("is not the name of a parameter; use one such as /shop/database")
		}
	case !secretName.MatchString(id):
		return r, errors.New("is not the name of a secret; use one such as shop/database, /shop/database for " +
			"Parameter Store, or an ARN")
	}
	return r, nil
}

func (r Reference) arn() (Reference, error) {
	parts := strings.SplitN(r.ID, ":", 6)
	if len(parts) < 6 || !region.MatchString(parts[3]) || !account.MatchString(parts[4]) {
		return r, errors.New("is not an ARN with region and account")
	}
	r.Store, r.Region = parts[2], parts[3]
	switch {
	case r.Store == SecretsManager && secretARN.MatchString(parts[5]), r.Store == ParameterStore &&
		parameterARN.MatchString(parts[5]):
		return r, nil
	case r.Store == SecretsManager && strings.HasPrefix(parts[5], "secret:"):
		return r, errors.New("is not the whole ARN of a secret, which ends in - and six characters; use the " +
			"whole one, or the name")
	}
	return r, errors.New("is not the ARN of a secret or a parameter")
}

// ARN is what a policy has to name, for a secret in the account and region given unless the reference says another. A
// name in Secrets Manager becomes a pattern for the six characters at the end of its ARN
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html).
func (r Reference) ARN(partition, region, account string) string {
	switch {
	case r.Region != "":
		return r.ID
	case r.Store == ParameterStore:
		return fmt.Sprintf("arn:%s:ssm:%s:%s:parameter%s", partition, region, account, r.ID)
	}
	return fmt.Sprintf("arn:%s:secretsmanager:%s:%s:secret:%s-??????", partition, region, account, r.ID)
}

// Action is what reading it takes.
func (r Reference) Action() string {
	if r.Store == ParameterStore {
		return "ssm:GetParameter"
	}
	return "secretsmanager:GetSecretValue"
}
