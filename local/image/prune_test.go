package image

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Old images go when another one is prepared, unless somebody uses them: this process, or another one.
func TestPrune(t *testing.T) {
	src := source(t, "FROM x\nCOPY a.txt /a.txt\nCMD [\"sh\"]\n")
	write(t, src.Context, "a.txt", "a")
	prepare := func(tag string, age time.Duration) rootfs {
		t.Helper()
		src.Tag = tag
		if _, err := Prepare(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(rootOf(src).mark(), then, then); err != nil {
			t.Fatal(err)
		}
		return rootOf(src)
	}
	// Another process that uses an image: it holds the lock until its input ends.
	lock := func(root rootfs) (unlock func()) {
		t.Helper()
		command := exec.Command("python3", "-c", "import fcntl, sys\nf = open(sys.argv[1])\nfcntl.flock(f, fcntl.LOCK_SH)\nprint('locked', flush=True)\nsys.stdin.read()", root.mark())
		in, _ := command.StdinPipe()
		out, _ := command.StdoutPipe()
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
		return func() { in.Close(); command.Wait() }
	}
	released := func(root rootfs) { inUse.marks[root].Close() }

	old, fresh, mine, theirs := prepare("old", 25*time.Hour), prepare("fresh", 23*time.Hour), prepare("mine", 25*time.Hour), prepare("theirs", 25*time.Hour)
	unlock := lock(theirs)
	released(old)
	released(fresh)
	released(theirs)
	prepare("new", 0)
	for root, want := range map[rootfs]bool{old: false, fresh: true, mine: true, theirs: true} {
		_, err := os.Stat(root.path("/a.txt"))
		if got := err == nil; got != want {
			t.Errorf("%s is there: %v, want %v", root, got, want)
		}
	}
	unlock()
	prepare("newer", 0)
	if _, err := os.Stat(theirs.path("/a.txt")); err == nil {
		t.Error("an image that nobody uses any more is still there")
	}
}
