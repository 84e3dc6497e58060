package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

type files map[string]string

func (f files) app() app {
	folder := fstest.MapFS{}
	for name, text := range f {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return app{path: "my-app", fs: folder}
}

const flaskApp = "from flask import Flask\napp = Flask(__name__)\n"

// What is seen in a folder, and the lines that follow from it. A line that begins with "-" must not be there.
func TestDockerfile(t *testing.T) {
	node := func(pkg string) files { return files{"package.json": pkg, "package-lock.json": "{}", "app.js": "x"} }
	tests := []struct {
		name  string
		files files
		kind  string
		lines []string
	}{
		{"Flask, gunicorn asked for", files{"requirements.txt": "Flask==3.1\ngunicorn\n", "app.py": flaskApp},
			"Flask app",
			[]string{"FROM python:3.13-slim", "COPY requirements.txt .",
				"RUN pip install --no-cache-dir -r requirements.txt", "COPY . .",
				"RUN python -m compileall -q .", "USER app", "EXPOSE 8080",
				`CMD ["gunicorn", "--access-logfile", "-", "app:app"]`}},
		{"Flask without a server", files{"requirements.txt": "flask\n", "wsgi.py": flaskApp}, "Flask app",
			[]string{"RUN pip install --no-cache-dir -r requirements.txt 'gunicorn==23.*'",
				`CMD ["gunicorn", "--access-logfile", "-", "wsgi:app"]`}},
		{"Flask made by a function",
			files{"pyproject.toml": "[project]\nname='flaskr'\ndependencies=['flask']\n[build-system]\nbuild-backend='flit_core.buildapi'\n",
				"flaskr/__init__.py": "from flask import Flask\ndef create_app(test_config=None):\n    app = " +
					"Flask(__name__)\n"}, "Flask app",
			[]string{"RUN pip install --no-cache-dir . 'gunicorn==23.*'",
				`CMD ["gunicorn", "--access-logfile", "-", "flaskr:create_app()"]`}},
		{"object of a function", files{"requirements.txt": "flask",
			"site/__init__.py": "def create_app(c):\n  return Flask(c)\n",
			"wsgi.py":          "from site import create_app\napp = create_app('x')\n"},
			"Flask app", []string{`CMD ["gunicorn", "--access-logfile", "-", "wsgi:app"]`}},
		{"requirements beside files of the app", files{"requirements.txt": "-e ./lib\nflask\n",
			"app.py": flaskApp}, "Flask app",
			[]string{"COPY . .", "-COPY requirements.txt ."}},
		{"requirements in a folder", files{"requirements/prod.txt": "-r base.txt\n",
			"requirements/base.txt": "Flask\n", "app.py": flaskApp}, "Flask app",
			[]string{"RUN pip install --no-cache-dir -r requirements/prod.txt 'gunicorn==23.*'"}},
		{"FastAPI with uv",
			files{"pyproject.toml": "[project]\nname='x'\nrequires-python='>=3.12'\ndependencies=['fastapi','uvicorn[standard]']\n", "uv.lock": "",
				"src/shop/main.py": "import fastapi\napi = fastapi.FastAPI(title='x')\n"}, "FastAPI app",
			[]string{"RUN uv sync --frozen --no-dev --no-install-project",
				"COPY --from=packages /app/.venv .venv", "-RUN uv pip install 'uvicorn==0.*'",
				`CMD ["uvicorn", "src.shop.main:api", "--host", "0.0.0.0", "--port", "8080"]`}},
		{"FastAPI with Poetry, made by a function",
			files{"pyproject.toml": "[tool.poetry.dependencies]\npython='~3.11'\nfastapi='*'\n", "poetry.lock": "",
				"main.py": "def create_app() :\n  pass\n",
				"shop.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"}, "FastAPI app",
			[]string{"FROM python:3.11-slim AS packages", "RUN poetry install --only main --no-root --no-interaction",
				"RUN .venv/bin/python -m pip install --no-cache-dir 'uvicorn==0.*'",
				`CMD ["uvicorn", "--factory", "shop:create_app", "--host", "0.0.0.0", "--port", "8080"]`}},
		{"a list of dependencies",
			files{"pyproject.toml": "[project]\nname='x'\ndependencies=[\"flask>=3; python_version > " +
				"'3.8'\"]\n", "app.py": flaskApp}, "Flask app",
			[]string{`RUN pip install --no-cache-dir 'flask>=3; python_version > "3.8"' 'gunicorn==23.*'`}},
		{"Python named by a file", files{".python-version": "3.11.4\n", "requirements.txt": "flask",
			"app.py": flaskApp}, "Flask app", []string{"FROM python:3.11-slim"}},
		{"Python below a version",
			files{"pyproject.toml": "[project]\nname='x'\nrequires-python='>=3.9,<3.12'\ndependencies=['flask']\n",
				"app.py": flaskApp}, "Flask app",
			[]string{"FROM python:3.11-slim"}},
		{"Django", files{"requirements.txt": "Django\n",
			"manage.py":      "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n",
			"mysite/wsgi.py": "",
			"mysite/settings.py": "SECRET_KEY = os.environ['DJANGO_SECRET_KEY']\nSTATIC_ROOT = BASE_DIR / " +
				"'static'\n"}, "Django app",
			[]string{"RUN DJANGO_SECRET_KEY=not-used-by-the-build python manage.py collectstatic --noinput",
				`CMD ["gunicorn", "--access-logfile", "-", "mysite.wsgi:application"]`}},
		{"Django with settings in a package", files{"requirements.txt": "Django\n",
			"manage.py":      `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")`,
			"config/wsgi.py": ""}, "Django app",
			[]string{`CMD ["gunicorn", "--access-logfile", "-", "config.wsgi:application"]`}},
		{"Express", node(`{"dependencies":{"express":"4"},"scripts":{"start":"node ./bin/www"}}`), "Express app",
			[]string{"FROM node:22-slim", "COPY package.json package-lock.json ./", "RUN npm ci --omit=dev",
				"USER node", "EXPOSE 8080", `CMD ["node", "./bin/www"]`}},
		{"Express on a port of its own",
			files{"package.json": `{"dependencies":{"express":"4"},"main":"app.js","engines":{"node":"20.x"}}`,
				"yarn.lock": "",
				"app.js":    "app.listen(3000, () => {})"}, "Express app", []string{"FROM node:20-slim",
				"RUN yarn install --frozen-lockfile --production", "EXPOSE 3000", `CMD ["node", "app.js"]`}},
		{"Express that is built, with pnpm",
			files{"package.json": `{"dependencies":{"express":"5"},"scripts":{"build":"tsc","start":"node dist/server.js"},"packageManager":"pnpm@10.1.0+sha512.ab"}`,
				"pnpm-lock.yaml": "", "src/server.ts": "app.listen(process.env.PORT)"}, "Express app",
			[]string{"RUN npm install --global pnpm@10.1.0 && pnpm install --frozen-lockfile",
				"RUN pnpm run build && CI=true pnpm prune --prod", "COPY --from=build /app .",
				`CMD ["node", "dist/server.js"]`}},
		{"a start script of its own",
			node(`{"scripts":{"start":"NODE_OPTIONS=--max-old-space-size=300 node app.js"}}`), "Node.js app",
			[]string{`CMD ["npm", "start"]`}},
		{"Next.js, standalone",
			files{"package.json": `{"dependencies":{"next":"15"},"scripts":{"build":"next build"}}`,
				"package-lock.json": "{}",
				"next.config.mjs":   "export default { output: 'standalone' }", "public/x.png": ""}, "Next.js app",
			[]string{"RUN npm run build", "COPY --from=build /app/.next/standalone ./",
				"COPY --from=build /app/public ./public", `CMD ["node", "server.js"]`}},
		{"Next.js", node(`{"dependencies":{"next":"15"},"scripts":{"build":"next build"}}`), "Next.js app",
			[]string{"RUN npm run build && npm prune --omit=dev", "-COPY --from=build /app/public ./public",
				`CMD ["node", "node_modules/next/dist/bin/next", "start"]`}},
		{"Vite", node(`{"devDependencies":{"vite":"6"},"scripts":{"build":"vite build"}}`),
			"static site built by Vite",
			[]string{"RUN npm ci", "COPY --from=build /app/dist /usr/share/nginx/html"}},
		{"Go", files{"go.mod": "module x\n\ngo 1.25.3\n", "go.sum": "",
			"main.go": "package main\n\nfunc main() { http.ListenAndServe(\":9000\", nil) }\n"}, "Go program",
			[]string{"FROM golang:1.25 AS build", "COPY go.mod go.sum ./",
				`RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/server .`, "EXPOSE 9000",
				`ENTRYPOINT ["/server"]`}},
		{"Go, pages read when it runs", files{"go.mod": "module x\n",
			"cmd/web/main.go": "package main\n\nfunc main() { template.ParseGlob(\"templates/*\"); " +
				"os.Getenv(\"PORT\") }\n",
			"templates/a.html": "", "static/a.css": "",
			"site.go": "package x\n\n//go:embed static\nvar f embed.FS // \"static\"\n"}, "Go program",
			[]string{"COPY go.mod ./", "COPY templates templates", "-COPY static static",
				`RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/server ./cmd/web`}},
		{"pages", files{"public/index.html": "x"}, "static site", []string{"FROM nginxinc/nginx-unprivileged:1",
			"COPY public/ /usr/share/nginx/html", "EXPOSE 8080"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := choose(test.files.app())
			if err != nil {
				t.Fatal(err)
			}
			if p.kind != test.kind {
				t.Errorf("it is a %s, want a %s", p.kind, test.kind)
			}
			text := p.dockerfile()
			for _, line := range test.lines {
				unwanted, not := strings.CutPrefix(line, "-")
				if has := strings.Contains("\n"+text, "\n"+strings.TrimPrefix(line, "-")+"\n"); has == not {
					t.Errorf("line %q: there is %v, want %v, in\n%s", unwanted, has, !not, text)
				}
			}
			checkDockerfile(t, text)
		})
	}
}

// checkDockerfile reads it as Docker does: no unknown instruction, exec form, not as root unless the base is not.
func checkDockerfile(t *testing.T, text string) {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(parsed.Warnings) > 0 {
		t.Errorf("Docker warns: %v", parsed.Warnings)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	last := stages[len(stages)-1]
	root := !strings.Contains(last.BaseName, "nonroot") && !strings.Contains(last.BaseName, "unprivileged")
	exposed := false
	for _, command := range last.Commands {
		switch command := command.(type) {
		case *instructions.UserCommand:
			root = false
		case *instructions.ExposeCommand:
			exposed = true
		case *instructions.CmdCommand:
			if command.PrependShell {
				t.Error("the command runs under a shell")
			}
		}
	}
	if root || !exposed {
		t.Errorf("runs as root: %v; exposes a port: %v, in\n%s", root, exposed, text)
	}
}

// Where it cannot tell, it says what it saw and what would help.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		files files
		want  string
	}{
		{"nothing known", files{"index.php": ""}, "is of no kind that is known here"},
		{"there already", files{"Dockerfile": "FROM x", "index.html": ""},
			"Dockerfile is there already; it is never overwritten"},
		{"Podman's name", files{"Containerfile": "FROM x", "index.html": ""}, "Containerfile is there already"},
		{"Python without packages", files{"setup.py": "", "app.py": ""}, "pip freeze > requirements.txt"},
		{"Python without a framework", files{"requirements.txt": "requests\n"},
			"Flask, Django and FastAPI are not among its packages"},
		{"two Flask objects", files{"requirements.txt": "flask", "a.py": flaskApp, "b.py": flaskApp},
			"has several Flask objects (a:app, b:app)"},
		{"no Flask object", files{"requirements.txt": "flask", "a.py": ""}, "nor a function create_app"},
		{"a function with arguments", files{"requirements.txt": "flask",
			"a.py": "def create_app(config):\n    return Flask(config)\n"}, "a:create_app needs arguments"},
		{"Django without settings", files{"requirements.txt": "django"},
			"no manage.py in it names DJANGO_SETTINGS_MODULE"},
		{"Django without wsgi.py", files{"requirements.txt": "django",
			"manage.py": "'DJANGO_SETTINGS_MODULE', 'x.settings'"}, "there is no x/wsgi.py to serve"},
		{"broken pyproject.toml", files{"pyproject.toml": "[project\n"}, "my-app/pyproject.toml: toml:"},
		{"broken package.json", files{"package.json": "{"}, "my-app/package.json: unexpected end"},
		{"no lock file", files{"package.json": "{}"}, "has a package.json without a lock file"},
		{"two lock files", files{"package.json": "{}", "yarn.lock": "", "package-lock.json": "{}"},
			"(package-lock.json, yarn.lock)"},
		{"no start script", files{"package.json": "{}", "yarn.lock": ""}, "add a start script"},
		{"a Go library", files{"go.mod": "module x", "x.go": "package x\n"}, "a Go module without a program"},
		{"several Go programs", files{"go.mod": "module x", "cmd/a/main.go": "package main\n\nfunc main() {}\n",
			"cmd/b/main.go": "package main\n\nfunc main() {}\n"}, "(./cmd/a, ./cmd/b)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := choose(test.files.app())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v (%q), want an error with %q", err, p.kind, test.want)
			}
		})
	}
}

