package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRecipe(t *testing.T) {
	for _, test := range []struct {
		name       string
		dockerfile string
		args       map[string]string
		command    []string
		workdir    string
		env        map[string]string
		steps      []string // kind line args
	}{
		{
			name:       "the sample's kind of Dockerfile",
			dockerfile: "ARG BASE=python:3\nFROM ${BASE}\nENV A=1\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\nCMD [\"gunicorn\", \"app:app\"]\n",
			command:    []string{"gunicorn", "app:app"}, workdir: "/app", env: map[string]string{"A": "1"},
			steps: []string{"copy 5 requirements.txt .", "pip 6 --no-cache-dir -r requirements.txt", "copy 7 . ."},
		},
		{
			name:       "entrypoint and command are joined",
			dockerfile: "FROM x\nENTRYPOINT [\"python\", \"-m\"]\nCMD [\"http.server\"]\n",
			command:    []string{"python", "-m", "http.server"}, workdir: "/",
		},
		{
			name:       "a new ENTRYPOINT drops the base stage's CMD",
			dockerfile: "FROM x AS base\nCMD [\"old\"]\nFROM base\nENTRYPOINT [\"new\"]\n",
			command:    []string{"new"}, workdir: "/",
		},
		{
			name:       "shell form runs in a shell and keeps its variables for it",
			dockerfile: "FROM x\nENV PORT=8080\nCMD exec gunicorn -b :$PORT app:app\n",
			command:    []string{"/bin/sh", "-c", "exec gunicorn -b :$PORT app:app"}, workdir: "/",
		},
		{
			name:       "SHELL changes the shell",
			dockerfile: "FROM x\nSHELL [\"/bin/bash\", \"-ec\"]\nCMD serve\n",
			command:    []string{"/bin/bash", "-ec", "serve"}, workdir: "/",
		},
		{
			name:       "relative WORKDIR, and variables in ENV and WORKDIR",
			dockerfile: "FROM x\nARG HOME_DIR=/srv\nENV ROOT=$HOME_DIR/app PYTHONPATH=${HOME_DIR}/lib\nWORKDIR $ROOT\nWORKDIR sub\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/srv/app/sub", env: map[string]string{"ROOT": "/srv/app", "PYTHONPATH": "/srv/lib"},
		},
		{
			name:       "build arguments win over the defaults of ARG",
			dockerfile: "FROM x\nARG DIR=/a\nWORKDIR $DIR\nCMD [\"a\"]\n", args: map[string]string{"DIR": "/b"},
			command: []string{"a"}, workdir: "/b",
		},
		{
			name:       "only the final stage counts",
			dockerfile: "FROM node AS assets\nRUN npm run build\nCMD [\"wrong\"]\nFROM python\nCMD [\"right\"]\n",
			command:    []string{"right"}, workdir: "/",
		},
		{
			name:       "a final stage built on an earlier one has its steps",
			dockerfile: "FROM python AS base\nWORKDIR /app\nRUN pip install flask\nFROM base AS final\nCOPY . .\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/app",
			steps: []string{"pip 3 flask", "copy 5 . ."},
		},
		{
			name:       "RUN lines of the image's own system are skipped, their pip parts are not",
			dockerfile: "FROM x\nRUN apt-get update && apt-get install -y libpq5 \\\n && python3 -m pip install 'flask>=3' ; rm -rf /var/lib/apt\nRUN [\"pip3\", \"install\", \"gunicorn\"]\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/",
			steps: []string{"skipped 2 apt-get update", "skipped 2 apt-get install -y libpq5", "pip 2 flask>=3", "skipped 2 rm -rf /var/lib/apt", "pip 4 gunicorn"},
		},
		{
			name:       "commands of the app's own language are told from the system's",
			dockerfile: "FROM node\nWORKDIR /app\nRUN npm ci --omit=dev && npm run build\nRUN npm install -g pm2\nRUN python manage.py collectstatic --noinput\nRUN python make.py > /out\nRUN useradd app\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/app",
			steps: []string{"node 3 npm ci --omit=dev", "tool 3 npm run build", "tool 4 npm install -g pm2", "tool 5 python manage.py collectstatic --noinput", "skipped 6 python make.py > /out", "skipped 7 useradd app"},
		},
		{
			name:       "cd holds until the end of its line",
			dockerfile: "FROM node\nWORKDIR /app\nRUN cd web && npm ci && npm run build\nRUN npm run check\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/app",
			steps: []string{"node 3 npm ci in /app/web", "tool 3 npm run build in /app/web", "tool 4 npm run check"},
		},
		{
			name:       "which package manager, by the lock file that is there",
			dockerfile: "FROM node\nRUN if [ -f yarn.lock ]; then yarn --frozen-lockfile; elif [ -f package-lock.json ]; then npm ci; else pnpm i && pnpm build; fi; npm run build\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/",
			steps: []string{
				"node 2 yarn --frozen-lockfile if /yarn.lock", "node 2 npm ci if not /yarn.lock /package-lock.json",
				"node 2 pnpm i if not /yarn.lock not /package-lock.json", "tool 2 pnpm build if not /yarn.lock not /package-lock.json", "tool 2 npm run build",
			},
		},
		{
			name:       "what a question that is not about files leads to is not run",
			dockerfile: "FROM node\nRUN if [ \"$A\" = b ]; then npm ci; fi\nRUN if [ ! -f x ]; then npm run a; fi\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/",
			steps: []string{"skipped 2 if [ = b ] npm ci", "tool 3 npm run a if not /x"},
		},
		{
			name:       "folders, virtual environments among them",
			dockerfile: "FROM python\nRUN mkdir -p data /srv/x && python -m venv /opt/venv && /opt/venv/bin/pip install flask\nRUN uv venv && uv pip install --system gunicorn\nRUN pip wheel --wheel-dir /wheels django\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/",
			steps: []string{"folder 2 data /srv/x", "folder 2 /opt/venv", "pip 2 flask", "tool 3 uv venv", "pip 3 --system gunicorn", "pip 4 --wheel-dir /wheels django"},
		},
		{
			name:       "programs and adapters that are copied from images of their own",
			dockerfile: "FROM python\nCOPY --from=ghcr.io/astral-sh/uv:0.9 /uv /uvx /bin/\nCOPY --from=public.ecr.aws/awsguru/aws-lambda-adapter:1.0 /lambda-adapter /opt/extensions/lambda-adapter\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/", steps: []string{"pip 2 uv"},
		},
		{
			name:       "another escape character",
			dockerfile: "# escape=`\nFROM x\nRUN pip install `\n  flask\nCMD [\"a\"]\n",
			command:    []string{"a"}, workdir: "/", steps: []string{"pip 3 flask"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := readRecipe(strings.NewReader(test.dockerfile), test.args)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.commandLine(); !reflect.DeepEqual(got, test.command) {
				t.Errorf("command %q, want %q", got, test.command)
			}
			if r.workdir != test.workdir {
				t.Errorf("workdir %q, want %q", r.workdir, test.workdir)
			}
			for name, want := range test.env {
				if got, _ := lookup(r.env, name); got != want {
					t.Errorf("ENV %s is %q, want %q", name, got, want)
				}
			}
			var steps []string
			for _, s := range r.steps {
				words := append([]string{[]string{"copy", "pip", "node", "folder", "tool", "skipped"}[s.kind], itoa(s.line)}, s.args...)
				if s.workdir != r.workdir {
					words = append(words, "in", s.workdir)
				}
				for i, c := range s.when {
					words = append(words, []string{"if", ""}[min(i, 1)], map[bool]string{true: "", false: "not"}[c.there], c.file)
				}
				steps = append(steps, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
			}
			if test.steps != nil && !reflect.DeepEqual(steps, test.steps) {
				t.Errorf("steps\n%s\nwant\n%s", strings.Join(steps, "\n"), strings.Join(test.steps, "\n"))
			}
		})
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

// What a process on this machine cannot have is refused by its line.
func TestRecipeRefusals(t *testing.T) {
	for _, test := range []struct{ name, dockerfile, want string }{
		{"files of another image", "FROM y\nCOPY --from=busybox /bin/sh /sh\n", "line 2: COPY --from=busybox takes files from another image"},
		{"files of a stage that does not exist yet", "FROM x AS a\nFROM y\nCOPY --from=1 /out /app\n", "line 3: COPY --from=1"},
		{"downloads", "FROM x\nADD https://example.com/a.tar.gz /a\n", "line 2: ADD https://example.com/a.tar.gz downloads"},
		{"here-documents", "FROM x\nCOPY <<EOF /a\nx\nEOF\n", "line 2: COPY with a here-document"},
		{"packages by a manager that is not known here", "FROM x\nRUN pip install poetry && poetry install --no-root\n", "line 2: poetry install installs the app's packages, which needs a real image build: run the app in containers, with MODE=container"},
		{"no stage at all", "", "parse Dockerfile"},
		{"an unknown instruction", "FROM x\nFOO bar\n", "parse Dockerfile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readRecipe(strings.NewReader(test.dockerfile), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// COPY puts files where Docker puts them.
func TestCopy(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       []string // files in the image
	}{
		{"a folder's contents", "COPY . .", []string{"/w/a.txt", "/w/b.txt", "/w/d/c.txt"}},
		{"a folder's contents to a new name", "COPY d /x/y", []string{"/x/y/c.txt"}},
		{"a file to a new name", "COPY a.txt /x", []string{"/x"}},
		{"a file into a folder", "COPY a.txt /x/", []string{"/x/a.txt"}},
		{"a file into the working directory", "COPY a.txt .", []string{"/w/a.txt"}},
		{"several files", "COPY a.txt b.txt sub", []string{"/w/sub/a.txt", "/w/sub/b.txt"}},
		{"a pattern", "COPY *.txt ./", []string{"/w/a.txt", "/w/b.txt"}},
		{"the context cannot be left", "COPY ../../a.txt /x", []string{"/x"}},
		{"the adapter's line is not the app's", "COPY a.txt /opt/extensions/lambda-adapter", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := source(t, "FROM x\nWORKDIR /w\n"+test.line+"\nCMD [\"sh\"]\n")
			write(t, src.Context, "a.txt", "a")
			write(t, src.Context, "b.txt", "b")
			write(t, src.Context, "d/c.txt", "c")
			if _, err := Prepare(context.Background(), src); err != nil {
				t.Fatal(err)
			}
			root := filepath.Join(src.Cache, "rootfs", src.Tag)
			var got []string
			filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					got = append(got, strings.TrimPrefix(p, root))
				}
				return err
			})
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("files %q, want %q", got, test.want)
			}
		})
	}
	t.Run("a missing source is named", func(t *testing.T) {
		_, err := Prepare(context.Background(), source(t, "FROM x\nCOPY nowhere .\nCMD [\"sh\"]\n"))
		if err == nil || !strings.Contains(err.Error(), "line 2: COPY nowhere: no such file") {
			t.Errorf("got %v", err)
		}
	})
}

