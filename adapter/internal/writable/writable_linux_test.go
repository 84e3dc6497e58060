package writable

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image is a root folder with files; a name that ends in "/" is a folder, "a -> b" a link.
func image(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		link, destination, isLink := strings.Cut(name, " -> ")
		path := filepath.Join(root, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case isLink:
			err = os.Symlink(destination, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o555)
		default:
			err = os.WriteFile(path, []byte(text), 0o444)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// made lists what is below the target, with modes, in the notation of image.
func made(t *testing.T, root string) (found []string) {
	t.Helper()
	base := filepath.Join(root, Target)
	_ = filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == base || path == filepath.Join(root, done) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(path, base)
		switch {
		case entry.IsDir():
			name += "/"
		case entry.Type()&fs.ModeSymlink != 0:
			destination, _ := os.Readlink(path)
			found = append(found, name+" -> "+destination)
			return nil
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name += "=" + string(text)
		}
		found = append(found, fmt.Sprintf("%s %o", name, info.Mode().Perm()))
		return nil
	})
	return found
}

func TestPrepare(t *testing.T) {
	tests := []struct {
		name     string
		files    map[string]string
		want     []string
		problems []string
	}{
		{"no list", map[string]string{Content + "/app/logs/a": "1"}, nil, nil},
		{"an empty list", map[string]string{List: ""}, nil, nil},
		{"a folder without content", map[string]string{List: "/app/logs\n"}, []string{"/app/ 755",
			"/app/logs/ 755"}, nil},
		{"content, which its owner may change",
			map[string]string{List: "/app/data\n/srv/x", Content + "/app/data/a.txt": "1", Content +
				"/app/data/sub/": "", Content + "/app/data/l -> ../a": "", Content + "/srv/x/b": "2"},
			[]string{"/app/ 755", "/app/data/ 755", "/app/data/a.txt=1 644", "/app/data/l -> ../a",
				"/app/data/sub/ 755", "/srv/ 755", "/srv/x/ 755", "/srv/x/b=2 644"}, nil},
		{"content of other folders stays", map[string]string{List: "/a\n", Content + "/a/x": "1", Content +
			"/b/y": "2"}, []string{"/a/ 755", "/a/x=1 644"}, nil},
		{"what the app has made stays", map[string]string{List: "/a\n", Content + "/a/x": "1",
			Target + "/a/x": "mine", done + "/": ""}, []string{"/a/ 755", "/a/x=mine 444"}, nil},
		{"what an interrupted start left is finished",
			map[string]string{List: "/a\n", Content + "/a/x": "1", Content + "/a/l -> x": "", Target + "/a/x": "hal",
				Target + "/a/l -> x": ""},
			[]string{"/a/ 755", "/a/l -> x", "/a/x=1 444"}, nil},
		{"lines that are no folders", map[string]string{List: "a\n/\n/a/../b\n\n/c\n"}, []string{"/c/ 755"},
			[]string{"names a,", "names /,", "names /a/../b,", "names ,"}},
		{"a target that is in the way", map[string]string{List: "/a/b\n/c\n", Target + "/a": "a file"},
			[]string{"/a=a file 444", "/c/ 755"}, []string{"not a directory"}},
		{"a list that is a folder", map[string]string{List + "/": ""}, nil, []string{"is a directory"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := image(t, test.files)
			problems := prepare(root)
			if got := made(t, root); !slices.Equal(got, test.want) {
				t.Errorf("made %q\nwant %q", got, test.want)
			}
			for i, problem := range problems {
				if i >= len(test.problems) || !strings.Contains(problem.Error(), test.problems[i]) {
					t.Errorf("problem %d is %q, want %q", i, problem, test.problems)
				}
			}
			if len(problems) < len(test.problems) {
				t.Errorf("problems %v, want %q", problems, test.problems)
			}
		})
	}
}

// Files that cannot be made keep back neither each other nor the rest, in whatever order the folder is read.
func TestSomeFilesFail(t *testing.T) {
	root := image(t, map[string]string{List: "/a\n", Content + "/a/1": "x", Content + "/a/2": "y", Content + "/a/3": "z",
		Target + "/a/1/": "", Target + "/a/3/": ""})
	problems := prepare(root)
	if len(problems) != 2 || !slices.Contains(made(t, root), "/a/2=y 644") {
		t.Errorf("problems %v, made %q", problems, made(t, root))
	}
}

func FuzzPrepare(f *testing.F) {
	f.Add("/app/logs\n/srv\n")
	f.Add("../x\n/a//b\n/tmp/lambda-web")
	f.Fuzz(func(t *testing.T, list string) {
		root := t.TempDir()
		path := filepath.Join(root, List)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
		prepare(root)
		entries, err := os.ReadDir(root) // nothing is made elsewhere
		if err != nil || len(entries) > 2 {
			t.Errorf("%q made %v", list, entries)
		}
	})
}
