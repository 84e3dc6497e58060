package process

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder makes an app's folder with these files.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		put(t, dir, name, text)
	}
	return dir
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func source(t testing.TB, files map[string]string) Source {
	t.Helper()
	t.Setenv("VIRTUAL_ENV", "")
	dir := folder(t, files)
	return Source{Folder: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Cache: t.TempDir(), Log: io.Discard}
}

// machineWith is a machine with these programs, a shell and git.
func machineWith(t *testing.T, programs ...string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range programs {
		put(t, bin, name, "#!/bin/sh\n")
	}
	t.Setenv("PATH", bin)
	return bin
}

// BIN is the folder of this machine's programs, APP the app's folder.
func TestStart(t *testing.T) {
	for _, test := range []struct {
		name    string
		files   map[string]string
		command string
		args    map[string]string
		want    []string
		env     map[string]string // some of it; "-" is not set
	}{
		{"COMMAND before everything", map[string]string{"Procfile": "web: gunicorn a:a\n",
			"Dockerfile": "FROM x\nCMD [\"node\"]\n", "x.mjs": ""}, "node x.mjs --port $PORT", nil,
			[]string{"/bin/sh", "-c", "node x.mjs --port $PORT"}, nil},
		{"the Procfile before the Dockerfile",
			map[string]string{"Procfile": "# comment\nworker: celery\nweb:  gunicorn app:app \r\n",
				"Dockerfile": "FROM x\nENV A=1\nCMD [\"node\"]\n"}, "", nil,
			[]string{"/bin/sh", "-c", "gunicorn app:app"}, map[string]string{"A": "-"}},
		{"a Procfile without web", map[string]string{"Procfile": "worker: celery\n",
			"Dockerfile": "FROM x\nCMD [\"node\"]\n"}, "", nil,
			[]string{"BIN/node"}, nil},
		{"exec form, with ENV and WORKDIR",
			map[string]string{"Dockerfile": "FROM x\nWORKDIR /srv\nENV A=\"b c\" LIB=/srv/lib:/opt/x:/srvx " +
				"PATH=/srv/bin:$PATH\nENTRYPOINT [\"python\"]\nCMD [\"/srv/serve.py\", \"--dir=/srv\", " +
				"\"/srv2\"]\n", "serve.py": ""}, "", nil,
			[]string{"BIN/python3", "APP/serve.py", "--dir=APP", "/srv2"}, map[string]string{"A": "b c",
				"LIB": "APP/lib:/opt/x:/srvx", "PATH": "APP/bin:BIN"}},
		{"shell form",
			map[string]string{"Dockerfile": "FROM x\nWORKDIR /srv\nCMD exec gunicorn --chdir /srv/app " +
				"\"x:y\" -b :$PORT\n"}, "", nil,
			[]string{"/bin/sh", "-c", "exec gunicorn --chdir APP/app \"x:y\" -b :$PORT"}, nil},
		{"another shell",
			map[string]string{"Dockerfile": "FROM x\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", " +
				"\"-c\"]\nCMD exec gunicorn\n"}, "", nil,
			[]string{"/bin/bash", "-o", "pipefail", "-c", "exec gunicorn"}, nil},
		{"a shell that runs something of its own",
			map[string]string{"Dockerfile": "FROM x\nSHELL [\"/bin/sh\", \"-c\", \"touch pwned; exec sh -c " +
				"$0\"]\nCMD exec gunicorn\n"}, "", nil,
			[]string{"/bin/sh", "-c", "exec gunicorn"}, nil},
		{"the final stage and those it is FROM",
			map[string]string{"Dockerfile": "ARG V=1\nFROM x:$V AS base\nARG V\nENV VERSION=$V " +
				"A=base\nWORKDIR /srv\nCMD [\"gunicorn\"]\nFROM other AS build\nENV A=build\nCMD " +
				"[\"ruby\"]\nFROM base\nENV B=$A-2\n"}, "", map[string]string{"V": "7"},
			[]string{"BIN/gunicorn"}, map[string]string{"VERSION": "7", "A": "base", "B": "base-2"}},
		{"ENTRYPOINT forgets an inherited CMD",
			map[string]string{"Dockerfile": "FROM x AS base\nCMD [\"ruby\"]\nFROM base\nENTRYPOINT [\"node\"]\n"}, "",
			nil,
			[]string{"BIN/node"}, nil},
		{"and keeps the stage's own",
			map[string]string{"Dockerfile": "FROM x\nCMD [\"--version\"]\nENTRYPOINT [\"node\"]\n"}, "", nil,
			[]string{"BIN/node", "--version"}, nil},
		{"a program with a place in the image",
			map[string]string{"Dockerfile": "FROM x\nENV HOME=/home/nobody-here\nCMD " +
				"[\"/usr/local/bin/node\", \"server.js\"]\n", "server.js": ""}, "", nil,
			[]string{"BIN/node", "server.js"}, map[string]string{"HOME": os.Getenv("HOME")}},
		{"a program of the app", map[string]string{"Dockerfile": "FROM x\nWORKDIR /srv\nCMD [\"./run.sh\"]\n",
			"run.sh": "#!/bin/sh\n"}, "", nil,
			[]string{"APP/run.sh"}, nil},
		{"a program at the root of the image",
			map[string]string{"Dockerfile": "FROM scratch\nCOPY serve /\nCMD [\"/serve\"]\n", "serve": "#!/bin/sh\n"},
			"", nil,
			[]string{"APP/serve"}, nil},
		{"what else a Dockerfile says is not read",
			map[string]string{"Dockerfile": "FROM x\nCOPY --from=${NOWHERE:?missing} / /\nADD " +
				"https://example.invalid/x /\nRUN --mount=type=secret,id=x false\nUSER root\nVOLUME " +
				"/vol\nCMD [\"node\"]\n"}, "", nil,
			[]string{"BIN/node"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := source(t, test.files)
			bin := machineWith(t, "node", "python3", "gunicorn", "ruby")
			src.Command, src.Args = test.command, test.args
			app, err := Prepare(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			here := strings.NewReplacer("APP", src.Folder, "BIN", bin)
			for i := range test.want {
				test.want[i] = here.Replace(test.want[i])
			}
			if !slices.Equal(app.Command, test.want) || app.Dir != src.Folder {
				t.Errorf("%q in %s, want %q", app.Command, app.Dir, test.want)
			}
			for name, want := range test.env {
				if got, ok := app.Env[name]; got != here.Replace(want) && (ok || want != "-") {
					t.Errorf("%s is %q, want %q", name, got, here.Replace(want))
				}
			}
		})
	}
}

// What cannot start here is one sentence with two ways.
func TestStartErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		files   map[string]string
		command string
		want    []string
	}{
		{"nothing says how", nil, "", []string{"no Dockerfile", "Procfile", "COMMAND="}},
		{"neither ENTRYPOINT nor CMD", map[string]string{"Dockerfile": "FROM nginx\n"}, "", []string{"base image",
			"COMMAND=", "MODE=container"}},
		{"a missing program",
			map[string]string{"Dockerfile": "FROM x\nENTRYPOINT [\"/sbin/no-such-init\", \"--\"]\nCMD [\"node\"]\n"},
			"", []string{"no-such-init, which the Dockerfile starts, is not on this machine", "install it",
				"MODE=container"}},
		{"a missing program in a shell's line", map[string]string{"Procfile": "web: A=1 exec bundle exec puma\n"}, "",
			[]string{"bundle, which the Procfile starts", "install it", "MODE=container"}},
		{"a missing program in COMMAND", nil, "flask run", []string{"flask, which COMMAND starts"}},
		{"a file that the build makes",
			map[string]string{"Dockerfile": "FROM x\nWORKDIR /app\nCMD [\"node\", \"server.js\"]\n"}, "",
			[]string{"server.js, which the Dockerfile starts, is not in the app's folder", "COMMAND=",
				"MODE=container"}},
		{"the same in a shell's line", map[string]string{"Dockerfile": "FROM x\nCMD exec node dist/main.js\n"}, "",
			[]string{"dist/main.js, which the Dockerfile starts"}},
		{"a Dockerfile that is none", map[string]string{"Dockerfile": "FROM x\nCDM [\"node\"]\n"}, "",
			[]string{"Dockerfile", "CDM"}},
		{"a virtual environment without Python", map[string]string{"Procfile": "web: node\n", ".venv/pyvenv.cfg": ""},
			"", []string{".venv has no Python any more", "python3 -m venv --clear"}},
		{"packages without a lock file", map[string]string{"Procfile": "web: node\n",
			"package.json": `{"dependencies":{"ms":"2"}}`}, "", []string{"npm install", "lock file"}},
		{"a package manager that is missing", map[string]string{"Procfile": "web: node\n",
			"package.json": `{"dependencies":{"ms":"2"}}`, "pnpm-lock.yaml": ""}, "", []string{"pnpm, which installs",
			"MODE=container"}},
		{"a package.json that is none", map[string]string{"Procfile": "web: node\n", "package.json": `{`}, "",
			[]string{"package.json"}},
		{"Python packages without Python", map[string]string{"Procfile": "web: node\n",
			"requirements.txt": "flask\n"}, "", []string{"python3 is not on the PATH", "install Python",
			"MODE=container"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := source(t, test.files)
			machineWith(t, "node")
			src.Command = test.command
			_, err := Prepare(t.Context(), src)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message does not say %q: %v", want, err)
				}
			}
		})
	}
}

