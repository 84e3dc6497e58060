package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lambda-web/secrets/reference"
)

// variables are a function's environment variables. In the place of references to secrets, which an image resolves on
// AWS, stand the values of a file on this machine.
func (p Program) variables(function *Resource) (map[string]string, error) {
	found := maps.Clone(texts(object(object(function.Inputs, "environment"), "variables")))
	references := found[reference.Variable]
	if references == "" {
		return found, nil
	}
	delete(found, reference.Variable)
	var wanted map[string]string
	if err := json.Unmarshal([]byte(references), &wanted); err != nil {
		return nil, fmt.Errorf("%s: %w", reference.Variable, err)
	}
	file := "secrets." + p.Stack + ".env"
	content, err := os.ReadFile(filepath.Join(p.Root, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the secrets for this machine: %w", err)
	}
	values, err := readEnvFile(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		value, ok := values[name]
		if !ok {
			missing = append(missing, name)
		}
		found[name] = value
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the secrets of AWS are not fetched for this machine: write a line %s=... "+
			"into %s, beside Pulumi.yaml, which git ignores",
			strings.Join(missing, "=... and a line "), file)
	}
	return found, nil
}

// readEnvFile reads lines NAME=value. A value in double quotes may hold escapes such as \n, one in single quotes is
// taken as it is; empty lines and those that start with # say nothing. An error never shows a value.
func readEnvFile(text string) (map[string]string, error) {
	values := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			return nil, fmt.Errorf("line %d is not NAME=value", i+1)
		}
		switch last := len(value) - 1; {
		case last >= 1 && value[0] == '\'' && value[last] == '\'':
			value = value[1:last]
		case strings.HasPrefix(value, `"`):
			unquoted, err := strconv.Unquote(value)
			if err != nil {
				return nil, fmt.Errorf("line %d: the value of %s does not end with its quote, or has an "+
					"escape that is none", i+1, name)
			}
			value = unquoted
		}
		if strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("line %d: the value of %s holds a zero byte", i+1, name)
		}
		values[name] = value
	}
	return values, nil
}
