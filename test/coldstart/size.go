package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"lambda-web/infra/webapp/buildcontext"
	"lambda-web/local/image"
)

// appSize is the size of what the app adds to its base image: the files as they are laid out for the local cloud, with
// the packages they link to or run with.
func appSize(root string) (int64, error) {
	staged, err := filepath.Glob(filepath.Join(root, ".lambda-web", "build", "dev", "*"))
	if err != nil || len(staged) != 1 {
		return 0, fmt.Errorf("there are %d build contexts, want the one of the app that ran last: %w", len(staged), err)
	}
	digest, err := buildcontext.Digest(staged[0], runtime.GOARCH)
	if err != nil {
		return 0, err
	}
	cache, tag := filepath.Join(root, ".lambda-web"), buildcontext.Staged{Digest: digest}.Tag(runtime.GOARCH)
	laidOut, err := image.Prepare(context.Background(), image.Source{
		Context: staged[0], Dockerfile: filepath.Join(staged[0], buildcontext.Dockerfile), Tag: tag, Cache: cache, Log: io.Discard,
	})
	if err != nil {
		return 0, err
	}
	total, err := folderSize(filepath.Join(cache, "rootfs", tag))
	if err != nil || laidOut.Env["VIRTUAL_ENV"] == "" {
		return total, err
	}
	packages, err := folderSize(laidOut.Env["VIRTUAL_ENV"])
	return total + packages, err
}

// folderSize adds up the files below a folder, and those of folders that it links to once.
func folderSize(folder string) (total int64, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil // a link that leads nowhere
		case entry.Type()&fs.ModeSymlink != 0 && info.IsDir() && entry.Name() == "node_modules":
			target, err := filepath.EvalSymlinks(path)
			if err != nil {
				return err
			}
			linked, err := folderSize(target)
			total += linked
			return err
		case entry.Type().IsRegular():
			total += info.Size()
		}
		return nil
	})
	return total, err
}
