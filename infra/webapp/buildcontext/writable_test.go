package buildcontext

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each folder's place in the image, or why it cannot be one that is written to.
func TestWritableFolders(t *testing.T) {
	tests := []struct {
		name       string
		dockerfile string
		folders    []string
		want       []string
		problems   []string
	}{
		{"below the WORKDIR", "FROM x\nWORKDIR /app\n", []string{"logs", "./var/data/", "."}, nil,
			[]string{`"." is in the list twice`}},
		{"sorted", "FROM x\nWORKDIR /app\n", []string{"logs", "./instance/", "/srv/cache"},
			[]string{"/app/instance", "/app/logs", "/srv/cache"}, nil},
		{"all of the app", "FROM x AS a\nWORKDIR /app\nFROM a\n", []string{"."}, []string{"/app"}, nil},
		{"a build argument", "FROM x\nARG HOME_DIR=/srv\nWORKDIR $HOME_DIR\n", []string{"logs"},
			[]string{"/data/logs"}, nil},
		{"up and out", "FROM x\nWORKDIR /app/site\n", []string{"../logs"}, []string{"/app/logs"}, nil},
		{"names of many letters", "FROM x\n", []string{"/srv/größe1/a.b_c-d+e@f"},
			[]string{"/srv/größe1/a.b_c-d+e@f"}, nil},
		{"no WORKDIR", "FROM x\n", []string{"logs", "/srv"}, nil,
			[]string{`"logs" is relative to the image's WORKDIR, and the Dockerfile sets none`}},
		{"a Dockerfile of a newer syntax", "FROM x\nTELEPORT /a\n", []string{"logs"}, nil,
			[]string{"cannot be read from the Dockerfile (dockerfile parse error on line 2"}},
		{"what must stay", "FROM x\nWORKDIR /\n", []string{".", "usr", "/opt/extensions", "/proc/x", "/etc"}, nil,
			[]string{`"." is / in the image`, `"usr" is /usr`, `"/opt/extensions" is`, `"/proc/x" is`, `"/etc" is`}},
		{"what can be written already", "FROM x\n", []string{"/tmp", "/tmp/x"}, nil,
			[]string{`"/tmp" is below /tmp`, `"/tmp/x" is below /tmp`}},
		{"patterns and quotes", "FROM x\n", []string{"/a*", "/a\nb", "/a/ ", `/a"b`, "/"}, nil,
			[]string{"characters", "characters", "characters", "characters", "must stay"}},
		{"inside of another", "FROM x\n", []string{"/a/b", "/a", "/a/b", "/ab"}, nil,
			[]string{`"/a" is in the list twice, or one of the two is inside`, `"/a/b" is in the list twice`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := WritableFolders([]byte(test.dockerfile), map[string]string{"HOME_DIR": "/data"}, test.folders)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var problems []string
			if found, ok := errors.AsType[*WritableError](err); ok {
				problems = found.Problems
			}
			if len(problems) != len(test.problems) {
				t.Fatalf("problems %q, want %q", problems, test.problems)
			}
			for i, problem := range problems {
				if !strings.Contains(problem, test.problems[i]) {
					t.Errorf("problem %q, want %q", problem, test.problems[i])
				}
			}
		})
	}
}

