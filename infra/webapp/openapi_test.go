package webapp

import (
	"encoding/json"
	"slices"
	"testing"
)

// The document is read back without the types it was made from.
func TestDocument(t *testing.T) {
	tests := []struct {
		name   string
		args   Args
		signed bool
	}{
		{"open", Args{}, false},
		{"signed", Args{Auth: AuthIAM}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := apiDocument(`a "title"`, "arn:uri", tt.args.withDefaults())
			must(t, err)
			var doc map[string]any
			must(t, json.Unmarshal([]byte(text), &doc))
			if got := at(doc, "openapi"); got != "3.0.1" {
				t.Errorf("OpenAPI version %v", got)
			}
			if got := at(doc, "info", "title"); got != `a "title"` {
				t.Errorf("title %v", got)
			}
			if got := at(doc, "x-amazon-apigateway-binary-media-types").([]any); !slices.Equal(got, []any{"*/*"}) {
				t.Errorf("binary media types %v", got)
			}
			if got := len(at(doc, "paths").(map[string]any)); got != 2 {
				t.Errorf("%d paths, want / and /{proxy+}", got)
			}
			for _, path := range []string{"/", "/{proxy+}"} {
				checkOperation(t, doc, path, tt.signed)
			}
			if got := at(doc, "components", "securitySchemes", "sigv4", "x-amazon-apigateway-authtype"); (got == "awsSigv4") != tt.signed {
				t.Errorf("security scheme %v", got)
			}
		})
	}
}

func checkOperation(t *testing.T, doc map[string]any, path string, signed bool) {
	t.Helper()
	operation := at(doc, "paths", path, "x-amazon-apigateway-any-method").(map[string]any)
	for key, want := range map[string]any{"type": "aws_proxy", "httpMethod": "POST", "uri": "arn:uri", "timeoutInMillis": 29000.0} {
		if got := at(operation, "x-amazon-apigateway-integration", key); got != want {
			t.Errorf("%s: %s is %v, want %v", path, key, got, want)
		}
	}
	security, _ := operation["security"].([]any)
	if got := len(security) == 1 && security[0].(map[string]any)["sigv4"] != nil; got != signed {
		t.Errorf("%s: security is %v", path, security)
	}
	parameters, _ := operation["parameters"].([]any)
	if path == "/" {
		if len(parameters) > 0 {
			t.Errorf("the root has parameters: %v", parameters)
		}
		return
	}
	if len(parameters) != 1 || at(parameters[0], "name") != "proxy" || at(parameters[0], "in") != "path" || at(parameters[0], "required") != true {
		t.Errorf("parameters of %s: %v", path, parameters)
	}
}

// at walks down a decoded JSON object.
func at(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
