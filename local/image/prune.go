package image

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// keepUnused is how long an image stays after it was last prepared. Each change of the app makes one.
const keepUnused = 24 * time.Hour

// inUse are the marks of the images that this process has prepared, locked so that no other process removes
// their files. The system unlocks them when the process ends, however it does.
var inUse = struct {
	sync.Mutex
	marks map[rootfs]*os.File
}{marks: map[rootfs]*os.File{}}

// use says that this process needs an image from now on.
func (r rootfs) use() error {
	inUse.Lock()
	defer inUse.Unlock()
	mark, err := os.Open(r.mark())
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(mark.Fd()), syscall.LOCK_SH); err != nil {
		mark.Close()
		return err
	}
	if before := inUse.marks[r]; before != nil {
		before.Close()
	}
	inUse.marks[r] = mark
	now := time.Now()
	return os.Chtimes(r.mark(), now, now)
}

// prune removes the files of images that nobody has prepared for a day and nobody uses.
func prune(cache string) {
	marks, _ := filepath.Glob(filepath.Join(cache, "rootfs", "*"+readyMark))
	for _, file := range marks {
		if info, err := os.Stat(file); err != nil || time.Since(info.ModTime()) < keepUnused {
			continue
		}
		mark, err := os.Open(file)
		if err != nil {
			continue
		}
		if syscall.Flock(int(mark.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			rootfs(strings.TrimSuffix(file, readyMark)).remove() // what cannot be removed stays
		}
		mark.Close()
	}
}
