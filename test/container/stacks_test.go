package container_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/local/container"
	"lambda-web/local/sandbox"
)

// lambdaBase plays AWS's base images for Python: their entry point wants the name of a handler and nothing else.
// https://github.com/aws/aws-lambda-base-images
const lambdaBase = "public.ecr.aws/lambda/python:3.13"

const lambdaEntrypoint = `#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
exec python -m awslambdaric "$1"
`

// stack is an app of one of the ways in which Dockerfiles are written. Each has probe.py and serve, an app in Go.
type stack struct {
	name, dockerfile string
	args             map[string]string
	kit              bool   // needs BuildKit
	want             string // instead of an answer: part of the error, or of the log
}

var stacks = []stack{
	{name: "tini",
		dockerfile: "FROM BASE\nRUN tini --version || (apt-get update -q && apt-get install -qy " +
			"--no-install-recommends tini)\nCOPY probe.py .\nENTRYPOINT [\"/usr/bin/tini\", \"--\"]\nCMD " +
			"[\"python\", \"-u\", \"probe.py\"]\n"},
	{name: "dumb-init",
		dockerfile: "FROM BASE\nRUN dumb-init --version || (apt-get update -q && apt-get install -qy " +
			"--no-install-recommends dumb-init)\nCOPY probe.py .\nENTRYPOINT [\"/usr/bin/dumb-init\", " +
			"\"--\", \"python\"]\nCMD [\"-u\", \"probe.py\"]\n"},
	{name: "no shell, no libraries, no user database",
		dockerfile: "FROM scratch\nCOPY serve /serve\nUSER 65532\nCMD [\"/serve\"]\n"},
	{name: "HEALTHCHECK, STOPSIGNAL and VOLUME",
		dockerfile: "FROM BASE\nCOPY probe.py /srv/\nWORKDIR /srv\nVOLUME /data\nHEALTHCHECK --interval=1s " +
			"CMD exit 1\nSTOPSIGNAL SIGQUIT\nCMD python -u probe.py\n"},
	{name: "a USER of its own with a home",
		dockerfile: "FROM BASE\nRUN useradd --create-home --uid 4321 web\nUSER web\nWORKDIR /home/web\nCOPY " +
			"--chown=web:web probe.py .\nCMD [\"python\", \"-u\", \"probe.py\"]\n"},
	{name: "the ENTRYPOINT of its base image",
		dockerfile: "FROM BASE AS base\nENTRYPOINT [\"python\", \"-u\"]\nFROM base\nCOPY probe.py .\nCMD [\"probe.py\"]\n"},
	{name: "stages by ARG", args: map[string]string{"FLAVOUR": "full"},
		dockerfile: "ARG FLAVOUR=none\nFROM scratch AS app-none\nFROM BASE AS app-full\nCOPY probe.py " +
			"/probe.py\nFROM app-${FLAVOUR}\nARG FLAVOUR\nENV GREETING=$FLAVOUR\nCMD [\"python\", \"-u\", \"/probe.py\"]\n"},
	{name: "COPY from another image",
		dockerfile: "FROM BASE AS tools\nFROM tools\nCOPY --from=BASE /etc/os-release /copied\nCOPY probe.py " +
			".\nCMD [\"sh\", \"-c\", \"test -s /copied && exec python -u probe.py\"]\n"},
	{name: "a /tmp for root alone",
		dockerfile: "FROM BASE\nRUN chmod 700 /tmp\nCOPY probe.py .\nCMD [\"python\", \"-u\", \"probe.py\"]\n"},
	{name: "a start script",
		dockerfile: "FROM BASE\nCOPY probe.py .\nRUN printf '#!/bin/sh\\nset -e\\nexec \"$@\"\\n' > " +
			"/entry.sh && chmod 755 /entry.sh\nENTRYPOINT [\"/entry.sh\"]\nCMD [\"python\", \"-u\", \"probe.py\"]\n"},
	{name: "mounts of a build", kit: true,
		dockerfile: "FROM BASE\nRUN --mount=type=cache,target=/root/.cache " +
			"--mount=type=bind,source=probe.py,target=/from/probe.py cp /from/probe.py /probe.py\nCMD " +
			"[\"python\", \"-u\", \"/probe.py\"]\n"},
	{name: "here-documents", kit: true,
		dockerfile: "# syntax=docker/dockerfile:1\nFROM BASE\nCOPY probe.py /\nCOPY <<EOF " +
			"/entry.sh\n#!/bin/sh\nexec python -u /probe.py\nEOF\nRUN <<EOF\nchmod 755 /entry.sh\nEOF\nCMD [\"/entry.sh\"]\n"},
	{name: "AWS's base image with a web server as CMD", dockerfile: "FROM " + lambdaBase +
		"\nCOPY probe.py .\nCMD [\"python\", \"-u\", \"probe.py\"]\n", want: "entrypoint requires the handler name"},
	{name: "AWS's base image without its ENTRYPOINT", dockerfile: "FROM " + lambdaBase +
		"\nCOPY probe.py .\nENTRYPOINT []\nCMD [\"python\", \"-u\", \"probe.py\"]\n"},
}

