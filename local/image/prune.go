package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// keepUnused is how long an image stays after it was last prepared. Each change of the app makes one.
const keepUnused = 24 * time.Hour

// inUse are the caches that this process takes images from, each locked, so that no other process removes their files.
// The system unlocks them when the process ends, however it does. There is one lock for all images of a cache, since a
// process that watches an app makes an image at each change.
var inUse = struct {
	sync.Mutex
	locks map[string]*os.File
}{locks: map[string]*os.File{}}

// use says that this process needs an image of the cache until it ends. The first time, if no other process needs one,
// the files of images that nobody has prepared for a day are removed.
func (r rootfs) use(cache string) error {
	inUse.Lock()
	defer inUse.Unlock()
	now := time.Now()
	if err := os.Chtimes(r.mark(), now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if inUse.locks[cache] != nil {
		return nil
	}
	lock, err := lockFile(cache)
	if err != nil {
		return err
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		prune(cache)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
		lock.Close()
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	inUse.locks[cache] = lock
	return nil
}

func lockFile(cache string) (*os.File, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(cache, "rootfs.lock"), os.O_CREATE|os.O_RDWR, 0o644)
}

// prune removes the files of images that nobody has prepared for a day.
func prune(cache string) {
	marks, _ := filepath.Glob(filepath.Join(cache, "rootfs", "*"+readyMark))
	for _, file := range marks {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) >= keepUnused {
			rootfs(strings.TrimSuffix(file, readyMark)).remove() // what cannot be removed stays
		}
	}
}
