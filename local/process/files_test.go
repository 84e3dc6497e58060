package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// repository is an app's folder under version control.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := folder(t, files)
	if out, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Skipf("git is needed: %v %s", err, out)
	}
	return dir
}

// What an app is made of, and what it writes while it runs.
func TestStampAndData(t *testing.T) {
	for _, test := range []struct {
		file   string
		counts bool
	}{
		{"app.py", true},
		{"templates/home.html", true},
		{"static/logo.png", true},
		{".env", true},            // ignored by git, and a setting
		{"dist/main.js", true},    // ignored by git, and source code
		{"uploads/x.jpg", false},  // ignored by git
		{"instance/notes", false}, // ignored by git
		{"bin/server", true},      // ignored by git, and a program
		{"instance/a.db", false},  // a database
		{"db.sqlite3-wal", false}, // its log
		{"server.log", false},     // a log
		{"app.py~", false},        // an editor's
		{"__pycache__/x.pyc", false},
		{"node_modules/ms/index.js", false},
		{"env/lib/x.py", false}, // a virtual environment by another name
		{".git/HEAD", false},
	} {
		t.Run(test.file, func(t *testing.T) {
			dir := repository(t, map[string]string{
				".gitignore": ".env\ndist/\nuploads/\ninstance/\nbin/\n", "app.py": "1", "env/pyvenv.cfg": "",
			})
			write := func(text string) {
				if test.file == "bin/server" {
					text = "#!" + text
				}
				put(t, dir, test.file, text)
			}
			stamp := func() string {
				t.Helper()
				s, err := Stamp(dir)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			write("1")
			before := Code{dir, stamp()}
			write("2")
			after := stamp()
			if (after != before.Stamp) != test.counts || before.Current() == test.counts {
				t.Errorf("it counts: %t, want %t", after != before.Stamp, test.counts)
			}
			write("1")
			if stamp() != before.Stamp {
				t.Error("the same content is another stamp")
			}
		})
	}
}

// A name, a mode and a link count as well as bytes.
func TestStampOfMoreThanBytes(t *testing.T) {
	dir := folder(t, map[string]string{"a.py": "1", "b.py": "1"})
	seen := map[string]string{}
	check := func(what string) {
		t.Helper()
		s, err := Stamp(dir)
		if err != nil {
			t.Fatal(err)
		}
		for before, other := range seen {
			if other == s {
				t.Errorf("%s has the stamp of %s", what, before)
			}
		}
		seen[what] = s
	}
	check("the beginning")
	for what, do := range map[string]func() error{
		"a new name":   func() error { return os.Rename(filepath.Join(dir, "a.py"), filepath.Join(dir, "c.py")) },
		"another mode": func() error { return os.Chmod(filepath.Join(dir, "b.py"), 0o755) },
		"a link":       func() error { return os.Symlink("b.py", filepath.Join(dir, "d.py")) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		check(what)
	}
}

// A data set beside the app is not read at each start.
func TestStampOfALargeFile(t *testing.T) {
	dir := folder(t, map[string]string{"a.py": "1"})
	file := filepath.Join(dir, "data.bin")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<40); err != nil { // a hole: reading it would take an hour
		t.Skip(err)
	}
	before, err := Stamp(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<40+1); err != nil {
		t.Fatal(err)
	}
	if after, err := Stamp(dir); err != nil || after == before {
		t.Errorf("a change of it is none: %v", err)
	}
}

// A file that changes twice within the clock's step, with the same size, is not taken for the first one.
func TestStampOfAQuickChange(t *testing.T) {
	dir := folder(t, map[string]string{"a.py": "1"})
	file := filepath.Join(dir, "a.py")
	at := time.Now()
	var stamps []string
	for _, text := range []string{"1", "2"} {
		put(t, dir, "a.py", text)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		s, err := Stamp(dir)
		if err != nil {
			t.Fatal(err)
		}
		stamps = append(stamps, s)
	}
	if stamps[0] == stamps[1] {
		t.Error("the second change was not seen")
	}
}
