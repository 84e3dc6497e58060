package task

import (
	"strings"
	"syscall"
	"unsafe"
)

// defaultPath is where programs are looked for if the image has no PATH: the list that Docker has for that.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find returns the file of a program as execvp(3) would: a name with a slash is a path, any other is looked for in the
// folders of PATH. The error is ENOENT, or EACCES if there is only what cannot be executed.
func find(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	found := error(syscall.ENOENT)
	for folder := range strings.SplitSeq(path, ":") {
		if folder == "" {
			folder = "."
		}
		file := folder + "/" + name
		switch err := executable(file); err {
		case nil:
			return file, nil
		case syscall.EACCES:
			found = err
		}
	}
	return name, found
}

func executable(file string) error {
	var status syscall.Stat_t
	switch err := syscall.Stat(file, &status); {
	case err == syscall.EACCES:
		return err
	case err != nil:
		return syscall.ENOENT
	case status.Mode&syscall.S_IFMT != syscall.S_IFREG || !mayExecute(file):
		return syscall.EACCES
	}
	return nil
}

// mayExecute is access(2); syscall.Access would make the adapter larger by 4 KB.
func mayExecute(file string) bool {
	const here, execute = -100, 1 // AT_FDCWD, X_OK
	name, err := syscall.BytePtrFromString(file)
	if err != nil {
		return false
	}
	folder := here
	_, _, failed := syscall.Syscall(syscall.SYS_FACCESSAT, uintptr(folder), uintptr(unsafe.Pointer(name)), execute)
	return failed == 0
}
