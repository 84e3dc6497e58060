package buildcontext

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStartWithSecrets: the program stands in front of the app's own words, which are those Docker would start.
func TestStartWithSecrets(t *testing.T) {
	const copied = "COPY .lambda-web/secrets /opt/lambda-web/secrets\n"
	for _, c := range []struct{ name, dockerfile, want string }{
		{"CMD", "FROM python\nCMD [\"gunicorn\", \"app:app\"]\n",
			`CMD ["/opt/lambda-web/secrets","gunicorn","app:app"]`},
		{"CMD for a shell", "FROM python\nCMD gunicorn -b :$PORT app:app\n",
			`CMD ["/opt/lambda-web/secrets","/bin/sh","-c","gunicorn -b :$PORT app:app"]`},
		{"another shell", "FROM python\nSHELL [\"/bin/bash\", \"-ec\"]\nCMD exec gunicorn\n",
			`CMD ["/opt/lambda-web/secrets","/bin/bash","-ec","exec gunicorn"]`},
		{"characters", "FROM python\nCMD [\"sh\", \"-c\", \"a && b > c \\\"d\\\" \\\\\"]\n",
			`CMD ["/opt/lambda-web/secrets","sh","-c","a && b > c \"d\" \\"]`},
		{"the last CMD counts", "FROM python\nCMD [\"a\"]\nCMD [\"b\"]\n", `CMD ["/opt/lambda-web/secrets","b"]`},
		{"ENTRYPOINT", "FROM scratch\nENTRYPOINT [\"/app\"]\n", `ENTRYPOINT ["/opt/lambda-web/secrets","/app"]`},
		{"ENTRYPOINT and CMD", "FROM scratch\nENTRYPOINT [\"/app\"]\nCMD [\"serve\"]\n",
			"ENTRYPOINT [\"/opt/lambda-web/secrets\",\"/app\"]\nCMD [\"serve\"]"},
		{"CMD and ENTRYPOINT", "FROM scratch\nCMD [\"serve\"]\nENTRYPOINT [\"/app\"]\n",
			"ENTRYPOINT [\"/opt/lambda-web/secrets\",\"/app\"]\nCMD [\"serve\"]"},
		{"of an earlier stage",
			"FROM python AS base\nCMD [\"a\"]\nFROM node AS other\nCMD [\"b\"]\nFROM base\nRUN true\n",
			`CMD ["/opt/lambda-web/secrets","a"]`},
		{"an ENTRYPOINT takes back the earlier stage's CMD",
			"FROM python AS base\nCMD [\"a\"]\nFROM base\nENTRYPOINT [\"b\"]\n",
			`ENTRYPOINT ["/opt/lambda-web/secrets","b"]`},
		{"no ENTRYPOINT after all", "FROM python\nENTRYPOINT []\nCMD [\"a\"]\n", `CMD ["/opt/lambda-web/secrets","a"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := app(t, map[string]string{"Dockerfile": c.dockerfile})
			src := source(dir)
			src.Secrets = true
			to := filepath.Join(t.TempDir(), "context")
			_, err := Stage(t.Context(), src, to)
			must(t, err)
			text, err := os.ReadFile(filepath.Join(to, Dockerfile))
			must(t, err)
			want := c.dockerfile + instruction + "\n" + copied + c.want + "\n" + homes + "\n"
			if string(text) != want {
				t.Errorf("the Dockerfile is\n%s\nwant\n%s", text, want)
			}
			if binary, err := os.ReadFile(filepath.Join(to, Secrets)); err != nil ||
				string(binary) != "lambda-web/secrets amd64" {
				t.Errorf("%q, %v", binary, err)
			}
			// What is staged is read back as it was meant.
			entrypoint, command, err := startCommand(text)
			if started := append(entrypoint, command...); err != nil || started[0] != "/opt/lambda-web/secrets" {
				t.Errorf("the image starts %v (%v)", started, err)
			}
		})
	}
}

func TestNoStartCommand(t *testing.T) {
	for dockerfile, want := range map[string]string{
		"FROM nginx\nCOPY . .\n":       "does not say how the app starts",
		"FROM alpine\nTELEPORT /a\n":   "cannot be read to find how the app starts",
		"FROM a AS b\nCMD x\nFROM c\n": "does not say how the app starts",
	} {
		src := source(app(t, map[string]string{"Dockerfile": dockerfile}))
		if err := src.Check(); err != nil {
			t.Errorf("without secrets: %v", err)
		}
		src.Secrets = true
		if err := src.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dockerfile, err, want)
		}
	}
}

// FuzzStartWithSecrets: what a Dockerfile starts is started, with the program in front.
func FuzzStartWithSecrets(f *testing.F) {
	f.Add("FROM python\nCMD gunicorn app:app\n")
	f.Add("FROM scratch\nCMD [\"serve\"]\nENTRYPOINT [\"/app\"]\n")
	f.Add("FROM a AS b\nSHELL [\"x\"]\nENTRYPOINT y\nFROM b\nCMD z \\\n")
	f.Fuzz(func(t *testing.T, dockerfile string) {
		overlaid, err := Overlay([]byte(dockerfile))
		if err != nil {
			return
		}
		started, err := startWithSecrets(overlaid)
		if err != nil {
			return
		}
		entrypoint, command, err := startCommand(overlaid)
		wrappedEntrypoint, wrapped, wrappedErr := startCommand(started)
		if err != nil || wrappedErr != nil {
			t.Fatalf("%v, %v", err, wrappedErr)
		}
		was, is := strings.Join(append(entrypoint, command...), "\x00"), strings.Join(append(wrappedEntrypoint,
			wrapped...), "\x00")
		if is != "/opt/lambda-web/secrets\x00"+was {
			t.Errorf("%q starts %q, and then %q", dockerfile, was, is)
		}
	})
}

// TestSecretsStayHere: where the app's folder is the project's, its image holds no secrets of this machine.
func TestSecretsStayHere(t *testing.T) {
	dir := app(t, map[string]string{"secrets.dev.env": "A=hidden", "secrets.prod.env": "A=hidden",
		"config/secrets.dev.env": "the app's own", "secrets.md": ""})
	src := source(dir)
	src.Output = filepath.Join(dir, ".lambda-web")
	must(t, os.MkdirAll(src.Output, 0o755))
	files, err := src.list()
	must(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	if got, want := strings.Join(names, " "), "Dockerfile config config/secrets.dev.env secrets.md"; got != want {
		t.Errorf("the image gets %s, want %s", got, want)
	}
}
