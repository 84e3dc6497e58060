package gateway

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the tests install.
const (
	botocore = "botocore==1.43.11"
	awsCLI   = "awscli==1.46.3"
)

// pythonWith is the folder of programs of a Python with one package, in the checkout's folder for generated things.
func pythonWith(t *testing.T, requirement string) (bin string) {
	t.Helper()
	home, err := filepath.Abs("../../.lambda-web/venv-" + strings.ReplaceAll(requirement, "==", "-"))
	if err != nil {
		t.Fatal(err)
	}
	bin = filepath.Join(home, "bin")
	ready := filepath.Join(home, "ready")
	if _, err := os.Stat(ready); err == nil {
		return bin
	}
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", home},
		{filepath.Join(bin, "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s is not here and cannot be installed (%v: %s): the check of its signatures is left out",
				requirement, err, clip(out))
		}
	}
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestCheck55_E_SignedByBotocore: botocore collapses the path in what it signs, and sends it as it is.
func TestCheck55_E_SignedByBotocore(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	python := filepath.Join(pythonWith(t, botocore), "python")
	config := iamConfig(echo)
	config.Now = nil // botocore has no other clock
	config.Principals[1].Expires = testNow.AddDate(100, 0, 0)
	server := serve(t, config)
	for _, principal := range config.Principals {
		out, err := exec.Command(python, "testdata/sign_with_botocore.py", server.URL, principal.AccessKeyID,
			principal.SecretAccessKey,
			principal.SessionToken, testRegion).Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
		if len(lines) < 12 {
			t.Errorf("%d answers, want 12", len(lines))
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

// TestSignedByAWSCLI: the one service of the AWS CLI that signs for execute-api is the one for connections; it calls
// {endpoint}/@connections/{id}, which is a path like any other here.
func TestSignedByAWSCLI(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	aws := filepath.Join(pythonWith(t, awsCLI), "aws")
	config := iamConfig(echo)
	config.Now = nil
	server := serve(t, config)
	call := func(secret string) (string, error) {
		command := exec.Command(aws, "apigatewaymanagementapi", "get-connection", "--connection-id", "a=b c",
			"--endpoint-url", server.URL+"/v1", "--region", testRegion, "--debug")
		command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+testUser.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+secret,
			"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_MAX_ATTEMPTS=1")
		out, err := command.CombinedOutput()
		return string(out), err
	}
	if out, err := call(testUser.SecretAccessKey); err != nil || !strings.Contains(out, testUser.ARN) {
		t.Errorf("signed with the right key: %v\n%s", err, out)
	}
	if out, err := call("wrong"); err == nil || !strings.Contains(out, "InvalidSignatureException") {
		t.Errorf("signed with a wrong key: %v\n%s", err, out)
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
		command := exec.Command(curl, append([]string{"--silent", "--aws-sigv4", "aws:amz:" + testRegion +
			":execute-api",
			"--user", testUser.AccessKeyID + ":" + testUser.SecretAccessKey, "--write-out", "\n%{http_code}",
			server.URL + arguments[0]}, arguments[1:]...)...)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(out, []byte("\n200")) {
			t.Errorf("%q: %s", arguments, out)
		}
	}
}
