// Package stacktest stands in for a stack in tests of the commands that act on one: a Pulumi CLI with outputs and
// settings, and an AWS account that the test answers for.
package stacktest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

const pulumi = `#!/bin/sh
case "$1 $2" in
"stack output") cat "$(dirname "$0")/outputs" ;;
"config get") cat "$(dirname "$0")/config-$3" 2>/dev/null || exit 255 ;;
*) echo "error: $*" >&2; exit 255 ;;
esac
`

const outputs = `{"functionName": "web", "version": "7", "aliasArn": "arn:aws:lambda:eu-central-1:123456789012:function:web:live",
"region": "eu-central-1", "logGroup": "/aws/lambda/web"}`

// Use puts the CLI on the PATH and sends calls of AWS to the handler, until the test ends.
func Use(t *testing.T, settings map[string]string, aws http.HandlerFunc) {
	t.Helper()
	folder := t.TempDir()
	files := map[string]string{"pulumi": pulumi, "outputs": outputs}
	for key, value := range settings {
		files["config-"+key] = value
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_PROFILE":     "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
}
