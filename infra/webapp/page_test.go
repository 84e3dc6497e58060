package webapp

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

// docs/settings.md is made from Pulumi.yaml and the tags in code: go test ./infra/webapp -run
// TestSettingsPage -update.
func TestSettingsPage(t *testing.T) {
	want := settingsPage(t)
	name := filepath.Join(repositoryRoot, "docs", "settings.md")
	if *update {
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(want), 0o644))
	}
	got, err := os.ReadFile(name)
	must(t, err)
	if string(got) != want {
		t.Error("docs/settings.md is not what Pulumi.yaml and the code say; run go test ./infra/webapp -run " +
			"TestSettingsPage -update")
	}
}

const pageHead = `# Settings

An environment is a Pulumi stack. Its settings are in ` + "`Pulumi.<stack>.yaml`" + `; what is not set there has the default. Set one by
hand or on the command line:

` + "```sh" + `
pulumi config set memory 1024
pulumi config set --path environment.LOG_LEVEL debug
pulumi config set --path environment.API_TOKEN --secret   # asks for the value; encrypted from then on
` + "```" + `

All settings are checked together before anything is touched, and every mistake is named with what to set instead. The region is
` + "`aws:region`" + `, the profile ` + "`aws:profile`" + `; ` + "`aws:allowedAccountIds`" + ` guards against deploying to the wrong account.
`

// settingsPage has a table for each group of settings, in the order of Pulumi.yaml, whose comments
// are the headings.
func settingsPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repositoryRoot, "Pulumi.yaml"))
	must(t, err)
	var file struct{ Config yaml.Node }
	must(t, yaml.Unmarshal(text, &file))
	tags := map[string]reflect.StructField{}
	collect := func(field reflect.StructField, _ reflect.Value) { tags[field.Tag.Get("config")] = field }
	fields(reflect.ValueOf(Settings{}), collect)
	fields(reflect.ValueOf(Args{}), collect)
	var page strings.Builder
	page.WriteString(pageHead)
	for i := 0; i < len(file.Config.Content); i += 2 {
		key, value := file.Config.Content[i], file.Config.Content[i+1]
		if key.HeadComment != "" {
			fmt.Fprintf(&page, "\n## %s\n\n| Key | Default | Allowed | Meaning |\n|---|---|---|---|\n",
				strings.TrimPrefix(key.HeadComment, "# "))
		}
		var setting struct {
			Type, Description string
			Default           any
		}
		must(t, value.Decode(&setting))
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", key.Value, defaultCell(setting.Default),
			allowedCell(tags[key.Value], setting.Type), setting.Description)
	}
	return page.String()
}

func defaultCell(value any) string {
	switch text := fmt.Sprint(value); text {
	case "", "map[]", "[]":
		return "none"
	default:
		return "`" + text + "`"
	}
}

func allowedCell(field reflect.StructField, kind string) string {
	switch {
	case field.Tag.Get("shape") != "":
		return field.Tag.Get("shape")
	case field.Tag.Get("allowed") != "":
		return strings.TrimPrefix(permitted(field), "use ")
	case kind == "boolean":
		return "true or false"
	case kind == "object":
		return "names to texts"
	case kind == "integer":
		return "a whole number"
	}
	return "a text"
}
