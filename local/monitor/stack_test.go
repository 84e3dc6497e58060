package monitor

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const projectFile = `name: shop
runtime: go
main: infra
config:
  app: {type: string, default: app}
  memory:
    type: integer
    default: 512
  asyncInit: {type: boolean, default: false}
  environment: {type: object, default: {}}
  token: {type: string}
  stage: {value: v1}
`

func TestLoadStack(t *testing.T) {
	for _, test := range []struct {
		name, stack string
		want        map[string]string
	}{
		{"defaults alone", "config: {}\n", map[string]string{
			"shop:app": "app", "shop:memory": "512", "shop:asyncInit": "false", "shop:environment": "{}",
			"shop:stage": "v1",
		}},
		{"the stack's values win",
			"config:\n  aws:region: eu-central-1\n  shop:memory: 1024\n  shop:app: ../other\n  environment: " +
				"{A: \"1\", B: 2}\n", map[string]string{
				"aws:region": "eu-central-1", "shop:app": "../other", "shop:memory": "1024", "shop:asyncInit": "false",
				"shop:environment": `{"A":"1","B":2}`, "shop:stage": "v1",
			}},
		{"an image of another stack is built here",
			"config:\n  shop:imageFrom: dev\n  shop:image: registry/shop@sha256:1\n", map[string]string{
				"shop:app": "app", "shop:memory": "512", "shop:asyncInit": "false", "shop:environment": "{}",
				"shop:stage": "v1",
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := LoadStack(project(t, test.stack), "dev", "")
			if err != nil {
				t.Fatal(err)
			}
			if s.Project != "shop" || s.Main != "infra" {
				t.Errorf("project %q, main %q", s.Project, s.Main)
			}
			if !reflect.DeepEqual(s.Config, test.want) {
				t.Errorf("settings %v, want %v", s.Config, test.want)
			}
		})
	}
}

// Settings may be in a file of any place, as with Pulumi's own --config-file; the stack's own file is then not read.
func TestLoadStackFile(t *testing.T) {
	root := project(t, "config:\n  shop:memory: 1024\n  shop:asyncInit: true\n")
	file := filepath.Join(t.TempDir(), "Pulumi.other.yaml")
	if err := os.WriteFile(file, []byte("config:\n  shop:memory: 256\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := LoadStack(root, "dev", file)
	if err != nil {
		t.Fatal(err)
	}
	if s.Config["shop:memory"] != "256" || s.Config["shop:asyncInit"] != "false" {
		t.Errorf("settings %v, want memory 256 and asyncInit false", s.Config)
	}
}

func TestLoadStackErrors(t *testing.T) {
	for _, test := range []struct {
		name, stack, load, file string
		want                    string
	}{
		{"a stack without a file", "config: {}\n", "prod", "",
			`no stack "prod": Pulumi.prod.yaml is missing (set STACK to one of the stacks here: dev)`},
		{"broken YAML", "config: [\n", "dev", "", "parse Pulumi.dev.yaml"},
		{"an encrypted value", "config:\n  shop:token: {secure: v1:abc}\n", "dev", "",
			"Pulumi.dev.yaml: shop:token: is a secret"},
		{"a settings file that is not there", "config: {}\n", "dev", "elsewhere/Pulumi.shop.yaml",
			"read Pulumi.shop.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := LoadStack(project(t, test.stack), test.load, test.file)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func project(t *testing.T, stack string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"Pulumi.yaml": projectFile, "Pulumi.dev.yaml": stack} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
