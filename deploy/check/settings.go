package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// settings are those of the stack by their keys: as the Pulumi CLI tells them, with what Pulumi.yaml and the ESC
// environments of the stack say, and without it those in the stack's file and in Pulumi.yaml.
func (m machine) settings(ctx context.Context) (map[string]any, error) {
	file, err := m.stackFile()
	if err != nil {
		return nil, err
	}
	args := []string{"config", "--stack", m.stack, "--json", "--non-interactive"}
	if file.Environment != nil {
		args = append(args, "--open")
	}
	output, err := m.run(ctx, "pulumi", args...)
	if told, ok := configOutput(output); err == nil && ok {
		return told, nil
	}
	project, err := read(filepath.Join(m.root, "Pulumi.yaml"))
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	for key, value := range project.Config {
		if given, ok := value.(map[string]any); ok {
			value = cmp.Or(given["value"], given["default"])
		}
		settings[key] = value
	}
	for key, value := range file.Config {
		settings[key] = value
	}
	return settings, nil
}

// configOutput reads what `pulumi config --json` prints, among warnings.
func configOutput(text string) (map[string]any, bool) {
	start, end := strings.Index(text, "{"), strings.LastIndex(text, "}")
	if start < 0 || end < start {
		return nil, false
	}
	var keys map[string]struct {
		Value       any `json:"value"`
		ObjectValue any `json:"objectValue"`
	}
	if json.Unmarshal([]byte(text[start:end+1]), &keys) != nil {
		return nil, false
	}
	settings := map[string]any{}
	for key, told := range keys {
		settings[key] = cmp.Or(told.ObjectValue, told.Value)
		if told.ObjectValue == nil {
			settings[key] = told.Value
		}
	}
	return settings, true
}

// settingsFile is Pulumi.yaml or a stack's file.
type settingsFile struct {
	Config      map[string]any `yaml:"config"`
	Environment any            `yaml:"environment"` // ESC environments
}

func (m machine) stackFile() (settingsFile, error) {
	return read(filepath.Join(m.root, "Pulumi."+m.stack+".yaml"))
}

func read(name string) (settingsFile, error) {
	var file settingsFile
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return file, fmt.Errorf("read the settings: %w", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&file); len(text) > 0 && err != nil {
		return file, fmt.Errorf("%s is not YAML: %w", name, err)
	}
	return file, nil
}

func (m machine) region(ctx context.Context) string {
	region, _, err := m.place(ctx)
	if err != nil {
		return err.Error()
	}
	if region == "" {
		return fmt.Sprintf("There is no region for stack %q: set one with \"pulumi config set --stack %s "+
			"aws:region eu-central-1\", or in AWS_REGION.", m.stack, m.stack)
	}
	return ""
}

// place is region and profile of the stack, from where the program takes them.
func (m machine) place(ctx context.Context) (region, profile string, err error) {
	settings, err := m.settings(ctx)
	region, _ = settings["aws:region"].(string)
	profile, _ = settings["aws:profile"].(string)
	return cmp.Or(region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), profile, err
}

// promotes: the stack runs an image that another one made, so nothing is built.
func (m machine) promotes(ctx context.Context) bool {
	settings, _ := m.settings(ctx) // what is wrong with them, the need for a region says
	return of(settings, "image") != "" || of(settings, "imageFrom") != ""
}

// of is a setting of the project, whose name need not be known, as text.
func of(settings map[string]any, name string) string {
	for key, value := range settings {
		if space, rest, _ := strings.Cut(key, ":"); (rest == name || rest == "" && space == name) && value != nil {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// number is a setting of the project, or what it is when it is left out.
func number(settings map[string]any, name string, otherwise int) int {
	if n, err := strconv.Atoi(of(settings, name)); err == nil {
		return n
	}
	return otherwise
}
