package engine

import (
	"slices"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// Plans that concern a front.
const (
	frontParts = `
		OP aws:cloudfront/cachePolicy:CachePolicy
		OP aws:cloudfront/function:Function
		OP aws:cloudfront/distribution:Distribution
		OP random:index/randomPassword:RandomPassword`
	newEnvironment = `
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`
	sendsAnother  = newEnvironment + "\nupdate aws:cloudfront/distribution:Distribution"
	anotherSecret = `
		create-replacement random:index/randomPassword:RandomPassword
		replace random:index/randomPassword:RandomPassword
		delete-replaced random:index/randomPassword:RandomPassword`
	apiDomain = `
		OP aws:apigateway/domainName:DomainName
		OP aws:apigateway/basePathMapping:BasePathMapping
		update aws:route53/record:Record
		update aws:route53/record:Record`
)

func each(parts, op string) string { return strings.ReplaceAll(parts, "OP", op) }

// TestFront is the contract of every change with a front: what the preview shows and `up` does,
// that the version which serves knows what is sent before it is sent, and that no request is
// dropped or taken for a stranger's on the way.
func TestFront(t *testing.T) {
	const distribution = "aws:cloudfront/distribution:Distribution"
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	for _, c := range []struct {
		name   string
		change func()
		plan   string
		order  []string // each before the next
	}{
		{"on", func() { s.set(t, map[string]string{"front": "cloudfront"}) }, each(frontParts, "create") + newEnvironment,
			[]string{"create random:index/randomPassword:RandomPassword", "update aws:lambda/function:Function",
				"update aws:lambda/alias:Alias", "create " + distribution}},
		{"the first rotation", func() { s.set(t, map[string]string{"frontSecretRotation": "1"}) },
			sendsAnother + "\ncreate random:index/randomPassword:RandomPassword",
			[]string{"create random:index/randomPassword:RandomPassword", "update aws:lambda/function:Function",
				"update aws:lambda/alias:Alias", "update " + distribution}},
		{"the second rotation, with a new app", func() {
			s.set(t, map[string]string{"frontSecretRotation": "2"})
			p.put(t, "app/app.py", "app = 2\n")
		}, sendsAnother + anotherSecret + "\nupdate docker:index/image:Image",
			[]string{"create random:index/randomPassword:RandomPassword", "update aws:lambda/function:Function",
				"update aws:lambda/alias:Alias", "update " + distribution,
				"delete random:index/randomPassword:RandomPassword"}},
		{"what the distribution has of its own", func() {
			s.set(t, map[string]string{"frontPriceClass": "PriceClass_100", "frontLogBucket": "my-logs",
				"webAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/1"})
		}, "update " + distribution, nil},
		{"a domain", func() {
			s.set(t, map[string]string{"domainName": "www.example.com", "domainHostedZoneId": "Z123",
				"domainCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"})
		}, "update " + distribution + `
			create aws:route53/record:Record
			create aws:route53/record:Record`, []string{"update " + distribution, "create aws:route53/record:Record"}},
		{"the stage's name", func() { s.set(t, map[string]string{"stage": "v2"}) }, "update " + distribution + `
			create-replacement aws:apigateway/stage:Stage
			replace aws:apigateway/stage:Stage
			delete-replaced aws:apigateway/stage:Stage
			create-replacement aws:lambda/permission:Permission
			replace aws:lambda/permission:Permission
			delete-replaced aws:lambda/permission:Permission`,
			[]string{"create aws:apigateway/stage:Stage", "update " + distribution, "delete aws:apigateway/stage:Stage"}},
		{"streaming", func() { s.set(t, map[string]string{"invokeMode": "response_stream"}) }, apiOnly + otherMode, nil},
		{"off, and the domain is the API's", func() {
			s.unset(t, "front", "frontSecretRotation", "frontLogBucket", "webAclArn")
			s.set(t, map[string]string{"domainCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1"})
		}, each(frontParts, "delete") + "\ndelete random:index/randomPassword:RandomPassword" + newEnvironment +
			each(apiDomain, "create"),
			[]string{"create aws:apigateway/basePathMapping:BasePathMapping", "delete " + distribution}},
		{"on, and the domain is the site's", func() {
			s.set(t, map[string]string{"front": "cloudfront",
				"domainCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"})
		}, each(frontParts, "create") + newEnvironment + each(apiDomain, "delete"),
			[]string{"create " + distribution, "update aws:route53/record:Record",
				"delete aws:apigateway/domainName:DomainName"}},
	} {
		// No subtests: each change stands on the one before.
		c.change()
		// Pulumi's own note of the provider that draws the secret comes and goes with it.
		planned := slices.DeleteFunc(s.preview(t), func(step string) bool {
			return strings.Contains(step, " pulumi:providers:random")
		})
		planned.same(t, c.plan)
		done := s.up(t)
		if operations := planOf(done); !slices.Equal(operations, doable(planned)) {
			t.Errorf("%s: planned %v\ndone %v", c.name, planned, operations)
		}
		for i := range c.order[:max(0, len(c.order)-1)] {
			before(t, done, c.order[i], c.order[i+1])
		}
		if t.Failed() {
			t.Fatalf("while changing %s", c.name)
		}
	}
	s.unchanged(t)
	if found := s.refresh(t); len(found) > 0 {
		t.Errorf("a refresh finds%v", found)
	}
	acceptable(t, s.cloud.Requests())
	s.destroy(t)
	left(t, s.cloud)
}

// TestFrontSecretIsEncrypted: the state of a stack with a front has no secret in clear, of this
// rotation or the last one, nor has what the commands print.
func TestFrontSecretIsEncrypted(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "site", fronted)
	result, err := s.Up(t.Context())
	if err != nil {
		t.Fatalf("up: %v\n%s", err, result.StdOut)
	}
	s.intact(t)
	s.cloud.Operations()
	printed := result.StdOut + result.StdErr
	s.refresh(t)
	s.unchanged(t)
	acceptable(t, s.cloud.Requests())
	secrets := s.cloud.Objects("random:index/randomPassword:RandomPassword")
	if len(secrets) != 2 {
		t.Fatalf("there are %d secrets, want two", len(secrets))
	}
	for _, secret := range secrets {
		for name, text := range files(t, p.backend()) {
			if strings.Contains(text, secret.Text("result")) {
				t.Errorf("%s has the secret of %s in clear", name, secret.Name)
			}
		}
		if strings.Contains(printed, secret.Text("result")) {
			t.Errorf("up printed the secret of %s", secret.Name)
		}
	}
}

// TestTwoRotationsAtOnce: what the documentation says of them. Both secrets are new then, and until
// every edge location has the new one, requests come with one that nobody knows any more.
func TestTwoRotationsAtOnce(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"front": "cloudfront",
		"frontSecretRotation": "1"})
	s.up(t)
	s.set(t, map[string]string{"frontSecretRotation": "3"})
	if result, err := s.Up(t.Context()); err != nil {
		t.Fatalf("up: %v\n%s", err, result.StdOut)
	}
	s.cloud.Operations()
	if dropped := strings.Join(s.cloud.Dropped(), "\n"); !strings.Contains(dropped, "does not know a secret") {
		t.Errorf("two rotations at once drop nothing: %q", dropped)
	}
	s.unchanged(t)
	s.intact(t)
}
