package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// imageCache is a cache of images and the process that uses it, which can end and start again.
type imageCache struct {
	t   *testing.T
	src Source
}

func newImageCache(t *testing.T) imageCache {
	c := imageCache{t, source(t, "FROM x\nCOPY a.txt /a.txt\nCMD [\"sh\"]\n")}
	write(t, c.src.Context, "a.txt", "a")
	t.Cleanup(c.end)
	return c
}

// prepare prepares the image of a tag.
func (c imageCache) prepare(tag string) rootfs {
	c.t.Helper()
	c.src.Tag = tag
	if _, err := Prepare(context.Background(), c.src); err != nil {
		c.t.Fatal(err)
	}
	return rootOf(c.src)
}

// prepared is an image that was prepared a while ago.
func (c imageCache) prepared(tag string, age time.Duration) rootfs {
	c.t.Helper()
	root, then := c.prepare(tag), time.Now().Add(-age)
	if err := os.Chtimes(root.mark(), then, then); err != nil {
		c.t.Fatal(err)
	}
	return root
}

// end ends the process, as far as the cache is concerned.
func (c imageCache) end() {
	inUse.Lock()
	defer inUse.Unlock()
	if lock := inUse.locks[c.src.Cache]; lock != nil {
		lock.Close()
		delete(inUse.locks, c.src.Cache)
	}
}

// useElsewhere has another process use the cache until end is called.
func (c imageCache) useElsewhere() (end func()) {
	c.t.Helper()
	command := exec.Command("python3", "-c",
		"import fcntl, sys\nf = open(sys.argv[1])\nfcntl.flock(f, fcntl.LOCK_SH)\nprint('locked', flush=True)\nsys.stdin.read()",
		filepath.Join(c.src.Cache, "rootfs.lock"))
	in, _ := command.StdinPipe()
	out, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 7)); err != nil {
		c.t.Fatal(err)
	}
	return func() { in.Close(); command.Wait() }
}

func (c imageCache) wantThere(when string, wanted map[rootfs]bool) {
	c.t.Helper()
	for root, want := range wanted {
		_, err := os.Stat(root.path("/a.txt"))
		if got := err == nil; got != want {
			c.t.Errorf("%s, %s is there: %v, want %v", when, filepath.Base(string(root)), got, want)
		}
	}
}

// Old images go when a process begins to use the cache, but not the one it wants, nor while another process uses the cache.
func TestPrune(t *testing.T) {
	c := newImageCache(t)
	old, fresh, wanted := c.prepared("old", 25*time.Hour), c.prepared("fresh", 23*time.Hour), c.prepared("wanted", 25*time.Hour)
	c.prepare("new")
	c.wantThere("while this process uses them", map[rootfs]bool{old: true, fresh: true, wanted: true})

	c.end()
	end := c.useElsewhere()
	c.prepare("new")
	c.wantThere("while another process uses them", map[rootfs]bool{old: true, fresh: true, wanted: true})

	c.end()
	end()
	c.prepare("wanted")
	c.wantThere("when nobody uses them", map[rootfs]bool{old: false, fresh: true, wanted: true})
}

// A process that watches an app prepares an image for each change, for days.
func TestImagesTakeNoDescriptors(t *testing.T) {
	descriptors := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skipf("descriptors cannot be counted on this system: %v", err)
		}
		return len(names)
	}
	c := newImageCache(t)
	c.prepare("first")
	before := descriptors()
	for n := range 20 {
		c.prepare(fmt.Sprint("change-", n))
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors before 20 images, %d after", before, after)
	}
}