// The command writes two files, says why, and overwrites nothing.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("requirements.txt", "flask\n")
	put("app.py", flaskApp)
	put(".dockerignore", "mine\n")
	var out bytes.Buffer
	if err := run(folder, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Flask app\n", "app:app is the app's Flask object", "Wrote " +
		filepath.Join(folder, "Dockerfile"), "Kept "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(folder, ".dockerignore")); string(text) != "mine\n" {
		t.Errorf(".dockerignore was overwritten with %q", text)
	}
	if err := run(folder, &out); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("a second time: %v", err)
	}
	if err := run(filepath.Join(folder, "none"), &out); err == nil || !strings.Contains(err.Error(),
		"cannot be read") {
		t.Errorf("no folder: %v", err)
	}
	if err := run(filepath.Join(folder, "app.py"), &out); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file: %v", err)
	}
}

// Whatever a folder holds, there is a Dockerfile that Docker can read, or a sentence.
func FuzzChoose(f *testing.F) {
	f.Add("Flask", "[project]\nname='x'", `{"scripts":{"start":"node a"}}`, "module x\ngo 1.2", flaskApp)
	f.Add("-r requirements.txt\ndjango", "[tool.poetry.dependencies]\npython=3",
		`{"dependencies":{"next":"1"}}`, "", "def create_app(a=(),):\n Flask(")
	f.Fuzz(func(t *testing.T, requirements, pyproject, pkg, module, source string) {
		for _, folder := range []files{
			{"requirements.txt": requirements, "app.py": source, "manage.py": source},
			{"pyproject.toml": pyproject, "uv.lock": "", "app.py": source},
			{"package.json": pkg, "yarn.lock": "", "app.js": source}, {"go.mod": module,
				"main.go": "package main\n\nfunc main() {}\n" + source},
		} {
			p, err := choose(folder.app())
			if err != nil {
				continue
			}
			if _, err := parser.Parse(strings.NewReader(p.dockerfile())); err != nil {
				t.Errorf("%v in\n%s", err, p.dockerfile())
			}
		}
	})
}
