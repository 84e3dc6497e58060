package main

import (
	"context"
	"io"
	"io/fs"
	"path/filepath"

	"lambda-web/local/process"
)

// appSize is the size of what the app adds to its base image: its own files, with the packages that it runs with.
func appSize(root, name string) (int64, error) {
	folder := filepath.Join(root, "examples", name)
	app, err := process.Prepare(context.Background(), process.Source{
		Folder: folder, Dockerfile: filepath.Join(folder, "Dockerfile"), Cache: filepath.Join(root, ".lambda-web"),
		Log: io.Discard,
	})
	if err != nil {
		return 0, err
	}
	total, err := folderSize(folder)
	if err != nil || app.Env["VIRTUAL_ENV"] == "" {
		return total, err
	}
	packages, err := folderSize(app.Env["VIRTUAL_ENV"])
	return total + packages, err
}

// folderSize adds up the files below a folder.
func folderSize(folder string) (total int64, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
