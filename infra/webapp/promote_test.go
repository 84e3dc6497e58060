package webapp

import (
	"reflect"
	"strings"
	"testing"
)

var promotedImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/lambda-web-dev@sha256:" + strings.Repeat("a", 64)

// TestPromotedGraph: the function runs the image that was named; nothing is built, and no repository made.
func TestPromotedGraph(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, map[string]string{"image": promotedImage, "app": "nowhere"})
	for _, token := range []string{typeRepository, typePull, typeImage} {
		if made := c.all(token); len(made) > 0 {
			t.Errorf("%v was made", made)
		}
	}
	if got := c.one(t, typeFunction).input("imageUri"); got != promotedImage {
		t.Errorf("the function runs %v", got)
	}
	outputs := p.outputs(t, map[string]string{"image": promotedImage})
	if outputs["imageDigest"] != promotedImage || outputs["repositoryUrl"] != nil {
		t.Errorf("the outputs are %v", outputs)
	}
}

// TestPullAccounts: another account's functions may fetch images when the account and Lambda for its functions are
// allowed to.
func TestPullAccounts(t *testing.T) {
	p := newProject(t)
	c := p.deployed(t, map[string]string{"imagePullAccounts": `["210987654321"]`})
	pull := []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	want := policy{Version: "2012-10-17", Statement: []statement{
		{Sid: "LambdaPullsTheImage", Effect: "Allow", Principal: map[string]string{"Service": "lambda.amazonaws.com"},
			Action: pull,
			Condition: map[string]map[string][]string{"StringLike": {"aws:SourceArn": {
				"arn:*:lambda:eu-central-1:123456789012:function:*",
				"arn:*:lambda:eu-central-1:210987654321:function:*"}}}},
		{Sid: "Account210987654321", Effect: "Allow", Principal: map[string]string{"AWS": "210987654321"},
			Action: pull},
	}}
	if got := policies(t, c)[typePull+" lambda-web-dev"]; !reflect.DeepEqual(got, want) {
		t.Errorf("the repository's policy is\n%v\nwant\n%v", got, want)
	}
}

func TestStackName(t *testing.T) {
	for given, want := range map[string]string{
		"dev": "shop/lambda-web/dev", "web/dev": "shop/web/dev", "other/web/dev": "other/web/dev",
	} {
		if got := stackName(given, "shop", "lambda-web"); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}

func TestDigestOfAnotherStack(t *testing.T) {
	args := Args{ImageFrom: "dev", Architecture: ARM64}
	for _, c := range []struct {
		outputs map[string]any
		wrong   string
	}{
		{map[string]any{"imageDigest": promotedImage, "architecture": "arm64"}, ""},
		{map[string]any{"imageDigest": promotedImage}, ""}, // deployed by a release that does not say
		{map[string]any{"imageDigest": promotedImage, "architecture": "x86_64"},
			"the image of stack dev is for x86_64, and architecture here is arm64"},
		{map[string]any{"imageDigest": promotedImage, "fetchesSecrets": true}, ""},
		{map[string]any{}, "stack dev has no output imageDigest; deploy a web app there first"},
		{map[string]any{"imageDigest": 1}, "has no output imageDigest"},
	} {
		got, err := digestOf(c.outputs, args)
		if c.wrong == "" && (err != nil || got != promotedImage) {
			t.Errorf("%v: %q, %v", c.outputs, got, err)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%v: %v, want %q", c.outputs, err, c.wrong)
		}
	}
}
