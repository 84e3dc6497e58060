package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Lock waits for an exclusive lock on a file that other processes respect, and returns what gives it up.
func Lock(path string) (unlock func(), err error) { return flock(path, syscall.LOCK_EX) }

// tryLock is Lock, and an error when another process holds it.
func tryLock(path string) (unlock func(), err error) {
	return flock(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

func flock(path string, how int) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of a lock: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open the lock %s: %w", path, err)
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}