// Files of earlier stages are there when they are copied, made by the commands of those stages.
func TestStages(t *testing.T) {
	t.Run("files alone", func(t *testing.T) {
		src := source(t, "FROM x AS a\nCOPY a.txt /out/\nFROM y\nCOPY --from=a /out /final\nCMD [\"sh\"]\n")
		write(t, src.Context, "a.txt", "a")
		if _, err := Prepare(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(src.Cache, "rootfs", src.Tag, "final", "a.txt")); err != nil {
			t.Error(err)
		}
	})
	t.Run("a Go app built by its own Dockerfile", func(t *testing.T) {
		src := source(t, "FROM golang AS build\nWORKDIR /src\nCOPY go.mod main.go ./\nRUN CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o /out/serve .\nFROM scratch\nCOPY --from=build /out/serve /serve\nCMD [\"/serve\"]\n")
		write(t, src.Context, "go.mod", "module serve\n\ngo 1.21\n")
		write(t, src.Context, "main.go", "package main\n\nfunc main() { println(\"it runs\") }\n")
		img, err := Prepare(context.Background(), src)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(img.Command[0]).CombinedOutput()
		if err != nil || string(out) != "it runs\n" {
			t.Errorf("%q, %v", out, err)
		}
		left, _ := filepath.Glob(filepath.Join(src.Cache, "rootfs", "*"))
		if len(left) != 2 {
			t.Errorf("in the cache: %q, want the files and their mark", left)
		}
	})
}

