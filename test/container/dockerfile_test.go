package container_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/local/container"
	"lambda-web/local/sandbox"
	"lambda-web/test/docker"
)

// unprepared is an app without a Dockerfile, and what its first page says.
type unprepared struct {
	name  string
	files map[string]string
	lock  []string // command that writes the lock file, beside the app's other files
	need  string   // program of this machine without which there is no stand-in for the base image
	want  string
}

const (
	flaskPage = "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef page():\n    return " +
		"'Flask says hello'\n"
	fastAPIPage = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef page():\n    return " +
		"'FastAPI says hello'\n"
	djangoPage = `from pathlib import Path
from django.http import HttpResponse
from django.urls import path
SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF = "x", False, ["*"], "site1.settings"
INSTALLED_APPS, STATIC_URL, STATIC_ROOT = ["django.contrib.staticfiles"], "static/", Path(__file__).parent / "static"
urlpatterns = [path("", lambda request: HttpResponse("Django says hello"))]
`
	managePy = "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\nfrom " +
		"django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n"
	wsgiPy = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\nfrom " +
		"django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
	expressJS = "const app = require('express')()\napp.get('/', (_, answer) => answer.send('Express says " +
		"hello'))\napp.listen(process.env.PORT || 3000)\n"
	goPage = "package main\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc main() " +
		"{\n\thttp.HandleFunc(\"/\", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, \"Go " +
		"says hello\") })\n\thttp.ListenAndServe(\":\"+os.Getenv(\"PORT\"), nil)\n}\n"
	nextPage = "export default function Page() { return <p>Next says hello</p> }\n"
)

var unpreparedApps = []unprepared{
	{name: "Flask, requirements.txt", files: map[string]string{"requirements.txt": "flask\n",
		"app.py": flaskPage}, want: "Flask says hello"},
	{name: "Flask, pyproject.toml",
		files: map[string]string{"pyproject.toml": "[project]\nname = 'a'\nversion = '1'\ndependencies = " +
			"['flask']\n", "app.py": flaskPage}, want: "Flask says hello"},
	{name: "FastAPI, uv",
		files: map[string]string{"pyproject.toml": "[project]\nname = 'a'\nversion = '1'\nrequires-python = " +
			"'>=3.9'\ndependencies = ['fastapi', 'uvicorn']\n", "main.py": fastAPIPage},
		lock: []string{"uv", "lock"}, want: "FastAPI says hello"},
	{name: "FastAPI, Poetry",
		// The source is Poetry's usual one, by the simple repository API (PEP 503), which mirrors of it have, too.
		files: map[string]string{"pyproject.toml": "[tool.poetry]\npackage-mode = false\n" +
			"[tool.poetry.dependencies]\npython = '>=3.10'\nfastapi = '*'\n" +
			"[[tool.poetry.source]]\nname = 'simple'\nurl = 'https://pypi.org/simple/'\npriority = 'primary'\n",
			"main.py": fastAPIPage},
		lock: []string{"poetry", "lock"}, want: "FastAPI says hello"},
	{name: "Django", files: map[string]string{"requirements.txt": "django\n", "manage.py": managePy,
		"site1/__init__.py": "", "site1/settings.py": djangoPage, "site1/wsgi.py": wsgiPy},
		want: "Django says hello"},
	{name: "Express, npm",
		files: map[string]string{"package.json": `{"dependencies": {"express": "4"}, "scripts": {"start": "node app.js"}}`, "app.js": expressJS},
		lock:  []string{"npm", "install", "--package-lock-only", "--ignore-scripts"}, need: "npm",
		want: "Express says hello"},
	{name: "Express, pnpm",
		files: map[string]string{"package.json": `{"dependencies": {"express": "4"}, "scripts": {"start": "node app.js"}}`, "app.js": expressJS},
		lock:  []string{"npx", "--yes", "pnpm@9", "install", "--lockfile-only"}, need: "npm",
		want: "Express says hello"},
	{name: "Next.js, npm",
		files: map[string]string{"package.json": `{"dependencies": {"next": "15", "react": "19", "react-dom": "19"}, "scripts": {"build": "next build"}}`,
			"next.config.mjs": "export default { output: 'standalone' }\n", "pages/index.js": nextPage},
		lock: []string{"npm", "install", "--package-lock-only", "--ignore-scripts"}, need: "npm",
		want: "Next says hello"},
	{name: "Go", files: map[string]string{"go.mod": "module a\n\ngo 1.21\n", "main.go": goPage},
		want: "Go says hello"},
	{name: "pages", files: map[string]string{"public/index.html": "<p>nginx says hello</p>"}, need: "nginx",
		want: "nginx says hello"},
}

// testUnprepared: an app without a Dockerfile gets one from "make dockerfile", and answers with it.
func (d *testDaemon) testUnprepared(t *testing.T) {
	writer := filepath.Join(t.TempDir(), "dockerfile")
	run(t, "go", "build", "-o", writer, "lambda-web/dockerfile")
	tools := lockTools(t)
	for _, u := range unpreparedApps {
		t.Run(u.name, func(t *testing.T) {
			if u.need != "" {
				if _, err := exec.LookPath(u.need); err != nil {
					t.Skipf("there is no stand-in for its base image, as %s is not on this machine", u.need)
				}
			}
			d.testUnpreparedApp(t, u, writer, tools)
		})
	}
}

// lockTools is a folder of the package managers that write Python's lock files.
func lockTools(t *testing.T) string {
	t.Helper()
	venv := t.TempDir()
	run(t, "python3", "-m", "venv", venv)
	run(t, filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "uv==0.9.*",
		"poetry==2.*")
	return filepath.Join(venv, "bin")
}

func (d *testDaemon) testUnpreparedApp(t *testing.T, u unprepared, writer, tools string) {
	app := t.TempDir()
	write(t, app, u.files)
	if u.lock != nil {
		lock := exec.Command("env", u.lock...)
		lock.Dir, lock.Env = app, append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
		if out, err := lock.CombinedOutput(); err != nil {
			t.Skipf("its lock file cannot be made here: %v: %v\n%s", u.lock, err, docker.Last(out))
		}
	}
	t.Log("\n" + run(t, writer, app))
	if err := d.ProvideFor(filepath.Join(app, "Dockerfile")); err != nil {
		t.Skip(err)
	}
	staged, tag := d.stage(t, app)
	image, err := d.engine(t).Build(context.Background(), container.Source{
		Context: staged.Dir, Dockerfile: filepath.Join(staged.Dir, buildcontext.Dockerfile),
		Platform: "linux/" + runtime.GOARCH, Name: "lambda-web/test-unprepared:" + tag,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := newFunction(t, image.Launcher, func(c *sandbox.Config) {
		c.Command, c.Dir, c.Env, c.AppPort, c.MemorySize = image.Command, image.Dir, image.Env, 8080, 1024
		c.Env["PORT"] = "8080"
	})
	event, _ := json.Marshal(map[string]any{
		"resource": "/", "path": "/", "httpMethod": "GET", "headers": map[string]string{"Host": "x"},
		"requestContext": map[string]any{"httpMethod": "GET", "path": "/v1/", "stage": "v1",
			"identity": map[string]any{}},
	})
	var answer struct {
		StatusCode int
		Body       string
	}
	r := invoke(t, f, string(event))
	if json.Unmarshal(r.Payload, &answer) != nil || answer.StatusCode != 200 || !strings.Contains(answer.Body,
		u.want) {
		t.Errorf("the answer is %s", r.Payload)
	}
}

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text),
			0o644)); err != nil {
			t.Fatal(err)
		}
	}
}
