// Package engine runs the Pulumi program under the real engine, with stand-ins for the providers: what `pulumi preview`
// plans, what `pulumi up` does and in which order, what is in the state afterwards.
//
// The tests need the Pulumi CLI, named by LAMBDA_WEB_PULUMI; `make test-engine` builds and names it. Without it they
// are skipped.
package engine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cli is the Pulumi CLI, <folder>/bin/pulumi.
func cli(t testing.TB) string {
	t.Helper()
	path := os.Getenv("LAMBDA_WEB_PULUMI")
	if path == "" {
		t.Skip("the tests under the real engine need the Pulumi CLI in LAMBDA_WEB_PULUMI; run: make test-engine")
	}
	if _, err := os.Stat(path); err != nil || !filepath.IsAbs(path) || filepath.Base(filepath.Dir(path)) != "bin" {
		t.Fatalf("LAMBDA_WEB_PULUMI is %q; it has to be the absolute path of a pulumi in a folder named bin (%v)",
			path, err)
	}
	return path
}

// repository is the root of this project, or of the release LAMBDA_WEB_RELEASE names; program is its Pulumi program,
// built once for all tests.
var repository, program string

// validator is the script that holds requests against the models of AWS.
var validator string

// goTool is the real Go command, which a project hides.
var goTool, _ = exec.LookPath("go")

func TestMain(m *testing.M) {
	if os.Getenv("LAMBDA_WEB_PULUMI") != "" {
		if err := build(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// build compiles the program with the flags of Pulumi's language host.
func build() (err error) {
	if repository, err = filepath.Abs("../.."); err != nil {
		return err
	}
	if validator, err = filepath.Abs(filepath.Join("testdata", "validate.py")); err != nil {
		return err
	}
	program = filepath.Join(repository, ".lambda-web", "engine", "program")
	if release := os.Getenv("LAMBDA_WEB_RELEASE"); release != "" {
		repository = release
	}
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program,
		"lambda-web/infra")
	command.Dir = repository
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return nil
}

// project is a project on disk with the real Pulumi.yaml and an app of its own. The current folder is its program's.
type project struct {
	root string
}

// newProject makes a project in which a stand-in compiles the adapter: the real one is compiled by the tests of
// the build context, and its code cannot be changed from here.
func newProject(t *testing.T) project {
	t.Helper()
	cli(t)
	p := project{root: t.TempDir()}
	p.copy(t, "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml")
	p.put(t, "app/Dockerfile", "FROM python:3.13-slim\nCOPY . .\nCMD [\"python\", \"app.py\"]\n")
	p.put(t, "app/app.py", "app = 1\n")
	p.put(t, "infra/main.go", "package main\n")
	p.put(t, "tools/adapter", "adapter 1\n")
	p.put(t, "tools/go", `#!/bin/sh
# The Go compiler for the adapter alone: it copies what the test put there.
[ "$1" = env ] && { echo '{}'; exit; }
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
{ echo "$GOOS/$GOARCH $1"; cat "$(dirname "$0")/adapter"; } > "$out"
`)
	if err := os.Chmod(filepath.Join(p.root, "tools/go"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(p.root, "tools")+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Chdir(filepath.Join(p.root, "infra"))
	return p
}

func (p project) copy(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		p.put(t, name, string(content))
	}
}

func (p project) put(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// environment is what both ways to the engine need: state in a folder, nothing fetched.
func (p project) environment(debugProviders string) map[string]string {
	return map[string]string{
		"PULUMI_BACKEND_URL":                          "file://" + p.backend(),
		"PULUMI_CONFIG_PASSPHRASE":                    "passphrase of the tests",
		"PULUMI_DEBUG_PROVIDERS":                      debugProviders,
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		"PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK":    "false",
		"PULUMI_HOME":                                 filepath.Join(p.root, "home"),
		"GOFLAGS":                                     "",
	}
}

// backend is the folder of the state.
func (p project) backend() string { return filepath.Join(p.root, "state") }

// everything is a configuration in which each optional resource is made.
var everything = map[string]string{
	"aws:region":                      "eu-central-1",
	"environment.APP_ENV":             "test",
	"tracing":                         "true",
	"asyncInit":                       "true",
	"architecture":                    "arm64",
	"auth":                            "AWS_IAM",
	"allowedPrincipals[0]":            "arn:aws:iam::123456789012:role/caller",
	"allowedSourceRanges[0]":          "203.0.113.0/24",
	"throttleRate":                    "50",
	"cors.origins[0]":                 "https://www.example.com",
	"accessLog":                       "true",
	"accountLogRole":                  "true",
	"provisionedConcurrency":          "1",
	"provisionedConcurrencyMax":       "4",
	"provisionedSchedule[0].schedule": "cron(0 8 ? * MON-FRI *)",
	"provisionedSchedule[0].min":      "2",
	"provisionedSchedule[0].max":      "6",
	"domainName":                      "api.example.com",
	"domainCertificateArn":            "arn:aws:acm:eu-central-1:123456789012:certificate/1",
	"domainHostedZoneId":              "Z123",
	"domainBasePath":                  "shop",
	"vpcSubnetIds[0]":                 "subnet-1",
	"vpcSecurityGroupIds[0]":          "sg-1",
	"webAclArn":                       "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/1",
	"alarmEmail":                      "ops@example.com",
	"dashboard":                       "true",
	"environmentKmsKeyArn":            "arn:aws:kms:eu-central-1:123456789012:key/1",
	"repositoryKmsKeyArn":             "arn:aws:kms:eu-central-1:123456789012:key/1",
	"logsKmsKeyArn":                   "arn:aws:kms:eu-central-1:123456789012:key/1",
	"permissionsBoundaryArn":          "arn:aws:iam::123456789012:policy/boundary",
	"iamStatements[0].actions[0]":     "s3:GetObject",
	"iamStatements[0].resources[0]":   "arn:aws:s3:::bucket/*",
	"schedules[0].name":               "nightly",
	"schedules[0].cron":               "0 3 * * ? *",
	"schedules[0].path":               "/tasks/nightly",
	"releaseCommand[0]":               "migrate",
	"imageTagMutability":              "IMMUTABLE",
}

// fronted is a configuration with all that a front brings along.
var fronted = map[string]string{
	"aws:region":           "eu-central-1",
	"front":                "cloudfront",
	"frontSecretRotation":  "1",
	"frontLogBucket":       "logs-of-the-site",
	"domainName":           "www.example.com",
	"domainCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
	"domainHostedZoneId":   "Z123",
	"webAclArn":            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/1",
}

// files returns the text of every file under a folder.
func files(t testing.TB, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, folder+string(filepath.Separator))] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
