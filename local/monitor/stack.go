package monitor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// Stack is what Pulumi.yaml and Pulumi.<stack>.yaml say: the project, and its settings for one stack.
// https://www.pulumi.com/docs/reference/pulumi-yaml/
type Stack struct {
	Project string
	Main    string            // folder of the program, relative to Pulumi.yaml
	Config  map[string]string // by "namespace:key"; lists and maps as JSON
}

// LoadStack reads the settings as Pulumi does: defaults from the project file, then the stack's values. These are in
// Pulumi.<stack>.yaml unless another file is named.
func LoadStack(root, stack, file string) (*Stack, error) {
	var project struct {
		Name   string               `yaml:"name"`
		Main   string               `yaml:"main"`
		Config map[string]yaml.Node `yaml:"config"`
	}
	if err := readYAML(filepath.Join(root, "Pulumi.yaml"), &project); err != nil {
		return nil, err
	}
	s := &Stack{Project: project.Name, Main: project.Main, Config: map[string]string{}}
	for key, node := range project.Config {
		if err := s.addDefault(key, node); err != nil {
			return nil, fmt.Errorf("Pulumi.yaml: %s: %w", key, err)
		}
	}
	own := filepath.Join(root, "Pulumi."+stack+".yaml")
	file = cmp.Or(file, own)
	var settings struct {
		Config map[string]any `yaml:"config"`
	}
	if err := readYAML(file, &settings); err != nil {
		if errors.Is(err, fs.ErrNotExist) && file == own {
			return nil, fmt.Errorf("there is no stack %q: %s is missing (set STACK to one of the stacks here: %s)",
				stack, filepath.Base(file), stacks(root))
		}
		return nil, err
	}
	for key, value := range settings.Config {
		if err := s.add(key, value); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", filepath.Base(file), key, err)
		}
	}
	// An image that another stack made is in the account; here runs what is in the app's folder.
	for _, key := range []string{"image", "imageFrom"} {
		delete(s.Config, s.Project+":"+key)
	}
	return s, nil
}

// addDefault takes a key of the project file: a bare value, or a map with "value" or "default".
func (s *Stack) addDefault(key string, node yaml.Node) error {
	var value any
	if err := node.Decode(&value); err != nil {
		return err
	}
	if schema, ok := value.(map[string]any); ok {
		value = schema["value"]
		if value == nil {
			value = schema["default"]
		}
	}
	if value == nil {
		return nil
	}
	return s.add(key, value)
}

func (s *Stack) add(key string, value any) error {
	if !strings.Contains(key, ":") {
		key = s.Project + ":" + key
	}
	if m, ok := value.(map[string]any); ok {
		if _, encrypted := m["secure"]; encrypted && len(m) == 1 {
			return errors.New("is a secret of the Pulumi stack, which only Pulumi can open; give the local " +
				"stack a plain value of its own")
		}
	}
	switch v := value.(type) {
	case string:
		s.Config[key] = v
	case nil:
		s.Config[key] = ""
	default:
		encoded, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("cannot be written as JSON: %w", err)
		}
		s.Config[key] = string(encoded)
	}
	return nil
}

func readYAML(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(file), err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		return fmt.Errorf("parse %s: %w", filepath.Base(file), err)
	}
	return nil
}

// stacks lists the stacks that have a settings file.
func stacks(root string) string {
	files, _ := filepath.Glob(filepath.Join(root, "Pulumi.*.yaml"))
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	return strings.Join(names, ", ")
}
