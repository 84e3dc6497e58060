package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// registry is the account's registry.
const registry = Account + ".dkr.ecr." + Region + ".amazonaws.com"

// pushed is an image in a repository.
type pushed struct {
	tag    string
	digest string // repository@sha256:...
}

// addContextDigest is the image's check: it adds a hash of the files the build would see.
func addContextDigest(c *Cloud, inputs resource.PropertyMap) error {
	build := inputs["build"]
	if !build.IsObject() {
		return errors.New("'build' is missing")
	}
	folder := filepath.Join(c.dir, filepath.FromSlash(values(inputs).text("build.context")))
	dockerfile := filepath.Join(c.dir, filepath.FromSlash(values(inputs).text("build.dockerfile")))
	if _, err := os.Stat(dockerfile); err != nil {
		return fmt.Errorf("the Dockerfile: %w", err)
	}
	hash := sha256.New()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		fmt.Fprintf(hash, "%s %o %x\n", filepath.ToSlash(name), info.Mode(), sha256.Sum256(content))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the build context: %w", err)
	}
	with := build.ObjectValue().Copy()
	with["contextDigest"] = resource.NewStringProperty(hex.EncodeToString(hash.Sum(nil)))
	inputs["build"] = resource.NewObjectProperty(with)
	return nil
}

// stripCredentials: a new registry password is no reason to build.
func stripCredentials(inputs resource.PropertyMap) {
	registry := open(inputs["registry"])
	if !registry.IsObject() {
		return
	}
	without := registry.ObjectValue().Copy()
	delete(without, "username")
	delete(without, "password")
	inputs["registry"] = resource.NewObjectProperty(without)
}

// makeImage builds and pushes.
func makeImage(c *Cloud, o *Object) (map[string]any, error) {
	name := o.Text("imageName")
	url, tag := cutTag(name)
	if !strings.HasPrefix(o.Text("registry.password"), "registry-password-") {
		return nil, errors.New("denied: the password is not one this registry gave")
	}
	_, repository, _ := strings.Cut(url, "/")
	owner := c.find(repositoryType, repository)
	if owner == nil {
		return nil, fmt.Errorf("name unknown: the repository %s does not exist in the registry", repository)
	}
	sum := sha256.Sum256([]byte(fmt.Sprint(o.Text("build.contextDigest"), o.Text("build.platform"),
		Plain(o.State["build"]))))
	digest := url + "@sha256:" + hex.EncodeToString(sum[:])
	c.builds++
	for i, other := range c.images[url] {
		if other.tag != tag {
			continue
		}
		if owner.Text("imageTagMutability") == "IMMUTABLE" {
			return nil, fmt.Errorf("tag invalid: the image tag %q already exists in the %q repository and "+
				"cannot be overwritten", tag, repository)
		}
		c.images[url][i].tag = ""
	}
	c.images[url] = append(c.images[url], pushed{tag: tag, digest: digest})
	if o.ID == "" {
		o.ID = name
	}
	return map[string]any{"repoDigest": digest}, nil
}

func cutTag(name string) (url, tag string) {
	at := strings.LastIndex(name, ":")
	return name[:at], name[at+1:]
}

// has reports whether the registry holds a digest.
func (c *Cloud) has(digest string) bool {
	repository, _, _ := strings.Cut(digest, "@")
	for _, image := range c.images[repository] {
		if image.digest == digest {
			return true
		}
	}
	return false
}
