package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"
)

// distribution are the inputs of one in front of the stage v1, with others in their place.
func distribution(others map[string]any) map[string]any {
	inputs := map[string]any{
		"origins": []any{map[string]any{"originId": "stage", "domainName": "127.0.0.1:3000", "originPath": "/v1",
			"customHeaders":      []any{map[string]any{"name": "X-Lambda-Web-Front", "value": "secret"}},
			"customOriginConfig": map[string]any{"originReadTimeout": 60.0}}},
		"defaultCacheBehavior": map[string]any{"targetOriginId": "stage", "compress": true},
	}
	maps.Copy(inputs, others)
	return inputs
}

// withListener is a registry whose site listens at an address, or cannot.
func withListener(address string, err error) *registry {
	g := newTestRegistry(&bytes.Buffer{})
	g.program.OpenSite = func() (string, error) { return address, err }
	return g
}

func TestDistribution(t *testing.T) {
	g := withListener("127.0.0.1:3001", nil)
	r, err := register(t, g, distributionType, "app", distribution(map[string]any{"aliases": []any{"shop.example.com"}}))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Object.AsMap()["domainName"]; got != "127.0.0.1:3001" {
		t.Errorf("domainName is %v", got)
	}
	for _, said := range []string{"https://127.0.0.1:3001", "https://shop.example.com"} {
		g.outputs = map[string]any{"siteUrl": said, "curl": "curl " + said + "/", "port": 8080.0,
			"url": "http://127.0.0.1:3000/v1"}
		d := g.deployment()
		if d.Outputs["siteUrl"] != "http://127.0.0.1:3001" || d.Outputs["curl"] != "curl http://127.0.0.1:3001/" ||
			d.Outputs["port"] != 8080.0 || d.Outputs["url"] != "http://127.0.0.1:3000/v1" || !d.HasSite() {
			t.Errorf("%s: the outputs are %v", said, d.Outputs)
		}
	}
	if _, err := register(t, withListener("", errors.New("port 3001 is taken")), distributionType, "app",
		distribution(nil)); err == nil ||
		!strings.Contains(err.Error(), "port 3001 is taken") {
		t.Errorf("a site that cannot listen: %v", err)
	}
	if _, err := register(t, newTestRegistry(&bytes.Buffer{}), distributionType, "app", distribution(nil)); err == nil {
		t.Error("nobody listens, and the distribution is made")
	}
}

// What a distribution says that cannot be realised is refused.
func TestMakeSite(t *testing.T) {
	const tells = `function handler(event) { event.request.headers['x-forwarded-host'] = 1; }`
	associated := func(g *registry, code string) map[string]any {
		f, err := register(t, g, "aws:cloudfront/function:Function", "app", map[string]any{"code": code})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"defaultCacheBehavior": map[string]any{"targetOriginId": "stage",
			"functionAssociations": []any{map[string]any{"eventType": "viewer-request",
				"functionArn": f.Object.AsMap()["arn"]}}}}
	}
	for name, row := range map[string]struct {
		inputs  func(g *registry) []map[string]any
		mistake string // empty: there is a site
	}{
		"plain":         {func(*registry) []map[string]any { return []map[string]any{{}} }, ""},
		"with the host": {func(g *registry) []map[string]any { return []map[string]any{associated(g, tells)} }, ""},
		"with another function": {func(g *registry) []map[string]any {
			return []map[string]any{associated(g,
				"function handler() {}")}
		},
			"cannot be run on this machine"},
		"two": {func(*registry) []map[string]any { return []map[string]any{{}, {}} }, "several CloudFront distributions"},
		"an S3 bucket behind it": {func(*registry) []map[string]any {
			return []map[string]any{{"origins": []any{map[string]any{"originId": "stage", "domainName": "b.s3.amazonaws.com"}}}}
		}, `its origin "stage" is no stage`},
	} {
		t.Run(name, func(t *testing.T) {
			g := withListener("127.0.0.1:3001", nil)
			for i, others := range row.inputs(g) {
				if _, err := register(t, g, distributionType, strings.Repeat("a", i+1), distribution(others)); err != nil {
					t.Fatal(err)
				}
			}
			site, err := New(Settings{}).makeSite(g.deployment(), io.Discard)
			if (site == nil) != (row.mistake != "") || !strings.Contains(fmt.Sprint(err), row.mistake) {
				t.Errorf("%v, %v", site, err)
			}
		})
	}
	if site, err := New(Settings{}).makeSite(&Deployment{}, io.Discard); site != nil || err != nil {
		t.Errorf("without a distribution: %v, %v", site, err)
	}
}

// Passwords are others for each resource and stay while its inputs do.
func TestPasswords(t *testing.T) {
	make := func(previous *Deployment, name, rotation string, length float64) (string, *Deployment) {
		t.Helper()
		g := newTestRegistry(&bytes.Buffer{})
		g.program.Previous = previous
		r, err := register(t, g, "random:index/randomPassword:RandomPassword", name,
			map[string]any{"length": length, "special": false,
				"keepers": map[string]any{"rotation": rotation}})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := r.Object.AsMap()["result"].(string)
		if !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(text) || len(text) != int(length) || r.GetId() != "none" {
			t.Errorf("a password of %v is %q, with the id %q", length, text, r.GetId())
		}
		return text, g.deployment()
	}
	first, deployed := make(nil, "even", "0", 32)
	kept, again := make(deployed, "even", "0", 32)
	if kept != first {
		t.Error("the password is another, and nothing has changed")
	}
	for _, row := range []struct {
		name, rotation string
		length         float64
		previous       *Deployment
	}{{"even", "2", 32, again}, {"odd", "0", 32, again}, {"even", "0", 33, again}, {"even", "0", 32, nil}} {
		if other, _ := make(row.previous, row.name, row.rotation, row.length); strings.HasPrefix(other, first) {
			t.Errorf("%+v: the password is the same", row)
		}
	}
}