// testStacks: an app of any stack answers, from the context that "pulumi up" would build.
func (d *testDaemon) testStacks(t *testing.T) {
	serve := filepath.Join(t.TempDir(), "serve")
	build := exec.Command("go", "build", "-o", serve, "./serve")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build an app in Go: %v\n%s", err, out)
	}
	d.build(t, lambdaBase, map[string]string{
		"lambda-entrypoint.sh": lambdaEntrypoint,
		"Dockerfile": "FROM " + baseImage +
			"\nCOPY lambda-entrypoint.sh /\nRUN chmod 755 /lambda-entrypoint.sh\nENTRYPOINT [\"/lambda-entrypoint.sh\"]\n",
	})
	for _, s := range stacks {
		t.Run(s.name, func(t *testing.T) { d.testStack(t, s, serve) })
	}
}

// build makes an image that others start from, where there is none of that name.
func (d *testDaemon) build(t *testing.T, name string, files map[string]string) {
	t.Helper()
	if exec.Command("docker", "image", "inspect", name).Run() == nil {
		return
	}
	dir := t.TempDir()
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "docker", "build", "--tag", name, dir)
}

func (d *testDaemon) testStack(t *testing.T, s stack, serve string) {
	if s.kit && !hasBuildKit() {
		t.Skip("this docker command builds without BuildKit")
	}
	if strings.HasPrefix(s.dockerfile, "# syntax=") && exec.Command("docker", "image", "inspect",
		"docker/dockerfile:1").Run() != nil &&
		exec.Command("docker", "pull", "--quiet", "docker/dockerfile:1").Run() != nil {
		t.Skip("docker/dockerfile:1 cannot be fetched")
	}
	app := t.TempDir()
	for from, to := range map[string]string{"probe/probe.py": "probe.py", serve: "serve"} {
		program, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(app, to), program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(app, "Dockerfile"), []byte(strings.ReplaceAll(s.dockerfile, "BASE",
		baseImage)), 0o644); err != nil {
		t.Fatal(err)
	}
	staged, tag := d.stage(t, app)
	img, err := d.engine(t).Build(context.Background(), container.Source{
		Context: staged.Dir, Dockerfile: filepath.Join(staged.Dir, buildcontext.Dockerfile), Args: s.args,
		Platform: "linux/" + runtime.GOARCH, Name: "lambda-web/test-stack:" + tag,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, log := newFunction(t, img.Launcher, func(c *sandbox.Config) {
		c.Command, c.Dir, c.Env, c.AppPort = img.Command, img.Dir, img.Env, 8080
		c.Env["PORT"] = "8080" // as the Pulumi program sets it
	})
	facts, r := get(t, f, "/facts")
	if s.want != "" {
		if r.FunctionError == "" || !strings.Contains(log.String(), s.want) {
			t.Errorf("the answer is %s, and %q is not in the log", r.Payload, s.want)
		}
		return
	}
	if facts["uid"] != 993.0 {
		t.Errorf("the answer is %s", r.Payload)
	}
	if got, ok := facts["write /tmp"]; ok && got != "done" {
		t.Errorf("to write to /tmp gives %v", got)
	}
	if got := facts["write /data"]; strings.Contains(s.dockerfile, "VOLUME /data") && got != "Read-only file system" {
		t.Errorf("to write to a volume gives %v", got)
	}
	if want := s.args["FLAVOUR"]; want != "" && facts["greeting"] != want {
		t.Errorf("the build argument is %v in the app, want %s", facts["greeting"], want)
	}
}

// hasBuildKit says whether the docker command builds with it.
func hasBuildKit() bool {
	if exec.Command("docker", "buildx", "version").Run() == nil {
		return true
	}
	version, err := exec.Command("docker", "version", "--format", "{{.Client.Version}}").Output()
	return err == nil && strings.HasPrefix(string(version), "20.")
}
