package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lambda-web/infra/webapp/buildcontext"
)

// architectures have Lambda's names and Go's.
var architectures = []struct{ lambda, goarch string }{{"x86_64", "amd64"}, {"arm64", "arm64"}}

// sbomTool lists what a binary was made of (CycloneDX).
const sbomTool = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0"

// build writes every artefact to the folder, with their checksums.
func build(ctx context.Context, o options, out io.Writer) error {
	if err := os.RemoveAll(o.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(o.folder, 0o755); err != nil {
		return err
	}
	binaries := map[string][]byte{}
	for _, a := range architectures {
		path := filepath.Join(o.folder, "lambda-adapter-"+a.lambda)
		if err := buildcontext.CompileAdapter(ctx, a.goarch, path); err != nil {
			return err
		}
		binary, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		binaries[a.goarch] = binary
		layer, err := layerArchive(binary)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.folder, layerFile(a.lambda)), layer, 0o644); err != nil {
			return err
		}
		if err := sbom(ctx, path, o.version); err != nil {
			return err
		}
	}
	if err := writeImage(filepath.Join(o.folder, imageFolder), binaries, o.version); err != nil {
		return err
	}
	return checksums(o.folder, out)
}

func layerFile(architecture string) string { return "lambda-adapter-layer-" + architecture + ".zip" }

// bootstrap is for functions from an archive: AWS_LAMBDA_EXEC_WRAPPER=/opt/bootstrap starts the app's own script, which
// the function's handler names, in place of a runtime.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
const bootstrap = "#!/bin/sh\nexec \"$LAMBDA_TASK_ROOT/$_HANDLER\"\n"

// layerArchive is unpacked to /opt: https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
func layerArchive(binary []byte) ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, file := range []struct {
		name    string
		content []byte
	}{{"bootstrap", []byte(bootstrap)}, {"extensions/lambda-adapter", binary}} {
		// The time is that of the format's beginning, for the archive must not depend on when it was made.
		header := &zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0,
			0, time.UTC)}
		header.SetMode(0o755)
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// sbom lists the modules of a binary beside it.
func sbom(ctx context.Context, binary, version string) error {
	list := exec.CommandContext(ctx, "go", "run", sbomTool, "bin", "-json", "-std", "-noserial", "-version",
		"v"+version,
		"-output", binary+".cdx.json", binary)
	list.Env = append(os.Environ(), "GOFLAGS=")
	if output, err := list.CombinedOutput(); err != nil {
		return fmt.Errorf("list what %s is made of: %w\n%s", binary, err, bytes.TrimSpace(output))
	}
	return nil
}

// checksums writes SHA256SUMS over the files of the folder, as sha256sum reads it.
func checksums(folder string, out io.Writer) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == "SHA256SUMS" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), entry.Name())
		fmt.Fprintf(out, "%9d bytes  %s\n", len(content), filepath.Join(folder, entry.Name()))
	}
	digest, err := imageDigest(filepath.Join(folder, imageFolder))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "image %s\n", digest)
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// verify fails unless the folder holds what SHA256SUMS says: what is published is what was built.
func verify(folder string, names ...string) error {
	sums, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is nothing built in %s: run release build first", folder)
	}
	if err != nil {
		return err
	}
	lines := strings.Split(string(sums), "\n")
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if !slices.Contains(lines, fmt.Sprintf("%x  %s", sha256.Sum256(content), name)) {
			return fmt.Errorf("%s is not what SHA256SUMS says: run release build again", filepath.Join(folder, name))
		}
	}
	return nil
}