// Commands of the app's own language run in its folder; a failing one is shown with its output.
func TestTools(t *testing.T) {
	src := source(t, "FROM x\nARG GREETING=hi\nARG NAME\nENV GREETING=hello\nWORKDIR /app\nCOPY . .\nRUN python make.py /app/made.txt\nCMD [\"sh\"]\n")
	write(t, src.Context, "make.py", "import os, sys\nopen(sys.argv[1], 'w').write(os.environ['GREETING'] + ' ' + os.environ['NAME'])\n")
	src.Args = map[string]string{"NAME": "you"}
	img, err := Prepare(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := os.ReadFile(filepath.Join(img.Dir, "made.txt")); err != nil || string(made) != "hello you" {
		t.Errorf("made %q, %v", made, err)
	}
	src = source(t, "FROM x\nRUN python3 -c 'import no_such_module_anywhere'\nCMD [\"sh\"]\n")
	if _, err := Prepare(context.Background(), src); err == nil || !strings.Contains(err.Error(), "line 2: RUN python3") || !strings.Contains(err.Error(), "no_such_module_anywhere") {
		t.Errorf("got %v", err)
	}
}

// node_modules comes from the cache. The app has no dependencies, so that no index is needed.
func TestNode(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not on the PATH: install Node.js to run this test")
	}
	src := source(t, "FROM node\nWORKDIR /app\nCOPY package*.json ./\nRUN npm install --offline\nCOPY . .\nRUN npm run build\nCMD [\"node\", \"built.js\"]\n")
	write(t, src.Context, "source.js", "console.log('it runs')\n")
	write(t, src.Context, "package.json", `{"name":"demo","version":"1.0.0","scripts":{"build":"cp source.js built.js"}}`)
	img, err := Prepare(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(img.Command[0], img.Command[1:]...)
	command.Dir = img.Dir
	if out, err := command.CombinedOutput(); err != nil || string(out) != "it runs\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// Absolute paths of the image mean its files here; programs are found by name.
func TestCommandAndEnvironment(t *testing.T) {
	src := source(t, "FROM x\nENV PYTHONPATH=/app/lib:/nowhere\nWORKDIR /app\nCOPY . .\nENTRYPOINT [\"/usr/local/bin/sh\", \"/app/run.sh\", \"run.sh\"]\n")
	write(t, src.Context, "run.sh", "echo")
	write(t, src.Context, "lib/x.py", "")
	img, err := Prepare(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(src.Cache, "rootfs", src.Tag)
	shell, _ := exec.LookPath("sh")
	if filepath.Base(img.Command[0]) != "sh" || img.Command[1] != filepath.Join(root, "app/run.sh") || img.Command[2] != "run.sh" {
		t.Errorf("command %q (sh is %s)", img.Command, shell)
	}
	if want := filepath.Join(root, "app/lib") + ":/nowhere"; img.Env["PYTHONPATH"] != want {
		t.Errorf("PYTHONPATH %q, want %q", img.Env["PYTHONPATH"], want)
	}
	if img.Dir != filepath.Join(root, "app") {
		t.Errorf("working directory %q", img.Dir)
	}
	if !strings.HasSuffix(img.Env["PATH"], os.Getenv("PATH")) {
		t.Errorf("PATH %q does not end with this machine's", img.Env["PATH"])
	}
}

func TestStartCommandErrors(t *testing.T) {
	for _, test := range []struct{ name, dockerfile, want string }{
		{"no command", "FROM x\n", "neither CMD nor ENTRYPOINT"},
		{"a program that is not here", "FROM x\nCMD [\"no-such-program-anywhere\"]\n", `"no-such-program-anywhere" is not on this machine`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Prepare(context.Background(), source(t, test.dockerfile))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestRequirements(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "requirements.txt", "# comment\nFlask==3.1.3  # why\n-r more/extra.txt\n")
	write(t, dir, "more/extra.txt", "gunicorn[gthread]>=20 ; python_version > '3'\n-c limits.txt\n")
	write(t, dir, "more/limits.txt", "Jinja2<4\n")
	var in installation
	if err := in.add(rootfs(dir), step{line: 3, workdir: "/", args: []string{"--no-cache-dir", "--user", "--upgrade", "pytz", "-r", "requirements.txt"}}); err != nil {
		t.Fatal(err)
	}
	if err := in.add(rootfs(dir), step{line: 4, workdir: "/", args: []string{"--upgrade", "pip"}}); err != nil {
		t.Fatal(err)
	}
	if len(in.lines) != 1 {
		t.Errorf("%d lines, want 1: a line that upgrades pip says nothing about the app", len(in.lines))
	}
	if got, want := in.packages(), []string{"pytz", "Flask", "gunicorn", "Jinja2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("packages %q, want %q", got, want)
	}
	key := func(python string) string {
		k, err := in.key(python, "tag")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before := key("3.11")
	if key("3.12") == before {
		t.Error("another Python has the same key")
	}
	write(t, dir, "more/limits.txt", "Jinja2<5\n")
	if key("3.11") == before {
		t.Error("a changed nested requirements file has the same key")
	}
}

// Packages are installed again when the app's files change, if they are made of those files.
func TestPackagesFromFiles(t *testing.T) {
	for args, want := range map[string]bool{
		".": true, "-e .": true, "--editable ./lib": true, "wheels/demo-1.0-py3-none-any.whl": true, "/srv/lib": true,
		"flask": false, "-r requirements/production.txt": false, "git+https://example.com/a.git": false, "-c limits/all.txt flask": false,
	} {
		if got := (pipLine{args: strings.Fields(args)}).takesFiles(); got != want {
			t.Errorf("pip install %s: from files %v, want %v", args, got, want)
		}
	}
}

// Without an index: the system's packages serve if all are there, else the error names what is missing
// and both ways out. The unreachable index is real: nothing listens there.
func TestIndexUnreachable(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("the tests need python3")
	}
	t.Setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
	t.Setenv("PIP_NO_CACHE_DIR", "1")
	system := filepath.Join(t.TempDir(), "system")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", system).CombinedOutput(); err != nil {
		t.Fatalf("venv: %v %s", err, out)
	}
	site, _ := filepath.Glob(filepath.Join(system, "lib", "python3*", "site-packages"))
	write(t, site[0], "demo_one-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo-one\nVersion: 1.5\n")
	prepare := func(packages ...string) (string, error) {
		var in installation
		if err := in.add(rootfs(t.TempDir()), step{line: 1, workdir: "/", args: packages}); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		v := venv{dir: filepath.Join(t.TempDir(), "venv"), python: python, systems: []string{filepath.Join(system, "bin", "python")}, log: &log}
		err := v.prepare(context.Background(), in)
		return log.String(), err
	}
	log, err := prepare("demo-one==1.4")
	if err != nil || !strings.Contains(log, "using this system's own packages instead (demo-one 1.5)") {
		t.Errorf("all packages there: %v, log %q", err, log)
	}
	_, err = prepare("demo-one", "demo-two", "gunicorn")
	var missing *PackagesError
	if !errors.As(err, &missing) || !reflect.DeepEqual(missing.Missing, []string{"demo-two", "gunicorn"}) {
		t.Fatalf("packages missing: %v", err)
	}
	for _, want := range []string{"not here: demo-two, gunicorn", "connect this machine to a Python package index", "apt-get install python3-demo-two gunicorn"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func source(t *testing.T, dockerfile string) Source {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "Dockerfile", dockerfile)
	if err := os.Mkdir(filepath.Join(dir, "context"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Source{
		Context: filepath.Join(dir, "context"), Dockerfile: filepath.Join(dir, "Dockerfile"),
		Tag: "tag", Cache: filepath.Join(dir, "cache"), Log: t.Output(),
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
