package buildcontext

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Digest is the SHA-256, in hex, over the architecture and the names, modes and bytes of all that
// is below dir.
func Digest(dir, architecture string) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n", architecture)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return addTo(sum, path, filepath.ToSlash(name), entry)
	})
	if err != nil {
		return "", fmt.Errorf("read the build context: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// addTo writes one entry so that no two trees can give the same stream: names are quoted and the
// length stands before the bytes.
func addTo(sum hash.Hash, path, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		fmt.Fprintf(sum, "dir %q %o\n", name, info.Mode().Perm())
		return nil
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		fmt.Fprintf(sum, "link %q %q\n", name, target)
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(sum, "file %q %o %d\n", name, info.Mode().Perm(), info.Size())
	_, err = io.Copy(sum, f)
	return err
}
