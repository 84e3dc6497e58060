package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// TestSecretsByReference: what Pulumi, its state and the function's configuration know of a secret is where it is
// kept; the image starts with the program that fetches it, and the role may read it.
func TestSecretsByReference(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	s.set(t, map[string]string{"secrets.DATABASE_URL": "shop/db#url", "secrets.KEY": "/shop/key"})
	s.preview(t).same(t, `
		create aws:iam/rolePolicy:RolePolicy
		update docker:index/image:Image
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`)
	before(t, s.up(t), "create aws:iam/rolePolicy:RolePolicy", "update aws:lambda/function:Function")
	s.unchanged(t)
	staged, err := os.ReadFile(filepath.Join(p.root, ".lambda-web/build/dev/lambda-web-dev/.lambda-web/Dockerfile"))
	if err != nil || !strings.Contains(string(staged), "\nCMD [\"/opt/lambda-web/secrets\",\"python\",\"app.py\"]\n") {
		t.Errorf("%v, the image is made by\n%s", err, staged)
	}

	// Another place of the same secret: no build.
	s.set(t, map[string]string{"secrets.KEY": "/shop/other"})
	s.preview(t).same(t, `
		update aws:iam/rolePolicy:RolePolicy
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`)
	s.up(t)
	function := s.cloud.Objects("aws:lambda/function:Function")[0]
	if got, want := function.Text("environment.variables.LAMBDA_WEB_SECRETS"),
		`{"DATABASE_URL":"shop/db#url","KEY":"/shop/other"}`; got != want {
		t.Errorf("the function is told %s, want %s", got, want)
	}

	// Another stack promotes the image with secrets of its own.
	prod := newStack(t, p, s.cloud, "prod", map[string]string{"imageFrom": "dev", "architecture": "x86_64",
		"provisionedConcurrency": "0",
		"secrets.DATABASE_URL":   "shop/prod/db#url", "secrets.KEY": "/shop/prod/key"})
	prod.up(t)
	s.unset(t, "secrets")
	s.up(t)
	if result, err := prod.Preview(t.Context()); err == nil {
		t.Error("an image without the program is taken for one with it")
	} else {
		says(t, result.StdOut+result.StdErr+err.Error(), "imageFrom: the image of stack dev was built without secrets")
	}
}
