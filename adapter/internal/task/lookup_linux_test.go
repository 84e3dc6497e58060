package task

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/tool": 0o755, "b/tool": 0o755, "a/text": 0o644, "b/text": 0o755,
		"a/only": 0o644} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "a", "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := root + "/missing:" + root + "/a:" + root + "/b"
	for name, row := range map[string]struct {
		program, path, file string
		err                 error
	}{
		"the first":                     {"tool", path, root + "/a/tool", nil},
		"the first that can be run":     {"text", path, root + "/b/text", nil},
		"none that can be run":          {"only", path, "only", syscall.EACCES},
		"a folder":                      {"folder", path, "folder", syscall.EACCES},
		"none":                          {"other", path, "other", syscall.ENOENT},
		"no PATH":                       {"other", "", "other", syscall.ENOENT},
		"a path":                        {root + "/b/tool", "", root + "/b/tool", nil},
		"a path to what cannot be run":  {root + "/a/only", path, root + "/a/only", syscall.EACCES},
		"a path to a folder":            {root + "/a/", path, root + "/a/", syscall.EACCES},
		"a path to nothing":             {root + "/c/tool", path, root + "/c/tool", syscall.ENOENT},
		"a path through a file":         {root + "/a/tool/x", path, root + "/a/tool/x", syscall.ENOENT},
		"a relative path, not the PATH": {"./tool", path, "./tool", syscall.ENOENT},
	} {
		if file, err := find(row.program, row.path); file != row.file || err != row.err {
			t.Errorf("%s: %s, %v, want %s, %v", name, file, err, row.file, row.err)
		}
	}
}
