package webapp

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// What a change touches, and that it touches nothing else.
func TestWhatChanges(t *testing.T) {
	image, function := typeImage+" lambda-web-dev", typeFunction+" lambda-web-dev"
	api := []string{typeDeployment + " lambda-web-dev", typeAPI + " lambda-web-dev"}
	tests := []struct {
		name    string
		change  func(p project) map[string]string // edits the project, returns the configuration
		adapter string
		only    []string
		changed []string
	}{
		{"nothing", nil, "", nil, nil},
		{"nothing, from another checkout", func(p project) map[string]string {
			must(t, os.RemoveAll(filepath.Join(p.root, ".lambda-web")))
			return nil
		}, "", nil, nil},
		{"the app", func(p project) map[string]string { p.put(t, "app/app.py", "app = 2\n"); return nil }, "", nil,
			[]string{image, function}},
		{"a file the image does not see", func(p project) map[string]string {
			p.put(t, "README.md", "new\n")
			p.put(t, "infra/more.go", "package main\n")
			return nil
		}, "", nil, nil},
		{"the Dockerfile", func(p project) map[string]string {
			p.put(t, "app/Dockerfile",
				"FROM alpine\n")
			return nil
		}, "", nil, []string{image, function}},
		{"the adapter", nil, "newer ", nil, []string{image, function}},
		{"memory", set("memory", "1024"), "", nil, []string{function}},
		{"environment", set("environment", `{"A1":"b"}`), "", nil, []string{function}},
		{"architecture", set("architecture", "arm64"), "", nil, []string{image, function}},
		{"build arguments", set("buildArgs", `{"BASE":"alpine"}`), "", nil, []string{image, function}},
		{"auth", set("auth", "AWS_IAM"), "", nil, api},
		{"timeout", set("timeout", "10"), "", nil, []string{function}},
		{"log retention", set("logRetention", "30"), "", nil, []string{typeLogs + " lambda-web-dev"}},
		{"image retention", set("imageRetention", "30"), "", nil, []string{typeRepository + " lambda-web-dev"}},
		{"stage", set("stage", "v2"), "", nil, []string{typeStage + " lambda-web-dev", typePermission +
			" lambda-web-dev"}},
		{"provisioned concurrency", set("provisionedConcurrency", "2"), "", []string{"+" + typeProvisioned +
			" lambda-web-dev-live"}, nil},
		{"tags", set("tags", `{"A":"b"}`), "", nil, []string{typeProvider + " aws"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t)
			before := p.deployed(t, nil)
			var config map[string]string
			if tt.change != nil {
				config = tt.change(p)
			}
			after := &cloud{}
			must(t, p.run(after, config, nil, func(ctx *pulumi.Context) error {
				return deploy(ctx,
					stubCompile(or(tt.adapter, "adapter ")))
			}))
			only, changed := difference(before, after)
			slices.Sort(tt.changed)
			if !slices.Equal(only, tt.only) || !slices.Equal(changed, tt.changed) {
				t.Errorf("got  new or gone %q, changed %q\nwant new or gone %q, changed %q", only, changed, tt.only,
					tt.changed)
			}
		})
	}
}

func set(key, value string) func(project) map[string]string {
	return func(project) map[string]string { return map[string]string{key: value} }
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
