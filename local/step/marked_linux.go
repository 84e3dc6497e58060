package step

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// killMarked ends the processes whose environment has the mark, until there are none: one that starts another
// while the others are looked at is found by the next look.
func killMarked(id string) {
	for range 10 {
		found := false
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range files {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil || pid == os.Getpid() {
				continue
			}
			environ, err := os.ReadFile(file)
			if err == nil && bytes.Contains(environ, []byte(id+"\x00")) {
				found = syscall.Kill(pid, syscall.SIGKILL) == nil || found
			}
		}
		if !found {
			return
		}
	}
}
