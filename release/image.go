package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageFolder holds the image as an OCI layout, ready to be pushed.
const imageFolder = "image"

// writeImage makes the image of all architectures: nothing in it but the adapter, under the two names people copy it
// from.
//
//	COPY --from=REGISTRY/OWNER/lambda-adapter:VERSION /lambda-adapter /opt/extensions/lambda-adapter
func writeImage(folder string, binaries map[string][]byte, version string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, a := range architectures {
		image, err := oneImage(binaries[a.goarch], a.goarch, version)
		if err != nil {
			return fmt.Errorf("image for %s: %w", a.lambda, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: a.goarch}},
		})
	}
	_, err := layout.Write(folder, index)
	return err
}

func oneImage(binary []byte, architecture, version string) (v1.Image, error) {
	content, err := imageFiles(binary)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: architecture,
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Labels: labels(version)},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{Layer: layer,
		History: v1.History{CreatedBy: "lambda-web release build"}})
}

// labels: https://github.com/opencontainers/image-spec/blob/main/annotations.md
func labels(version string) map[string]string {
	l := map[string]string{
		"org.opencontainers.image.title":       "lambda-adapter",
		"org.opencontainers.image.description": "Runs any web app on AWS Lambda: turns events into HTTP requests",
		"org.opencontainers.image.version":     version,
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
	// The registry shows the image beside its sources with this label. GitHub sets the variable in a workflow.
	if repository := os.Getenv("GITHUB_REPOSITORY"); repository != "" {
		l["org.opencontainers.image.source"] = "https://github.com/" + repository
	}
	return l
}

// imageFiles is the layer. The second name is a link to the first: one copy in every image that takes the folder.
func imageFiles(binary []byte) ([]byte, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	never := time.Unix(0, 0)
	headers := []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "lambda-adapter", Mode: 0o755, Size: int64(len(binary)), ModTime: never},
		{Typeflag: tar.TypeDir, Name: "opt/", Mode: 0o755, ModTime: never},
		{Typeflag: tar.TypeDir, Name: "opt/extensions/", Mode: 0o755, ModTime: never},
		{Typeflag: tar.TypeLink, Name: "opt/extensions/lambda-adapter", Linkname: "lambda-adapter", Mode: 0o755,
			ModTime: never},
	}
	for _, header := range headers {
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := w.Write(binary); err != nil {
				return nil, err
			}
		}
	}
	return content.Bytes(), w.Close()
}

// builtImage is the image in the layout that build wrote.
func builtImage(folder string) (v1.ImageIndex, error) {
	root, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, fmt.Errorf("there is no image in %s (%w): run release build first", folder, err)
	}
	return root, nil
}

func imageDigest(folder string) (v1.Hash, error) {
	image, err := builtImage(folder)
	if err != nil {
		return v1.Hash{}, err
	}
	return image.Digest()
}

// push sends the image to a registry, under its version and, unless it is a pre-release, as the latest. The
// credentials are those of "docker login".
func push(ctx context.Context, o options, out io.Writer) error {
	image, err := builtImage(filepath.Join(o.folder, imageFolder))
	if err != nil {
		return err
	}
	references := []name.Option{name.StrictValidation}
	if o.plain {
		references = append(references, name.Insecure)
	}
	tags := []string{o.version}
	if !isPrerelease(o.version) {
		tags = append(tags, "latest")
	}
	for _, tag := range tags {
		reference, err := name.NewTag(o.image+":"+tag, references...)
		if err != nil {
			return fmt.Errorf("-image is %q; it must be a repository such as ghcr.io/OWNER/lambda-adapter: %w",
				o.image, err)
		}
		err = remote.WriteIndex(reference, image, remote.WithContext(ctx),
			remote.WithAuthFromKeychain(authn.DefaultKeychain))
		if err != nil {
			return fmt.Errorf("push %s: %w", reference, err)
		}
		digest, err := image.Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s@%s\n", reference, digest)
	}
	return nil
}
