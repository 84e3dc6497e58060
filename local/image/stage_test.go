package image

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A stage that is copied from several times runs its commands once, and leaves nothing behind.
func TestStageRunsOnce(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	src := source(t, "FROM x AS build\nWORKDIR /src\nCOPY . .\nRUN python make.py\nFROM y AS middle\nCOPY --from=build /src/made /made\nFROM z\nCOPY --from=build /src/made /a\nCOPY --from=build /src/made /b\nCOPY --from=middle /made /c\nCMD [\"sh\"]\n")
	write(t, src.Context, "make.py", "open('made', 'w').write('it')\nopen('"+count+"', 'a').write('x')\n")
	if _, err := Prepare(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		if text, err := os.ReadFile(filepath.Join(src.Cache, "rootfs", src.Tag, name)); err != nil || string(text) != "it" {
			t.Errorf("/%s: %q, %v", name, text, err)
		}
	}
	if text, _ := os.ReadFile(count); string(text) != "x" {
		t.Errorf("the stage ran %d times", len(text))
	}
	left, _ := filepath.Glob(filepath.Join(src.Cache, "rootfs", "*"))
	if len(left) != 2 {
		t.Errorf("in the cache: %q, want the files and their mark", left)
	}
}

// What a stage has from its base image is taken from this machine, where it is under the same path.
func TestStageSystemFiles(t *testing.T) {
	var log strings.Builder
	src := source(t, "FROM alpine AS build\nWORKDIR /src\nCOPY app .\nFROM scratch\nCOPY --from=build /etc/passwd /etc/passwd\nCOPY --from=build /src/app /app\nCMD [\"sh\"]\n")
	src.Log = &log
	write(t, src.Context, "app", "app")
	if _, err := Prepare(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "line 5: /etc/passwd is a file of the base image") {
		t.Errorf("log %q", log.String())
	}
	src = source(t, "FROM alpine AS build\nFROM scratch\nCOPY --from=build /no/such/file /x\nCMD [\"sh\"]\n")
	if _, err := Prepare(context.Background(), src); err == nil || !strings.Contains(err.Error(), "line 3: COPY /no/such/file: no such file") {
		t.Errorf("got %v", err)
	}
}

// Python packages that a stage installs, in the ways in which such stages do it, are there in the image
// that copies them. The packages are a wheel of the app's own, so that no index is needed.
func TestStagePackages(t *testing.T) {
	for name, dockerfile := range map[string]string{
		"a virtual environment": "RUN python -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\nRUN pip install --no-index wheels/demo-1.0-py3-none-any.whl\n" +
			"FROM python\nCOPY --from=build /opt/venv /opt/venv\nCMD [\"/opt/venv/bin/demo\"]\n",
		"a prefix": "RUN pip install --no-index --prefix=/install wheels/demo-1.0-py3-none-any.whl\n" +
			"FROM python\nCOPY --from=build /install /usr/local\nCMD [\"demo\"]\n",
		"a folder of wheels": "RUN pip wheel --no-index --wheel-dir /wheels wheels/demo-1.0-py3-none-any.whl\n" +
			"FROM python\nCOPY --from=build /wheels /wheels\nRUN pip install --no-cache /wheels/*\nCMD [\"demo\"]\n",
		"a requirements file elsewhere": "COPY requirements.txt /tmp/requirements.txt\nRUN pip install --no-index -r /tmp/requirements.txt\n" +
			"FROM build\nCMD [\"demo\"]\n",
	} {
		t.Run(name, func(t *testing.T) {
			src := source(t, "FROM python AS build\nWORKDIR /src\nCOPY wheels wheels\n"+dockerfile)
			writeWheel(t, filepath.Join(src.Context, "wheels"))
			write(t, src.Context, "requirements.txt", "./wheels/demo-1.0-py3-none-any.whl\n")
			for _, when := range []string{"the first time", "again"} {
				img, err := Prepare(context.Background(), src)
				if err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command(img.Command[0]).CombinedOutput(); err != nil || string(out) != "it runs\n" {
					t.Errorf("%s: %q, %v", when, out, err)
				}
			}
		})
	}
}

// uv makes environments of the app's own, in the ways its guide shows. It comes from the package index.
func TestUV(t *testing.T) {
	cache := t.TempDir()
	for name, dockerfile := range map[string]string{
		"copied from its image": "FROM python\nCOPY --from=ghcr.io/astral-sh/uv:0.9 /uv /uvx /bin/\nWORKDIR /app\nCOPY . .\nENV UV_COMPILE_BYTECODE=1\n" +
			"RUN --mount=type=cache,target=/root/.cache/uv uv sync --no-dev\nENV PATH=/app/.venv/bin:$PATH\nCMD [\"demo\"]\n",
		"in a stage": "FROM ghcr.io/astral-sh/uv:python3.13-bookworm-slim AS build\nWORKDIR /app\nCOPY . .\nRUN uv sync --no-dev\n" +
			"FROM python:3.13-slim\nCOPY --from=build /app /app\nENV PATH=/app/.venv/bin:$PATH\nCMD [\"demo\"]\n",
		"by pip": "FROM python\nWORKDIR /app\nCOPY . .\nRUN pip install uv && uv sync\nCMD [\"uv\", \"run\", \"--offline\", \"demo\"]\n",
	} {
		t.Run(name, func(t *testing.T) {
			src := source(t, dockerfile)
			src.Cache, src.Tag = cache, strings.ReplaceAll(name, " ", "-")
			writeWheel(t, filepath.Join(src.Context, "wheels"))
			write(t, src.Context, "pyproject.toml", "[project]\nname = 'app'\nversion = '1.0'\nrequires-python = '>=3.9'\ndependencies = ['demo']\n"+
				"[tool.uv.sources]\ndemo = {path = 'wheels/demo-1.0-py3-none-any.whl'}\n")
			img, err := Prepare(context.Background(), src)
			var missing *PackagesError
			if errors.As(err, &missing) {
				t.Skip("uv could not be installed: connect this machine to a Python package index to run this test")
			}
			if err != nil {
				t.Fatal(err)
			}
			command := exec.Command(img.Command[0], img.Command[1:]...)
			command.Dir, command.Env = img.Dir, append(os.Environ(), list(img.Env)...)
			if out, err := command.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "it runs\n") {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

// writeWheel makes a package with a command.
func writeWheel(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "demo-1.0-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	for name, text := range map[string]string{
		"demo.py":                             "def main(): print('it runs')\n",
		"demo-1.0.dist-info/METADATA":         "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
		"demo-1.0.dist-info/WHEEL":            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"demo-1.0.dist-info/entry_points.txt": "[console_scripts]\ndemo = demo:main\n",
		"demo-1.0.dist-info/RECORD":           "",
	} {
		w, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}
