package webapp

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"gopkg.in/yaml.v3"
)

// repositoryRoot is where Pulumi.yaml lies.
const repositoryRoot = "../.."

// The configuration's schema in Pulumi.yaml and the tags in Args and Settings say the same.
func TestSchemaAndStructAgree(t *testing.T) {
	schema, err := workspace.LoadProject(filepath.Join(repositoryRoot, "Pulumi.yaml"))
	must(t, err)
	types := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean",
		reflect.Map: "object", reflect.Slice: "array",
		reflect.Interface: "string", reflect.Struct: "object"}
	inCode := map[string]bool{}
	compare := func(field reflect.StructField, _ reflect.Value) {
		key := field.Tag.Get("config")
		inCode[key] = true
		setting, ok := schema.Config[key]
		if !ok {
			t.Errorf("%s is not in Pulumi.yaml", key)
			return
		}
		if got, want := setting.TypeName(), types[field.Type.Kind()]; got != want {
			t.Errorf("%s is of type %s in Pulumi.yaml, %s in code", key, got, want)
		}
		if got, want := fmt.Sprint(setting.Default), zeroText(field); got != want {
			t.Errorf("%s is %s by default in Pulumi.yaml, %s in code", key, got, want)
		}
		if len(setting.Description) < 10 {
			t.Errorf("%s has no description in Pulumi.yaml", key)
		}
		for _, word := range strings.Split(field.Tag.Get("allowed"), "|") {
			if field.Type.Kind() == reflect.String && !strings.Contains(setting.Description, word) {
				t.Errorf("the description of %s in Pulumi.yaml does not say %s", key, word)
			}
		}
	}
	fields(reflect.ValueOf(Settings{}), compare)
	fields(reflect.ValueOf(Args{}), compare)
	for key := range schema.Config {
		if !inCode[key] {
			t.Errorf("nothing reads %s of Pulumi.yaml", key)
		}
	}
}

// zeroText is a field's default as text: of its tag, else the empty value.
func zeroText(field reflect.StructField) string {
	if text := field.Tag.Get("default"); text != "" {
		return text
	}
	switch field.Type.Kind() {
	case reflect.Interface:
		return ""
	case reflect.Struct:
		return "map[]"
	}
	return fmt.Sprint(reflect.Zero(field.Type).Interface())
}

// Every tag is one that withDefaults, permits and permitted can read, and allows its own default.
func TestTagsAreSound(t *testing.T) {
	defaults := Args{}.withDefaults()
	fields(reflect.ValueOf(defaults), func(field reflect.StructField, value reflect.Value) {
		allowed, given := field.Tag.Get("allowed"), field.Tag.Get("default")
		switch field.Type.Kind() {
		case reflect.Int:
			words := strings.Split(allowed, "|")
			for _, word := range words[1:] {
				if _, err := strconv.Atoi(word); err != nil {
					t.Errorf("%s: the number %q", field.Name, word)
				}
			}
			if low, high := limits(allowed); allowed != "" && len(words) == 1 && (allowed != fmt.Sprintf("%d..%d",
				low, high) || low >= high) {
				t.Errorf("%s: the range %q", field.Name, allowed)
			}
			if _, err := strconv.Atoi(given); given != "" && err != nil {
				t.Errorf("%s: the default %q", field.Name, given)
			}
		case reflect.String:
			if allowed != "" && len(strings.Split(allowed, "|")) < 2 {
				t.Errorf("%s: the words %q", field.Name, allowed)
			}
		default:
			if slices.Contains([]reflect.Kind{reflect.Slice, reflect.Struct}, field.Type.Kind()) &&
				field.Tag.Get("shape") == "" {
				t.Errorf("%s: no words for its shape", field.Name)
			}
			if allowed != "" || given != "" {
				t.Errorf("%s: nothing reads the tags of a %s", field.Name, field.Type)
			}
		}
		if !permits(field, value) {
			t.Errorf("%s: the default %v is not allowed", field.Name, value)
		}
	})
}

// The environments in the repository deploy as they are.
func TestEnvironmentsOfTheRepository(t *testing.T) {
	root, err := filepath.Abs(repositoryRoot)
	must(t, err)
	tests := []struct {
		stack string
		want  map[string]any // token and path to value
	}{
		{"dev", map[string]any{typeFunction + " memorySize": 512.0, typeLogs + " retentionInDays": 7.0, typeFunction +
			" environment.variables.APP_ENV": "dev"}},
		{"prod", map[string]any{typeFunction + " architectures": []any{"arm64"}, typeProvisioned +
			" provisionedConcurrentExecutions": 2.0,
			typeProvider + " defaultTags.tags.Environment": "prod"}},
	}
	for _, tt := range tests {
		t.Run(tt.stack, func(t *testing.T) {
			config := repositoryConfig(t, root, tt.stack)
			p := newProject(t)
			c := p.deployed(t, config)
			for place, want := range tt.want {
				token, path, _ := strings.Cut(place, " ")
				if got := c.one(t, token).input(path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s is %v, want %v", place, got, want)
				}
			}
		})
	}
}

// repositoryConfig is a stack's configuration as the CLI hands it on: defaults of the schema, then
// the stack's own values, all as text.
func repositoryConfig(t *testing.T, root, stack string) map[string]string {
	t.Helper()
	schema, err := workspace.LoadProject(filepath.Join(root, "Pulumi.yaml"))
	must(t, err)
	config := map[string]string{}
	for key, setting := range schema.Config {
		config["lambda-web:"+key] = configText(t, setting.Default)
	}
	text, err := os.ReadFile(filepath.Join(root, "Pulumi."+stack+".yaml"))
	must(t, err)
	var file struct{ Config map[string]any }
	must(t, yaml.Unmarshal(text, &file))
	for key, value := range file.Config {
		if _, known := config[key]; !known && strings.HasPrefix(key, "lambda-web:") {
			t.Errorf("%s of %s is not in Pulumi.yaml", key, stack)
		}
		config[key] = configText(t, value)
	}
	return config
}

func configText(t *testing.T, value any) string {
	t.Helper()
	switch value.(type) {
	case map[string]any, []any:
		text, err := json.Marshal(value)
		must(t, err)
		return string(text)
	}
	return fmt.Sprint(value)
}
