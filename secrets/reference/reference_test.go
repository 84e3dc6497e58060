package reference

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const (
		secret    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/db-AbC123"
		parameter = "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/shop/db"
	)
	for _, c := range []struct {
		text  string
		want  Reference
		arn   string
		wrong string
	}{
		{"shop/db", Reference{Store: SecretsManager, ID: "shop/db"},
			"arn:aws:secretsmanager:eu-west-1:210987654321:secret:shop/db-??????", ""},
		{"shop/db#password", Reference{Store: SecretsManager, ID: "shop/db", Key: "password"},
			"arn:aws:secretsmanager:eu-west-1:210987654321:secret:shop/db-??????", ""},
		{"/shop/db", Reference{Store: ParameterStore, ID: "/shop/db"},
			"arn:aws:ssm:eu-west-1:210987654321:parameter/shop/db", ""},
		{"/db#a#b", Reference{Store: ParameterStore, ID: "/db", Key: "a#b"},
			"arn:aws:ssm:eu-west-1:210987654321:parameter/db", ""},
		{secret, Reference{Store: SecretsManager, ID: secret, Region: "eu-central-1"}, secret, ""},
		{secret + "#k", Reference{Store: SecretsManager, ID: secret, Key: "k", Region: "eu-central-1"}, secret, ""},
		{parameter, Reference{Store: ParameterStore, ID: parameter, Region: "us-gov-west-1"}, parameter, ""},
		{"", Reference{}, "", "is not the name of a secret"},
		{"a b", Reference{}, "", "is not the name of a secret"},
		{"a*", Reference{}, "", "is not the name of a secret"},
		{"/shop/*", Reference{}, "", "is not the name of a parameter"},
		{"/", Reference{}, "", "is not the name of a parameter"},
		{"shop/db#", Reference{}, "", "names no key after #"},
		{"arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/db", Reference{}, "",
			"is not the whole ARN of a secret"},
		{"arn:aws:secretsmanager:eu-central-1:123456789012:secret:*-??????", Reference{}, "",
			"is not the whole ARN of a secret"},
		{"arn:aws:secretsmanager::123456789012:secret:shop/db-AbC123", Reference{}, "", "with region and account"},
		{"arn:aws:ssm:eu-central-1:1:parameter/x", Reference{}, "", "with region and account"},
		{"arn:aws:s3:eu-central-1:123456789012:bucket", Reference{}, "", "is not the ARN of a secret or a parameter"},
		{"arn:aws:ssm:eu-central-1:123456789012:parameter/*", Reference{}, "",
			"is not the ARN of a secret or a parameter"},
		{"arn:", Reference{}, "", "with region and account"},
	} {
		got, err := Parse(c.text)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v, want %q", c.text, err, c.wrong)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.text, got, err, c.want)
		}
		if arn := got.ARN("aws", "eu-west-1", "210987654321"); arn != c.arn {
			t.Errorf("%q: the policy names %s, want %s", c.text, arn, c.arn)
		}
	}
}

// FuzzParse: a reference that is taken names one secret: no ARN of it holds a wildcard of the reader's making.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"shop/db", "/shop/db#key",
		"arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbC123", "arn:aws:ssm:x", "#", "*"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		arn := strings.TrimSuffix(r.ARN("aws", "eu-central-1", "123456789012"), "-??????")
		if strings.ContainsAny(arn, "*?$ \n") || strings.Count(arn, ":") < 5 {
			t.Errorf("%q is %q", text, arn)
		}
		if r.Store != SecretsManager && r.Store != ParameterStore {
			t.Errorf("%q is kept in %q", text, r.Store)
		}
	})
}
