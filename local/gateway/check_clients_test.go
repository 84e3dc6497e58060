package gateway

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// botocoreVersion is what the test installs.
const botocoreVersion = "1.43.11"

// botocorePython is a Python with botocore, in the checkout's folder for generated things.
func botocorePython(t *testing.T) string {
	t.Helper()
	home, err := filepath.Abs("../../.lambda-web/venv-botocore-" + botocoreVersion)
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(home, "bin", "python")
	if exec.Command(python, "-c", "import botocore.auth").Run() == nil {
		return python
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := os.MkdirTemp(filepath.Dir(home), "venv-botocore-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(made)
	for _, command := range [][]string{
		{"python3", "-m", "venv", made},
		{filepath.Join(made, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "botocore==" + botocoreVersion},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("botocore is not here and cannot be installed (%v: %s): the check of its signatures is left out", err, clip(out))
		}
	}
	// Another test run may have been first; its environment is as good.
	if err := os.Rename(made, home); err != nil && exec.Command(python, "-c", "import botocore.auth").Run() != nil {
		t.Fatal(err)
	}
	return python
}

// TestCheck55_E_SignedByBotocore: botocore collapses the path in what it signs, and sends it as it is.
func TestCheck55_E_SignedByBotocore(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	python := botocorePython(t)
	config := iamConfig(echo)
	config.Now = nil // botocore has no other clock
	config.Principals[1].Expires = testNow.AddDate(100, 0, 0)
	server := serve(t, config)
	for _, principal := range config.Principals {
		out, err := exec.Command(python, "testdata/sign_with_botocore.py", server.URL, principal.AccessKeyID, principal.SecretAccessKey,
			principal.SessionToken, testRegion).Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
		if len(lines) < 10 {
			t.Errorf("%d answers, want 10", len(lines))
		}
		for _, line := range lines {
			var got struct {
				Name, Body string
				Status     int
			}
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if got.Status != 200 {
				t.Errorf("%s for %s: %d %s", got.Name, principal.ARN, got.Status, got.Body)
				continue
			}
			reply{status: got.Status, body: got.Body}.event(t).expect(t, map[string]string{
				"requestContext/identity/userArn": `"` + principal.ARN + `"`})
		}
	}
}

// TestSignedByCurl: curl --aws-sigv4.
func TestSignedByCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed: the check of its signatures is left out")
	}
	config := iamConfig(echo)
	config.Now = nil
	server := serve(t, config)
	for _, arguments := range [][]string{
		{"/v1/x"}, {"/v1/a/b?a=1&b=2"}, {"/v1/x", "--data", `{"a":1}`, "-H", "Content-Type: application/json"},
	} {
		command := exec.Command(curl, append([]string{"--silent", "--aws-sigv4", "aws:amz:" + testRegion + ":execute-api",
			"--user", testUser.AccessKeyID + ":" + testUser.SecretAccessKey, "--write-out", "\n%{http_code}", server.URL + arguments[0]}, arguments[1:]...)...)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(out, []byte("\n200")) {
			t.Errorf("%q: %s", arguments, out)
		}
	}
}
