// Package buildcontext prepares the folder an image is built from: the app's files as Docker would
// see them, the adapter compiled for the image's architecture, and the app's own Dockerfile with
// the adapter laid over it. The app's folder itself is only read.
//
//	<dir>/...                                  the app, its ignore file honoured
//	<dir>/.lambda-web/lambda-adapter           the adapter
//	<dir>/.lambda-web/secrets                  the program that fetches secrets, where the app has some
//	<dir>/.lambda-web/Dockerfile               the app's Dockerfile and one COPY
//	<dir>/.lambda-web/writable.txt, .tar       with folders that can be written: their list, and links
//	<dir>/.lambda-web/Dockerfile.dockerignore  empty: the app's ignore file was applied here already
//
// Names, modes and bytes decide the digest; times, owners, umask and the place of the checkout do
// not, so two machines with the same sources agree on it.
package buildcontext

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// Reserved is the folder inside the build context that holds what lambda-web adds.
	Reserved = ".lambda-web"
	// Dockerfile is the overlaid Dockerfile's path inside the build context.
	Dockerfile = Reserved + "/Dockerfile"
	// Adapter is the adapter's path inside the build context.
	Adapter = Reserved + "/lambda-adapter"
	// Secrets is the path, inside the build context, of the program that gives the app its secrets.
	Secrets = Reserved + "/secrets"

	ignoreFile = Dockerfile + ".dockerignore"
)

// ignoreNothing stops the builder from applying the app's own ignore file a second time, which
// could hide the adapter: the ignore file named after the Dockerfile wins over the context's.
const ignoreNothing = "# The app's ignore file was applied when this folder was made.\n"

// Source is what a build context is made of.
type Source struct {
	App          string // the app's folder
	Dockerfile   string // the app's Dockerfile, relative to App
	Architecture string // "amd64" or "arm64"

	// BuildArgs are the values of the Dockerfile's ARGs.
	BuildArgs map[string]string
	// Writable are folders of the image, relative to its WORKDIR or absolute, that the app may write to on Lambda.
	Writable []string

	// Output is the folder lambda-web writes to. When the app's folder contains it, it is not
	// part of the app.
	Output string
	// Compile writes a program of this module, named by its import path, for the architecture to a file.
	Compile func(ctx context.Context, program, architecture, file string) error
	// Secrets starts the app by the program that fetches its secrets.
	Secrets bool
}

// Staged is a build context on disk.
type Staged struct {
	Dir    string // as it was given to Stage
	Digest string // SHA-256 over architecture, names, modes and bytes, in hex
}

// Tag is the image tag for this content: another architecture or other content is another tag.
func (s Staged) Tag(architecture string) string {
	return architecture + "-" + s.Digest[:16]
}

// Stage makes dir the build context of src. Readers see the old or the new context, never half of
// one, and a context that is already right is not touched. The errors of the app's folder are
// *SourceError.
func Stage(ctx context.Context, src Source, dir string) (Staged, error) {
	if err := src.Check(); err != nil {
		return Staged{}, err
	}
	files, err := src.list()
	if err != nil {
		return Staged{}, err
	}
	dockerfile, err := src.overlay()
	if err != nil {
		return Staged{}, err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return Staged{}, fmt.Errorf("create the folder for the build context: %w", err)
	}
	removeAbandoned(parent)
	fresh, err := os.MkdirTemp(parent, temporaryPrefix+"*")
	if err != nil {
		return Staged{}, fmt.Errorf("create the build context: %w", err)
	}
	defer os.RemoveAll(fresh)

	if err := src.fill(ctx, fresh, files, dockerfile); err != nil {
		return Staged{}, err
	}
	digest, err := Digest(fresh, src.Architecture)
	if err != nil {
		return Staged{}, err
	}
	if now, err := Digest(dir, src.Architecture); err == nil && now == digest {
		return Staged{Dir: dir, Digest: digest}, nil
	}
	if err := replace(dir, fresh); err != nil {
		return Staged{}, fmt.Errorf("put the build context in place: %w", err)
	}
	return Staged{Dir: dir, Digest: digest}, nil
}

// fill writes the whole context into an empty folder.
func (src Source) fill(ctx context.Context, dir string, files []file, dockerfile []byte) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("create the build context: %w", err)
	}
	for _, f := range files {
		if err := f.copyTo(dir); err != nil {
			return err
		}
	}
	if err := makeDir(filepath.Join(dir, Reserved)); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, Dockerfile), dockerfile); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, ignoreFile), []byte(ignoreNothing)); err != nil {
		return err
	}
	if err := src.fillWritable(dir); err != nil {
		return err
	}
	if err := src.compile(ctx, adapterPackage, filepath.Join(dir, Adapter)); err != nil || !src.Secrets {
		return err
	}
	return src.compile(ctx, secretsPackage, filepath.Join(dir, Secrets))
}

func (src Source) compile(ctx context.Context, program, file string) error {
	if err := src.Compile(ctx, program, src.Architecture, file); err != nil {
		return err
	}
	if err := os.Chmod(file, 0o755); err != nil {
		return fmt.Errorf("make %s executable: %w", program, err)
	}
	return nil
}

// replace moves fresh to dir. Two programs may stage the same context at once; the later one wins.
func replace(dir, fresh string) error {
	const attempts = 10
	var err error
	for i := range attempts {
		old := fmt.Sprintf("%s.old%d", fresh, i)
		if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err = os.Rename(fresh, dir)
		os.RemoveAll(old)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return err
}

const (
	temporaryPrefix = ".staging-"
	// abandonedAfter is longer than any staging takes.
	abandonedAfter = time.Hour
)

// removeAbandoned clears what killed programs left behind. It is a courtesy: failing is harmless.
func removeAbandoned(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, temporaryPrefix+"*"))
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > abandonedAfter {
			os.RemoveAll(path)
		}
	}
}
