package container_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// baseImage is the one that the sample app's Dockerfile starts from.
const baseImage = "python:3.13-slim"

// provideBase makes sure that the base image is there: it is fetched, or, where no registry can be
// reached and the daemon is the tests' own, replaced by a stand-in of the same name, made of this
// distribution's packages.
func (d *testDaemon) provideBase(t testing.TB) {
	t.Helper()
	if exec.Command("docker", "image", "inspect", baseImage).Run() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", "pull", "--quiet", baseImage).CombinedOutput()
	if err == nil {
		return
	}
	reason := fmt.Sprintf("%s cannot be fetched (%s)", baseImage, lastOf(out))
	if !d.own {
		t.Skip(reason + ", and this daemon is not the tests' own, so no stand-in gets that name")
	}
	if err := install("mmdebstrap", "mmdebstrap"); err != nil {
		t.Skipf("%s, and a stand-in needs mmdebstrap: %v", reason, err)
	}
	if err := makeStandIn(t.TempDir()); err != nil {
		t.Skipf("%s, and a stand-in cannot be made: %v", reason, err)
	}
	t.Logf("made a stand-in for %s of this distribution's packages", baseImage)
}

// makeStandIn extracts the packages of a minimal system with Python and pip, and imports it.
func makeStandIn(folder string) error {
	root := filepath.Join(folder, "root")
	suite, sources, err := distribution()
	if err != nil {
		return err
	}
	command := exec.Command("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory",
		"--include=base-files,base-passwd,bash,ca-certificates,coreutils,dash,dumb-init,libc-bin,login,passwd,python3,python3-pip,"+
			"python-is-python3,tini", suite, root, sources)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w\n%s", err, lastOf(out))
	}
	// The packages were unpacked and not configured; this is what that would have done.
	for _, file := range []string{"passwd", "group"} {
		if err := os.Rename(filepath.Join(root, "usr/share/base-passwd", file+".master"), filepath.Join(root, "etc",
			file)); err != nil {
			return err
		}
	}
	// What leads this machine to its package index leads there from the image, too.
	changes := []string{"ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
		"ENV PIP_BREAK_SYSTEM_PACKAGES=1", `CMD ["python3"]`}
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"} {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if err := errors.Join(os.MkdirAll(root+filepath.Dir(file), 0o755), os.WriteFile(root+file, content,
			0o644)); err != nil {
			return err
		}
		if filepath.Ext(file) == ".crt" {
			changes = append(changes, "ENV PIP_CERT="+file, "ENV SSL_CERT_FILE="+file)
		}
	}
	for _, name := range []string{"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT"} {
		if value := os.Getenv(name); value != "" {
			changes = append(changes, "ENV "+name+"="+value)
		}
	}
	return importRoot(root, changes)
}

func importRoot(root string, changes []string) error {
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	archive := exec.Command("tar", "-c", "-C", root, ".")
	load := exec.Command("docker", append(args, "-", baseImage)...)
	var err error
	if load.Stdin, err = archive.StdoutPipe(); err != nil {
		return err
	}
	if err := archive.Start(); err != nil {
		return err
	}
	out, err := load.CombinedOutput()
	if err := errors.Join(err, archive.Wait()); err != nil {
		return fmt.Errorf("docker import: %w\n%s", err, out)
	}
	return nil
}

// distribution is this system's suite and the file that says where its packages come from.
func distribution() (suite, sources string, err error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			suite = strings.Trim(value, `"`)
		}
	}
	for _, file := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list.d/ubuntu.sources",
		"/etc/apt/sources.list"} {
		if _, err := os.Stat(file); err == nil {
			return suite, file, nil
		}
	}
	return "", "", errors.New("there is no list of package sources under /etc/apt")
}
