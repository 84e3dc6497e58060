package program

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"bin/tool", "other/tool", "plain"} {
		path := filepath.Join(dir, file)
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, nil, 0o755)
	}
	os.Chmod(filepath.Join(dir, "plain"), 0o644)
	for _, c := range []struct{ command, path, want string }{
		{"tool", dir + "/none:" + dir + "/other:" + dir + "/bin", dir + "/other/tool"},
		{"tool", "bin", dir + "/bin/tool"},
		{"./bin/tool", "", dir + "/bin/tool"},
		{dir + "/bin/tool", "", dir + "/bin/tool"},
	} {
		if got, err := Find(c.command, c.path, dir); got != c.want || err != nil {
			t.Errorf("Find(%q, %q) = %q, %v, want %q", c.command, c.path, got, err, c.want)
		}
	}
	for _, command := range []string{"tool", "./plain", "bin"} {
		if got, err := Find(command, "/nowhere", dir); err == nil {
			t.Errorf("Find(%q) = %q, want an error", command, got)
		}
	}
}

func TestVariable(t *testing.T) {
	environ := []string{"PATHS=x", "PATH=/a=b:/c", "EMPTY="}
	for name, want := range map[string]string{"PATH": "/a=b:/c", "EMPTY": "", "NONE": ""} {
		if got := Variable(environ, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