// The environment is the app's and what finds this machine's tools, not all that the developer's shell has.
func TestEnvironment(t *testing.T) {
	src := source(t, map[string]string{"Procfile": "web: node\n"})
	machineWith(t, "node")
	t.Setenv("DATABASE_URL", "of the developer's shell")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA")
	t.Setenv("GOPATH", "/go")
	app, err := Prepare(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"DATABASE_URL": "", "AWS_ACCESS_KEY_ID": "", "GOPATH": "/go",
		"HOME": os.Getenv("HOME")} {
		if got := app.Env[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestProcfile(t *testing.T) {
	got := parseProcfile("web: a: b\nrelease:\tc \r\n\n# x: y\n bad: z\nno colon\nempty:\nother-1_2: d")
	want := map[string]string{"web": "a: b", "release": "c", "other-1_2": "d"}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStandIn(t *testing.T) {
	stand := func(t *testing.T, src Source) (bool, string, string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "stand-in")
		ok, err := StandIn(dir, src, "Dockerfile")
		if err != nil {
			t.Fatal(err)
		}
		dockerfile, _ := os.ReadFile(filepath.Join(dir, "Dockerfile"))
		stamp, _ := os.ReadFile(filepath.Join(dir, "stamp"))
		return ok, string(dockerfile), string(stamp)
	}
	t.Run("the app's own Dockerfile", func(t *testing.T) {
		src := source(t, map[string]string{"Dockerfile": "FROM x\nEXPOSE 5000\nCMD [\"x\"]\n", "a.py": "1"})
		ok, dockerfile, before := stand(t, src)
		if !ok || dockerfile != "FROM x\nEXPOSE 5000\nCMD [\"x\"]\n" {
			t.Errorf("%t %q", ok, dockerfile)
		}
		put(t, src.Folder, "a.py", "2")
		if _, _, after := stand(t, src); after == before {
			t.Error("a change of the app is none for the program")
		}
	})
	t.Run("none, but a Procfile", func(t *testing.T) {
		ok, dockerfile, _ := stand(t, source(t, map[string]string{"Procfile": "web: x\n"}))
		if !ok || !strings.HasPrefix(dockerfile, "# The app has no Dockerfile") {
			t.Errorf("%t %q", ok, dockerfile)
		}
	})
	for name, text := range map[string]string{"that cannot be read": "FROM x\nCDM x\n", "without an image": "RUN x\n"} {
		t.Run("a Dockerfile "+name, func(t *testing.T) {
			if ok, _, _ := stand(t, source(t, map[string]string{"Dockerfile": text})); ok {
				t.Error("the program does not get to see the mistake")
			}
		})
	}
	t.Run("nothing that starts the app", func(t *testing.T) {
		_, err := StandIn(t.TempDir(), source(t, nil), "Dockerfile")
		if missing := (*StartError)(nil); !errors.As(err, &missing) {
			t.Errorf("error %v", err)
		}
	})
}

func FuzzProcfile(f *testing.F) {
	f.Add("web: gunicorn app:app\nrelease: x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, line := range parseProcfile(text) {
			if name == "" || line == "" || strings.ContainsAny(line, "\n") {
				t.Errorf("%q: %q", name, line)
			}
		}
	})
}

func FuzzPlace(f *testing.F) {
	f.Add("/srv", "exec /srv/x --dir=/srv /srvx", "/home/me/app")
	f.Fuzz(func(t *testing.T, workdir, text, folder string) {
		s := start{workdir: workdir}
		if got := s.place(text, folder); workdir == folder && workdir != "/" && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
