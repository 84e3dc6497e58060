package engine

import (
	"slices"
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// TestPromote: prod runs the image that dev built. Nothing is built for it and Docker is not asked; what dev does next
// reaches prod with prod's next update, and prod goes without dev noticing.
func TestPromote(t *testing.T) {
	const nextImage = `
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	dev := newStack(t, p, cloud, "dev", nil)
	prod := newStack(t, p, cloud, "prod", map[string]string{"imageFrom": "dev", "app": "nowhere",
		"provisionedConcurrency": "0"})

	// Before dev is there, and while it is for other processors, prod says so and makes nothing.
	if result, err := prod.Preview(t.Context()); err == nil {
		t.Error("prod's preview succeeded without dev")
	} else {
		says(t, result.StdOut+result.StdErr+err.Error(), "imageFrom: stack dev has no output imageDigest")
	}
	dev.up(t)
	if result, err := prod.Preview(t.Context()); err == nil {
		t.Error("an image for x86_64 is taken for arm64")
	} else {
		says(t, result.StdOut+result.StdErr+err.Error(),
			"the image of stack dev is for x86_64, and architecture here is arm64")
	}
	cloud.Operations()
	prod.set(t, map[string]string{"architecture": "x86_64"})

	builds := cloud.Builds()
	plan := prod.preview(t)
	for _, step := range plan {
		if strings.Contains(step, "docker") || strings.Contains(step, "ecr") {
			t.Errorf("the plan has %s", step)
		}
	}
	prod.up(t)
	prod.unchanged(t)
	image := func(stack string) string {
		for _, o := range cloud.Objects("aws:lambda/function:Function") {
			if strings.HasPrefix(o.Text("name"), "lambda-web-"+stack) {
				return o.Text("imageUri")
			}
		}
		return ""
	}
	if image("prod") != image("dev") || image("dev") == "" {
		t.Errorf("prod runs %s, and dev %s", image("prod"), image("dev"))
	}

	was := image("dev")
	p.put(t, "app/app.py", "app = 2\n")
	dev.up(t)
	if image("prod") != was {
		t.Error("dev's update changed prod")
	}
	prod.preview(t).same(t, nextImage)
	prod.up(t)
	if image("prod") != image("dev") {
		t.Errorf("prod runs %s, and dev %s", image("prod"), image("dev"))
	}

	// The earlier image by its digest.
	prod.unset(t, "imageFrom")
	prod.set(t, map[string]string{"image": was})
	prod.preview(t).same(t, nextImage+`
		discard pulumi:pulumi:StackReference
		delete pulumi:providers:pulumi`)
	prod.up(t)
	if image("prod") != was || cloud.Builds() != builds+1 {
		t.Errorf("prod runs %s after %d builds", image("prod"), cloud.Builds())
	}
	prod.destroy(t)
	if repositories := cloud.Objects("aws:ecr/repository:Repository"); len(repositories) != 1 {
		t.Errorf("there are %d repositories after prod is gone", len(repositories))
	}
	dev.intact(t)
}

// TestFromBuildToImage: a stack that built its images and is given another's goes on serving while its own repository
// goes.
func TestFromBuildToImage(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	dev := newStack(t, p, cloud, "dev", nil)
	dev.up(t)
	test := newStack(t, p, cloud, "test", map[string]string{"aws:region": "eu-central-1"})
	test.up(t)
	test.set(t, map[string]string{"imageFrom": "dev"})
	done := test.up(t)
	before(t, done, "update aws:lambda/alias:Alias", "delete aws:ecr/repository:Repository")
	if operations := planOf(done); slices.Contains(operations, "create docker:index/image:Image") {
		t.Errorf("an image was built: %v", operations)
	}
	test.unchanged(t)
	dev.intact(t)
}

// TestPromoteWithPassphrases: each stack has a passphrase of its own, as the delivery guide has it, and a secret
// besides; the image is no secret, and promoting it takes no other passphrase.
func TestPromoteWithPassphrases(t *testing.T) {
	p := newProject(t)
	cloud := standin.New(p.root + "/infra")
	dev, prod := newCommands(t, p, cloud), newCommands(t, p, cloud)
	prod.env = append(prod.env, "PULUMI_CONFIG_PASSPHRASE=the passphrase of prod")
	for name, c := range map[string]commands{"dev": dev, "prod": prod} {
		c.run(t, "stack", "init", name)
		c.run(t, "config", "set", "--stack", name, "--secret", "--path", "environment.TOKEN", "hidden")
	}
	dev.run(t, "up", "--stack", "dev", "--yes", "--skip-preview")
	prod.run(t, "config", "set", "--stack", "prod", "imageFrom", "dev")
	prod.run(t, "config", "set", "--stack", "prod", "architecture", "x86_64")
	prod.run(t, "up", "--stack", "prod", "--yes", "--skip-preview")
	if err := cloud.Serves(); err != nil {
		t.Error(err)
	}
	if output, err := dev.try("preview", "--stack", "prod"); err == nil {
		t.Errorf("dev's passphrase opens prod:\n%s", output)
	}
}
