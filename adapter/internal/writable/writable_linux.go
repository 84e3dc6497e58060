// Package writable makes folders of the image writable. Lambda's disk is read-only but for /tmp, so the image has, in
// the place of each such folder, a link below /tmp, and what the folder held lies elsewhere in the image. Before the
// app starts the content is copied to where the link leads: each environment has its own, and it is gone with it.
//
// The list and the content are laid into the image when it is built. Without a list there is nothing to do.
package writable

import (
	"errors"
	"strings"
	"syscall"

	"lambda-web/adapter/internal/files"
)

const (
	// List is a file with the path of one folder in each line.
	List = "/opt/lambda-web/writable.txt"
	// Content holds what the folders held, under their paths.
	Content = "/opt/lambda-web/writable"
	// Target is where the links lead, under the folders' paths.
	Target = "/tmp/lambda-web"

	// done is made last. Lambda starts the process anew in the same environment after a failed init, and by then the
	// folders are the app's.
	done = Target + "/.done"
)

// Prepare makes every folder of the list, with its content. It goes on after an error, for an app may do without.
func Prepare() []error { return prepare("") }

func prepare(root string) []error {
	c := copier{buffer: make([]byte, 64<<10)}
	list, err := files.Read(root + List)
	switch {
	case err == syscall.ENOENT:
		return nil
	case err != nil:
		c.note("read", root+List, err)
		return c.problems
	}
	var status syscall.Stat_t
	if syscall.Lstat(root+done, &status) == nil {
		return nil
	}
	c.makeFolders(root+Target, len(root)+1)
	for rest := string(list); rest != ""; {
		var folder string
		folder, rest, _ = strings.Cut(rest, "\n")
		if !isFolder(folder) {
			c.problems = append(c.problems, errors.New(List+" names "+folder+", which is not the path of a folder"))
			continue
		}
		c.makeFolders(root+Target+folder, len(root+Target)+1)
		c.copyBelow(root+Content+folder, root+Target+folder)
	}
	c.note("make", root+done, syscall.Mkdir(root+done, 0o700))
	return c.problems
}

// isFolder tells whether the text is an absolute path without "." and "..".
func isFolder(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for more := true; more; {
		var part string
		part, path, more = strings.Cut(path[1:], "/")
		if part == "" || part == "." || part == ".." {
			return false
		}
		path = "/" + path
	}
	return true
}

// copier collects what did not work.
type copier struct {
	problems []error
	buffer   []byte
}

// note keeps an error. What is there already was left by a start that was interrupted.
func (c *copier) note(verb, path string, err error) {
	if err != nil && err != syscall.EEXIST {
		c.problems = append(c.problems, errors.New(verb+" "+path+": "+err.Error()))
	}
}

// makeFolders makes a folder and those above it, beginning with the one whose name begins at a position.
func (c *copier) makeFolders(path string, from int) {
	for i := from; i < len(path); i++ {
		if path[i] == '/' {
			c.note("make", path[:i], syscall.Mkdir(path[:i], 0o755))
		}
	}
	c.note("make", path, syscall.Mkdir(path, 0o755))
}

// copyBelow copies what is in a folder: folders, files and links, with the rights they have and the owner's right to
// change them. A folder that is not there is an empty one.
func (c *copier) copyBelow(from, to string) {
	names, err := files.Names(from)
	if err != syscall.ENOENT {
		c.note("read", from, err)
	}
	for _, name := range names {
		c.copyEntry(from+"/"+name, to+"/"+name)
	}
}

func (c *copier) copyEntry(from, to string) {
	var status syscall.Stat_t
	if err := syscall.Lstat(from, &status); err != nil {
		c.note("read", from, err)
		return
	}
	rights := uint32(status.Mode) & 0o777
	switch status.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		c.note("make", to, syscall.Mkdir(to, rights|0o700))
		c.copyBelow(from, to)
	case syscall.S_IFLNK:
		n, err := syscall.Readlink(from, c.buffer)
		c.note("read", from, err)
		if err == nil {
			c.note("make", to, syscall.Symlink(string(c.buffer[:n]), to))
		}
	case syscall.S_IFREG:
		c.copyFile(from, to, rights|0o600)
	}
}

func (c *copier) copyFile(from, to string, rights uint32) {
	source, err := files.Open(from, syscall.O_RDONLY, 0)
	if err != nil {
		c.note("read", from, err)
		return
	}
	defer syscall.Close(source)
	target, err := files.Open(to, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, rights)
	if err != nil {
		c.note("make", to, err)
		return
	}
	defer syscall.Close(target)
	for {
		n, err := files.ReadSome(source, c.buffer)
		if n <= 0 || err != nil {
			c.note("read", from, err)
			return
		}
		if err := files.WriteAll(target, c.buffer[:n]); err != nil {
			c.note("write", to, err)
			return
		}
	}
}