// The image is made of a stage that is FROM the app's last one, under the name that has.
func TestMakeWritable(t *testing.T) {
	added := func(name string) string {
		return "FROM " + name + ` AS lambda-web-folders
WORKDIR /app/logs
FROM scratch AS lambda-web-writable
COPY .lambda-web/writable.txt /opt/lambda-web/writable.txt
COPY --from=lambda-web-folders /app/logs /opt/lambda-web/writable/app/logs/
FROM ` + name + `
COPY --from=lambda-web-writable / /
ADD .lambda-web/writable.tar /
`
	}
	tests := []struct{ name, dockerfile, want string }{
		{"without a name", "FROM x\nCMD a\n", "FROM x AS lambda-web-app\nCMD a\n" + added("lambda-web-app")},
		{"with a name", "FROM x as final\nCMD a\n", "FROM x as final\nCMD a\n" + added("final")},
		{"the last of several", "FROM x AS a\nFROM a\nCMD b\n",
			"FROM x AS a\nFROM a AS lambda-web-app\nCMD b\n" + added("lambda-web-app")},
		{"in two lines", "FROM --platform=linux/amd64 \\\n  x  \nCMD a\n",
			"FROM --platform=linux/amd64 \\\n  x AS lambda-web-app  \nCMD a\n" + added("lambda-web-app")},
		{"Windows line ends", "FROM x\r\nCMD a\r\n", "FROM x AS lambda-web-app\r\nCMD a\r\n" +
			added("lambda-web-app")},
		{"FROM inside a heredoc is text", "FROM x\nCOPY <<E /f\nFROM y\nE\n",
			"FROM x AS lambda-web-app\nCOPY <<E /f\nFROM y\nE\n" + added("lambda-web-app")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := makeWritable([]byte(test.dockerfile), []string{"/app/logs"})
			if err != nil || string(got) != test.want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, test.want)
			}
		})
	}
	if got, err := makeWritable([]byte("FROM x"), nil); string(got) != "FROM x" || err != nil {
		t.Errorf("without folders: %q, %v", got, err)
	}
}

// The context has the list and the links, and its digest changes with the list.
func TestStageWritable(t *testing.T) {
	dir := t.TempDir()
	src := source(app(t, map[string]string{"Dockerfile": "FROM x\nWORKDIR /app\n"}))
	plain, err := Stage(t.Context(), src, filepath.Join(dir, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	src.Writable = []string{"logs", "/var/cache/app"}
	staged, err := Stage(t.Context(), src, filepath.Join(dir, "writable"))
	if err != nil {
		t.Fatal(err)
	}
	if staged.Digest == plain.Digest {
		t.Error("the digest does not change")
	}
	if list, err := os.ReadFile(filepath.Join(staged.Dir,
		listFile)); string(list) != "/app/logs\n/var/cache/app\n" || err != nil {
		t.Errorf("the list is %q, %v", list, err)
	}
	archive, err := os.ReadFile(filepath.Join(staged.Dir, linksFile))
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil || header.Typeflag != tar.TypeSymlink {
			t.Fatal(header, err)
		}
		links = append(links, header.Name+" -> "+header.Linkname)
	}
	if want := []string{"app/logs -> /tmp/lambda-web/app/logs",
		"var/cache/app -> /tmp/lambda-web/var/cache/app"}; !slices.Equal(links, want) {
		t.Errorf("links %q, want %q", links, want)
	}
}

// Whatever the Dockerfile: all it says is said still, but for a name of its last stage.
func FuzzMakeWritable(f *testing.F) {
	for _, seed := range []string{"FROM a", "FROM a AS b\nFROM b\nRUN c \\\n",
		"FROM \\\n# c\n a\nRUN <<E\nFROM\nE\n", "# escape=`\nFROM a`\n:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dockerfile string) {
		overlaid, err := Overlay([]byte(dockerfile))
		if err != nil {
			return
		}
		got, err := makeWritable(overlaid, []string{"/app/logs", "/srv"})
		if err != nil {
			return
		}
		before, err := parse(overlaid)
		must(t, err)
		after, err := parse(got)
		if err != nil || len(after.AST.Children) != len(before.AST.Children)+10 {
			t.Fatalf("%q became %q: %v", dockerfile, got, err)
		}
		for i, node := range before.AST.Children {
			if is := after.AST.Children[i].Original; !isFrom(node) &&
				strings.TrimSpace(is) != strings.TrimSpace(node.Original) {
				t.Errorf("%q became %q", node.Original, is)
			}
		}
	})
}
